/**
 * A token bucket: starts full and fills evenly. Time is an argument, in ms on one monotonic clock. The bucket counts in
 * fractions of a token, one per ms of the period, at whole milliseconds. All sums are of integers, so calling often
 * causes no rounding error.
 */
export class TokenBucket {
  readonly #partsPerMs: number;
  readonly #partsPerToken: number;
  readonly #capacity: number;
  #parts: number;
  #filledAtMs = -Infinity;

  /**
   * @param rate Tokens per period, a whole number above 0.
   * @param burst Tokens in a full bucket, a whole number above 0.
   * @param periodMs Length of the period; default 1,000 ms.
   */
  constructor(rate: number, burst: number, periodMs = 1000) {
    this.#partsPerMs = rate;
    this.#partsPerToken = periodMs;
    this.#capacity = burst * periodMs;
    this.#parts = this.#capacity;
  }

  /**
   * Takes `count` tokens, or none. A full bucket accepts a `count` larger than itself and is then in debt: a single
   * large message is never stuck, and the rate holds on average.
   */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    const parts = count * this.#partsPerToken;
    if (this.#parts < Math.min(parts, this.#capacity)) return false;
    this.#parts -= parts;
    return true;
  }

  /** Takes `count` tokens, or none. Always refuses more tokens than the bucket has. */
  takeExactly(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    const parts = count * this.#partsPerToken;
    if (this.#parts < parts) return false;
    this.#parts -= parts;
    return true;
  }

  /** Adds the tokens since the last call, even above a full bucket: none could be taken in that time. */
  fillBeyond(nowMs: number): void {
    const atMs = Math.floor(nowMs);
    if (atMs <= this.#filledAtMs || this.#filledAtMs === -Infinity) return;
    this.#parts += (atMs - this.#filledAtMs) * this.#partsPerMs;
    this.#filledAtMs = atMs;
  }

  /**
   * Time until {@link take} of `count` succeeds, in whole ms from the millisecond of `nowMs`; 0 if it would succeed
   * now.
   */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = Math.min(count * this.#partsPerToken, this.#capacity) - this.#parts;
    return missing <= 0 ? 0 : Math.ceil(missing / this.#partsPerMs);
  }

  #fill(nowMs: number): void {
    const atMs = Math.floor(nowMs);
    if (atMs <= this.#filledAtMs) return;
    if (this.#parts < this.#capacity) {
      this.#parts = Math.min(this.#capacity, this.#parts + (atMs - this.#filledAtMs) * this.#partsPerMs);
    }
    this.#filledAtMs = atMs;
  }
}
