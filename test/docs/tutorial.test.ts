import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tutorialPage } from '../../tools/tutorial-pages.ts';
import { FENCES, ROOT } from './fences.ts';
import { changed, patched, shownOn, STEPS } from './tutorial.ts';

const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

test('EX-03 the tutorial has seven steps', () => {
  assert.deepEqual(
    STEPS.map(({ name }) => name.split('-')[0]),
    ['1', '2', '3', '4', '5', '6', '7'],
  );
});

for (const [at, { name, page, files }] of STEPS.entries()) {
  test(`EX-03 ${page}: the changes on the page turn the files of the step before into those of examples/tutorial/${name}`, () => {
    const before = STEPS[at - 1]?.files ?? new Map<string, string>();
    const blocks = shownOn(page).filter(({ isSolution }) => !isSolution);
    const after = changed(
      before,
      blocks.filter(({ kind }) => kind === 'diff'),
    );
    for (const { kind, file, code } of blocks)
      if (kind !== 'diff' && !before.has(file)) after.set(file, code);
    assert.deepEqual(after, new Map(files));
  });

  test(`EX-03 ${page}: whole files on the page are those of examples/tutorial/${name} (npm run docs)`, () => {
    assert.equal(textOf(page), tutorialPage(textOf(page), name));
  });

  test(`EX-03 ${page}: the page says what you see, and has an exercise with a solution`, () => {
    const headings = [...textOf(page).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.slice(-2), ['What you see', 'Exercise']);
    assert.ok(shownOn(page).some(({ isSolution }) => isSolution));
    assert.match(textOf(page), /<summary>Solution<\/summary>/);
  });
}

test('EX-03 code blocks of the tutorial name the file that they show, or are commands or output', () => {
  const unnamed = FENCES.filter(
    ({ page, language }) => page.startsWith('docs/tutorial/') && !/ |^(?:sh|text)$/.test(language),
  );
  assert.deepEqual(
    unnamed.map(({ key }) => key),
    [],
  );
});

test('EX-03 tutorial: a diff applies in one place only', () => {
  assert.equal(patched('a\nb\nc\n', ' b\n-c\n+d\n', 'diff'), 'a\nb\nd\n');
  assert.equal(patched('', '+a\n', 'diff'), 'a\n');
  for (const [file, diff] of [
    ['a\na\n', '-a\n+b\n'],
    ['a\n', '-b\n'],
    ['a\n', 'a\n'],
  ] as const)
    assert.throws(() => patched(file, diff, 'diff'), assert.AssertionError, diff);
});
