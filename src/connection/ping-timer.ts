import type { RandomSource } from '../engine/random.ts';

const PAYLOAD_BYTES = 8;
/** Weight of a new sample: an average over about the last ten. */
const WEIGHT = 0.2;

/** Measures round trips by our own pings. Nothing in a peer's payload is taken for a time. */
export class PingTimer {
  /** Smoothed, in ms; `undefined` before the first answer. */
  rttMs: number | undefined;
  #payload: Buffer | undefined;
  #sentAtMs = 0;

  /** @returns The payload of the ping to send now: unpredictable, so that no pong can be sent ahead of it. */
  start(random: RandomSource, nowMs: number): Buffer {
    this.#payload = random.bytes(PAYLOAD_BYTES);
    this.#sentAtMs = nowMs;
    return this.#payload;
  }

  /**
   * The payload of a ping whose answer cannot be timed, because nothing is read. Forgets the ping before it, too: its
   * answer may lie unread.
   */
  untimed(random: RandomSource): Buffer {
    this.#payload = undefined;
    return random.bytes(PAYLOAD_BYTES);
  }

  /** Reading stopped: the answer to an open ping may lie unread, so it says nothing of the round trip. */
  forget(): void {
    this.#payload = undefined;
  }

  /** A pong came. Only the answer to the last ping counts, and once. */
  received(payload: Buffer, nowMs: number): void {
    if (this.#payload === undefined || !this.#payload.equals(payload)) return;
    this.#payload = undefined;
    const sample = nowMs - this.#sentAtMs;
    this.rttMs = this.rttMs === undefined ? sample : this.rttMs + (sample - this.rttMs) * WEIGHT;
  }
}
