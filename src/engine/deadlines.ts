import type { Clock } from './clock.ts';
import { type Guarded, tellFailed } from './guarded.ts';

/** Resolution of all deadlines, in ms. */
const SLOT_MS = 50;
/** A timer that is this late, in ms, shows that the process was stalled: pending input has not been read. */
const STALLED_FROM_MS = 250;
/**
 * Longest time between two readings of the clock while near deadlines are planned, in ms. A stall that begins between
 * two readings is known to lie there (decision 0014). For far deadlines the clock is read less often, so that an idle
 * process sleeps.
 */
const MIN_LOOK_MS = 250;
const MAX_LOOK_MS = 1_000;
/** Share of the time to the earliest deadline that may pass between two readings of the clock. */
const LOOK_SHARE = 1 / 16;
/** Most owners called before yielding to the event loop. */
const SLICE_OWNERS = 1_000;

/** An object with a deadline. It has one entry in the queue: the earliest of its own deadlines. */
export interface DeadlineOwner extends Guarded {
  /** Index of its slot, or -1; set by the queue. */
  deadlineSlot: number;
  /**
   * Called at the deadline, or up to one slot early. The owner reads {@link DeadlineQueue.now} and plans its next
   * deadline.
   */
  deadlineReached(): void;
}

/**
 * All deadlines of a process on one timer. Planning, moving and cancelling cost constant time; without deadlines there
 * is no timer.
 * Its time stands still while the process is stalled. After a stall of any length, every deadline has at least the
 * remaining time that it had before, and pending input is read before any deadline counts. A process that was blocked
 * for a minute does not count that minute against its peers.
 */
export class DeadlineQueue {
  readonly clock: Clock;
  readonly #slots = new Map<number, Set<DeadlineOwner>>();
  #stalledMs = 0;
  #timer: unknown;
  /** Time on the clock at which the timer is due; infinite without one. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** Time of the last reading of the clock: the process ran then. */
  #seenMs: number;
  /** A stall was detected, and the timer has not been on time since. */
  #wasLate = false;
  /** No deadline counts before this time on the clock, because pending input is being read. */
  #graceUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#seenMs = clock.now();
  }

  /**
   * Monotonic ms, minus the time in which the process was stalled. Whole: for 24 days V8 keeps such a number in the field that
   * holds it, and a fraction in an object of 16 bytes.
   */
  now(): number {
    const clockMs = this.clock.now();
    if (clockMs - this.#dueMs >= STALLED_FROM_MS) this.#stalled(clockMs);
    this.#seenMs = clockMs;
    return Math.trunc(clockMs - this.#stalledMs);
  }

  /** Number of owners with a deadline. */
  get size(): number {
    let size = 0;
    for (const slot of this.#slots.values()) size += slot.size;
    return size;
  }

  /** Plans the call of `owner` at `atMs` on this queue's time. Replaces its earlier deadline. */
  plan(owner: DeadlineOwner, atMs: number): void {
    const slot = Math.ceil(atMs / SLOT_MS);
    if (slot === owner.deadlineSlot) return;
    this.#leave(owner);
    owner.deadlineSlot = slot;
    const owners = this.#slots.get(slot);
    if (owners === undefined) this.#slots.set(slot, new Set([owner]));
    else owners.add(owner);
    const nowMs = this.now();
    const dueMs = this.#dueForSlot(slot, nowMs) + this.#stalledMs;
    if (dueMs < this.#dueMs) this.#arm(dueMs);
  }

  /** Like {@link plan}, but never moves the deadline to a later time. */
  planBy(owner: DeadlineOwner, atMs: number): void {
    if (owner.deadlineSlot < 0 || Math.ceil(atMs / SLOT_MS) < owner.deadlineSlot) this.plan(owner, atMs);
  }

  /** Removes the deadline of `owner`. */
  cancel(owner: DeadlineOwner): void {
    this.#leave(owner);
    if (this.#slots.size === 0) this.#disarm();
  }

  #leave(owner: DeadlineOwner): void {
    if (owner.deadlineSlot < 0) return;
    const owners = this.#slots.get(owner.deadlineSlot);
    owners?.delete(owner);
    if (owners?.size === 0) this.#slots.delete(owner.deadlineSlot);
    owner.deadlineSlot = -1;
  }

  /** Returns when to read the clock next for an earliest deadline in `slot`, on this queue's time. */
  #dueForSlot(slot: number, nowMs: number): number {
    const leftMs = slot * SLOT_MS - nowMs;
    return nowMs + Math.min(leftMs, Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, leftMs * LOOK_SHARE)));
  }

  /** @param dueMs Time on the clock. */
  #arm(dueMs: number): void {
    this.#disarm();
    const delayMs = Math.max(1, Math.ceil(dueMs - this.clock.now()));
    this.#dueMs = this.clock.now() + delayMs;
    this.#timer = this.clock.setTimer(() => this.#tick(), delayMs);
  }

  #disarm(): void {
    if (this.#dueMs !== Number.POSITIVE_INFINITY) this.clock.clearTimer(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
  }

  /**
   * Handles a stall between the last reading of the clock and now: time continues from that reading. Deadlines are
   * reached even in a process that is always late: from the second stall on, the planned wait counts.
   */
  #stalled(clockMs: number): void {
    const ranUntilMs = this.#wasLate ? Math.max(this.#dueMs, this.#seenMs) : this.#seenMs;
    this.#stalledMs += clockMs - ranUntilMs;
    // The timer is overdue and runs next; arming it again each time would delay it forever.
    if (this.#wasLate) return;
    this.#wasLate = true;
    this.#graceUntilMs = clockMs + SLOT_MS;
    this.#arm(this.#graceUntilMs);
  }

  #tick(): void {
    const clockMs = this.clock.now();
    const wasInTime = clockMs - this.#dueMs < STALLED_FROM_MS;
    const nowMs = this.now();
    if (clockMs < this.#graceUntilMs) {
      // The stall was detected by this tick, or by `now` and the timer fired early because the event loop's time was
      // stale.
      this.#arm(this.#graceUntilMs);
      return;
    }
    if (wasInTime) this.#wasLate = false;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    this.#callReached(Math.floor(nowMs / SLOT_MS));
    if (this.#slots.size === 0) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) earliest = Math.min(earliest, slot);
    const dueMs = this.#dueForSlot(earliest, this.now()) + this.#stalledMs;
    if (dueMs < this.#dueMs) this.#arm(dueMs);
  }

  #callReached(reached: number): void {
    let left = SLICE_OWNERS;
    for (const [slot, owners] of this.#slots) {
      if (slot > reached) continue;
      for (const owner of owners) {
        if (left === 0) return;
        left--;
        this.#leave(owner);
        try {
          owner.deadlineReached();
        } catch (error) {
          tellFailed(owner, error);
        }
      }
    }
  }
}
