import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { CELLS } from './cells.ts';
import { type Environment, markdown, type Row, rowOf } from './report.ts';
import { pinned, Runner } from './runner.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const USAGE = `Usage: npm run bench -- [flags]

Compares Hawser with ws: servers and load in processes of their own, both sides by turns.

  --quick         two short rounds per cell, for a first look; nothing is written
  --only <text>   cells whose name contains the text; nothing is written unless --out is given
  --rounds <n>    rounds per cell (default 6)
  --window <ms>   how long each side is measured in a round (default 800)
  --out <folder>  where the results go (default bench/results)
  --help          this

Examples:
  npm run bench                        all cells, about 7 minutes
  npm run bench -- --quick             all cells, about a minute
  npm run bench -- --only 'echo 16 B'  four cells
`;

/** @throws Error for anything but a whole number above 0. */
function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} is ${text}; it must be a whole number above 0`);
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      window: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const rounds = count('rounds', values.rounds ?? (values.quick ? '2' : '6'));
  const windowMs = count('window', values.window ?? (values.quick ? '300' : '800'));
  const cells = CELLS.filter(({ name }) => name.includes(values.only));
  if (cells.length === 0)
    throw new Error(
      `no cell contains '${values.only}'; there are: ${CELLS.map(({ name }) => name).join('; ')}`,
    );
  if (!existsSync(join(BENCH, 'node_modules', 'ws'))) throw new Error('ws is missing: npm ci --prefix bench');

  const runner = await Runner.start();
  const rows: Row[] = [];
  try {
    for (const cell of cells) {
      const row = rowOf(await runner.measure(cell, rounds, { warmUpMs: Math.ceil(windowMs / 2), windowMs }));
      rows.push(row);
      process.stderr.write(
        `${cell.name}: rate × ${row.rateRatio.median.toFixed(2)}, CPU × ${row.cpuRatio.median.toFixed(2)}\n`,
      );
    }
  } finally {
    runner.stop();
  }
  const environment: Environment = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: cpus().length,
    pinned,
    versions: runner.versions,
    rounds,
    windowMs,
  };
  const report = markdown(rows, environment);
  process.stdout.write(report);
  const partial = values.quick || values.only !== '';
  if (partial && values.out === undefined) return 0;
  const folder = values.out ?? join(BENCH, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${environment.date}.json`),
    `${JSON.stringify({ environment, rows }, null, 2)}\n`,
  );
  writeFileSync(join(folder, 'latest.md'), report);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
