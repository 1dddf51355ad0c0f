import type { RateLimit } from '../options/connection-settings.ts';
import { RateBuckets } from './rate-buckets.ts';

/** Most keys without a connection that are remembered. With about 500 bytes each they use 25 MB at most. */
const MAX_IDLE_KEYS = 50_000;
/** Keys without a connection that are looked at when a connection comes or goes. */
const LOOKS = 2;

/** @returns `undefined` unless connections share the limit by key. */
export const sharedRatesOf = (limit: false | RateLimit): SharedRates | undefined =>
  limit === false || limit.key === undefined ? undefined : new SharedRates(limit);

/** The buckets of one key, from {@link SharedRates.enter} until {@link SharedRates.leave} of its last connection. */
export interface SharedRate {
  readonly rates: SharedRates;
  readonly key: string;
  readonly buckets: RateBuckets;
  connections: number;
}

/**
 * The buckets that connections with equal keys share; see the option `rateLimit.key`. A key without connections is remembered
 * until its buckets are full, so that a reconnect does not refill them. Has no timer: full buckets are dropped when connections
 * come and go.
 */
export class SharedRates {
  readonly #limit: RateLimit;
  readonly #maxIdleKeys: number;
  /** Keys with connections: never more than the server has connections. */
  readonly #used = new Map<string, SharedRate>();
  /** Keys without a connection. */
  readonly #idle = new Map<string, SharedRate>();
  /** Kept between calls: a new iterator would step over all keys deleted at the front of the Map. */
  #hand = this.#idle.values();

  constructor(limit: RateLimit, maxIdleKeys: number = MAX_IDLE_KEYS) {
    this.#limit = limit;
    this.#maxIdleKeys = maxIdleKeys;
  }

  /** Number of keys that are remembered. */
  get size(): number {
    return this.#used.size + this.#idle.size;
  }

  /** A connection of this key pays from its buckets. Call {@link leave} when it has closed. */
  enter(key: string, nowMs: number): SharedRate {
    this.#dropFull(nowMs);
    let rate = this.#used.get(key) ?? this.#idle.get(key);
    if (rate === undefined)
      rate = { rates: this, key, buckets: new RateBuckets(this.#limit), connections: 0 };
    if (rate.connections === 0) {
      this.#idle.delete(key);
      this.#used.set(key, rate);
    }
    rate.connections++;
    return rate;
  }

  leave(rate: SharedRate, nowMs: number): void {
    if (--rate.connections > 0) return;
    this.#used.delete(rate.key);
    this.#dropFull(nowMs);
    if (rate.buckets.areFull(nowMs)) return;
    if (this.#idle.size >= this.#maxIdleKeys) this.#idle.delete(this.#next()!.key);
    this.#idle.set(rate.key, rate);
  }

  #dropFull(nowMs: number): void {
    for (let looks = Math.min(LOOKS, this.#idle.size); looks > 0; looks--) {
      const { key, buckets } = this.#next()!;
      if (buckets.areFull(nowMs)) this.#idle.delete(key);
    }
  }

  /** The keys without a connection in turn. `undefined` if there is none. */
  #next(): SharedRate | undefined {
    let step = this.#hand.next();
    if (step.done === true) {
      this.#hand = this.#idle.values();
      step = this.#hand.next();
    }
    return step.value;
  }
}
