import {
  type EventLoopUtilization,
  type IntervalHistogram,
  monitorEventLoopDelay,
  performance,
} from 'node:perf_hooks';
import process from 'node:process';
import { memoryLimit } from '../memory-limit.ts';
import { oldSpaceLimit, oldSpaceUsed } from '../old-space.ts';
import type { LoadSignals } from './signals.ts';

/** Time between two looks at the event loop, in ms; Node counts it as delay. Most of what load control costs. */
const RESOLUTION_MS = 20;
const NS_PER_MS = 1e6;
const US_PER_MS = 1_000;
/** Samples that a share of CPU time, and a share of the event loop, covers. */
const CPU_SAMPLES = 30;
const LOOP_SAMPLES = 10;
/** Asking for the limit of the memory takes 25 µs, and it rarely changes. */
const LIMIT_FOR_MS = 60_000;

/** The signals of the process. */
export type ProcessSignals = Omit<LoadSignals, 'budgetRatio' | 'connectionsRatio'>;

interface CpuReading {
  readonly atMs: number;
  readonly cpuMs: number;
}

/** Measures the process; a measurement takes about 26 µs. Costs nothing before {@link start} and after {@link stop}. */
export class ProcessProbe {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** The oldest reading is first. */
  readonly #loops: EventLoopUtilization[] = [];
  readonly #cpus: CpuReading[] = [];
  readonly #heapBytes = oldSpaceLimit();
  #delayMs = 0;
  #memoryBytes = 0;
  #limitReadAtMs = Number.NEGATIVE_INFINITY;

  /** Begins to measure, in real time: a virtual clock knows nothing of the process. */
  start(): void {
    this.#delay.enable();
    this.#loops.push(performance.eventLoopUtilization());
    this.#cpus.push(readCpu());
  }

  stop(): void {
    this.#delay.disable();
    this.#delay.reset();
    this.#loops.length = 0;
    this.#cpus.length = 0;
    this.#delayMs = 0;
  }

  /** @throws The error of the system: reading the memory needs a file descriptor. */
  measure(): ProcessSignals {
    const nowMs = performance.now();
    if (nowMs - this.#limitReadAtMs >= LIMIT_FOR_MS) {
      this.#memoryBytes = memoryLimit();
      this.#limitReadAtMs = nowMs;
    }
    return {
      eventLoopDelayMs: this.#readDelay(),
      loopUtilization: this.#readLoop(),
      heapRatio: oldSpaceUsed() / this.#heapBytes,
      rssRatio: process.memoryUsage.rss() / this.#memoryBytes,
      cpuRatio: this.#readCpu(),
    };
  }

  #readDelay(): number {
    const delay = this.#delay;
    // Resetting an empty histogram would lose the look at the loop that has begun: two looks make a value.
    if (delay.count === 0) return this.#delayMs;
    this.#delayMs = Math.max(0, delay.mean / NS_PER_MS - RESOLUTION_MS);
    delay.reset();
    return this.#delayMs;
  }

  #readLoop(): number {
    const now = performance.eventLoopUtilization();
    const readings = this.#loops;
    const { utilization } = performance.eventLoopUtilization(now, readings[0]);
    return utilization * covered(readings, now, LOOP_SAMPLES);
  }

  #readCpu(): number {
    const now = readCpu();
    const readings = this.#cpus;
    const first = readings[0]!;
    const ratio = now.atMs > first.atMs ? (now.cpuMs - first.cpuMs) / (now.atMs - first.atMs) : 0;
    return ratio * covered(readings, now, CPU_SAMPLES);
  }
}

/**
 * Adds a reading, and drops those that are too old.
 * @returns The share of the period that the readings cover. Before the first one the process counts as idle: otherwise its busy
 *   start would look like overload.
 */
function covered<Reading>(readings: Reading[], now: Reading, samples: number): number {
  const share = Math.min(1, readings.length / samples);
  readings.push(now);
  if (readings.length > samples) readings.shift();
  return share;
}

function readCpu(): CpuReading {
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), cpuMs: (user + system) / US_PER_MS };
}
