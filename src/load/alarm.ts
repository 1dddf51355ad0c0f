import type { Clock } from '../client/index.ts';

/** For delays below this, poll the clock: timers are often a millisecond late. */
const SPIN_BELOW_MS = 1.5;

/** Calls back at a set time, as exactly as the event loop allows. Holds one time. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: unknown;
  #spinning: NodeJS.Immediate | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Replaces the previous time. A time in the past calls back as soon as possible, but never within this call. */
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
