// Runs the tests as run-tests.js does, watches which code runs, in the test processes and in those they start, and says what
// did not. All of the protocol has to run, and 90 % of each other layer. Arguments: parts of test paths; then nothing is judged.
// Coverage is V8's own, counted by block and merged over processes, character by character; positions are those of the sources.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');
const built = join(root, 'build', 'src');
const ALL_OF = 'protocol';
const SHARE_ELSEWHERE = 0.9;

/** Lines that no machine of ours can reach, and why; both have to be true, or the line counts. */
const ELSEWHERE = [
  { file: 'protocol/mask.js', line: /swapBytes|\(word & 0xff\)/, why: 'bytes in the other order' },
  {
    file: 'protocol/mask-simd.js',
    line: /^ *(?:catch|\}? *catch|return undefined)/,
    why: 'no WebAssembly, or none with vectors',
  },
];

/** @typedef {{ startOffset: number, endOffset: number, count: number }} Range */
/** @typedef {{ ran: Uint8Array, text: string, blocks: Map<string, boolean> }} File */

/** @type {Map<string, File>} */
const files = new Map();
for (const name of readdirSync(built, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.js')) continue;
  const text = readFileSync(join(built, name), 'utf8');
  files.set(join(built, name), { text, ran: new Uint8Array(text.length), blocks: new Map() });
}

/** @param {File} file @param {{ ranges: Range[] }[]} functions */
function merge(file, functions) {
  const ran = new Uint8Array(file.text.length);
  // Outer ranges come first, so inner ones have the last word.
  const ranges = functions.flatMap(({ ranges: list }) => list);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) {
    ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    const key = `${startOffset}-${endOffset}`;
    file.blocks.set(key, (file.blocks.get(key) ?? false) || count > 0);
  }
  for (let i = 0; i < ran.length; i++) file.ran[i] |= ran[i];
}

/** Lines of a source that did not run, or did not run in part, as `12, 20-22`. @param {string} path @param {File} file */
function report(path, file) {
  const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
  const name = relative(built, path).split(sep).join('/');
  const elsewhere = (/** @type {string} */ text) =>
    ELSEWHERE.some(({ file: of, line }) => of === name && line.test(text));
  const missed = new Set();
  let lines = 0;
  let offset = 0;
  for (const [number, line] of file.text.split('\n').entries()) {
    // A module of types alone leaves an empty export, which nobody imports.
    const isCode = /\w/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line) && line !== 'export {};';
    if (isCode) lines++;
    const start = offset;
    const idle =
      isCode && !elsewhere(line)
        ? line.split('').findIndex((char, i) => file.ran[start + i] === 0 && /\w/.test(char))
        : -1;
    if (idle >= 0) {
      const entry = map.findEntry(number, idle);
      missed.add('originalLine' in entry ? entry.originalLine + 1 : number + 1);
    }
    offset += line.length + 1;
  }
  const list = [...missed].sort((a, b) => a - b);
  const spans = [];
  for (const line of list) {
    const last = spans.at(-1);
    if (last !== undefined && last[1] === line - 1) last[1] = line;
    else spans.push([line, line]);
  }
  const shown = spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  const branches = [...file.blocks].filter(([key, taken]) => {
    const [start, end] = key.split('-').map(Number);
    return taken || !file.text.slice(start, end).split('\n').some(elsewhere);
  });
  const taken = branches.filter(([, ran]) => ran).length;
  return { lines, missed: list.length, shown, branches: branches.length, taken };
}

/** @returns {Promise<string>} The last line, which is not printed yet. @param {string} folder @param {string[]} filters */
function runTests(folder, filters) {
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

const filters = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'hawser-coverage-'));
const lastLine = await runTests(folder, filters);
for (const name of readdirSync(folder)) {
  const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  for (const { url, functions } of result) {
    const file = url.startsWith(pathToFileURL(root).href) ? files.get(fileURLToPath(url)) : undefined;
    if (file !== undefined) merge(file, functions);
  }
}
rmSync(folder, { recursive: true });

/** @type {Map<string, { lines: number, missed: number, branches: number, taken: number }>} */
const layers = new Map();
const details = [];
for (const [path, file] of files) {
  const name = relative(built, path).split(sep).join('/').replace(/\.js$/, '.ts');
  const { shown, ...counts } = report(path, file);
  const layer = name.includes('/') ? name.slice(0, name.indexOf('/')) : 'index';
  const sum = layers.get(layer) ?? { lines: 0, missed: 0, branches: 0, taken: 0 };
  for (const key of /** @type {const} */ (['lines', 'missed', 'branches', 'taken'])) sum[key] += counts[key];
  layers.set(layer, sum);
  if (counts.missed > 0) details.push(`  src/${name}: lines ${shown}`);
}

const percent = (/** @type {number} */ share) => `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;
let short = 0;
process.stdout.write(`\nDid not run, or not all of it:\n${details.join('\n')}\n\n`);
for (const [layer, { lines, missed, branches, taken }] of layers) {
  const lineShare = lines === 0 ? 1 : 1 - missed / lines;
  const branchShare = branches === 0 ? 1 : taken / branches;
  const wanted = layer === ALL_OF ? 1 : SHARE_ELSEWHERE;
  const enough = Math.min(lineShare, branchShare) >= wanted;
  if (!enough && filters.length === 0) short++;
  process.stdout.write(
    `${layer.padEnd(12)} lines ${percent(lineShare).padStart(7)}, branches ${percent(branchShare).padStart(7)}${enough ? '' : `: below ${percent(wanted)}`}\n`,
  );
}
const counted = /^(\d+) passed, (\d+) failed(.*)$/.exec(lastLine);
const failed = Number(counted?.[2] ?? 1) + short;
process.stdout.write(
  counted === null
    ? `${lastLine}\n0 passed, 1 failed\n`
    : `${counted[1]} passed, ${failed} failed${counted[3]}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
