// Writes the reference in docs/api/, one page per entry point, and test/package/api-surface.txt, the copy of the public interface
// that a test compares with the code. Run it after a build when a public name has changed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiSurface, referenceFile, referencePage, entryPoints } from '../build/tools/api-surface.js';

const root = join(import.meta.dirname, '..');
mkdirSync(join(root, 'docs', 'api'), { recursive: true });
for (const entry of entryPoints())
  writeFileSync(join(root, 'docs', 'api', referenceFile(entry)), referencePage(entry));
writeFileSync(join(root, 'test', 'package', 'api-surface.txt'), apiSurface());
