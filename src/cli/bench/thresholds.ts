import { duration, type LoadFigures, whole } from '../../load/index.ts';

/** Thresholds of a run; `undefined` sets none. */
export interface Thresholds {
  readonly maxP99Ms: number | undefined;
  readonly minRatePerSecond: number | undefined;
}

/** Every threshold that was missed, one sentence each. */
export function missed(figures: LoadFigures, { maxP99Ms, minRatePerSecond }: Thresholds): string[] {
  const found: string[] = [];
  const p99 = figures.latencyMs?.p99;
  if (maxP99Ms !== undefined && (p99 === undefined || p99 > maxP99Ms)) {
    const was = p99 === undefined ? 'unknown, because no answer arrived' : duration(p99);
    found.push(`p99 is ${was}; --max-p99-ms allows ${maxP99Ms}`);
  }
  if (minRatePerSecond !== undefined && figures.ratePerSecond < minRatePerSecond) {
    found.push(
      `the rate is ${whole(figures.ratePerSecond)} per second; --min-rate demands ${whole(minRatePerSecond)}`,
    );
  }
  return found;
}
