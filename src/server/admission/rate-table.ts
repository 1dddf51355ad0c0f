import { TokenBucket } from '../../connection/token-bucket.ts';

/** Most entries. At about 260 bytes each, the table stays below 30 MiB under any load. */
export const MAX_RATE_ENTRIES = 100_000;
/** Entries that a new key checks. Two while there is room: the table then shrinks as it is used. */
const LOOKS = 2;
const LOOKS_WHEN_CROWDED = 32;

/**
 * A token bucket per key, for a bounded number of keys. A full bucket behaves like no bucket, so each new key checks a few
 * entries and evicts the full ones. A full table without a full bucket among them evicts the bucket that is closest to
 * full. The next new key continues the round where this one stopped, so every entry is checked in turn.
 */
export class RateTable {
  readonly #rate: number;
  readonly #burst: number;
  readonly #periodMs: number;
  readonly #maxEntries: number;
  readonly #buckets = new Map<string, TokenBucket>();
  /** Kept between calls: a new iterator would step over all entries deleted at the front of the Map. */
  #hand = this.#buckets.entries();

  /** `rate`, `burst` and `periodMs` as in TokenBucket. */
  constructor(rate: number, burst: number, periodMs: number, maxEntries: number = MAX_RATE_ENTRIES) {
    this.#rate = rate;
    this.#burst = burst;
    this.#periodMs = periodMs;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** @returns Whether the bucket of `key` had a token, which is taken. */
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
