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
const NAMED = SIDEBAR.flatMap(({ pages }) => Object.keys(pages));

test('EX-03 the sidebar of the site names every page of docs/ once, and no other page', () => {
  // The index is the home page.
  const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  assert.deepEqual(NAMED.map((page) => `docs/${page}`).sort(), [...pages].sort());
});

test('EX-03 every group of the sidebar has a title of its own and every page a text', () => {
  assert.equal(new Set(SIDEBAR.map(({ group }) => group)).size, SIDEBAR.length);
  for (const { group, pages } of SIDEBAR)
    for (const text of [group, ...Object.values(pages)]) assert.match(text, /\S/, group);
});
