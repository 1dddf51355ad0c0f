import { Buffer } from 'node:buffer';
import { Beginnings } from '../beginnings.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Size of a packing table, and so the most room that can be reserved at once, in bytes. */
export const PACKING_BYTES = 65_536;

/** Maximum number of memories of one table: one to pack into, the others locked by writes that the kernel has not finished. */
const MOST_MEMORIES = 4;

/** A queue of small frames to send. */
export interface PackingOwner {
  /** Takes back a run of its frames in separate memory: another owner needs the table. */
  packed(run: Buffer): void;
}

/**
 * Memory in which small frames are packed next to each other before they are written. Connections share it, so a
 * connection being served needs no buffer of its own and a pipelined reply needs no allocation per frame. One owner at
 * a time has frames here; they are moved out when another owner needs the table.
 *
 * A driver whose writes usually complete at once borrows the frames where they are. If a write does not complete, it locks the
 * memory, and the table continues in another one until {@link unlock}.
 */
export class PackingTable {
  /** Read it after {@link reserve}: that may replace it. */
  bytes: Buffer = NOTHING;
  #runs: Beginnings | undefined;
  #owner: PackingOwner | undefined;
  #used = 0;
  /** The last run that was lent. */
  #lent: Buffer | undefined;
  #lockedMemories = 0;
  /** Memories that are not locked, besides the current one. The one that the table began with is preferred. */
  readonly #spares: Buffer[] = [];
  #first: Buffer | undefined;

  /** @param bytes Memory of {@link PACKING_BYTES}. Default: ordinary memory, allocated with the first frame. */
  constructor(bytes?: Buffer) {
    if (bytes !== undefined) this.#useMemory(bytes);
  }

  /**
   * Reserves room after the frames that `owner` already has here.
   * @returns The position in `bytes` to write to; {@link commit} tells the end.
   */
  reserve(owner: PackingOwner, room: number): number {
    if (this.#owner !== owner || this.#used + room > PACKING_BYTES) {
      if (this.#owner !== undefined) this.moveOut(this.#owner);
      this.#owner = owner;
      if (this.#runs === undefined) this.#useMemory(Buffer.allocUnsafeSlow(PACKING_BYTES));
    }
    return this.#used;
  }

  /** @param end Position after the written bytes. */
  commit(end: number): void {
    this.#used = end;
  }

  /** Removes the frames of `owner` and returns them in separate memory; `undefined` if there are none. */
  take(owner: PackingOwner): Buffer | undefined {
    if (this.#owner !== owner) return undefined;
    const run = this.#used === 0 ? undefined : Buffer.allocUnsafe(this.#used);
    run?.set(this.#runs!.view(this.#used));
    this.#owner = undefined;
    this.#used = 0;
    return run;
  }

  /**
   * Removes the frames of `owner` without a copy; `undefined` if there are none. They stay unchanged until the next
   * {@link reserve}. Write them before, and {@link lock} them if the write did not complete. Returns a copy while too many
   * memories are locked.
   */
  lend(owner: PackingOwner): Buffer | undefined {
    if (this.#owner !== owner || this.#lockedMemories + 1 >= MOST_MEMORIES) return this.take(owner);
    this.#lent = this.#used === 0 ? undefined : this.#runs!.view(this.#used);
    this.#owner = undefined;
    this.#used = 0;
    return this.#lent;
  }

  /**
   * Keeps the memory of the run that was lent last until {@link unlock}. Call it right after the write.
   * @returns The memory to unlock; `undefined` if `run` was not lent last.
   */
  lock(run: unknown): Buffer | undefined {
    if (run === undefined || run !== this.#lent) return undefined;
    const locked = this.bytes;
    this.#lent = undefined;
    this.#lockedMemories++;
    this.#useMemory(this.#spares.pop() ?? Buffer.allocUnsafeSlow(PACKING_BYTES));
    return locked;
  }

  /** Call once when the kernel no longer reads a memory that {@link lock} returned. */
  unlock(memory: Buffer): void {
    this.#lockedMemories--;
    // Frames of an owner, or lent ones, are in the current memory.
    if (memory !== this.#first || this.#owner !== undefined || this.#lent !== undefined) {
      this.#spares.push(memory);
      return;
    }
    this.#spares.push(this.bytes);
    this.#useMemory(memory);
  }

  /** Moves the frames of `owner` out of the table, back to the owner. */
  moveOut(owner: PackingOwner): void {
    const run = this.take(owner);
    if (run !== undefined) owner.packed(run);
  }

  #useMemory(bytes: Buffer): void {
    this.#first ??= bytes;
    this.bytes = bytes;
    this.#runs = new Beginnings(bytes);
  }
}
