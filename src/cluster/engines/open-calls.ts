import type { Clock } from '../../engine/clock.ts';
import type { EngineError } from '../../protocol/errors.ts';

interface OpenCall {
  readonly sinceMs: number;
  readonly reject: (error: EngineError) => void;
}

/**
 * Calls of one connection to a broker that have no answer yet. The broker answers in order, so the oldest call decides whether the
 * deadline has passed: all calls share one timer.
 */
export class OpenCalls {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #late: () => void;
  readonly #calls = new Set<OpenCall>();
  #timer: unknown;

  /** @param late The oldest call is open for `deadlineMs`. It must end in {@link rejectAll}. */
  constructor(clock: Clock, deadlineMs: number, late: () => void) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#late = late;
  }

  /** Makes a call reject with {@link rejectAll}, whatever the library of the broker does. */
  run<Result>(call: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const open: OpenCall = { sinceMs: this.#clock.now(), reject };
      this.#calls.add(open);
      this.#watch(this.#deadlineMs);
      call().then(
        (result) => {
          this.#calls.delete(open);
          resolve(result);
        },
        (error: unknown) => {
          this.#calls.delete(open);
          reject(error);
        },
      );
    });
  }

  rejectAll(error: EngineError): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const { reject } of this.#calls) reject(error);
    this.#calls.clear();
  }

  #watch(delayMs: number): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined;
      const [oldest] = this.#calls;
      if (oldest === undefined) return;
      const leftMs = oldest.sinceMs + this.#deadlineMs - this.#clock.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.#late();
    }, delayMs);
  }
}
