import type { Clock } from './clock.ts';
import { type Guarded, tellFailed } from './guarded.ts';

/** Resolution of all deadlines, in ms. */
const SLOT_MS = 50;
/** A tick this late says that the process did not run; what peers did meanwhile has not been read. */
const STALLED_FROM_MS = 250;
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
 * Time here stands still while the process does: when a tick comes late, every deadline moves by the lateness, and the
 * input that waited meanwhile is read before any deadline counts. A process that was blocked for a minute does not
 * hold that minute against its peers.
 */
export class DeadlineQueue {
  readonly clock: Clock;
  readonly #slots = new Map<number, Set<DeadlineOwner>>();
  #stalledMs = 0;
  #timer: unknown;
  #timerSlot = -1;
  #wasLate = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Monotonic ms, less the time in which the process stood still. */
  now(): number {
    return this.clock.now() - this.#stalledMs;
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
    if (this.#timerSlot < 0 || slot < this.#timerSlot) this.#arm(slot);
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

  #arm(slot: number): void {
    this.#disarm();
    this.#timerSlot = slot;
    this.#timer = this.clock.setTimer(
      () => this.#tick(),
      Math.max(0, Math.ceil(slot * SLOT_MS - this.now())),
    );
  }

  #disarm(): void {
    if (this.#timerSlot >= 0) this.clock.clearTimer(this.#timer);
    this.#timerSlot = -1;
    this.#timer = undefined;
  }

  #tick(): void {
    const lateMs = this.now() - this.#timerSlot * SLOT_MS;
    const late = lateMs >= STALLED_FROM_MS;
    if (late) this.#stalledMs += lateMs;
    if (late && !this.#wasLate) {
      // Waiting input is read between this tick and the next, which counts, even if it is late again.
      this.#wasLate = true;
      this.#arm(this.#timerSlot + 1);
      return;
    }
    this.#wasLate = late;
    this.#timerSlot = -1;
    this.#timer = undefined;
    const reached = Math.floor(this.now() / SLOT_MS);
    let left = SLICE_OWNERS;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [slot, owners] of this.#slots) {
      if (slot > reached || left === 0) {
        earliest = Math.min(earliest, slot);
        continue;
      }
      for (const owner of owners) {
        if (left === 0) break;
        left--;
        this.#leave(owner);
        try {
          owner.deadlineReached();
        } catch (error) {
          tellFailed(owner, error);
        }
      }
      if (owners.size > 0) earliest = Math.min(earliest, slot);
    }
    if (this.#slots.size === 0) this.#disarm();
    else if (earliest !== Number.POSITIVE_INFINITY && (this.#timerSlot < 0 || earliest < this.#timerSlot))
      this.#arm(earliest);
  }
}

const queues = new WeakMap<Clock, DeadlineQueue>();

/** The one queue of all connections that go by this clock. */
export function deadlinesOf(clock: Clock): DeadlineQueue {
  let queue = queues.get(clock);
  if (queue === undefined) {
    queue = new DeadlineQueue(clock);
    queues.set(clock, queue);
  }
  return queue;
}
