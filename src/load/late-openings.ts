import type { Clock } from '../client/index.ts';
import type { LoadConnection } from './load-connection.ts';

const CHECK_EVERY_MS = 250;

/** Gives up connections that are not open in time. One timer for all of them. */
export class LateOpenings {
  readonly #clock: Clock;
  readonly #opening: ReadonlySet<LoadConnection>;
  readonly #timeoutMs: number;
  #timer: unknown;

  /** @param opening The connections to watch: the owner adds and removes them. */
  constructor(clock: Clock, opening: ReadonlySet<LoadConnection>, timeoutMs: number) {
    this.#clock = clock;
    this.#opening = opening;
    this.#timeoutMs = timeoutMs;
  }

  start(): void {
    const nowMs = this.#clock.now();
    for (const connection of this.#opening) {
      if (nowMs - connection.startedMs > this.#timeoutMs)
        connection.giveUp(`not open after ${this.#timeoutMs} ms`);
    }
    this.#timer = this.#clock.setTimer(() => this.start(), CHECK_EVERY_MS);
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer);
  }
}
