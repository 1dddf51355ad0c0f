import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { PAGES, ROOT } from './fences.ts';

/** The page without code, because brackets in code are not links. */
const prose = (markdown: string): string =>
  markdown.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/(`+)[^]*?\1/g, 'code');

/** The anchors of the headings, as GitHub makes them. */
const anchorsOf = (markdown: string): Set<string> =>
  new Set(
    [...markdown.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

for (const page of PAGES) {
  test(`EX-03: links in ${page} have targets`, () => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const broken: string[] = [];
    for (const [, target] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:https?|mailto):/.test(target!)) continue;
      const [path = '', anchor] = target!.split('#');
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      const ok =
        existsSync(file) &&
        (anchor === undefined ||
          (!statSync(file).isDirectory() && anchorsOf(readFileSync(file, 'utf8')).has(anchor)));
      if (!ok) broken.push(target!);
    }
    assert.deepEqual(broken, []);
  });
}

test('EX-03: the check of links reads the pages of the repository', () => {
  assert.ok(PAGES.includes('README.md') && PAGES.length >= 8, PAGES.join());
});
