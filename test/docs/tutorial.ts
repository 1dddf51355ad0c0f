import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Fence, FENCES, ROOT } from './fences.ts';

const FOLDER = join(ROOT, 'examples', 'tutorial');
/** Text with LF, also from a checkout with CRLF. */
export const withLf = (text: string): string => text.replaceAll('\r\n', '\n');

/** Files of a step that its page shows. */
const isShown = (name: string): boolean => /\.(?:js|html)$/.test(name);

/** A step of the tutorial: a page in docs/tutorial and a folder in examples/tutorial. */
export interface Step {
  /** `1-echo`: the name of the folder and of the page. */
  readonly name: string;
  readonly folder: string;
  readonly page: string;
  /** Contents of the files that the page shows, by name. */
  readonly files: ReadonlyMap<string, string>;
}

export const STEPS: readonly Step[] = readdirSync(FOLDER)
  .sort()
  .map((name) => {
    const folder = join(FOLDER, name);
    const files = readdirSync(folder).filter(isShown);
    return {
      name,
      folder,
      page: `docs/tutorial/${name}.md`,
      files: new Map(files.map((file) => [file, withLf(readFileSync(join(folder, file), 'utf8'))])),
    };
  });

export const stepNamed = (name: string): Step =>
  STEPS.find((step) => step.name === name) ?? assert.fail(name);

/** What a code block of a tutorial page is, by the words after its language: `diff server.js solution`. */
export interface Shown extends Fence {
  readonly kind: string;
  readonly file: string;
  readonly isSolution: boolean;
}

/** The blocks of a page that show a file or a change of one. */
export const shownOn = (page: string): Shown[] =>
  FENCES.filter((fence) => fence.page === page).flatMap((fence) => {
    const [kind = '', file = '', word] = fence.language.split(' ');
    return file === '' ? [] : [{ ...fence, kind, file, isSolution: word === 'solution' }];
  });

/**
 * Applies a diff without line numbers: its unchanged and removed lines, in this order, must be in exactly one place of the file.
 * @param where Names the diff in errors.
 */
export function patched(file: string, diff: string, where: string): string {
  const lines = diff.trimEnd().split('\n');
  const wrong = lines.find((line) => !/^[ +-]|^$/.test(line));
  assert.equal(wrong, undefined, `${where}: a line of a diff begins with a space, + or -`);
  const side = (mark: string): string =>
    lines
      .filter((line) => !line.startsWith(mark))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [old, changed] = [side('+'), side('-')];
  const text = `\n${file}`;
  const at = text.indexOf(`\n${old}`);
  assert.ok(at !== -1, `${where}: the file has no such lines:\n${old}`);
  assert.equal(text.indexOf(`\n${old}`, at + 1), -1, `${where}: the file has these lines twice`);
  return file.slice(0, at) + changed + file.slice(at + old.length);
}

/** Files with the changes of diffs, in their order. */
export function changed(files: ReadonlyMap<string, string>, diffs: readonly Shown[]): Map<string, string> {
  const after = new Map(files);
  for (const { file, code, page, line } of diffs)
    after.set(file, patched(after.get(file) ?? '', code, `${page}:${line}`));
  return after;
}

/** A copy of a step with the solution of its exercise, inside the package, so that programs find `hawser`. */
export function solved(t: TestContext, { folder, files, page }: Step): string {
  mkdirSync(join(ROOT, 'build', 'tutorial'), { recursive: true });
  const copy = mkdtempSync(join(ROOT, 'build', 'tutorial', 'solution-'));
  t.after(() => rmSync(copy, { recursive: true }));
  for (const name of readdirSync(folder)) {
    if (name === 'node_modules') symlinkSync(join(folder, name), join(copy, name), 'junction');
    else copyFileSync(join(folder, name), join(copy, name));
  }
  const solution = shownOn(page).filter(({ isSolution }) => isSolution);
  assert.ok(solution.length > 0, `${page} has no solution`);
  for (const [file, text] of changed(files, solution)) writeFileSync(join(copy, file), text);
  return copy;
}
