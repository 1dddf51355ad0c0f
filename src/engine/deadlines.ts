import type { Clock } from './clock.ts';
import { type Guarded, tellFailed } from './guarded.ts';

/** Resolution of all deadlines, in ms. */
const SLOT_MS = 50;
/** From this lateness of the timer on the process stood still, in ms. Input that waits has not been read. */
const STALLED_FROM_MS = 250;
/**
 * While something is planned the queue looks at the clock at least so often, in ms: a stall that begins between two looks
 * is known to lie there (decision 0014). Far deadlines are looked at less often, so that an idle process sleeps.
 */
const MIN_LOOK_MS = 250;
const MAX_LOOK_MS = 1_000;
/** Share of the time to the earliest deadline that may pass between two looks. */
const LOOK_SHARE = 1 / 16;
/** Most owners called before the event loop gets its turn. */
const SLICE_OWNERS = 1_000;

/** Something with a deadline. One entry each: the earliest of what it waits for. */
export interface DeadlineOwner extends Guarded {
  /** Slot it stands in, or -1; kept by the queue. */
  deadlineSlot: number;
  /** The deadline has come, or a moment before it: the owner looks at {@link DeadlineQueue.now} and plans the next. */
  deadlineReached(): void;
}

/**
 * All deadlines of a process behind one timer. Planning, moving and cancelling cost constant time; with nothing
 * planned there is no timer.
 *
 * Time here stands still while the process does: after a stall of any length and at any moment, every deadline has at
 * least the time left that it had before, and waiting input is read before any deadline counts. A process that was
 * blocked for a minute does not hold that minute against its peers.
 */
export class DeadlineQueue {
  readonly clock: Clock;
  readonly #slots = new Map<number, Set<DeadlineOwner>>();
  #stalledMs = 0;
  #timer: unknown;
  /** When the timer is due, on the clock; infinite without one. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** When the queue looked at the clock last: the process ran then. */
  #seenMs: number;
  /** A stall was found, and the timer has not been in time since. */
  #wasLate = false;
  /** No deadline counts before that, on the clock: input that waited is being read. */
  #graceUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#seenMs = clock.now();
  }

  /** Monotonic ms, less the time in which the process stood still. */
  now(): number {
    const clockMs = this.clock.now();
    if (clockMs - this.#dueMs >= STALLED_FROM_MS) this.#stalled(clockMs);
    this.#seenMs = clockMs;
    return clockMs - this.#stalledMs;
  }

  /** Owners with a deadline. */
  get size(): number {
    let size = 0;
    for (const slot of this.#slots.values()) size += slot.size;
    return size;
  }

  /** Plans the call of `owner` at `atMs` on this queue's time, instead of what was planned for it before. */
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

  /** Like {@link plan}, but never later than what is planned already. */
  planBy(owner: DeadlineOwner, atMs: number): void {
    if (owner.deadlineSlot < 0 || Math.ceil(atMs / SLOT_MS) < owner.deadlineSlot) this.plan(owner, atMs);
  }

  /** Forgets the deadline of `owner`. */
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

  /** When to look at the clock next for an earliest deadline in `slot`, on this queue's time. */
  #dueForSlot(slot: number, nowMs: number): number {
    const leftMs = slot * SLOT_MS - nowMs;
    return nowMs + Math.min(leftMs, Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, leftMs * LOOK_SHARE)));
  }

  /** @param dueMs On the clock. */
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
   * The process stood still some time between the last look at the clock and now: time goes on from that look. A process
   * that is late all the time still reaches its deadlines, because from the second stall on the planned wait counts.
   */
  #stalled(clockMs: number): void {
    const ranUntilMs = this.#wasLate ? Math.max(this.#dueMs, this.#seenMs) : this.#seenMs;
    this.#stalledMs += clockMs - ranUntilMs;
    // The timer is overdue and runs next; to set it anew each time would put it off for ever.
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
      // Found by this tick; or by `now`, and the timer came early because the event loop's idea of time was old.
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
