import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const testFolder = join(import.meta.dirname, '..');
const sourceFolder = join(testFolder, '..', '..', 'test');

/** Stands in for `node:test` while titles are read: what would be run is only noted. */
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

/** Imports each file and prints, as one line of JSON, what it would have tested. */
const script = (files: readonly string[]): string => `
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(RESOLVE)}));
  const all = {};
  for (const [name, url] of ${JSON.stringify(files.map((name) => [name, pathToFileURL(join(testFolder, `${name}.test.js`)).href]))}) {
    const titles = all[name] = [];
    globalThis.noteTitle = (title) => { titles.push(String(title)); };
    await import(url);
  }
  // all of it: an exit does not wait for what a pipe has not taken yet
  process.stdout.write(JSON.stringify(all) + '\\n', () => process.exit(0));`;

/**
 * The titles that the compiled tests would report, in order, by file (`server/shutdown`), without running any: each file
 * is imported in a process of its own, where `node:test` only takes names. Titles made by loops are among them.
 */
export function titlesByFile(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(testFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    // a deleted source leaves its compiled test behind
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
