import { MisuseError } from '../protocol/errors.ts';
import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';

/** Longest time until the wall clock is looked at again: it may have been set. */
const LOOK_AGAIN_MS = 60_000;

/** What happens when credentials come to their end. */
export interface ExpiryOwner {
  /** They end soon. */
  expiring(): void;
  /** They have ended. */
  expired(): void;
}

/**
 * Reads a point in wall time.
 * @throws MisuseError `ERR_ARGUMENT` unless it is a valid `Date` or a finite number of ms since 1970.
 */
export function wallTimeMs(value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : value;
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms;
  const shown = value instanceof Date ? 'an invalid Date' : typeof value === 'number' ? value : typeof value;
  throw new MisuseError(
    'ERR_ARGUMENT',
    `expiresAt must be a Date, a number of milliseconds since 1970, or undefined, not ${shown}`,
  );
}

/** Watches one point in wall time, which may be moved. Exists only for connections whose credentials end. */
export class Expiry implements DeadlineOwner {
  deadlineSlot = -1;
  /** When the credentials end, in ms of wall time. */
  atMs = 0;
  readonly #owner: ExpiryOwner;
  readonly #deadlines: DeadlineQueue;
  readonly #warningMs: number;
  #warned = false;
  #watching = false;

  /** @param warningMs How long before the end the owner is told. */
  constructor(owner: ExpiryOwner, deadlines: DeadlineQueue, warningMs: number) {
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.#warningMs = warningMs;
  }

  /** Moves the end; who was warned is warned again before the new one. */
  set(atMs: number): void {
    this.atMs = atMs;
    this.#warned = false;
    this.#watching = true;
    this.#plan();
  }

  cancel(): void {
    this.#watching = false;
    this.#deadlines.cancel(this);
  }

  deadlineReached(): void {
    const leftMs = this.atMs - this.#deadlines.clock.wallNow();
    if (leftMs <= 0) {
      this.#owner.expired();
      return;
    }
    if (leftMs <= this.#warningMs && !this.#warned) {
      this.#warned = true;
      this.#owner.expiring();
    }
    // The listener may have moved the end, or closed the connection.
    if (this.#watching && this.deadlineSlot < 0) this.#plan();
  }

  /** The check could not be made: the credentials count as ended. */
  failed(): void {
    this.#owner.expired();
  }

  #plan(): void {
    const leftMs = this.atMs - this.#deadlines.clock.wallNow();
    const nextMs = this.#warned ? leftMs : leftMs - this.#warningMs;
    this.#deadlines.plan(this, this.#deadlines.now() + Math.min(Math.max(nextMs, 0), LOOK_AGAIN_MS));
  }
}
