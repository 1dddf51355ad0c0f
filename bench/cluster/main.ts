// Measures clusters: node build/bench/cluster/main.js [--rounds 5] [--write]. With --write it writes bench/results/cluster-<date>.json and
// the results in bench/cluster/README.md; otherwise it prints the JSON.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { count } from '../count.ts';
import { BENCH } from '../sides.ts';
import { engineCells } from './engine-cells.ts';
import { fanOut } from './fan-out.ts';
import { idleCell } from './idle.ts';
import { versions } from './libraries.ts';
import { type ClusterResults, pageWith } from './page.ts';
import { relayedCell } from './relayed.ts';
import { stormCell } from './storm.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, write: { type: 'boolean', default: false } },
});
const rounds = count('rounds', values.rounds);

const step = async <Result>(name: string, run: () => Promise<Result>): Promise<Result> => {
  process.stderr.write(`${name}\n`);
  return run();
};
const loadBefore = loadavg()[0]!;
const redisVersion = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
const results: ClusterResults = {
  date: new Date().toISOString().slice(0, 10),
  node: process.versions.node,
  redis: redisVersion ?? 'unknown',
  cores: availableParallelism(),
  packages: versions(),
  rounds,
  engine: await step('appends and reads', () => engineCells(rounds)),
  storm: await step('reconnect storm', () => stormCell(1_000)),
  relayed: await step('results of publishes', () => relayedCell(10_000, 3_000)),
  idle: await step('no topic in use', () => idleCell(rounds, 600)),
  fanOut: await step('two nodes', () => fanOut(rounds, [128, 1_024])),
  load: [loadBefore, loadavg()[0]!],
};
const text = `${JSON.stringify(results, undefined, 2)}\n`;
if (values.write) {
  const name = `cluster-${results.date}.json`;
  writeFileSync(join(BENCH, 'results', name), text);
  const page = join(BENCH, 'cluster', 'README.md');
  writeFileSync(page, pageWith(readFileSync(page, 'utf8'), results, `../results/${name}`));
} else process.stdout.write(text);
process.exit();
