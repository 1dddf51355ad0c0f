/**
 * Says which messages are due. Each has a time at which it is meant to be sent, whatever happened to those before it, and
 * its latency counts from there: a server that makes senders wait cannot hide the wait.
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

  /** Messages that should be under way by now and are not. */
  due(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#startMs) / this.#everyMs) + 1 - this.sent);
  }

  /** When the next message is meant to go. */
  nextMs(): number {
    return this.#startMs + this.sent * this.#everyMs;
  }
}
