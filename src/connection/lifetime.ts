import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';

/** Largest deviation from the option, as a share of it: connections that opened together do not end together. */
const SPREAD = 0.1;

/** The connection whose lifetime is limited. */
export interface LifetimeOwner {
  /** The lifetime ends soon. */
  lifetimeEnding(): void;
  /** The lifetime has ended. */
  lifetimeOver(): void;
}

/** Watches the age of one connection. Exists only with the option `maxLifetimeMs`. */
export class Lifetime implements DeadlineOwner {
  deadlineSlot = -1;
  readonly #owner: LifetimeOwner;
  readonly #deadlines: DeadlineQueue;
  readonly #overAtMs: number;
  #warned = false;
  #cancelled = false;

  /**
   * @param maxLifetimeMs As the option.
   * @param warningMs Time before the end at which the owner is warned, in ms.
   * @param fraction Random, 0 to 1: moves the end by up to 10 % of `maxLifetimeMs` in either direction.
   */
  constructor(
    owner: LifetimeOwner,
    deadlines: DeadlineQueue,
    maxLifetimeMs: number,
    warningMs: number,
    fraction: number,
  ) {
    this.#owner = owner;
    this.#deadlines = deadlines;
    const nowMs = deadlines.now();
    this.#overAtMs = nowMs + maxLifetimeMs * (1 - SPREAD + 2 * SPREAD * fraction);
    deadlines.plan(this, Math.max(nowMs, this.#overAtMs - warningMs));
  }

  cancel(): void {
    this.#cancelled = true;
    this.#deadlines.cancel(this);
  }

  deadlineReached(): void {
    if (this.#deadlines.now() >= this.#overAtMs) {
      this.#owner.lifetimeOver();
      return;
    }
    if (!this.#warned) {
      this.#warned = true;
      this.#owner.lifetimeEnding();
    }
    // The listener may have closed the connection.
    if (!this.#cancelled) this.#deadlines.plan(this, this.#overAtMs);
  }

  /** The check failed: the lifetime counts as over. */
  failed(): void {
    this.#owner.lifetimeOver();
  }
}
