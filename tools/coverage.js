// Runs the tests as run-tests.js does, watches which code runs, in the test processes and in those they start, and fails where
// too little does: all of the protocol has to run, and 90 % of each other room of src. Lines and branches are those of the
// sources. Arguments: parts of test paths; then it says what did not run of what was loaded, and nothing fails for it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ModuleCoverage } from '../build/tools/coverage-count.js';
import { judge } from '../build/tools/coverage-verdict.js';

const root = join(import.meta.dirname, '..');
const built = join(root, 'build', 'src');
const WHOLE = 'protocol';
const ELSEWHERE = 0.9;

/** What no machine of ours can reach, by compiled module and line, each with its reason. */
const EXCUSED = [
  { module: 'protocol/mask.js', line: /swapBytes|\(word & 0xff\)/, why: 'bytes in the other order' },
];

/** @type {Map<string, ModuleCoverage>} */
const modules = new Map();
for (const name of readdirSync(built, { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.js'))
    modules.set(join(built, name), new ModuleCoverage(readFileSync(join(built, name), 'utf8')));
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
    if (url.startsWith(pathToFileURL(built).href)) modules.get(fileURLToPath(url))?.add(functions);
  }
}
rmSync(folder, { recursive: true });

const sources = [...modules].map(([path, module]) => {
  const name = relative(built, path).split(sep).join('/');
  const excuses = EXCUSED.filter((excuse) => excuse.module === name);
  const payload = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
  const counts = module.count(payload, (line) => excuses.some((excuse) => excuse.line.test(line)));
  return { name: name.replace(/\.js$/, '.ts'), counts };
});
const isWhole = filters.length === 0;
const { text, short } = judge(
  isWhole ? sources : sources.filter(({ counts }) => counts.idleLines < counts.lines),
  (room) => (!isWhole ? 0 : room === WHOLE ? 1 : ELSEWHERE),
);
process.stdout.write(`\n${text}\n`);
const counted = /^(\d+) passed, (\d+) failed(.*)$/.exec(lastLine);
const failed = Number(counted?.[2] ?? 1) + short;
if (counted === null) process.stdout.write(`${lastLine}\n`);
process.stdout.write(`${counted?.[1] ?? 0} passed, ${failed} failed${counted?.[3] ?? ''}\n`);
process.exitCode = failed === 0 ? 0 : 1;
