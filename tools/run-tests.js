// Runs compiled test files under build/test with Node's test runner: all, or those whose path contains one of the arguments.
// Prints each failure in full and one line per folder; `--verbose` prints every test. The last line is `N passed, N failed`.
// With HAWSER_REQUIRE_PEERS=1 a skipped test counts as failed, because CI installs every peer. With HAWSER_TEST_TRANSPORT it runs
// only files that use the transport; in the others it changes nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { inspect } from 'node:util';

const root = join(import.meta.dirname, '..');
const built = join(root, 'build', 'test');
const isVerbose = process.argv.includes('--verbose');
const wanted = process.argv.slice(2).filter((part) => part !== '--verbose');

/** Whether a compiled test imports the module with the transport of the run, itself or through other modules of the tests. */
function usesTransport(/** @type {string} */ file) {
  const reached = new Set([file]);
  for (const module of reached) {
    const imports = readFileSync(module, 'utf8').matchAll(
      /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+\.js)'/g,
    );
    for (const [, path = ''] of imports) {
      const imported = join(dirname(module), path);
      if (imported.startsWith(built + sep) && existsSync(imported)) reached.add(imported);
    }
  }
  return reached.has(join(built, 'server', 'transport.js'));
}
const isForTransport = process.env.HAWSER_TEST_TRANSPORT !== undefined;

const files = readdirSync(built, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  // The compiled test of a deleted source file stays in build/.
  .filter((name) => existsSync(join(root, 'test', name.replace(/\.js$/, '.ts'))))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.split(sep).join('/').includes(part)))
  .sort()
  .map((name) => join(built, name))
  .filter((file) => !isForTransport || usesTransport(file));
if (files.length === 0) {
  process.stderr.write(
    `no test file${isForTransport ? ' that uses the transport' : ''} matches ${wanted.join(' ')}\n`,
  );
  process.exit(1);
}

// The reader of the output may exit first: `npm test | head`.
process.stdout.on('error', () => process.exit(1));

const peersRequired = process.env.HAWSER_REQUIRE_PEERS === '1';
const count = { passed: 0, failed: 0, skipped: 0 };
/** @type {Map<string, { passed: number, failed: number, skipped: number, ms: number }>} */
const folders = new Map();
/** Output of test processes by file; shown for files with a failure. @type {Map<string, string[]>} */
const printed = new Map();
/** @type {Set<string>} */
const failedFiles = new Set();
/** @type {string[]} */
const skipReasons = [];

const nameOf = (/** @type {string | undefined} */ file) =>
  file === undefined ? '?' : relative(built, file).split(sep).join('/').replace(/\.js$/, '.ts');

function showStatus() {
  if (!process.stdout.isTTY || isVerbose) return;
  process.stdout.write(`\r\u001b[K${count.passed} passed, ${count.failed} failed`);
}

/** The text of a failure. For a generated assertion message the stack is enough: it contains both values. */
function textOf(/** @type {any} */ why) {
  if (typeof why === 'string') return why;
  return why?.generatedMessage === true ? String(why.stack) : inspect(why, { depth: 8 });
}

function fail(/** @type {string} */ file, /** @type {string} */ name, /** @type {unknown} */ why) {
  count.failed++;
  failedFiles.add(file);
  if (isVerbose) return;
  const clear = process.stdout.isTTY ? '\r\u001b[K' : '';
  process.stdout.write(`${clear}✖ ${nameOf(file)}: ${name}\n${textOf(why).replaceAll(/^/gm, '    ')}\n`);
}

const tally = (/** @type {any} */ event, /** @type {boolean} */ ok) => {
  const { details, file = '', name, skip } = event;
  if (details?.type === 'suite') return;
  const folder = nameOf(file).split('/').slice(0, -1)[0] ?? '.';
  const sum = folders.get(folder) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
  folders.set(folder, sum);
  sum.ms += details?.duration_ms ?? 0;
  if (skip !== undefined && skip !== false) {
    count.skipped++;
    sum.skipped++;
    if (peersRequired) {
      sum.failed++;
      fail(file, name, `skipped, which counts as a failure here: ${String(skip)}`);
    } else skipReasons.push(`${nameOf(file)}: ${name}: ${skip === true ? 'no reason given' : String(skip)}`);
  } else if (ok) {
    count.passed++;
    sum.passed++;
  } else {
    sum.failed++;
    const error = details?.error;
    fail(file, name, error?.cause ?? error);
  }
  showStatus();
};

const keep = (/** @type {{ file?: string, message: string }} */ { file = '', message }) =>
  void printed.set(file, [...(printed.get(file) ?? []), message]);

// Some tests wait more than they compute. With four on two cores, tests that start many processes ran into their limits.
const concurrency = availableParallelism() + 1;
const stream = run({ files, concurrency, timeout: 600_000 });
stream.on('test:pass', (event) => tally(event, true));
stream.on('test:fail', (event) => tally(event, false));
stream.on('test:stdout', keep);
stream.on('test:stderr', keep);
stream.on('end', () => {
  if (count.passed === 0) count.failed++;
  process.exitCode = count.failed === 0 ? 0 : 1;
});

function summary() {
  const lines = [];
  for (const file of failedFiles) {
    const text = (printed.get(file) ?? []).join('').trim();
    if (text !== '') lines.push(`Output of ${nameOf(file)}:`, text.replaceAll(/^/gm, '    '));
  }
  if (skipReasons.length > 0) lines.push('Skipped:', ...skipReasons.map((reason) => `    ${reason}`));
  for (const [folder, { passed, failed, skipped, ms }] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const marks = `${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    lines.push(
      `${folder.padEnd(14)}${`${passed} passed`.padStart(12)}${marks}  ${(ms / 1_000).toFixed(1)} s`,
    );
  }
  return lines.join('\n');
}
process.on('exit', () => {
  const clear = process.stdout.isTTY && !isVerbose ? '\r\u001b[K' : '';
  if (!isVerbose) process.stdout.write(`${clear}${summary()}\n`);
  process.stdout.write(
    `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}\n`,
  );
});
if (isVerbose) stream.compose(new Spec()).pipe(process.stdout);
else stream.resume();
