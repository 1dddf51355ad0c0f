import { TokenBucket } from './token-bucket.ts';
import type { RateLimit } from '../options/connection-settings.ts';

/** Longest header of a control frame, with its masking key. */
const MAX_SHORT_HEADER_BYTES = 6;

function bucket(rate: number | undefined, burst: number | undefined): TokenBucket | undefined {
  return rate === undefined ? undefined : new TokenBucket(rate, burst ?? rate * 2);
}

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
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  /** Bytes received but not yet paid for; only with `throttle`. */
  #owedBytes = 0;
  #isStopped = false;
  #freePongs = 0;

  /** @param before The guard of the limit until now. Its free pongs are still to come. */
  constructor(limit: RateLimit, before?: RateGuard) {
    this.limit = limit;
    if (before !== undefined) this.#freePongs = before.#freePongs;
    this.#messages = bucket(limit.messagesPerSecond, limit.burstMessages);
    this.#bytes = bucket(limit.bytesPerSecond, limit.burstBytes);
    this.countsBytes = limit.action === 'close' && this.#bytes !== undefined;
  }

  /** Call when bytes have arrived. With `throttle`, the next frame shows whether they are within the limit. */
  received(bytes: number): void {
    if (this.#bytes !== undefined && !this.countsBytes) this.#owedBytes += bytes;
  }

  /** Pays for bytes taken from a read. @returns False if there are too few tokens. */
  takeBytes(bytes: number, nowMs: number): boolean {
    if (this.#isStopped) this.#fillBeyond(nowMs);
    return this.#bytes?.takeExactly(bytes, nowMs) ?? true;
  }

  /**
   * Call when reading stops. With `close`, the peer may go on sending at its rate; these bytes are read in one burst
   * later, and that burst is not the peer's fault.
   */
  stoppedReading(nowMs: number): void {
    if (this.limit.action !== 'close') return;
    this.#bytes?.waitMs(0, nowMs);
    this.#messages?.waitMs(0, nowMs);
    this.#isStopped = true;
  }

  resumedReading(nowMs: number): void {
    if (!this.#isStopped) return;
    this.#fillBeyond(nowMs);
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
    return Math.max(this.#bytes?.waitMs(this.#owedBytes, nowMs) ?? 0, this.#messages?.waitMs(1, nowMs) ?? 0);
  }

  /** Pays for one message or control frame and for the bytes received. @returns False if there are too few tokens. */
  take(nowMs: number): boolean {
    if (this.#owedBytes > 0) {
      if (this.#bytes?.take(this.#owedBytes, nowMs) === false) return false;
      this.#owedBytes = 0;
    }
    if (this.#isStopped) this.#fillBeyond(nowMs);
    return this.#messages?.take(1, nowMs) ?? true;
  }

  #fillBeyond(nowMs: number): void {
    this.#bytes?.fillBeyond(nowMs);
    this.#messages?.fillBeyond(nowMs);
  }
}
