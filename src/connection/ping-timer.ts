import type { RandomSource } from '../engine/random.ts';

const PAYLOAD_BYTES = 8;
/** Weight of a new sample: averages over about the last ten. */
const WEIGHT = 0.2;

/** Measures round-trip times with our own pings. Never reads a time from a payload of the peer. */
export class PingTimer {
  /** Smoothed round-trip time in ms; `undefined` before the first pong. */
  rttMs: number | undefined;
  #payload: Buffer | undefined;
  #sentAtMs = 0;

  /**
   * Starts a measurement.
   * @returns The payload of the ping to send now. It is unpredictable, so the peer cannot send the pong in advance.
   */
  start(random: RandomSource, nowMs: number): Buffer {
    this.#payload = random.bytes(PAYLOAD_BYTES);
    this.#sentAtMs = nowMs;
    return this.#payload;
  }

  /**
   * Returns the payload of a ping that cannot be timed, because nothing is read. Also ends the current measurement: its
   * pong may be unread.
   */
  untimed(random: RandomSource): Buffer {
    this.#payload = undefined;
    return random.bytes(PAYLOAD_BYTES);
  }

  /**
   * Call when reading stops: the pong of the current measurement may be unread, so its time says nothing about the
   * round trip.
   */
  forget(): void {
    this.#payload = undefined;
  }

  /**
   * Call when a pong has arrived. Only the first pong of the last ping counts.
   * @returns The round-trip time in ms; `undefined` for any other pong.
   */
  received(payload: Buffer, nowMs: number): number | undefined {
    if (this.#payload === undefined || !this.#payload.equals(payload)) return undefined;
    this.#payload = undefined;
    const sample = nowMs - this.#sentAtMs;
    this.rttMs = this.rttMs === undefined ? sample : this.rttMs + (sample - this.rttMs) * WEIGHT;
    return sample;
  }
}
