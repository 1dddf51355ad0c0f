import { TokenBucket } from '../../connection/token-bucket.ts';

/** Most addresses remembered at a time. At some 260 bytes each the table stays below 30 MiB, whoever knocks. */
export const MAX_RATE_ENTRIES = 100_000;
/** How many entries a newcomer looks at: two when there is room, so that the table shrinks as it is used. */
const LOOKS = 2;
const LOOKS_WHEN_CROWDED = 32;

/**
 * A token bucket for each key, for a bounded number of keys. A full bucket is no different from none, so full ones are
 * forgotten as newcomers arrive, and first when room is needed; if none of those looked at is full, the one that lacks
 * least goes. The next newcomer looks on where this one stopped, so that no arrival costs more than a few looks and every
 * entry has its turn.
 */
export class RateTable {
  readonly #rate: number;
  readonly #burst: number;
  readonly #periodMs: number;
  readonly #maxEntries: number;
  readonly #buckets = new Map<string, TokenBucket>();
  /** Kept between arrivals: from the front a Map would step over every entry deleted there before. */
  #hand = this.#buckets.entries();

  /** @see TokenBucket for `rate`, `burst` and `periodMs`. */
  constructor(rate: number, burst: number, periodMs: number, maxEntries: number = MAX_RATE_ENTRIES) {
    this.#rate = rate;
    this.#burst = burst;
    this.#periodMs = periodMs;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one token from the bucket of `key`, if it has one. */
  take(key: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      this.#makeRoom(nowMs);
      bucket = new TokenBucket(this.#rate, this.#burst, this.#periodMs);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(1, nowMs);
  }

  #makeRoom(nowMs: number): void {
    const crowded = this.#buckets.size >= this.#maxEntries;
    let looks = Math.min(crowded ? LOOKS_WHEN_CROWDED : LOOKS, this.#buckets.size);
    let victim: string | undefined;
    let leastMs = Infinity;
    while (looks-- > 0) {
      let step = this.#hand.next();
      if (step.done === true) {
        this.#hand = this.#buckets.entries();
        step = this.#hand.next();
      }
      if (step.done === true) return;
      const [key, bucket] = step.value;
      const missingMs = bucket.waitMs(this.#burst, nowMs);
      if (missingMs === 0) {
        this.#buckets.delete(key);
        if (crowded) return;
      } else if (missingMs < leastMs) {
        leastMs = missingMs;
        victim = key;
      }
    }
    if (crowded && victim !== undefined) this.#buckets.delete(victim);
  }
}
