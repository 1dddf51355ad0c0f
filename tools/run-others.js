// Runs the compiled tests, or those whose path contains one of the arguments, a file at a time on Bun and on Deno, by their own
// test runners: `npm run test:others`. What is known to fail there, and why, stands in docs/runtimes.md; this only reports.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const program = (/** @type {string[]} */ ...path) => join(root, 'tools', 'runtimes', 'node_modules', ...path);
const RUNTIMES = [
  { name: 'bun', file: program('bun', 'bin', 'bun'), argv: ['test', '--no-install'] },
  { name: 'deno', file: program('deno', 'deno'), argv: ['test', '-A', '--no-check', '--no-remote'] },
];
/** A file that takes longer counts as failed: both run the exhaustive tables of the protocol slowly. */
const FILE_TIMEOUT_MS = 300_000;

const wanted = process.argv.slice(2);
const files = readdirSync(join(root, 'build', 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .map((name) =>
    relative(root, join(root, 'build', 'test', name))
      .split(sep)
      .join('/'),
  )
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

for (const { name, file, argv } of RUNTIMES) {
  const failed = files.filter((path) => {
    const { status, stdout, stderr } = spawnSync(file, [...argv, `./${path}`], {
      cwd: root,
      encoding: 'utf8',
      timeout: FILE_TIMEOUT_MS,
    });
    if (status === 0) return false;
    const lines = `${stdout}\n${stderr}`.split('\n');
    const shown = lines.filter((line) => /\(fail\)|FAILED|error:/i.test(line)).slice(0, 5);
    process.stdout.write(`${name}: ${path}\n${shown.map((line) => `  ${line}`).join('\n')}\n`);
    return true;
  });
  process.stdout.write(`${name}: ${files.length - failed.length} of ${files.length} files pass\n`);
}
