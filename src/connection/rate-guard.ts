import { TokenBucket } from './token-bucket.ts';
import type { RateLimit } from '../options/connection-settings.ts';

/** Header of a control frame with its masking key. */
const MAX_SHORT_HEADER_BYTES = 6;

function bucket(rate: number | undefined, burst: number | undefined): TokenBucket | undefined {
  return rate === undefined ? undefined : new TokenBucket(rate, burst ?? rate * 2);
}

/**
 * The rate limit of one connection: messages and control frames cost a token each, bytes as many as came over the wire.
 * With action `throttle` a large frame may put the bucket into debt: reading waits until it is paid. With `close`
 * each byte that is taken from a read is paid for at once, and the first frame beyond the burst is not delivered.
 */
export class RateGuard {
  readonly limit: RateLimit;
  /** Each byte has to be paid for by {@link takeBytes}. */
  readonly countsBytes: boolean;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  /** Bytes received whose tokens are not there yet; with `throttle`. */
  #owedBytes = 0;
  #isStopped = false;
  #freePongs = 0;

  constructor(limit: RateLimit) {
    this.limit = limit;
    this.#messages = bucket(limit.messagesPerSecond, limit.burstMessages);
    this.#bytes = bucket(limit.bytesPerSecond, limit.burstBytes);
    this.countsBytes = limit.action === 'close' && this.#bytes !== undefined;
  }

  /** Bytes came. With `throttle`, the next frame shows whether they are within the limit. */
  received(bytes: number): void {
    if (this.#bytes !== undefined && !this.countsBytes) this.#owedBytes += bytes;
  }

  /** Pays for bytes that were taken from a read. @returns False if the tokens are not there. */
  takeBytes(bytes: number, nowMs: number): boolean {
    if (this.#isStopped) this.#fillBeyond(nowMs);
    return this.#bytes?.takeExactly(bytes, nowMs) ?? true;
  }

  /**
   * We stopped reading. With `close`, the peer may send at its rate all the while: it comes at once later, and is no
   * burst of the peer's.
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

  /** A ping was sent while nothing is read: its answer costs nothing, since the answers come all at once afterwards. */
  pingedUnread(): void {
    this.#freePongs++;
  }

  /** A pong came. @returns Whether it costs nothing. */
  takeFreePong(payloadBytes: number): boolean {
    if (this.#freePongs === 0) return false;
    this.#freePongs--;
    this.#owedBytes = Math.max(0, this.#owedBytes - payloadBytes - MAX_SHORT_HEADER_BYTES);
    return true;
  }

  /** How long reading has to wait, in ms; 0 if the next frame may be taken. */
  waitMs(nowMs: number): number {
    return Math.max(this.#bytes?.waitMs(this.#owedBytes, nowMs) ?? 0, this.#messages?.waitMs(1, nowMs) ?? 0);
  }

  /** Pays for one message or control frame, and for the bytes that came. @returns False if the tokens are not there. */
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
