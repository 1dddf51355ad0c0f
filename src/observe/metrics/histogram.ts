/** A histogram at one moment: plain data. */
export interface HistogramCounts {
  /** Number of values. */
  readonly count: number;
  readonly sum: number;
  /** Values up to each bound, those below smaller bounds included. Ascending; values above the last bound are only in `count`. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
}

/** @param counts Values in each bucket; those from `bounds.length` on lie above the last bound. */
export function cumulative(bounds: readonly number[], counts: Float64Array, sum: number): HistogramCounts {
  let count = 0;
  const buckets = bounds.map((upTo, at) => {
    count += counts[at]!;
    return { upTo, count };
  });
  for (let at = bounds.length; at < counts.length; at++) count += counts[at]!;
  return { count, sum, buckets };
}

/** Counts values by bucket, in memory of fixed size. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds Ascending. A value equal to a bound counts in its bucket. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** @param value A duration of a clock that was set back may be negative: it counts as 0. */
  add(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.#counts[at]!++;
    if (value > 0) this.#sum += value;
  }

  read(): HistogramCounts {
    return cumulative(this.#bounds, this.#counts, this.#sum);
  }
}
