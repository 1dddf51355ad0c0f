/** All times in ms on one monotonic clock. */
export interface HeartbeatSettings {
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly maxMissedPongs: number;
}

/**
 * Decides when to ping and when the peer is dead. Any received byte counts as a sign of life, not only a pong (§5.5.2).
 * Has no timer: the owner calls {@link tick} at {@link deadlineMs}.
 */
export class Heartbeat {
  readonly #settings: HeartbeatSettings;
  #nextPingMs: number;
  /** Time at which the unanswered ping was sent; -1 without one. */
  #openSinceMs = -1;
  #missed = 0;

  /** @param firstPingMs Time of the first ping; the caller spreads it over connections. */
  constructor(settings: HeartbeatSettings, firstPingMs: number) {
    this.#settings = settings;
    this.#nextPingMs = firstPingMs;
  }

  /** The interval may have become shorter: the next ping is due at `atMs` at the latest. */
  pingBy(atMs: number): void {
    this.#nextPingMs = Math.min(this.#nextPingMs, atMs);
  }

  /** Time at which {@link tick} has to be called next. */
  deadlineMs(): number {
    return this.#openSinceMs < 0 ? this.#nextPingMs : this.#openSinceMs + this.#settings.pongTimeoutMs;
  }

  /** True while a ping has been unanswered for longer than `pongTimeoutMs`. */
  get suspect(): boolean {
    return this.#missed > 0;
  }

  /**
   * Call when a byte has arrived.
   * @returns Whether the peer was {@link suspect} until now.
   */
  heard(): boolean {
    const wasSuspect = this.#missed > 0;
    this.#openSinceMs = -1;
    this.#missed = 0;
    return wasSuspect;
  }

  /**
   * Call after a time without reading: silence until `nowMs` proves nothing. An unanswered ping gets its full timeout
   * again.
   */
  excuse(nowMs: number): void {
    if (this.#openSinceMs >= 0) this.#openSinceMs = nowMs;
    else if (this.#nextPingMs < nowMs) this.#nextPingMs = nowMs;
  }

  /**
   * Advances to `nowMs`.
   * @param reading Whether pongs could be read. While they could not, the peer is never declared dead, and each ping is
   *   repeated once after `pongTimeoutMs`: if the peer is gone, the first ping only triggers its reset, and the second
   *   ping meets that reset.
   * @returns `ping` to send a ping, `dead` if the peer is dead, otherwise `undefined`.
   */
  tick(nowMs: number, reading = true): 'ping' | 'dead' | undefined {
    if (nowMs < this.deadlineMs()) return undefined;
    if (!reading && this.#openSinceMs >= 0) {
      this.#openSinceMs = -1;
      return 'ping';
    }
    if (this.#openSinceMs >= 0) {
      this.#missed++;
      if (this.#missed >= this.#settings.maxMissedPongs) return 'dead';
    }
    this.#openSinceMs = nowMs;
    this.#nextPingMs = nowMs + this.#settings.pingIntervalMs;
    return 'ping';
  }
}
