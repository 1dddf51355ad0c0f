import process from 'node:process';
import { duration, whole } from '../src/load/index.ts';
import { type Cell, cellId, MEMORY } from './cells.ts';
import { measureMemory, type MemorySample } from './memory.ts';
import type { MemoryRecord } from './results.ts';
import { type Outcome, Round } from './runner.ts';
import type { Side } from './sides.ts';

/** What is measured, and for how long. */
export interface Measuring {
  readonly quick: boolean;
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
  readonly sides: readonly Side[];
  readonly cells: readonly Cell[];
}

const say = (text: string): void => void process.stderr.write(text);

/** Measures every cell in every round. */
export async function measureCells({
  cells,
  sides,
  quick,
  rounds,
  windowMs,
  warmUpMs,
}: Measuring): Promise<{ outcomes: Outcome[]; versions: Record<string, string> }> {
  const outcomes: Outcome[] = [];
  let versions: Record<string, string> = {};
  const startMs = performance.now();
  for (let number = 0; number < rounds; number++) {
    const round = await Round.start(sides, { windowMs, warmUpMs, keepsProcesses: quick });
    try {
      for (const [at, cell] of cells.entries()) {
        outcomes.push(...(await round.measure(cell, sides, number + at)));
        progress(number * cells.length + at + 1, rounds * cells.length, startMs, cell);
      }
      versions = { ...versions, ...round.versions };
    } finally {
      await round.end();
    }
  }
  say('\n');
  return { outcomes, versions };
}

function progress(done: number, of: number, startMs: number, cell: Cell): void {
  const elapsedMs = performance.now() - startMs;
  const left = duration((elapsedMs / done) * (of - done));
  if (process.stderr.isTTY) say(`\r\u001b[K${done} of ${of} cells, ${left} left: ${cellId(cell)}`);
  else if (done % 20 === 0 || done === of) say(`${done} of ${of} cells, ${left} left\n`);
}

/** Measures all sides at once: waiting costs the other sides no CPU time. A side that fails is omitted and reported. */
export async function measureMemories({
  sides,
  quick,
}: Pick<Measuring, 'sides' | 'quick'>): Promise<MemoryRecord> {
  const connections = quick ? 2_000 : MEMORY.connections;
  const idleMs = quick ? 1_000 : 60_000;
  say(`memory of ${whole(connections)} idle connections\n`);
  const measured = await Promise.all(
    sides
      .filter(({ role }) => role !== 'limit' && role !== 'variant' && role !== 'text')
      .map(async (side): Promise<[string, MemorySample[]][]> => {
        try {
          return [[side.id, [await measureMemory(side, connections, idleMs)]]];
        } catch (error) {
          say(`memory of ${side.title}: ${error instanceof Error ? error.message : String(error)}\n`);
          return [];
        }
      }),
  );
  return { connections, idleMs, sides: Object.fromEntries(measured.flat()) };
}
