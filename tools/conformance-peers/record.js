// Runs `hawser conform` against other implementations, records the results in docs/conformance/ and rewrites the table there.
// Build first.
//   node tools/conformance-peers/record.js                       every installed peer
//   node tools/conformance-peers/record.js gorilla ws-server     results whose file name contains one of the words
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { keptResult, readResults, resultsTable, withTable } from '../../build/tools/conformance-pages.js';
import { PEERS } from './peers.js';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'docs', 'conformance');
const temporary = mkdtempSync(join(tmpdir(), 'hawser-conform-'));
const report = join(temporary, 'report.json');
const wanted = process.argv.slice(2);
/** Limit for all cases of one peer. A run that takes longer is killed. */
const LONGEST_MS = 450_000;

/** @returns A child process and the lines that it prints. */
function started(/** @type {string[]} */ [file = '', ...argv]) {
  const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  return { child, ended: once(child, 'exit'), lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

const conform = (/** @type {string[]} */ ...argv) =>
  started([
    process.execPath,
    join(root, 'build', 'src', 'cli', 'main.js'),
    'conform',
    '--json',
    '--report',
    report,
    ...argv,
  ]);
const readToEnd = async (/** @type {AsyncIterator<string>} */ lines) => {
  while ((await lines.next()).done !== true);
};

async function asked(/** @type {import('./peers.js').Peer} */ peer, /** @type {string} */ role) {
  rmSync(report, { force: true });
  const flags = peer.flags ?? [];
  const first = role === 'server' ? started(peer.server?.() ?? []) : conform('--listen', '0', ...flags);
  const line = String((await first.lines.next()).value);
  const second =
    role === 'server'
      ? conform(`ws://127.0.0.1:${line}/`, ...flags)
      : started(peer.client?.(JSON.parse(line).url) ?? []);
  const [suite, other] = role === 'server' ? [second, first] : [first, second];
  const tooLong = setTimeout(() => suite.child.kill('SIGKILL'), LONGEST_MS);
  await Promise.all([readToEnd(suite.lines), suite.ended]);
  clearTimeout(tooLong);
  other.child.kill('SIGKILL');
  await other.ended;
  return keptResult(JSON.parse(readFileSync(report, 'utf8')), `${peer.name} ${peer.version()}, ${role}`);
}

try {
  for (const [key, peer] of Object.entries(PEERS)) {
    for (const role of ['server', 'client']) {
      const file = `${key}-${role}.json`;
      if (!(role in peer) || (wanted.length > 0 && !wanted.some((word) => file.includes(word)))) continue;
      try {
        const kept = await asked(peer, role);
        writeFileSync(join(folder, file), `${JSON.stringify(kept, undefined, 2)}\n`);
        process.stdout.write(`${kept.peer}: ${JSON.stringify(kept.counts)}\n`);
      } catch (error) {
        process.stdout.write(`${key}, ${role}: ${String(error)}\n`);
      }
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
const page = join(folder, 'README.md');
writeFileSync(page, withTable(readFileSync(page, 'utf8'), resultsTable(readResults(folder))));
