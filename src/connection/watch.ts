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

/** A deadline that is not set. Not infinity, because a field that has held it takes 16 bytes more. */
const NONE = -1;

const dueAt = (nowMs: number, inMs: number): number =>
  inMs === Number.POSITIVE_INFINITY ? NONE : nowMs + inMs;
const isDue = (dueMs: number, nowMs: number): boolean => dueMs >= 0 && nowMs >= dueMs;
/** Between half an interval and a whole one from now. */
const firstPingMs = ({ pingIntervalMs }: ConnectionSettings, nowMs: number, fraction: number): number =>
  nowMs + Math.round(pingIntervalMs * (0.5 + fraction / 2));
/** @param dueMs One more deadline, or {@link NONE}. */
const earlier = (firstMs: number, dueMs: number): number => (dueMs < 0 ? firstMs : Math.min(firstMs, dueMs));

/**
 * Computes every deadline of one connection: silence, unfinished messages, a peer that accepts no bytes, an unfinished
 * closing handshake. Has no timer. All times in whole ms on one clock that stands still while the process is stalled.
 */
export class Watch {
  /** Time at which the last byte arrived. */
  receivedAtMs: number;
  #throttledUntilMs = NONE;

  readonly #settings: ConnectionSettings;
  #heartbeat: Heartbeat | undefined;
  /** Time since which nothing is read; -1 while reading. */
  #stoppedAtMs = -1;
  /** {@link NONE} once closing has begun. */
  #idleFromMs: number;
  #messageDueMs = NONE;
  #messageSerial = -1;
  #writeDueMs = NONE;
  #closeDueMs = NONE;

  /** @param fraction Random, 0 to 1: spreads the first pings of many connections over half an interval. */
  constructor(settings: ConnectionSettings, nowMs: number, fraction: number) {
    this.#settings = settings;
    this.receivedAtMs = nowMs;
    this.#idleFromMs = nowMs;
    this.#heartbeat = settings.heartbeat
      ? new Heartbeat(settings, firstPingMs(settings, nowMs, fraction))
      : undefined;
  }

  /**
   * Call when the settings have changed. Deadlines of an unfinished message, of a write and of a closing handshake stay as they
   * are; the next ones follow.
   * @param fraction As in the constructor: the first pings after the change are spread, too.
   * @returns Whether a ping was overdue that no longer counts.
   */
  settingsChanged(nowMs: number, fraction: number): boolean {
    if (this.#isClosing()) return false;
    const { heartbeat } = this.#settings;
    const wasSuspect = !heartbeat && this.isSuspect;
    const pingMs = firstPingMs(this.#settings, nowMs, fraction);
    if (!heartbeat) this.#heartbeat = undefined;
    else if (this.#heartbeat === undefined) this.#heartbeat = new Heartbeat(this.#settings, pingMs);
    else this.#heartbeat.pingBy(pingMs);
    return wasSuspect;
  }

  /** True once closing has begun: then only the close and write deadlines apply. */
  #isClosing(): boolean {
    return this.#idleFromMs === NONE;
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
    if (this.#idleFromMs !== NONE) this.#idleFromMs = nowMs;
    return this.#heartbeat?.heard() === true;
  }

  /**
   * Call after a read that left a message or frame unfinished.
   * @param serial Identifies the message.
   */
  unfinished(serial: number, nowMs: number): void {
    if (serial === this.#messageSerial || this.#isClosing()) return;
    this.#messageSerial = serial;
    this.#messageDueMs = dueAt(nowMs, this.#settings.messageTimeoutMs);
  }

  /** Call after a read that left nothing unfinished. */
  finished(): void {
    this.#messageDueMs = NONE;
    this.#messageSerial = -1;
  }

  /** Call after a write, and when the kernel has accepted bytes, while bytes are still queued. */
  writing(progressed: boolean, nowMs: number): void {
    if (progressed || this.#writeDueMs === NONE)
      this.#writeDueMs = dueAt(nowMs, this.#settings.writeTimeoutMs);
  }

  /** Call when all queued bytes are written. */
  written(): void {
    this.#writeDueMs = NONE;
  }

  /** True while nothing is read because the peer sends too fast. */
  get isThrottled(): boolean {
    return this.#throttledUntilMs !== NONE;
  }

  /** The peer sends too fast: `tick` returns `read` at `untilMs`. */
  throttle(untilMs: number): void {
    this.#throttledUntilMs = Math.ceil(untilMs);
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
    if (!this.#isClosing()) this.#idleFromMs += stoppedForMs;
    if (this.#messageDueMs !== NONE) this.#messageDueMs += stoppedForMs;
    this.#heartbeat?.excuse(nowMs);
  }

  /** Call when the closing handshake has begun, or when the connection has to end within the close timeout. */
  closing(nowMs: number): void {
    if (this.#closeDueMs !== NONE) return;
    this.#heartbeat = undefined;
    this.#idleFromMs = NONE;
    this.#messageDueMs = NONE;
    this.#throttledUntilMs = NONE;
    this.#closeDueMs = nowMs + this.#settings.closeTimeoutMs;
  }

  /** Call when the socket must be gone within `ms`. */
  closeWithin(ms: number, nowMs: number): void {
    this.closing(nowMs);
    this.#closeDueMs = Math.ceil(earlier(nowMs + ms, this.#closeDueMs));
  }

  /** Time at which {@link tick} has to be called next; infinite if never. */
  deadlineMs(): number {
    let dueMs = this.#heartbeat?.deadlineMs() ?? Number.POSITIVE_INFINITY;
    dueMs = earlier(dueMs, this.#writeDueMs);
    dueMs = earlier(dueMs, this.#closeDueMs);
    dueMs = earlier(dueMs, this.#throttledUntilMs);
    if (!this.isReading) return dueMs;
    return earlier(earlier(dueMs, this.#idleDueMs()), this.#messageDueMs);
  }

  #idleDueMs(): number {
    const { idleTimeoutMs } = this.#settings;
    return idleTimeoutMs === false || this.#isClosing() ? NONE : this.#idleFromMs + idleTimeoutMs;
  }

  /** Returns what is due, one item per call, each timeout once. Call it until it returns `undefined`. */
  tick(nowMs: number): WatchVerdict | undefined {
    if (isDue(this.#closeDueMs, nowMs)) {
      this.#closeDueMs = NONE;
      return 'ERR_CLOSE_TIMEOUT';
    }
    if (isDue(this.#writeDueMs, nowMs)) {
      this.#writeDueMs = NONE;
      return 'ERR_WRITE_TIMEOUT';
    }
    if (isDue(this.#throttledUntilMs, nowMs)) {
      this.#throttledUntilMs = NONE;
      return 'read';
    }
    if (!this.isReading) return this.#heartbeat?.tick(nowMs, false) === 'ping' ? 'ping' : undefined;
    if (isDue(this.#messageDueMs, nowMs)) {
      this.#messageDueMs = NONE;
      return 'ERR_MESSAGE_TIMEOUT';
    }
    if (isDue(this.#idleDueMs(), nowMs)) {
      this.#idleFromMs = NONE;
      return 'ERR_IDLE_TIMEOUT';
    }
    const beat = this.#heartbeat?.tick(nowMs);
    return beat === 'dead' ? 'ERR_PING_TIMEOUT' : beat;
  }
}
