import type { RateLimit } from '../options/connection-settings.ts';
import { TokenBucket } from './token-bucket.ts';

function bucket(rate: number | undefined, burst: number | undefined): TokenBucket | undefined {
  return rate === undefined ? undefined : new TokenBucket(rate, burst ?? rate * 2);
}

const isFull = (one: TokenBucket | undefined, nowMs: number): boolean =>
  one === undefined || one.waitMs(Number.POSITIVE_INFINITY, nowMs) === 0;

/** The buckets that one connection pays from, or all connections with one key. */
export class RateBuckets {
  /**
   * Connections that do not read at present, with action `close`. Their peers may go on sending at the rate; these bytes are
   * read in one burst later, so the buckets fill beyond their capacity meanwhile.
   */
  stopped = 0;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;

  constructor(limit: RateLimit) {
    this.#messages = bucket(limit.messagesPerSecond, limit.burstMessages);
    this.#bytes = bucket(limit.bytesPerSecond, limit.burstBytes);
  }

  /** Whether bytes are limited. */
  get countBytes(): boolean {
    return this.#bytes !== undefined;
  }

  /** Takes a token per byte, or none. Always refuses more than the bucket has. */
  takeBytes(bytes: number, nowMs: number): boolean {
    if (this.stopped > 0) this.fillBeyond(nowMs);
    return this.#bytes?.takeExactly(bytes, nowMs) ?? true;
  }

  /** Takes a token per byte, or none; a full bucket may go into debt. */
  takeOwedBytes(bytes: number, nowMs: number): boolean {
    return this.#bytes?.take(bytes, nowMs) ?? true;
  }

  takeMessage(nowMs: number): boolean {
    if (this.stopped > 0) this.fillBeyond(nowMs);
    return this.#messages?.take(1, nowMs) ?? true;
  }

  /** Time until a message and `owedBytes` can be paid, in ms; 0 if they can be now. */
  waitMs(owedBytes: number, nowMs: number): number {
    return Math.max(this.#bytes?.waitMs(owedBytes, nowMs) ?? 0, this.#messages?.waitMs(1, nowMs) ?? 0);
  }

  /** Adds the tokens since the last call, up to the capacity. */
  fill(nowMs: number): void {
    this.#bytes?.waitMs(0, nowMs);
    this.#messages?.waitMs(0, nowMs);
  }

  fillBeyond(nowMs: number): void {
    this.#bytes?.fillBeyond(nowMs);
    this.#messages?.fillBeyond(nowMs);
  }

  /** Full buckets behave as new ones. */
  areFull(nowMs: number): boolean {
    return isFull(this.#bytes, nowMs) && isFull(this.#messages, nowMs);
  }
}
