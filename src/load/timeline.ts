import type { Clock } from '../client/index.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Tally } from './tally.ts';

/** One interval of a run. */
export interface TimelinePoint {
  /** End of the interval, in ms since the measurement began. */
  readonly atMs: number;
  readonly ratePerSecond: number;
  /** Latency in this interval; `null` if no answer came. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** An interval at the end of a run that is shorter than this share of the others says too little. */
const MIN_SHARE = 0.5;

/** Reads a tally at regular intervals; what is measured does not notice. Begins when it is made. */
export class Timeline {
  readonly #tally: Tally;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #startMs: number;
  readonly #points: TimelinePoint[] = [];
  #lastMs: number;
  #messages = 0;
  #latency = new LatencyHistogram();
  #timer: unknown;

  constructor(tally: Tally, clock: Clock, everyMs: number) {
    this.#tally = tally;
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#startMs = clock.now();
    this.#lastMs = this.#startMs;
    this.#wait();
  }

  /** Ends it. @returns Every interval, in order. */
  end(): readonly TimelinePoint[] {
    this.#clock.clearTimer(this.#timer);
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastMs >= MIN_SHARE * this.#everyMs) this.#read(nowMs);
    return this.#points;
  }

  #wait(): void {
    // A multiple of the interval, so that a late timer does not move those after it, and not so close that an interval says little.
    const elapsedMs = this.#clock.now() - this.#startMs;
    const nextMs = Math.round(elapsedMs / this.#everyMs + 1) * this.#everyMs;
    this.#timer = this.#clock.setTimer(() => {
      this.#read(this.#clock.now());
      this.#wait();
    }, nextMs - elapsedMs);
  }

  #read(nowMs: number): void {
    const tookMs = nowMs - this.#lastMs;
    if (tookMs <= 0) return;
    const { messages } = this.#tally;
    const latency = this.#tally.latency.since(this.#latency);
    const quantile = (share: number): number | null =>
      latency.count === 0 ? null : latency.quantileMs(share);
    this.#points.push({
      atMs: nowMs - this.#startMs,
      ratePerSecond: ((messages - this.#messages) * 1_000) / tookMs,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    });
    this.#messages = messages;
    this.#latency = this.#tally.latency.copy();
    this.#lastMs = nowMs;
  }
}
