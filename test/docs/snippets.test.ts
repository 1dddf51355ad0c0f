import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** Lines without what surrounds them. */
const plain = (code: string): string =>
  code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');

for (const [page, ...programs] of [
  ['docs/client.md', 'examples/client-guide.ts'],
  ['docs/testing.md', 'examples/testing/chat.test.ts'],
] as const) {
  test(`EX-03 the code of ${page} is code that a test runs`, () => {
    const running = programs.map((path) => plain(read(path))).join('\n');
    const snippets = [...read(page).matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code);
    assert.ok(snippets.length >= 3);
    for (const code of snippets) assert.ok(running.includes(plain(code)), code);
  });
}
