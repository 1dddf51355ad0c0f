/**
 * A token bucket: full at first, filled evenly, emptied by what happens. Time is an argument, in ms on one monotonic
 * clock. It counts in parts of a token, as many as the period has milliseconds, on whole milliseconds: every sum is of
 * integers, so nothing is gained or lost by rounding however often it is asked.
 */
export class TokenBucket {
  readonly #partsPerMs: number;
  readonly #partsPerToken: number;
  readonly #capacity: number;
  #parts: number;
  #filledAtMs = -Infinity;

  /**
   * @param rate Tokens a period, a whole number above 0.
   * @param burst Tokens that a full bucket holds, a whole number above 0.
   * @param periodMs Length of the period; a second unless told.
   */
  constructor(rate: number, burst: number, periodMs = 1000) {
    this.#partsPerMs = rate;
    this.#partsPerToken = periodMs;
    this.#capacity = burst * periodMs;
    this.#parts = this.#capacity;
  }

  /**
   * Takes `count` tokens, or none. What costs more than a full bucket holds is let through by a full one, which is then
   * in debt: a single large message is never stuck, and the rate still holds on average.
   */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    const parts = count * this.#partsPerToken;
    if (this.#parts < Math.min(parts, this.#capacity)) return false;
    this.#parts -= parts;
    return true;
  }

  /** Takes `count` tokens, or none. More than there are is always refused. */
  takeExactly(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    const parts = count * this.#partsPerToken;
    if (this.#parts < parts) return false;
    this.#parts -= parts;
    return true;
  }

  /** Fills in the tokens since the last call, beyond a full bucket, too: nothing could be taken meanwhile. */
  fillBeyond(nowMs: number): void {
    const atMs = Math.floor(nowMs);
    if (atMs <= this.#filledAtMs || this.#filledAtMs === -Infinity) return;
    this.#parts += (atMs - this.#filledAtMs) * this.#partsPerMs;
    this.#filledAtMs = atMs;
  }

  /** How long until {@link take} of `count` succeeds, in whole ms from the millisecond that `nowMs` lies in; 0 if it would now. */
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
