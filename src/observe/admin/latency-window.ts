import type { ServerStats } from '../../server/stats.ts';
import type { HistogramCounts } from '../metrics/histogram.ts';
import type { AdminLatency, AdminPercentiles } from './snapshot.ts';

const WINDOW_MS = 10_000;
const MS_PER_SECOND = 1_000;

interface Reading {
  readonly uptimeMs: number;
  readonly handler: HistogramCounts | undefined;
  readonly rtt: HistogramCounts;
}

/** Reads percentiles of the last 10 seconds from histograms that only grow. */
export class LatencyWindow {
  /** Of the last 10 seconds and one before; the oldest is first. */
  readonly #readings: Reading[] = [];

  /** Call it with each snapshot. The first call covers the time since the start of the server. */
  read({ uptimeMs, messages, heartbeat }: ServerStats): AdminLatency {
    const now: Reading = { uptimeMs, handler: messages.handlerSeconds, rtt: heartbeat.rttSeconds };
    while (this.#readings.length > 1 && this.#readings[1]!.uptimeMs <= uptimeMs - WINDOW_MS)
      this.#readings.shift();
    const before = this.#readings[0];
    this.#readings.push(now);
    return {
      overMs: Math.round(uptimeMs - (before?.uptimeMs ?? 0)),
      handler: now.handler === undefined ? null : percentiles(now.handler, before?.handler),
      rtt: percentiles(now.rtt, before?.rtt),
    };
  }

  reset(): void {
    this.#readings.length = 0;
  }
}

/** Of the values that `now` has and `before` has not. @returns `null` for none. */
function percentiles(now: HistogramCounts, before?: HistogramCounts): AdminPercentiles | null {
  const count = now.count - (before?.count ?? 0);
  if (count <= 0) return null;
  const bound = (share: number): number => {
    const bucket = now.buckets.find(
      (each, at) => each.count - (before?.buckets[at]?.count ?? 0) >= share * count,
    );
    // Above the last bound, nothing more is known.
    return (bucket ?? now.buckets.at(-1)!).upTo * MS_PER_SECOND;
  };
  return { count, p50Ms: rounded(bound(0.5)), p99Ms: rounded(bound(0.99)) };
}

const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;
