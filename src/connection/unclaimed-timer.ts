import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';

/** Receives the end of an {@link UnclaimedTimer}. */
export interface UnclaimedOwner {
  unclaimedTooLong(): void;
  /** `unclaimedTooLong` threw. */
  failed(error: unknown): void;
}

/** Waits until messages without a consumer have to be dropped. Exists only while such messages are buffered. */
export class UnclaimedTimer implements DeadlineOwner {
  deadlineSlot = -1;
  readonly #deadlines: DeadlineQueue;
  readonly #owner: UnclaimedOwner;

  constructor(deadlines: DeadlineQueue, owner: UnclaimedOwner) {
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  /** Sets or moves the time. */
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
