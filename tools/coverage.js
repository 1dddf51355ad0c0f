// Runs the tests with run-tests.js; c8 counts which lines and branches of src ran in the test processes and their child processes.
// Fails below 100 % of src/protocol or 90 % of any other folder of src. With arguments (parts of test paths) it runs only those
// tests, prints the figures and applies no threshold.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const sources = join(root, 'src');
const PROTOCOL_PERCENT = 100;
const OTHER_PERCENT = 90;

/** Runs the tests and prints all output but the last line. @returns {Promise<string>} The last line. */
function runTests(/** @type {string} */ folder, /** @type {string[]} */ filters) {
  const child = spawn(process.execPath, [join(root, 'tools', 'run-tests.js'), ...filters], {
    env: { ...process.env, NODE_V8_COVERAGE: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let held = '';
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    const lines = (held + text).split('\n');
    const keep = lines.splice(-2);
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    held = keep.join('\n');
  });
  return new Promise((resolve) => {
    child.on('close', () => resolve(held.trim()));
  });
}

/**
 * Runs `c8 report`, which maps the counts to the sources.
 * @returns {Record<string, { lines: { total: number, covered: number }, branches: { total: number, covered: number } }>} Counts
 *   by path.
 */
function count(/** @type {string} */ raw, /** @type {string} */ reports, /** @type {boolean} */ isWhole) {
  const reporters = ['json-summary', 'html', 'text'].flatMap((name) => ['--reporter', name]);
  const folders = ['--temp-directory', raw, '--reports-dir', reports, '--src', sources];
  const scope = ['--include', 'src/**', '--exclude-after-remap', '--all', String(isWhole)];
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'c8', 'bin', 'c8.js'), 'report', ...folders, ...scope, ...reporters],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', isWhole ? 'ignore' : 'inherit', 'pipe'] },
  );
  if (status !== 0) throw new Error(`c8 failed: ${stderr}`);
  return JSON.parse(readFileSync(join(reports, 'coverage-summary.json'), 'utf8'));
}

/** Whether a module has code. A module of types compiles to an empty export, and no process loads it. */
const hasCode = (/** @type {string} */ name) =>
  !readFileSync(join(root, 'build', 'src', name.replace(/\.ts$/, '.js')), 'utf8').startsWith(
    'export {};\n//#',
  );

const filters = process.argv.slice(2);
const isWhole = filters.length === 0;
const raw = mkdtempSync(join(tmpdir(), 'hawser-coverage-'));
const lastLine = await runTests(raw, filters);
const reports = join(root, 'coverage');
const { total: _, ...files } = count(raw, reports, isWhole);
rmSync(raw, { recursive: true });

/** @type {Map<string, { lines: { total: number, covered: number }, branches: { total: number, covered: number } }>} */
const folders = new Map();
for (const [path, file] of Object.entries(files)) {
  const name = relative(sources, path).split(sep).join('/');
  // Scripts of pages run in browsers: tests in browsers cover them.
  if (!name.endsWith('.ts') || !hasCode(name)) continue;
  const folder = name.includes('/') ? name.slice(0, name.indexOf('/')) : 'index';
  const sum = folders.get(folder) ?? { lines: { total: 0, covered: 0 }, branches: { total: 0, covered: 0 } };
  folders.set(folder, sum);
  for (const unit of /** @type {const} */ (['lines', 'branches'])) {
    sum[unit].total += file[unit].total;
    sum[unit].covered += file[unit].covered;
  }
}

/** Rounded down, so that only full coverage prints as 100 %. */
const percent = (/** @type {{ total: number, covered: number }} */ { total, covered }) =>
  total === 0 ? 100 : Math.floor((covered * 1_000) / total) / 10;

let short = 0;
for (const [folder, { lines, branches }] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const wanted = folder === 'protocol' ? PROTOCOL_PERCENT : OTHER_PERCENT;
  const isShort = isWhole && Math.min(percent(lines), percent(branches)) < wanted;
  if (isShort) short++;
  process.stdout.write(
    `${folder.padEnd(19)}lines ${String(percent(lines)).padStart(5)} %, branches ${String(percent(branches)).padStart(5)} %${isShort ? `: below ${wanted} %, see coverage/index.html` : ''}\n`,
  );
}
const counted = /^(\d+) passed, (\d+) failed(.*)$/.exec(lastLine);
const failed = Number(counted?.[2] ?? 1) + short;
if (counted === null) process.stdout.write(`${lastLine}\n`);
process.stdout.write(`${counted?.[1] ?? 0} passed, ${failed} failed${counted?.[3] ?? ''}\n`);
process.exitCode = failed === 0 ? 0 : 1;
