// Sums what was counted of each module by room, which is a folder right under src, and says where it is too little.
import { asSpans, type Counts, type ModuleCounts } from './coverage-count.ts';

/** A source with its path inside src, and what was counted of it. */
export interface CountedSource {
  readonly name: string;
  readonly counts: ModuleCounts;
}

export interface Verdict {
  /** For a person: what did not run, source by source, then each room with its shares. */
  readonly text: string;
  /** Rooms of which less ran than is wanted. */
  readonly short: number;
}

const roomOf = (name: string) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : 'index');

/** Rounded down: what is not whole does not look whole. */
const percent = (share: number) => `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;

const shareOf = (all: number, idle: number) => (all === 0 ? 1 : (all - idle) / all);

function sum(of: readonly Counts[]): Counts {
  const total = (key: keyof Counts) => of.reduce((soFar, counts) => soFar + counts[key], 0);
  return {
    lines: total('lines'),
    idleLines: total('idleLines'),
    branches: total('branches'),
    idleBranches: total('idleBranches'),
  };
}

/** What did not run of a source; `undefined` if nothing is missing. */
function missing({ name, counts: { lineNumbers, branchNumbers } }: CountedSource): string | undefined {
  const parts = [
    lineNumbers.length > 0 ? [`lines ${asSpans(lineNumbers)}`] : [],
    branchNumbers.length > 0 ? [`branches on ${asSpans(branchNumbers)}`] : [],
  ].flat();
  return parts.length === 0 ? undefined : `  src/${name}: ${parts.join('; ')}`;
}

/** @param wanted The share of a room's lines, and of its branches, that has to run. */
export function judge(sources: readonly CountedSource[], wanted: (room: string) => number): Verdict {
  const rooms = new Map<string, CountedSource[]>();
  for (const source of sources) {
    const room = roomOf(source.name);
    rooms.set(room, [...(rooms.get(room) ?? []), source]);
  }
  let text = '';
  const summary: string[] = [];
  let short = 0;
  for (const [room, of] of [...rooms].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const counts = sum(of.map((source) => source.counts));
    const lines = shareOf(counts.lines, counts.idleLines);
    const branches = shareOf(counts.branches, counts.idleBranches);
    const isShort = Math.min(lines, branches) < wanted(room);
    if (isShort) short++;
    const shares = `lines ${percent(lines).padStart(7)}, branches ${percent(branches).padStart(7)}`;
    summary.push(
      `${room.padEnd(12)} ${shares}${isShort ? `: too little, ${percent(wanted(room))} is wanted` : ''}`,
    );
    const idle = of.map(missing).filter((line) => line !== undefined);
    if (idle.length > 0) text += `Of ${room} did not run, or not all of it:\n${idle.sort().join('\n')}\n`;
  }
  return { text: `${text}${summary.join('\n')}\n`, short };
}
