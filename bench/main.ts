import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { size } from '../src/load/index.ts';
import { CELLS, cellId } from './cells.ts';
import { pinned } from './child.ts';
import { comparison } from './compare.ts';
import { count } from './count.ts';
import { measureFloors } from './floors.ts';
import { type Measuring, measureCells, measureMemories } from './measure.ts';
import { plotOf } from './plot.ts';
import { readmeWith, sourceIn } from './readme.ts';
import {
  againstOf,
  everythingOf,
  FORMAT,
  type MemoryRecord,
  parseResults,
  type Ratio,
  recordOf,
  type Results,
  resultsText,
  type Standing,
  standingOf,
} from './results.ts';
import { BENCH, buildsOf, installedSides, sidesOf } from './sides.ts';
import { markdown } from './tables.ts';
import { verdictsOf } from './verdicts.ts';

const USAGE = `Usage: npm run bench -- [flags]

Compares Hawser with ws, using the load generator of \`hawser bench\`; then measures memory and absolute demands.

  --quick             fewer cells, two short rounds; nothing is written unless --write is given
  --only <text>       only cells whose group and name contain the text; nothing is written unless --write is given
  --rounds <n>        rounds per cell (default 3)
  --window-ms <ms>    how long a side is measured in a round (default 400)
  --warm-up-ms <ms>   load before each window that does not count (default 1,500): in a shorter one V8 has not compiled all
  --write             write results, README.md and the plot also with --quick or --only
  --with-bun          include Bun's server; install it with npm ci --prefix bench/bun
  --against <folder>  measure another build of Hawser, in a checkout that has been built, instead of \`ws\`; nothing is written
  --compare <file>    compare with earlier results; exit 3 if a figure is worse than PF-13 allows
  --render            rewrite README.md and the plot from the results that README.md names
  --list              print the cells and end
  --help              this

Examples:
  npm run bench                                           everything, about 45 minutes
  npm run bench -- --quick                                a first look, under three minutes
  npm run bench -- --only 'Fan-out'                       one group
  npm run bench -- --against ../hawser-before             what a change costs, cell by cell
  npm run bench -- --compare bench/results/2026-11-24.json
`;

/** The settings of a run. */
interface Settings extends Measuring {
  readonly only: string;
  readonly write: boolean;
}

const say = (text: string): void => void process.stderr.write(text);

async function run(settings: Settings): Promise<Results> {
  const { cells, sides, quick, only, rounds, windowMs, warmUpMs } = settings;
  const startMs = performance.now();
  const { outcomes, versions } = await measureCells(settings);
  const memory = only === '' || 'memory'.includes(only) ? await measureMemories(settings) : null;
  const floors =
    sides.some(({ role }) => role === 'rival') && (only === '' || 'floors'.includes(only))
      ? await measureFloors(quick ? 5_000 : 60_000)
      : [];
  return {
    format: FORMAT,
    environment: {
      date: new Date().toISOString().slice(0, 10),
      quick,
      node: process.versions.node,
      cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
      cores: cpus().length,
      platform: `${platform()} ${arch()}`,
      pinned,
      versions,
      rounds,
      windowMs,
      warmUpMs,
      tookSeconds: Math.round((performance.now() - startMs) / 1_000),
    },
    cells: cells.map((cell) =>
      recordOf(
        cell,
        outcomes.filter((outcome) => outcome.cell === cell),
      ),
    ),
    memory,
    floors,
  };
}

const ratiosText = ({ rate, cpu }: Pick<Standing, 'rate' | 'cpu'>): string =>
  `rate × ${ratioText(rate)}, CPU × ${ratioText(cpu)}`;

const ratioText = ({ median, low, high }: Ratio): string =>
  `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;

const memoryLines = (memory: MemoryRecord | null): string[] =>
  Object.entries(memory?.sides ?? {}).flatMap(([id, samples]) =>
    samples.map(
      ({ untouched: { heapAndExternal, rss } }) =>
        `Memory of an idle connection, ${id}: heap and buffers ${size(heapAndExternal)}, RSS ${size(rss)}`,
    ),
  );

function summary({ cells, ...rest }: Results): string {
  const lines = cells.map((record) => {
    const standing = standingOf(record) ?? everythingOf(record) ?? againstOf(record);
    return `${cellId(record)}: ${standing === undefined ? 'failed' : ratiosText(standing)}`;
  });
  const against = cells.some(({ sides }) => sides['earlier'] !== undefined);
  const verdicts = (against ? [] : verdictsOf({ cells, ...rest })).map(
    ({ requirement, met, demand, seen }) => `${met ? 'met   ' : 'MISSED'} ${requirement} ${demand}: ${seen}`,
  );
  return [...lines, ...memoryLines(rest.memory), '', ...verdicts, ''].join('\n');
}

const README = join(BENCH, 'README.md');

function writeResults(results: Results): void {
  const { date, quick } = results.environment;
  const source = `results/${date}${quick ? '-quick' : ''}.json`;
  writeFileSync(join(BENCH, source), resultsText(results));
  writePages(results, source);
  say(`written: bench/${source}, bench/results/plot.svg, bench/README.md\n`);
}

function writePages(results: Results, source: string): void {
  writeFileSync(join(BENCH, 'results', 'plot.svg'), plotOf(results));
  const part = markdown(results, 'results/plot.svg');
  writeFileSync(README, readmeWith(readFileSync(README, 'utf8'), part, source));
}

function renderAgain(): void {
  const source = sourceIn(readFileSync(README, 'utf8'));
  if (source === undefined) throw new Error('bench/README.md names no results');
  writePages(parseResults(readFileSync(join(BENCH, source), 'utf8')), source);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      'window-ms': { type: 'string' },
      'warm-up-ms': { type: 'string' },
      write: { type: 'boolean', default: false },
      'with-bun': { type: 'boolean', default: false },
      against: { type: 'string' },
      compare: { type: 'string' },
      render: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.render) {
    renderAgain();
    return 0;
  }
  const { quick, only, against } = values;
  if (against !== undefined)
    for (const name of ['write', 'with-bun', 'compare'] as const)
      if (values[name] !== undefined && values[name] !== false)
        throw new Error(`--${name} and --against exclude each other`);
  const sides = against === undefined ? installedSides(values['with-bun']) : buildsOf(against);
  const cells = CELLS.filter(
    (cell) => (quick ? cell.quick : true) && cellId(cell).includes(only) && sidesOf(cell, sides).length > 1,
  );
  if (values.list) {
    process.stdout.write(cells.map((cell) => `${cellId(cell)}\n`).join(''));
    return 0;
  }
  if (cells.length === 0 && !['memory', 'floors'].includes(only))
    throw new Error(`no cell contains '${only}'; --list prints them all, and there are memory and floors`);
  // Read the baseline first, so that a missing file is reported now and not after half an hour.
  const base = values.compare === undefined ? undefined : parseResults(readFileSync(values.compare, 'utf8'));
  const results = await run({
    quick,
    only,
    cells,
    rounds: count('rounds', values.rounds ?? (quick ? '2' : '3')),
    windowMs: count('window-ms', values['window-ms'] ?? (quick ? '200' : '400')),
    warmUpMs: count('warm-up-ms', values['warm-up-ms'] ?? (quick ? '100' : '1500')),
    write: values.write,
    sides,
  });
  process.stdout.write(summary(results));
  if (values.write || (!quick && only === '' && against === undefined)) writeResults(results);
  if (base === undefined) return 0;
  const { text, passes } = comparison(base, results);
  process.stdout.write(text);
  return passes ? 0 : 3;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
