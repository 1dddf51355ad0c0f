import { bucketMs, type HistogramData } from './latency-histogram.ts';

/** Durations of one range, and how many there were. */
export interface LatencyBar {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Preferred numbers of one decade, the finest steps first (E24 to E3 of IEC 60063, then whole decades). */
const DECADES: readonly (readonly number[])[] = [
  [
    1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5,
    8.2, 9.1,
  ],
  [1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2],
  [1, 1.5, 2.2, 3.3, 4.7, 6.8],
  [1, 2.2, 4.7],
  [1],
];
/** 0.1 µs to 1,000 s: all that a histogram can hold. */
const EXPONENTS = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5];

function edgesOf(decade: readonly number[]): number[] {
  const edges = EXPONENTS.flatMap((exponent) =>
    decade.map((step) => Number((step * 10 ** exponent).toPrecision(2))),
  );
  return [0, ...edges];
}

function barsBetween(data: HistogramData, edges: readonly number[]): LatencyBar[] {
  const counts = edges.map(() => 0);
  let at = 0;
  let [first, last] = [Infinity, 0];
  for (let i = 0; i < data.buckets.length; i += 2) {
    const ms = bucketMs(data.buckets[i]!);
    while (at + 1 < edges.length && edges[at + 1]! <= ms) at++;
    counts[at]! += data.buckets[i + 1]!;
    first = Math.min(first, at);
    last = at;
  }
  return counts
    .map((count, i) => ({ fromMs: edges[i]!, toMs: edges[i + 1] ?? Infinity, count }))
    .filter((_, i) => i >= first && i <= last);
}

/**
 * A histogram as at most `most` bars without gaps, each wider than the one before: as fine as the limit allows.
 * @returns Empty if nothing was recorded.
 */
export function latencyBars(data: HistogramData, most: number): readonly LatencyBar[] {
  let bars: LatencyBar[] = [];
  for (const decade of DECADES) {
    bars = barsBetween(data, edgesOf(decade));
    if (bars.length <= most) break;
  }
  return bars;
}
