import { duration, significant, size, whole } from '../src/load/index.ts';
import { type CellRecord, oursIn, type Results } from './results.ts';
import { median } from './statistics.ts';

/** A figure of Hawser in an earlier run and in this run. */
export interface Change {
  readonly what: string;
  readonly before: string;
  readonly now: string;
  /** Relative regression: 0.2 is 20 % worse, below 0 is better. */
  readonly worseBy: number;
  /** The comparison fails above this regression (PF-13). */
  readonly limit: number;
}

/** PF-13: the allowed regressions. */
export const LIMITS = Object.freeze({ connect: 0.2, latency: 0.5, throughput: 0.25, memory: 0.5 });

interface Figure {
  readonly name: string;
  readonly limit: number;
  readonly of: (record: CellRecord) => readonly number[] | undefined;
  readonly show: (value: number) => string;
  readonly moreIsBetter: boolean;
}

const isHandshake = ({ group }: CellRecord): boolean => group === 'Handshakes';
const FIGURES: readonly Figure[] = [
  {
    name: 'throughput, per s',
    limit: LIMITS.throughput,
    of: (record) => record.sides[oursIn(record)]?.ratePerSecond,
    show: whole,
    moreIsBetter: true,
  },
  {
    name: 'latency, p50',
    limit: LIMITS.latency,
    of: (record) => (isHandshake(record) ? undefined : record.sides[oursIn(record)]?.p50Ms),
    show: duration,
    moreIsBetter: false,
  },
  {
    name: 'time to connect, p50',
    limit: LIMITS.connect,
    of: (record) => (isHandshake(record) ? record.sides[oursIn(record)]?.p50Ms : undefined),
    show: duration,
    moreIsBetter: false,
  },
];

function change(
  what: string,
  limit: number,
  show: (value: number) => string,
  before: number,
  now: number,
  moreIsBetter: boolean,
): Change {
  const worseBy = before === 0 ? 0 : moreIsBetter ? 1 - now / before : now / before - 1;
  return { what, before: show(before), now: show(now), worseBy, limit };
}

/** Every figure that both runs have, largest regression first. */
export function changes(base: Results, results: Results): Change[] {
  const found: Change[] = [];
  for (const record of results.cells) {
    const old = base.cells.find(({ group, name }) => group === record.group && name === record.name);
    if (old === undefined) continue;
    for (const { name, limit, of, show, moreIsBetter } of FIGURES) {
      const [before, now] = [of(old), of(record)];
      if (before === undefined || now === undefined) continue;
      const what = `${record.group}: ${record.name}, ${name}`;
      found.push(change(what, limit, show, median(before), median(now), moreIsBetter));
    }
  }
  const [before, now] = [base.memory?.sides['hawser'], results.memory?.sides['hawser']];
  if (before !== undefined && now !== undefined) {
    for (const moment of ['untouched', 'afterTraffic'] as const) {
      for (const kind of ['rss', 'heapAndExternal'] as const) {
        const of = (samples: typeof before): number => median(samples.map((sample) => sample[moment][kind]));
        const what = `memory of an idle connection, ${moment === 'untouched' ? 'untouched' : 'after traffic'}, ${kind === 'rss' ? 'RSS' : 'heap and buffers'}`;
        found.push(change(what, LIMITS.memory, size, of(before), of(now), false));
      }
    }
  }
  return found.sort((a, b) => b.worseBy - a.worseBy);
}

/** The comparison as text, and whether it passes PF-13. */
export function comparison(
  base: Results,
  results: Results,
): { readonly text: string; readonly passes: boolean } {
  const all = changes(base, results);
  const failed = all.filter(({ worseBy, limit }) => worseBy > limit);
  const line = ({ what, before, now, worseBy, limit }: Change): string =>
    `  ${worseBy > limit ? 'FAIL ' : ''}${what}: ${before} → ${now} (${significant(worseBy * 100)} % worse, ${limit * 100} % allowed)`;
  const worse = all.filter(({ worseBy }) => worseBy > 0);
  const { environment: then } = base;
  const elsewhere = then.cpu !== results.environment.cpu || then.node !== results.environment.node;
  return {
    passes: failed.length === 0 && all.length > 0,
    text: [
      `Compared with ${then.date}: ${all.length} figures, ${worse.length} worse, ${failed.length} worse than allowed.`,
      ...(elsewhere
        ? [`The earlier run used ${then.cpu} and Node ${then.node}: not the same machine or Node.`]
        : []),
      ...(all.length === 0 ? ['No figure is in both runs.'] : []),
      ...worse.map(line),
      '',
    ].join('\n'),
  };
}
