/**
 * A schedule of messages at a fixed rate. The scheduled time of a message does not depend on earlier messages.
 * Latency counts from that time, so a server that blocks its senders cannot hide the delay (coordinated omission).
 */
export class Pacer {
  /** Messages sent so far. */
  sent = 0;
  readonly #startMs: number;
  readonly #everyMs: number;

  /** @param ratePerSecond Above 0. */
  constructor(ratePerSecond: number, startMs: number) {
    this.#startMs = startMs;
    this.#everyMs = 1_000 / ratePerSecond;
  }

  /** Number of messages that are due and not sent. */
  due(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#startMs) / this.#everyMs) + 1 - this.sent);
  }

  /** Scheduled time of the next message. */
  nextMs(): number {
    return this.#startMs + this.sent * this.#everyMs;
  }
}
