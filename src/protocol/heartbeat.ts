/** All times in ms on one monotonic clock. */
export interface HeartbeatSettings {
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly maxMissedPongs: number;
}

/**
 * Says when to ping and when to give up. Any byte received is a sign of life, not only a pong (§5.5.2).
 * Arithmetic alone: whoever owns it calls {@link tick} by {@link deadlineMs}.
 */
export class Heartbeat {
  readonly #settings: HeartbeatSettings;
  #nextPingMs: number;
  /** When the open ping was sent, or -1 while none is open. */
  #openSinceMs = -1;
  #missed = 0;

  /** @param firstPingMs Time of the first ping; spread over connections by the caller. */
  constructor(settings: HeartbeatSettings, firstPingMs: number) {
    this.#settings = settings;
    this.#nextPingMs = firstPingMs;
  }

  /** When {@link tick} has to be called next. */
  deadlineMs(): number {
    return this.#openSinceMs < 0 ? this.#nextPingMs : this.#openSinceMs + this.#settings.pongTimeoutMs;
  }

  /** A ping is unanswered for longer than `pongTimeoutMs`. */
  get suspect(): boolean {
    return this.#missed > 0;
  }

  /** A byte has arrived. */
  heard(): void {
    this.#openSinceMs = -1;
    this.#missed = 0;
  }

  /** We have not been reading, so silence until `nowMs` proves nothing: an open ping gets its whole time again. */
  excuse(nowMs: number): void {
    if (this.#openSinceMs >= 0) this.#openSinceMs = nowMs;
    else if (this.#nextPingMs < nowMs) this.#nextPingMs = nowMs;
  }

  /**
   * @param reading Whether pongs could have been read. While they cannot, the peer is never given up: each ping is repeated
   *   once after `pongTimeoutMs`, since the first one to a peer that is gone only brings the reset that the second one meets.
   * @returns What to do now: `ping`, give the peer up as `dead`, or nothing yet.
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
