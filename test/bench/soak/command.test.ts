import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import type { SoakResults } from '../../../bench/soak/results.ts';
import { SCENARIOS } from '../../../bench/soak/scenarios.ts';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'bench', 'soak', 'main.js');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
const run = (program: string, args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(program, args, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
const soak = (...args: string[]): Promise<Ran> => run(process.execPath, [MAIN, ...args]);

test('PF-05: --list names every scenario, and --help has examples', async () => {
  const { code, out } = await soak('--list');
  assert.equal(code, 0);
  for (const { name, summary } of SCENARIOS) assert.ok(out.includes(name) && out.includes(summary), name);
  const help = await soak('--help');
  assert.equal(help.code, 0);
  assert.match(help.out, /Examples:\n +npm run soak -- steady/);
});

for (const [args, says] of [
  [[], /the name of a scenario is missing; --list prints them/],
  [['stedy'], /there is no scenario 'stedy'; --list prints them/],
  [['steady', 'churn'], /unexpected argument 'churn'/],
  [['steady', '--minutes', '0'], /--minutes is 0; it must be a number above 0/],
  [['steady', '--rate', 'fast'], /--rate is fast; it must be a whole number above 0/],
  [['many', '--rate', '5'], /--rate: many has no rate/],
  [['steady', '--minute', '1'], /--minute/],
] as const)
  test(`PF-05: soak ${args.join(' ')}: wrong arguments exit with 2 and a sentence`, async () => {
    const { code, out, err } = await soak(...args);
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, says);
  });

test('PF-05: a demand that is not met exits with 1 and a sentence; the results are data, and a page without scripts', {
  skip: process.platform === 'win32' ? 'needs ulimit' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-soak-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // The clients have too few descriptors to open them all.
  const ramp = ['ramp', '--minutes', '0.02', '--connections', '800', '--rate', '50'];
  const command = [process.execPath, MAIN, ...ramp, '--out', join(folder, 'ramp.html')];
  const { code, out, err } = await run('sh', ['-c', 'ulimit -n 400 && exec "$@"', 'sh', ...command]);
  assert.equal(code, 1, err);
  assert.match(err, /soak: ramp failed. Demanded: more than 95 % of 800 connections open. Seen: \d/);
  assert.match(out, /^MISSED more than 95 %/m);
  const results = JSON.parse(readFileSync(join(folder, 'ramp.json'), 'utf8')) as SoakResults;
  assert.equal(results.scenario, 'ramp');
  assert.equal(results.passes, false);
  assert.equal(results.settings.connections, 800);
  assert.match(results.machine.node, /^\d+\.\d+/);
  assert.ok(results.recording.samples.length > 0);
  const page = readFileSync(join(folder, 'ramp.html'), 'utf8');
  assert.match(page, /A demand is not met/);
  assert.match(page, /<svg /);
  assert.doesNotMatch(page, /<script|<link|src=|https?:/);
});
