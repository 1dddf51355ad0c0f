// Writes test/package/api-surface.txt, the copy of the public interface that a test compares with the code. Run it after a build when
// a public name has changed. The API pages of the site are made by TypeDoc (tools/api) when the site is built.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiSurface } from '../build/tools/api-surface.js';

writeFileSync(join(import.meta.dirname, '..', 'test', 'package', 'api-surface.txt'), apiSurface());
