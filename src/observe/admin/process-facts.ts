import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';
import { memoryLimit } from '../memory-limit.ts';
import type { AdminGauge, AdminGauges } from './snapshot.ts';

/** Resolution of the delay histogram, in ms; it counts as delay, so it is subtracted. */
const RESOLUTION_MS = 20;
const NS_PER_MS = 1_000_000;

export function heapGauge(): AdminGauge {
  const { used_heap_size: now, heap_size_limit: limit } = getHeapStatistics();
  return { now, limit };
}

export const rssGauge = (): AdminGauge => ({ now: process.memoryUsage.rss(), limit: memoryLimit() });

/** Watches the event loop while there are viewers: the delay histogram costs 0.4 % of a core. */
export class LoopWatch {
  #delay: IntervalHistogram | undefined;
  #utilization = performance.eventLoopUtilization();
  #isOn = false;

  /** Delay and utilization since the previous call; `null` for the first one after {@link stop}. */
  read(): Pick<AdminGauges, 'loopUtilization' | 'loopDelayMs'> {
    const before = this.#utilization;
    this.#utilization = performance.eventLoopUtilization();
    const delay = (this.#delay ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS }));
    if (!this.#isOn) {
      this.#isOn = true;
      delay.enable();
      return { loopUtilization: null, loopDelayMs: null };
    }
    const { utilization } = performance.eventLoopUtilization(this.#utilization, before);
    const loopDelayMs =
      delay.count === 0
        ? null
        : { mean: delayMs(delay.mean), p99: delayMs(delay.percentile(99)), max: delayMs(delay.max) };
    delay.reset();
    return { loopUtilization: Math.round(utilization * 10_000) / 10_000, loopDelayMs };
  }

  stop(): void {
    this.#isOn = false;
    this.#delay?.disable();
    this.#delay?.reset();
  }
}

const delayMs = (ns: number): number => Math.round(Math.max(0, ns / NS_PER_MS - RESOLUTION_MS) * 100) / 100;
