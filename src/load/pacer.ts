/**
 * Says which messages are due. Each message has a scheduled time that does not depend on earlier messages. Its latency
 * counts from that time, so a server that delays senders cannot hide the delay.
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

  /** Messages that are due and not yet sent. */
  due(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#startMs) / this.#everyMs) + 1 - this.sent);
  }

  /** When the next message is meant to go. */
  nextMs(): number {
    return this.#startMs + this.sent * this.#everyMs;
  }
}
