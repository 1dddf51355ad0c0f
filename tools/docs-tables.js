// Writes what docs/ has from code, tests and results: options.md, errors.md, requirements.md, the table of metrics.md, whole files in
// tutorial/, and the plots of benchmarks.md. Run it after a build when the sources have changed; tests compare both.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, metricsPage, optionsPage } from '../build/tools/docs-pages.js';
import { benchmarkPictures } from '../build/tools/benchmark-pictures.js';
import { tutorialPage } from '../build/tools/tutorial-pages.js';
import { requirementsPage } from '../build/test/requirements/page.js';

const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'options.md'), optionsPage());
writeFileSync(join(docs, 'errors.md'), errorsPage());
writeFileSync(join(docs, 'requirements.md'), requirementsPage());
const metrics = join(docs, 'metrics.md');
writeFileSync(metrics, metricsPage(readFileSync(metrics, 'utf8')));
for (const name of readdirSync(join(docs, 'tutorial'))) {
  const page = join(docs, 'tutorial', name);
  writeFileSync(page, tutorialPage(readFileSync(page, 'utf8'), name.replace('.md', '')));
}
for (const [file, plot] of benchmarkPictures()) writeFileSync(join(docs, 'pictures', file), plot);
