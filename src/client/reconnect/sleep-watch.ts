import { type Connection, driverOf } from '../../connection/connection.ts';
import type { DeadlineOwner, DeadlineQueue } from '../../engine/deadlines.ts';

/** How often the clocks are compared, in ms. */
const LOOK_EVERY_MS = 5_000;
/** More than this between two looks that was not asked for, in ms: the machine slept, or the process stood still. */
const JUMP_FROM_MS = 5_000;

/**
 * Finds out that the machine was asleep, and whether the connection survived it. Timers notice nothing of a sleep, and the
 * monotonic clock stands still with it on most systems; wall time goes on. After a jump the server is pinged, and if no
 * byte comes within `pongTimeoutMs`, the connection is dead. A clock that somebody sets costs one ping.
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

  /** @param isReading False while silence proves nothing, because we do not read. */
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
    // A jump while the ping was out: it gets its whole time once more.
    const probe = jumped || unanswered;
    this.#probedAtBytes = probe ? this.#connection.bytesReceived : -1;
    if (probe) this.#connection.ping();
    this.#look(probe ? this.#pongTimeoutMs : LOOK_EVERY_MS);
  }

  /** The connection could not be watched any more. */
  failed(): void {
    driverOf(this.#connection).terminateFor('internal-error');
  }

  #look(afterMs: number): void {
    if (this.#connection.state === 'open') this.#deadlines.plan(this, this.#deadlines.now() + afterMs);
  }
}
