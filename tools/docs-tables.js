// Writes the pages in docs/ that are made from code and tests: options.md, errors.md, requirements.md, the table of metrics.md.
// Run it after a build when the sources have changed. Tests compare the pages with their sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, metricsPage, optionsPage } from '../build/tools/docs-pages.js';
import { requirementsPage } from '../build/test/requirements/page.js';

const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'options.md'), optionsPage());
writeFileSync(join(docs, 'errors.md'), errorsPage());
writeFileSync(join(docs, 'requirements.md'), requirementsPage());
const metrics = join(docs, 'metrics.md');
writeFileSync(metrics, metricsPage(readFileSync(metrics, 'utf8')));
