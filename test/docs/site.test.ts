import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { entryPoints } from '../../tools/api-surface.ts';
import { PAGES, ROOT } from './fences.ts';

interface Group {
  readonly group: string;
  readonly pages: Readonly<Record<string, string>>;
}
const SIDEBAR = JSON.parse(readFileSync(join(ROOT, 'tools', 'site', 'sidebar.json'), 'utf8')) as Group[];
const NAMED = SIDEBAR.flatMap(({ pages }) => Object.keys(pages).map((page) => `docs/${page}`));
/** The index is the home page, so the sidebar does not name it. */
const PAGES_OF_SITE = [
  ...PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'),
  // TypeDoc makes these when the site is built.
  ...entryPoints().map(({ name }) => `docs/api/${name}.md`),
];

test('EX-03 the sidebar of the site names every page of docs/ and every entry point', () => {
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

interface Tasks {
  readonly TASKS: readonly string[];
  readonly taskOf: (source: string) => string;
}

test('EX-03 every exported name has a task, under which the API pages show it', async () => {
  const { TASKS, taskOf } = (await import(
    pathToFileURL(join(ROOT, 'tools', 'api', 'tasks.js')).href
  )) as Tasks;
  const used = new Set(
    entryPoints().flatMap(({ exports }) => exports.map(({ module }) => taskOf(`${module}.ts`))),
  );
  assert.deepEqual([...used].sort(), [...TASKS].sort());
  assert.throws(() => taskOf('new-folder/new.ts'), /src\/new-folder\/new\.ts has no task/);
});
