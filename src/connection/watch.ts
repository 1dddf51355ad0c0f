import { Heartbeat } from '../protocol/heartbeat.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';

/** What a deadline asks for: a ping, or an end. */
export type WatchVerdict =
  | 'ping'
  | 'read'
  | 'ERR_CLOSE_TIMEOUT'
  | 'ERR_WRITE_TIMEOUT'
  | 'ERR_MESSAGE_TIMEOUT'
  | 'ERR_IDLE_TIMEOUT'
  | 'ERR_PING_TIMEOUT';

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Every deadline of one connection, as arithmetic: silence, unfinished messages, a peer that takes nothing, a closing
 * handshake that does not end. All times in ms on one clock that stands still while the process does.
 */
export class Watch {
  /** When the last byte came. */
  receivedAtMs: number;
  /** Ends a throttle; `NEVER` without one. */
  throttledUntilMs = NEVER;

  readonly #settings: ConnectionSettings;
  #heartbeat: Heartbeat | undefined;
  /** Since when we are not reading, or -1. */
  #stoppedAtMs = -1;
  #idleFromMs: number;
  #messageDueMs = NEVER;
  #messageSerial = -1;
  #writeDueMs = NEVER;
  #closeDueMs = NEVER;

  /** @param fraction At random from 0 to 1: spreads the first pings of many connections over half an interval. */
  constructor(settings: ConnectionSettings, nowMs: number, fraction: number) {
    this.#settings = settings;
    this.receivedAtMs = nowMs;
    this.#idleFromMs = nowMs;
    this.#heartbeat = settings.heartbeat
      ? new Heartbeat(settings, nowMs + settings.pingIntervalMs * (0.5 + fraction / 2))
      : undefined;
  }

  /** From then on nothing counts but the end of closing, and bytes that are not taken. */
  get #isClosing(): boolean {
    return this.#idleFromMs === NEVER;
  }

  /** Bytes came. */
  received(nowMs: number): void {
    this.receivedAtMs = nowMs;
    if (!this.#isClosing) this.#idleFromMs = nowMs;
    this.#heartbeat?.heard();
  }

  /**
   * After a read: a message or frame is unfinished.
   * @param serial Tells one message from the next.
   */
  unfinished(serial: number, nowMs: number): void {
    if (serial === this.#messageSerial || this.#isClosing) return;
    this.#messageSerial = serial;
    this.#messageDueMs = nowMs + this.#settings.messageTimeoutMs;
  }

  /** After a read: nothing is unfinished. */
  finished(): void {
    this.#messageDueMs = NEVER;
    this.#messageSerial = -1;
  }

  /** After a write, or when the kernel took something: bytes still wait. */
  writing(progressed: boolean, nowMs: number): void {
    if (progressed || this.#writeDueMs === NEVER) this.#writeDueMs = nowMs + this.#settings.writeTimeoutMs;
  }

  /** No byte waits any more. */
  written(): void {
    this.#writeDueMs = NEVER;
  }

  /** False while silence is our own doing: nothing is read. */
  get isReading(): boolean {
    return this.#stoppedAtMs < 0;
  }

  /** We stopped reading: from here on silence is our own doing. Pings go on, since a write finds out that a peer is gone. */
  stoppedReading(nowMs: number): void {
    if (this.#stoppedAtMs < 0) this.#stoppedAtMs = nowMs;
  }

  resumedReading(nowMs: number): void {
    if (this.#stoppedAtMs < 0) return;
    const stoppedForMs = nowMs - this.#stoppedAtMs;
    this.#stoppedAtMs = -1;
    this.#idleFromMs += stoppedForMs;
    this.#messageDueMs += stoppedForMs;
    this.#heartbeat?.excuse(nowMs);
  }

  /** The closing handshake has begun, or what remains of the connection has to end: no later than the close timeout. */
  closing(nowMs: number): void {
    if (this.#closeDueMs !== NEVER) return;
    this.#heartbeat = undefined;
    this.#idleFromMs = NEVER;
    this.#messageDueMs = NEVER;
    this.throttledUntilMs = NEVER;
    this.#closeDueMs = nowMs + this.#settings.closeTimeoutMs;
  }

  /** The socket below must be gone within `ms`. */
  closeWithin(ms: number, nowMs: number): void {
    this.closing(nowMs);
    this.#closeDueMs = Math.min(this.#closeDueMs, nowMs + ms);
  }

  /** When {@link tick} has something to say; infinite if never. */
  deadlineMs(): number {
    const other = Math.min(this.#writeDueMs, this.#closeDueMs, this.throttledUntilMs);
    const pingDueMs = this.#heartbeat?.deadlineMs() ?? NEVER;
    if (!this.isReading) return Math.min(other, pingDueMs);
    const { idleTimeoutMs } = this.#settings;
    const idleDueMs = idleTimeoutMs === false ? NEVER : this.#idleFromMs + idleTimeoutMs;
    return Math.min(other, idleDueMs, this.#messageDueMs, pingDueMs);
  }

  /**
   * Says each end once: whoever asks goes on asking until nothing is due.
   * @returns What is due, one thing at a time; `undefined` if nothing more is.
   */
  tick(nowMs: number): WatchVerdict | undefined {
    if (nowMs >= this.#closeDueMs) {
      this.#closeDueMs = NEVER;
      return 'ERR_CLOSE_TIMEOUT';
    }
    if (nowMs >= this.#writeDueMs) {
      this.#writeDueMs = NEVER;
      return 'ERR_WRITE_TIMEOUT';
    }
    if (nowMs >= this.throttledUntilMs) {
      this.throttledUntilMs = NEVER;
      return 'read';
    }
    if (!this.isReading) return this.#heartbeat?.tick(nowMs, false) === 'ping' ? 'ping' : undefined;
    if (nowMs >= this.#messageDueMs) {
      this.#messageDueMs = NEVER;
      return 'ERR_MESSAGE_TIMEOUT';
    }
    const { idleTimeoutMs } = this.#settings;
    if (idleTimeoutMs !== false && nowMs >= this.#idleFromMs + idleTimeoutMs) {
      this.#idleFromMs = NEVER;
      return 'ERR_IDLE_TIMEOUT';
    }
    const beat = this.#heartbeat?.tick(nowMs);
    return beat === 'dead' ? 'ERR_PING_TIMEOUT' : beat;
  }
}
