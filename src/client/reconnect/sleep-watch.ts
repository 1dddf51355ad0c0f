import { type Connection, driverOf } from '../../connection/connection.ts';
import type { DeadlineOwner, DeadlineQueue } from '../../engine/deadlines.ts';

/** Interval at which the clocks are compared, in ms. */
const LOOK_EVERY_MS = 5_000;
/** Excess time between two comparisons, in ms, from which the machine slept or the process was stopped. */
const JUMP_FROM_MS = 5_000;

/**
 * Detects that the machine slept, and whether the connection survived. Timers do not notice a sleep, and on most systems the
 * monotonic clock stops, but wall time goes on. After a jump of wall time the client pings the server. If no byte arrives within
 * `pongTimeoutMs`, the connection is dead. A change of the system clock costs one ping.
 */
export class SleepWatch implements DeadlineOwner {
  deadlineSlot = -1;
  readonly #connection: Connection;
  readonly #deadlines: DeadlineQueue;
  readonly #pongTimeoutMs: number;
  readonly #isReading: () => boolean;
  #nowMs: number;
  #wallMs: number;
  /** `bytesReceived` when the ping was sent; -1 while there is none. */
  #probedAtBytes = -1;

  /** @param isReading Returns false while the client does not read. Then silence proves nothing. */
  constructor(
    connection: Connection,
    deadlines: DeadlineQueue,
    pongTimeoutMs: number,
    isReading: () => boolean,
  ) {
    this.#connection = connection;
    this.#deadlines = deadlines;
    this.#pongTimeoutMs = pongTimeoutMs;
    this.#isReading = isReading;
    this.#nowMs = deadlines.clock.now();
    this.#wallMs = deadlines.clock.wallNow();
    this.#look(LOOK_EVERY_MS);
  }

  stop(): void {
    this.#deadlines.cancel(this);
  }

  deadlineReached(): void {
    const { clock } = this.#deadlines;
    const elapsedMs = Math.max(clock.now() - this.#nowMs, clock.wallNow() - this.#wallMs);
    const expectedMs = this.#probedAtBytes < 0 ? LOOK_EVERY_MS : this.#pongTimeoutMs;
    this.#nowMs = clock.now();
    this.#wallMs = clock.wallNow();
    const jumped = elapsedMs - expectedMs > JUMP_FROM_MS;
    const unanswered = this.#connection.bytesReceived === this.#probedAtBytes;
    if (unanswered && !jumped && this.#isReading()) {
      driverOf(this.#connection).terminateFor('ping-timeout');
      return;
    }
    // Wall time jumped while a ping was pending: its timeout starts again.
    const probe = jumped || unanswered;
    this.#probedAtBytes = probe ? this.#connection.bytesReceived : -1;
    if (probe) this.#connection.ping();
    this.#look(probe ? this.#pongTimeoutMs : LOOK_EVERY_MS);
  }

  /** The watch failed: ends the connection. */
  failed(): void {
    driverOf(this.#connection).terminateFor('internal-error');
  }

  #look(afterMs: number): void {
    if (this.#connection.state === 'open') this.#deadlines.plan(this, this.#deadlines.now() + afterMs);
  }
}
