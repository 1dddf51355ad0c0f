import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorsPage, optionsPage } from '../../tools/docs-pages.ts';

const page = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', name), 'utf8');

test('CF-02 docs/options.md says what the option table says (npm run docs)', () => {
  assert.equal(page('options.md'), optionsPage());
});

test('ER-02 docs/errors.md says what the error table says (npm run docs)', () => {
  assert.equal(page('errors.md'), errorsPage());
});
