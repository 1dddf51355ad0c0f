import { Heartbeat } from '../protocol/heartbeat.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';

/** What is due: a ping, a read, or the error that ends the connection. */
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
 * Computes every deadline of one connection: silence, unfinished messages, a peer that accepts no bytes, an unfinished
 * closing handshake. Has no timer. All times in ms on one clock that stands still while the process is stalled.
 */
export class Watch {
  /** Time at which the last byte arrived. */
  receivedAtMs: number;
  /** Time at which a throttle ends; `NEVER` without one. */
  throttledUntilMs = NEVER;

  readonly #settings: ConnectionSettings;
  #heartbeat: Heartbeat | undefined;
  /** Time since which nothing is read; -1 while reading. */
  #stoppedAtMs = -1;
  #idleFromMs: number;
  #messageDueMs = NEVER;
  #messageSerial = -1;
  #writeDueMs = NEVER;
  #closeDueMs = NEVER;

  /** @param fraction Random, 0 to 1: spreads the first pings of many connections over half an interval. */
  constructor(settings: ConnectionSettings, nowMs: number, fraction: number) {
    this.#settings = settings;
    this.receivedAtMs = nowMs;
    this.#idleFromMs = nowMs;
    this.#heartbeat = settings.heartbeat
      ? new Heartbeat(settings, nowMs + settings.pingIntervalMs * (0.5 + fraction / 2))
      : undefined;
  }

  /**
   * Call when the settings have changed. Deadlines of an unfinished message, of a write and of a closing handshake stay as they
   * are; the next ones follow.
   * @param fraction As in the constructor: the first pings after the change are spread, too.
   * @returns Whether a ping was overdue that no longer counts.
   */
  settingsChanged(nowMs: number, fraction: number): boolean {
    if (this.#isClosing) return false;
    const { heartbeat, pingIntervalMs } = this.#settings;
    const wasSuspect = !heartbeat && this.isSuspect;
    const pingMs = nowMs + pingIntervalMs * (0.5 + fraction / 2);
    if (!heartbeat) this.#heartbeat = undefined;
    else if (this.#heartbeat === undefined) this.#heartbeat = new Heartbeat(this.#settings, pingMs);
    else this.#heartbeat.pingBy(pingMs);
    return wasSuspect;
  }

  /** True once closing has begun: then only the close and write deadlines apply. */
  get #isClosing(): boolean {
    return this.#idleFromMs === NEVER;
  }

  /** True while a ping is overdue. */
  get isSuspect(): boolean {
    return this.#heartbeat?.suspect === true;
  }

  /**
   * Call when bytes have arrived.
   * @returns Whether a ping was overdue until now.
   */
  received(nowMs: number): boolean {
    this.receivedAtMs = nowMs;
    if (!this.#isClosing) this.#idleFromMs = nowMs;
    return this.#heartbeat?.heard() === true;
  }

  /**
   * Call after a read that left a message or frame unfinished.
   * @param serial Identifies the message.
   */
  unfinished(serial: number, nowMs: number): void {
    if (serial === this.#messageSerial || this.#isClosing) return;
    this.#messageSerial = serial;
    this.#messageDueMs = nowMs + this.#settings.messageTimeoutMs;
  }

  /** Call after a read that left nothing unfinished. */
  finished(): void {
    this.#messageDueMs = NEVER;
    this.#messageSerial = -1;
  }

  /** Call after a write, and when the kernel has accepted bytes, while bytes are still queued. */
  writing(progressed: boolean, nowMs: number): void {
    if (progressed || this.#writeDueMs === NEVER) this.#writeDueMs = nowMs + this.#settings.writeTimeoutMs;
  }

  /** Call when all queued bytes are written. */
  written(): void {
    this.#writeDueMs = NEVER;
  }

  /** False while nothing is read: silence then proves nothing about the peer. */
  get isReading(): boolean {
    return this.#stoppedAtMs < 0;
  }

  /** Call when reading stops. Pings go on, because a failing write shows that the peer is gone. */
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

  /** Call when the closing handshake has begun, or when the connection has to end within the close timeout. */
  closing(nowMs: number): void {
    if (this.#closeDueMs !== NEVER) return;
    this.#heartbeat = undefined;
    this.#idleFromMs = NEVER;
    this.#messageDueMs = NEVER;
    this.throttledUntilMs = NEVER;
    this.#closeDueMs = nowMs + this.#settings.closeTimeoutMs;
  }

  /** Call when the socket must be gone within `ms`. */
  closeWithin(ms: number, nowMs: number): void {
    this.closing(nowMs);
    this.#closeDueMs = Math.min(this.#closeDueMs, nowMs + ms);
  }

  /** Time at which {@link tick} has to be called next; infinite if never. */
  deadlineMs(): number {
    const other = Math.min(this.#writeDueMs, this.#closeDueMs, this.throttledUntilMs);
    const pingDueMs = this.#heartbeat?.deadlineMs() ?? NEVER;
    if (!this.isReading) return Math.min(other, pingDueMs);
    const { idleTimeoutMs } = this.#settings;
    const idleDueMs = idleTimeoutMs === false ? NEVER : this.#idleFromMs + idleTimeoutMs;
    return Math.min(other, idleDueMs, this.#messageDueMs, pingDueMs);
  }

  /** Returns what is due, one item per call, each timeout once. Call it until it returns `undefined`. */
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
