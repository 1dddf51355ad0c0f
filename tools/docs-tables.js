// Writes the tables in docs/ that repeat what the code says: docs/options.md and docs/errors.md.
// Run it after a build, when options or error codes have changed; a test compares the pages with the code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, optionsPage } from '../build/tools/docs-pages.js';

const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'options.md'), optionsPage());
writeFileSync(join(docs, 'errors.md'), errorsPage());
