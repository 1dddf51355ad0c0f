import { MisuseError } from '../protocol/errors.ts';
import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';

/** Longest time between two readings of the wall clock, because it may be set. */
const LOOK_AGAIN_MS = 60_000;

interface ExpirySettings {
  /** Time before the expiry at which the owner is warned, in ms. */
  readonly expiryWarningMs: number;
}

/** Reacts to the expiry of credentials. */
export interface ExpiryOwner {
  /** The credentials expire soon. */
  expiring(): void;
  /** The credentials have expired. */
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

/** Watches one point in wall time, which may be moved. Exists only for connections whose credentials expire. */
export class Expiry implements DeadlineOwner {
  deadlineSlot = -1;
  /** Time at which the credentials expire, in ms of wall time. */
  atMs = 0;
  readonly #owner: ExpiryOwner;
  readonly #deadlines: DeadlineQueue;
  readonly #settings: ExpirySettings;
  #warned = false;
  #watching = false;

  constructor(owner: ExpiryOwner, deadlines: DeadlineQueue, settings: ExpirySettings) {
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.#settings = settings;
  }

  /** Moves the expiry. The owner is warned again before the new one. */
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
    if (leftMs <= this.#settings.expiryWarningMs && !this.#warned) {
      this.#warned = true;
      this.#owner.expiring();
    }
    // The listener may have moved the expiry or closed the connection.
    if (this.#watching && this.deadlineSlot < 0) this.#plan();
  }

  /** The check failed, so the credentials count as expired. */
  failed(): void {
    this.#owner.expired();
  }

  #plan(): void {
    const leftMs = this.atMs - this.#deadlines.clock.wallNow();
    const nextMs = this.#warned ? leftMs : leftMs - this.#settings.expiryWarningMs;
    this.#deadlines.plan(this, this.#deadlines.now() + Math.min(Math.max(nextMs, 0), LOOK_AGAIN_MS));
  }
}
