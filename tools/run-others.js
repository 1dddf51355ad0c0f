// Runs the compiled tests on Bun and Deno with their own test runners, one file at a time: `npm run test:others`. `bun` or `deno`
// as an argument selects a runtime; other arguments select test files whose path contains one of them. `--record` stores the
// results in docs/runtimes/ and rewrites the tables of docs/runtimes.md. Results of files that did not run stay unchanged.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import process from 'node:process';
import { casesOf, keptRun, readRuns, runtimesPage } from '../build/tools/runtime-pages.js';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'docs', 'runtimes');
const program = (/** @type {string[]} */ ...path) => join(root, 'tools', 'runtimes', 'node_modules', ...path);
/** Timeout of one test. Both runtimes are slow on the exhaustive tables, and Bun's default of 5 s is too short for them. */
const TEST_TIMEOUT_MS = 120_000;
/** Timeout of one file. A file that takes longer counts as one failure. */
const FILE_TIMEOUT_MS = 300_000;
const RUNTIMES = [
  {
    name: 'bun',
    title: 'Bun',
    file: program('bun', 'bin', 'bun'),
    argv: (/** @type {string} */ report) => [
      'test',
      '--no-install',
      `--timeout=${TEST_TIMEOUT_MS}`,
      '--reporter=junit',
      `--reporter-outfile=${report}`,
    ],
  },
  {
    name: 'deno',
    title: 'Deno',
    file: program('deno', 'deno'),
    argv: (/** @type {string} */ report) => [
      'test',
      '-A',
      '--no-check',
      '--no-remote',
      `--junit-path=${report}`,
    ],
  },
];

const given = process.argv.slice(2);
const record = given.includes('--record');
const chosen = RUNTIMES.filter(({ name }) => given.includes(name));
const wanted = given.filter((word) => word !== '--record' && RUNTIMES.every(({ name }) => name !== word));
const files = readdirSync(join(root, 'build', 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(sep).join('/'))
  .filter((name) => name.endsWith('.test.js') && existsSync(join(root, 'test', name.replace(/\.js$/, '.ts'))))
  // runtimes.test.js checks the results that this program is writing
  .filter((name) => name !== 'runtimes.test.js')
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

const temporary = mkdtempSync(join(tmpdir(), 'hawser-others-'));
const report = join(temporary, 'report.xml');

/** Runs one test file. @returns Its tests, as the runner reports them. */
function run(/** @type {(typeof RUNTIMES)[number]} */ { file, argv }, /** @type {string} */ name) {
  rmSync(report, { force: true });
  const { status, signal, stdout, stderr } = spawnSync(file, [...argv(report), `./build/test/${name}`], {
    cwd: root,
    encoding: 'utf8',
    timeout: FILE_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, NO_COLOR: '1' },
  });
  const cases = existsSync(report) ? casesOf(readFileSync(report, 'utf8')) : [];
  if (signal !== null) cases.push({ test: 'the whole file', failure: `over ${FILE_TIMEOUT_MS / 1_000} s` });
  else if (status !== 0 && cases.every(({ failure }) => failure === undefined)) {
    const why = `${stdout}\n${stderr}`.split('\n').find((line) => /error/i.test(line));
    cases.push({ test: 'the whole file', failure: why ?? `exit status ${status}` });
  }
  return cases;
}

try {
  for (const runtime of chosen.length > 0 ? chosen : RUNTIMES) {
    const kept = join(folder, `${runtime.name}.json`);
    const version = spawnSync(runtime.file, ['--version'], { encoding: 'utf8' }).stdout.match(
      /\d+(?:\.\d+)+/,
    );
    const results = keptRun(
      `${runtime.title} ${version?.[0] ?? '?'}`,
      record && existsSync(kept) ? kept : undefined,
    );
    for (const name of files) {
      const cases = run(runtime, name);
      const result = results.add(name.replace(/\.test\.js$/, ''), cases);
      for (const { test, failure } of result.failures)
        process.stdout.write(`${runtime.name}: ${name}: ${test}\n  ${failure}\n`);
      if (record) writeFileSync(kept, results.text());
    }
    if (record && wanted.length === 0) results.keepOnly(files.map((name) => name.replace(/\.test\.js$/, '')));
    if (record) writeFileSync(kept, results.text());
    const { passed, failed, skipped } = results.counts();
    process.stdout.write(`${results.run.runtime}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
if (record) {
  const page = join(root, 'docs', 'runtimes.md');
  writeFileSync(page, runtimesPage(readFileSync(page, 'utf8'), readRuns(folder)));
}
