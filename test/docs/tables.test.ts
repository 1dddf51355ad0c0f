import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { benchmarkPictures } from '../../tools/benchmark-pictures.ts';
import { errorsPage, metricsPage, optionsPage } from '../../tools/docs-pages.ts';

const page = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', name), 'utf8');

test('CF-02 docs/options.md agrees with the option table (npm run docs)', () => {
  assert.equal(page('options.md'), optionsPage());
});

test('ER-02 docs/errors.md agrees with the error table (npm run docs)', () => {
  assert.equal(page('errors.md'), errorsPage());
});

test('EX-03 MT-01 docs/metrics.md lists the metrics of the table (npm run docs)', () => {
  assert.equal(page('metrics.md'), metricsPage(page('metrics.md')));
});

test('EX-03 the plots of docs/benchmarks.md agree with the results of the benchmark (npm run docs)', () => {
  const text = page('benchmarks.md');
  for (const [file, plot] of benchmarkPictures()) {
    assert.equal(page(`pictures/${file}`), plot, file);
    assert.ok(text.includes(`(pictures/${file})`), `docs/benchmarks.md shows ${file}`);
  }
});
