import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGES, ROOT } from './fences.ts';

interface Group {
  readonly group: string;
  readonly pages: Readonly<Record<string, string>>;
}
const SIDEBAR = JSON.parse(readFileSync(join(ROOT, 'tools', 'site', 'sidebar.json'), 'utf8')) as Group[];
const NAMED = SIDEBAR.flatMap(({ pages }) => Object.keys(pages).map((page) => `docs/${page}`));
/** The index is the home page, so the sidebar does not name it. */
const PAGES_OF_SITE = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');

test('EX-03 the sidebar of the site names every page of docs/', () => {
  assert.deepEqual(
    PAGES_OF_SITE.filter((page) => !NAMED.includes(page)),
    [],
  );
});

test('EX-03 the sidebar of the site names only pages that exist, and none twice', () => {
  assert.deepEqual(
    NAMED.filter((page, at) => !PAGES_OF_SITE.includes(page) || NAMED.indexOf(page) !== at),
    [],
  );
});

test('EX-03 every group of the sidebar has a title of its own and every page a text', () => {
  assert.equal(new Set(SIDEBAR.map(({ group }) => group)).size, SIDEBAR.length);
  for (const { group, pages } of SIDEBAR)
    for (const text of [group, ...Object.values(pages)]) assert.match(text, /\S/, group);
});
