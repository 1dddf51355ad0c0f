import type { RateLimit } from '../options/connection-settings.ts';
import { RateBuckets } from './rate-buckets.ts';
import type { SharedRate, SharedRates } from './shared-rates.ts';

/** Longest header of a control frame, with its masking key. */
const MAX_SHORT_HEADER_BYTES = 6;

/**
 * The rate limit of one connection. Each message and control frame costs one message token; each wire byte costs one
 * byte token. With action `throttle`, a large frame may put the bucket into debt: reading stops until the debt is paid.
 * With `close`, the bytes of a frame are paid for as they are taken from a read, and the first frame beyond the burst
 * is not delivered.
 */
export class RateGuard {
  readonly limit: RateLimit;
  /** True if {@link takeBytes} has to pay for each byte. */
  readonly countsBytes: boolean;
  /** True until {@link share} or {@link ended}, if the limit has a function that names a key. */
  isWithoutKey: boolean;
  #buckets: RateBuckets;
  #shared: SharedRate | undefined;
  /** Bytes received but not yet paid for; only with `throttle`. */
  #owedBytes = 0;
  #isStopped = false;
  #freePongs = 0;

  /** @param before The guard of the limit until now. Its free pongs are still to come. */
  constructor(limit: RateLimit, before?: RateGuard) {
    this.limit = limit;
    if (before !== undefined) this.#freePongs = before.#freePongs;
    this.isWithoutKey = limit.key !== undefined;
    this.#buckets = new RateBuckets(limit);
    this.countsBytes = limit.action === 'close' && this.#buckets.countBytes;
  }

  /**
   * Pays from the buckets of a key from now on. Call it before the first payment, and {@link ended} at the end. Does nothing
   * after the end: the function that names the key may have closed the connection.
   * @param key `undefined`: the connection keeps buckets of its own.
   */
  share(rates: SharedRates, key: string | undefined, nowMs: number): void {
    if (!this.isWithoutKey) return;
    this.isWithoutKey = false;
    if (key === undefined) return;
    this.#shared = rates.enter(key, nowMs);
    this.#buckets = this.#shared.buckets;
    if (this.#isStopped) this.#buckets.stopped++;
  }

  /** The connection has closed, or has another limit. A second call does nothing. */
  ended(nowMs: number): void {
    this.isWithoutKey = false;
    this.resumedReading(nowMs);
    this.#shared?.rates.leave(this.#shared, nowMs);
    this.#shared = undefined;
  }

  /** Call when bytes have arrived. With `throttle`, the next frame shows whether they are within the limit. */
  received(bytes: number): void {
    if (!this.countsBytes && this.#buckets.countBytes) this.#owedBytes += bytes;
  }

  /** Pays for bytes taken from a read. @returns False if there are too few tokens. */
  takeBytes(bytes: number, nowMs: number): boolean {
    return this.#buckets.takeBytes(bytes, nowMs);
  }

  /**
   * Call when reading stops. With `close`, the peer may go on sending at its rate; these bytes are read in one burst
   * later, and that burst is not the peer's fault.
   */
  stoppedReading(nowMs: number): void {
    if (this.limit.action !== 'close' || this.#isStopped) return;
    if (this.#buckets.stopped === 0) this.#buckets.fill(nowMs);
    this.#buckets.stopped++;
    this.#isStopped = true;
  }

  resumedReading(nowMs: number): void {
    if (!this.#isStopped) return;
    this.#buckets.fillBeyond(nowMs);
    this.#buckets.stopped--;
    this.#isStopped = false;
  }

  /**
   * Call when a ping was sent while nothing is read. Its pong is free, because all pongs are read in one burst later.
   */
  pingedUnread(): void {
    this.#freePongs++;
  }

  /** Call when a pong has arrived. @returns Whether it is free. */
  takeFreePong(payloadBytes: number): boolean {
    if (this.#freePongs === 0) return false;
    this.#freePongs--;
    this.#owedBytes = Math.max(0, this.#owedBytes - payloadBytes - MAX_SHORT_HEADER_BYTES);
    return true;
  }

  /** Time for which reading has to wait, in ms; 0 if the next frame may be taken. */
  waitMs(nowMs: number): number {
    return this.#buckets.waitMs(this.#owedBytes, nowMs);
  }

  /** Pays for one message or control frame and for the bytes received. @returns False if there are too few tokens. */
  take(nowMs: number): boolean {
    if (this.#owedBytes > 0) {
      if (!this.#buckets.takeOwedBytes(this.#owedBytes, nowMs)) return false;
      this.#owedBytes = 0;
    }
    return this.#buckets.takeMessage(nowMs);
  }
}
