import type { Clock } from '../../transport/clock.ts';

/** Timers are a millisecond late as often as not: what is due sooner is waited for by looking again and again. */
const SPIN_BELOW_MS = 1.5;

/** Calls back at a time, as exactly as a busy event loop can; one time at a time. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: unknown;
  #spinning: NodeJS.Immediate | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Takes the place of what was set before. A time in the past is as soon as possible, and never within this call. */
  set(atMs: number): void {
    this.clear();
    const delayMs = atMs - this.#clock.now();
    if (delayMs > SPIN_BELOW_MS) {
      this.#timer = this.#clock.setTimer(() => this.set(atMs), Math.floor(delayMs - 1));
      return;
    }
    const look = (): void => {
      if (this.#clock.now() < atMs) {
        this.#spinning = setImmediate(look);
        return;
      }
      this.#spinning = undefined;
      this.#ring();
    };
    this.#spinning = setImmediate(look);
  }

  clear(): void {
    this.#clock.clearTimer(this.#timer);
    clearImmediate(this.#spinning);
    this.#spinning = undefined;
  }
}
