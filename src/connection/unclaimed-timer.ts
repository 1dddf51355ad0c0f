import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';

/** What is told that the time has come. */
export interface UnclaimedOwner {
  unclaimedTooLong(): void;
  /** The step above threw. */
  failed(error: unknown): void;
}

/** Waits for the time at which messages without a consumer are dropped. Exists only while such messages wait. */
export class UnclaimedTimer implements DeadlineOwner {
  deadlineSlot = -1;
  readonly #deadlines: DeadlineQueue;
  readonly #owner: UnclaimedOwner;

  constructor(deadlines: DeadlineQueue, owner: UnclaimedOwner) {
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  /** Moves the time. */
  plan(atMs: number): void {
    this.#deadlines.plan(this, atMs);
  }

  cancel(): void {
    this.#deadlines.cancel(this);
  }

  deadlineReached(): void {
    this.#owner.unclaimedTooLong();
  }

  failed(error: unknown): void {
    this.#owner.failed(error);
  }
}
