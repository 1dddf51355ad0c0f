import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const testFolder = join(import.meta.dirname, '..');
const sourceFolder = join(testFolder, '..', '..', 'test');

/** Replaces `node:test` while titles are read: records titles and runs nothing. */
const COLLECTOR = `
  const note = (title) => globalThis.noteTitle(title);
  export const test = Object.assign(note, { skip: note, todo: note, only: note, before() {}, after() {} });
  export const it = test, describe = (title, ...rest) => rest.at(-1)(), suite = describe;
  export const before = () => {}, after = before, beforeEach = before, afterEach = before, mock = {};
  export const run = before, snapshot = {};
  export default test;`;
const RESOLVE = `
  const collector = 'data:text/javascript,' + ${JSON.stringify(encodeURIComponent(COLLECTOR))};
  export const resolve = (name, context, next) =>
    name === 'node:test' ? { url: collector, shortCircuit: true } : next(name, context);`;

/** A program that imports each file and prints its titles as one line of JSON. */
const script = (files: readonly string[]): string => `
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(RESOLVE)}));
  const all = {};
  for (const [name, url] of ${JSON.stringify(files.map((name) => [name, pathToFileURL(join(testFolder, `${name}.test.js`)).href]))}) {
    const titles = all[name] = [];
    globalThis.noteTitle = (title) => { titles.push(String(title)); };
    await import(url);
  }
  // Exit in the callback: process.exit() discards data that the pipe has not accepted yet.
  process.stdout.write(JSON.stringify(all) + '\\n', () => process.exit(0));`;

/**
 * The titles of the compiled tests, in order, by file (`server/shutdown`). Runs no test: a child process imports each file with a
 * replacement of `node:test` that records titles. So titles that loops make are included.
 */
export function titlesByFile(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(testFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    // The compiled test of a deleted source file stays in build/.
    .filter((name) => existsSync(join(sourceFolder, name.replace(/\.js$/, '.ts'))))
    .map((name) => name.slice(0, -'.test.js'.length).split(sep).join('/'))
    .sort();
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script(files)],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 60_000,
    },
  );
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  if (status !== 0 || line === undefined) throw new Error(`titles could not be read: ${stderr || stdout}`);
  return new Map(Object.entries(JSON.parse(line) as Record<string, string[]>));
}
