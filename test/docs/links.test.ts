import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
const SKIPPED = /(?:^|[\\/])(?:node_modules|build|\.git)(?:[\\/]|$)/;

const pages = ['', 'docs', 'bench', 'examples', 'src', 'test', 'fuzz', 'tools', '.github']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: folder !== '', encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((name) => name.endsWith('.md') && !SKIPPED.test(name)),
  );

/** Without what is code: brackets there are no links. */
const prose = (markdown: string): string =>
  markdown.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/(`+)[^]*?\1/g, 'code');

/** As GitHub names a heading. */
const anchorsOf = (markdown: string): Set<string> =>
  new Set(
    [...markdown.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

for (const page of pages) {
  test(`EX-03: links in ${page.replaceAll('\\', '/')} lead somewhere`, () => {
    const text = readFileSync(join(root, page), 'utf8');
    const broken: string[] = [];
    for (const [, target] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:https?|mailto):/.test(target!)) continue;
      const [path = '', anchor] = target!.split('#');
      const file = path === '' ? join(root, page) : join(root, dirname(page), path);
      const ok =
        existsSync(file) &&
        (anchor === undefined ||
          (!statSync(file).isDirectory() && anchorsOf(readFileSync(file, 'utf8')).has(anchor)));
      if (!ok) broken.push(target!);
    }
    assert.deepEqual(broken, []);
  });
}

test('EX-03: there are pages to check', () => {
  assert.ok(pages.includes('README.md') && pages.length >= 8, pages.join());
});
