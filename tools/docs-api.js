// Writes the reference in docs/api/, a page for each door of the package, and the copy of the public interface that a test
// compares with the code, test/package/api-surface.txt. Run it after a build, when something public has changed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiSurface, doorFile, doorPage, doors } from '../build/tools/api-surface.js';

const root = join(import.meta.dirname, '..');
mkdirSync(join(root, 'docs', 'api'), { recursive: true });
for (const door of doors()) writeFileSync(join(root, 'docs', 'api', doorFile(door)), doorPage(door));
writeFileSync(join(root, 'test', 'package', 'api-surface.txt'), apiSurface());
