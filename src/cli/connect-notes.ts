import type { Clock } from '../index.ts';
import { duration } from '../load/index.ts';

/** Round-trip times of the pings that the user sent. Pongs of the heartbeat carry random bytes that the user did not type. */
export class TypedPings {
  readonly #clock: Pick<Clock, 'now'>;
  /** When pings with a payload were sent, the oldest first. */
  readonly #sent = new Map<string, number[]>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  sent(payload: string): void {
    const times = this.#sent.get(payload);
    if (times === undefined) this.#sent.set(payload, [this.#clock.now()]);
    else times.push(this.#clock.now());
  }

  /** @returns The round-trip time as text; `undefined` if the user sent no such ping. */
  answered(payload: string): string | undefined {
    const times = this.#sent.get(payload);
    const sentMs = times?.shift();
    if (times?.length === 0) this.#sent.delete(payload);
    return sentMs === undefined ? undefined : duration(this.#clock.now() - sentMs);
  }
}

/** The time of day in UTC, as in the log of `serve`: `12:03:04.567`. */
export const timeOfDay = (clock: Pick<Clock, 'wallNow'>): string =>
  new Date(clock.wallNow()).toISOString().slice(11, 23);
