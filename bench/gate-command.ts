// Fails if Hawser became slower than PF-13 allows, compared with recorded ratios to ws: npm run bench:gate
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Cell, CELLS, cellId } from './cells.ts';
import {
  failuresOf,
  failureText,
  figuresOf,
  type GateBase,
  type GateFigure,
  joined,
  missingIn,
  parseBase,
} from './gate.ts';
import { type Measuring, measureCells, measureMemories } from './measure.ts';
import { type CellRecord, parseResults, recordOf, RIVALS } from './results.ts';
import { BENCH, installedSides, sidesOf } from './sides.ts';

const USAGE = `Usage: npm run bench:gate -- [flags]

Measures Hawser and ws alternately in a few cells, and compares the ratios with recorded ones. Exits with 3 if a ratio is worse than
PF-13 allows: time to connect by 20 %, latency by 50 %, throughput by 25 %, memory by 50 %. A cell that seems worse is measured again,
and fails only if all rounds together are worse. Exits with 1 if a recorded ratio cannot be measured.

  --record         write the ratios of this run as the new base; needs an idle machine
  --from <file>    write the ratios of earlier results of \`npm run bench\` as the new base, and measure nothing
  --base <file>    recorded ratios (default bench/results/gate.json)
  --only <text>    only cells whose group and name contain the text; no memory
  --help           this

Examples:
  npm run bench:gate
  npm run bench:gate -- --only Handshakes
  npm run bench:gate -- --from bench/results/2026-11-28.json    # after a change that is slower for a good reason
`;

const TIMES = { quick: true, windowMs: 250, warmUpMs: 100 };
const ROUNDS = 3;
const RECORDED_ROUNDS = 5;
/** Rounds of cells that seem worse. */
const MORE_ROUNDS = 7;
/** How often cells that seem worse are measured again. */
const TIMES_AGAIN = 2;

const say = (text: string): void => void process.stderr.write(text);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      record: { type: 'boolean', default: false },
      from: { type: 'string' },
      base: { type: 'string', default: join(BENCH, 'results', 'gate.json') },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { only, record, from, base: file } = values;
  if (record && from !== undefined) throw new Error('--record and --from exclude each other');
  if (only !== '' && (record || from !== undefined))
    throw new Error('--only excludes --record and --from: a base has the ratios of all cells');
  const wanted = CELLS.filter((cell) => cell.quick && cellId(cell).includes(only));
  if (wanted.length === 0) throw new Error(`no cell contains '${only}'`);
  const sides = installedSides(false).filter(({ id }) => ['hawser', 'hawser-ws', ...RIVALS].includes(id));
  const cells = wanted.filter((cell) => sidesOf(cell, sides).some(({ role }) => role === 'rival'));
  if (cells.length === 0) throw new Error(`no cell with '${only}' is measured with ws`);
  const names = new Set(cells.map(cellId));
  const write = (figures: readonly GateFigure[], date: string, machine: string): number => {
    const written: GateBase = {
      format: 1,
      date,
      machine,
      figures: figures.map((one) => ({ ...one, ratio: Number(one.ratio.toPrecision(4)) })),
    };
    writeFileSync(file, `${JSON.stringify(written, undefined, 1)}\n`);
    process.stdout.write(`written: ${file}, ${figures.length} ratios\n`);
    return 0;
  };
  if (from !== undefined) {
    const earlier = parseResults(readFileSync(from, 'utf8'));
    const { date, cpu, cores, node } = earlier.environment;
    const chosen = earlier.cells.filter((record) => names.has(cellId(record)));
    return write(
      figuresOf({ cells: chosen, memory: earlier.memory }),
      date,
      `${cpu}, ${cores} cores, Node ${node}`,
    );
  }
  const base = record ? undefined : parseBase(readFileSync(file, 'utf8'));
  const recorded = base?.figures.filter(({ cell }) => only === '' || names.has(cell)) ?? [];
  if (base !== undefined && recorded.length === 0) throw new Error(`${file} has no ratio of these cells`);
  const measured = async (some: readonly Cell[], rounds: number): Promise<CellRecord[]> => {
    const measuring: Measuring = { ...TIMES, cells: some, sides, rounds };
    const { outcomes } = await measureCells(measuring);
    return some.map((cell) =>
      recordOf(
        cell,
        outcomes.filter((outcome) => outcome.cell === cell),
      ),
    );
  };
  let records = await measured(cells, record ? RECORDED_ROUNDS : ROUNDS);
  const memory = only === '' ? await measureMemories({ sides, quick: false }) : null;
  if (base === undefined) {
    const { node } = process.versions;
    const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, Node ${node}`;
    return write(figuresOf({ cells: records, memory }), new Date().toISOString().slice(0, 10), machine);
  }
  let figures = figuresOf({ cells: records, memory });
  let failures = failuresOf(recorded, figures);
  for (let i = 0; i < TIMES_AGAIN && failures.length > 0; i++) {
    const doubtful = cells.filter((cell) => failures.some(({ cell: name }) => name === cellId(cell)));
    if (doubtful.length === 0) break;
    say(`measured again, because they seem worse: ${doubtful.map(cellId).join('; ')}\n`);
    records = joined(records, await measured(doubtful, MORE_ROUNDS));
    figures = figuresOf({ cells: records, memory });
    failures = failuresOf(recorded, figures);
  }
  const missing = missingIn(recorded, figures);
  const lines = [
    `${recorded.length - missing.length} ratios to ws compared with those of ${base.date} (${base.machine}); ${failures.length} worse than allowed`,
    ...failures.map((failure) => `FAIL ${failureText(failure)}`),
    ...missing.map(({ cell, figure }) => `FAIL ${cell}, ${figure}: recorded, and not measured in this run`),
    ...records.flatMap((one) =>
      Object.entries(one.failures).map(([id, whys]) => `${cellId(one)}: ${id} failed: ${whys[0]}`),
    ),
    ...missingIn(figures, recorded).map(
      ({ cell, figure }) => `not judged, because the base lacks it: ${cell}, ${figure}`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return failures.length > 0 ? 3 : missing.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`gate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
