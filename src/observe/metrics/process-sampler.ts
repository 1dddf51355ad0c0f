import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';
import type { Engine } from '../../engine/engine.ts';
import type { ProcessReading } from './reading.ts';

/** Time between two looks at the event loop, in ms. Costs 0.4 % of a core. */
const RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;
const US_PER_SECOND = 1e6;
/** After this time without a reading, the measurement stops until the next reading. */
const IDLE_AFTER_MS = 300_000;

/**
 * Measures the process: one object per engine. The delay of the event loop is measured only between readings. Several readers
 * share the measurement: each gets the time since the previous reading of any of them.
 */
export class ProcessSampler {
  readonly #engine: Engine;
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #utilization = performance.eventLoopUtilization();
  #isOn = false;
  #stopTimer: unknown;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  read(): ProcessReading {
    const before = this.#isOn ? this.#utilization : undefined;
    this.#utilization = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage();
    const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
    return {
      loopDelay: this.#readDelay(),
      loopUtilization:
        before === undefined
          ? this.#utilization.utilization
          : performance.eventLoopUtilization(this.#utilization, before).utilization,
      cpuSeconds: (user + system) / US_PER_SECOND,
      residentBytes: process.memoryUsage.rss(),
      heapUsedBytes,
      heapLimitBytes,
    };
  }

  /** Stops the measurement until the next reading. */
  stop(): void {
    this.#engine.clock.clearTimer(this.#stopTimer);
    this.#isOn = false;
    this.#delay.disable();
    this.#delay.reset();
  }

  #readDelay(): ProcessReading['loopDelay'] {
    const { clock } = this.#engine;
    clock.clearTimer(this.#stopTimer);
    this.#stopTimer = clock.setTimer(() => this.stop(), IDLE_AFTER_MS);
    if (!this.#isOn) {
      this.#isOn = true;
      this.#delay.enable();
      return undefined;
    }
    const delay = this.#delay;
    // Resetting an empty histogram would lose the look at the loop that has begun: two looks make a value.
    if (delay.count === 0) return undefined;
    const loopDelay = {
      mean: seconds(delay.mean),
      p99: seconds(delay.percentile(99)),
      max: seconds(delay.max),
    };
    delay.reset();
    return loopDelay;
  }
}

/** Node counts the time between two looks; the part beyond the interval is the delay. */
const seconds = (ns: number): number => Math.max(0, ns / NS_PER_SECOND - RESOLUTION_MS / 1_000);
