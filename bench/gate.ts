import { significant } from '../src/load/index.ts';
import { cellId } from './cells.ts';
import { LIMITS } from './compare.ts';
import {
  type CellRecord,
  oursIn,
  ratioOf as ratioOfPairs,
  type Results,
  RIVALS,
  type Series,
} from './results.ts';
import { median } from './statistics.ts';

/** A figure of Hawser divided by that of `ws`, measured right after each other. */
export interface GateFigure {
  readonly cell: string;
  readonly figure: 'throughput' | 'latency' | 'connect' | 'memory';
  readonly ratio: number;
}

/** A recorded base: ratios, because they hold on other machines, too. */
export interface GateBase {
  readonly format: 1;
  readonly date: string;
  readonly machine: string;
  readonly figures: readonly GateFigure[];
}

/** A figure that became worse by more than PF-13 allows. */
export interface GateFailure extends GateFigure {
  readonly before: number;
  /** Relative: 0.2 is 20 % worse. */
  readonly worseBy: number;
  readonly limit: number;
}

/** @throws Error if the text is not a base of this format. */
export function parseBase(text: string): GateBase {
  const base = JSON.parse(text) as Partial<GateBase>;
  if (base.format !== 1) throw new Error(`the base has format ${base.format}, not 1`);
  return base as GateBase;
}

/** The ratio of the medians of the pairs to the better form of `ws`. */
function ratioOf(record: CellRecord, figure: 'ratePerSecond' | 'p50Ms'): number | undefined {
  const ours = record.sides[oursIn(record)]?.[figure];
  if (ours === undefined) return undefined;
  const sign = figure === 'ratePerSecond' ? 1 : -1;
  const rivals = RIVALS.flatMap((id) => {
    const series = record.sides[id];
    return series === undefined ? [] : [series[figure]];
  });
  const [best] = [...rivals].sort((a, b) => sign * (median(b) - median(a)));
  return best === undefined ? undefined : ratioOfPairs(ours, best).median;
}

/** All ratios of a run. */
export function figuresOf({ cells, memory }: Pick<Results, 'cells' | 'memory'>): GateFigure[] {
  const found: GateFigure[] = [];
  for (const record of cells) {
    const latency = record.group === 'Handshakes' ? 'connect' : 'latency';
    for (const [figure, ratio] of [
      ['throughput', ratioOf(record, 'ratePerSecond')],
      [latency, ratioOf(record, 'p50Ms')],
    ] as const)
      if (ratio !== undefined) found.push({ cell: cellId(record), figure, ratio });
  }
  for (const moment of ['untouched', 'afterTraffic'] as const) {
    const of = (id: string): number | undefined => {
      const samples = memory?.sides[id];
      return samples && median(samples.map((sample) => sample[moment].heapAndExternal));
    };
    const ours = of('hawser');
    const rivals = RIVALS.flatMap((id) => of(id) ?? []);
    // A garbage collection between two looks can make a difference negative.
    if (ours !== undefined && ours > 0 && rivals.length > 0 && Math.min(...rivals) > 0)
      found.push({
        cell: `memory of an idle connection, ${moment === 'untouched' ? 'untouched' : 'after traffic'}`,
        figure: 'memory',
        ratio: ours / Math.min(...rivals),
      });
  }
  return found;
}

const isSame = (a: Omit<GateFigure, 'ratio'>, b: Omit<GateFigure, 'ratio'>): boolean =>
  a.cell === b.cell && a.figure === b.figure;

/** Figures of the base that this run does not have, because a server failed in a cell, or a cell has another name. */
export const missingIn = (base: readonly GateFigure[], figures: readonly GateFigure[]): GateFigure[] =>
  base.filter((then) => !figures.some((now) => isSame(now, then)));

/** Figures that are worse than the base by more than PF-13 allows, worst first. A figure that the base lacks is left out. */
export function failuresOf(base: readonly GateFigure[], figures: readonly GateFigure[]): GateFailure[] {
  return figures
    .flatMap((now) => {
      const then = base.find((one) => isSame(one, now));
      if (then === undefined) return [];
      const limit = LIMITS[now.figure];
      const worseBy = now.figure === 'throughput' ? 1 - now.ratio / then.ratio : now.ratio / then.ratio - 1;
      return worseBy > limit ? [{ ...now, before: then.ratio, worseBy, limit }] : [];
    })
    .sort((a, b) => b.worseBy / b.limit - a.worseBy / a.limit);
}

export const failureText = ({ cell, figure, ratio, before, worseBy, limit }: GateFailure): string =>
  `${cell}, ${figure}: ${significant(ratio)} of ws, before ${significant(before)}: ${significant(worseBy * 100)} % worse, ${limit * 100} % allowed`;

/** Appends the rounds of a second run to those of the first, cell by cell. */
export function joined(first: readonly CellRecord[], second: readonly CellRecord[]): CellRecord[] {
  return first.map((record) => {
    const again = second.find((one) => cellId(one) === cellId(record));
    if (again === undefined) return record;
    const sides = Object.fromEntries(
      Object.entries(record.sides).map(([id, series]) => {
        const more = again.sides[id];
        if (more === undefined) return [id, series];
        const both = Object.fromEntries(
          Object.entries(series).map(([figure, values]) => [
            figure,
            [...values, ...more[figure as keyof typeof more]],
          ]),
        );
        return [id, both as unknown as Series];
      }),
    );
    return { ...record, sides };
  });
}
