import { Buffer } from 'node:buffer';
import { Beginnings } from '../beginnings.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Size of a packing table, and so the most room that can be reserved at once, in bytes. */
export const PACKING_BYTES = 65_536;

/** Maximum number of memories of one table: one to pack into, the others locked by writes that the kernel has not finished. */
const MOST_MEMORIES = 4;

/** One memory of a packing table. */
export interface PackingMemory {
  readonly bytes: Buffer;
  /** Its views, kept while it is not used. */
  readonly runs: Beginnings;
}

const memoryOf = (bytes: Buffer): PackingMemory => ({ bytes, runs: new Beginnings(bytes) });

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
  /** Where frames are packed now; `undefined` before the first. */
  #memory: PackingMemory | undefined;
  /** The memory that the table began with. It is used whenever it is not locked. */
  #home: PackingMemory | undefined;
  /** Memories that are not locked, besides the current one. */
  readonly #spares: PackingMemory[] = [];
  #lockedMemories = 0;
  /** The last run that was lent. */
  #lent: Buffer | undefined;
  #owner: PackingOwner | undefined;
  #used = 0;

  /** @param bytes Memory of {@link PACKING_BYTES}. Default: ordinary memory, allocated with the first frame. */
  constructor(bytes?: Buffer) {
    if (bytes !== undefined) this.#begin(bytes);
  }

  /**
   * Reserves room after the frames that `owner` already has here.
   * @returns The position in `bytes` to write to; {@link commit} tells the end.
   */
  reserve(owner: PackingOwner, room: number): number {
    if (this.#owner !== owner || this.#used + room > PACKING_BYTES) {
      if (this.#owner !== undefined) this.moveOut(this.#owner);
      this.#owner = owner;
      if (this.#home === undefined) this.#begin(Buffer.allocUnsafeSlow(PACKING_BYTES));
      else if (this.#memory !== this.#home) this.#returnHome(this.#home);
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
    run?.set(this.#memory!.runs.view(this.#used));
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
    this.#lent = this.#used === 0 ? undefined : this.#memory!.runs.view(this.#used);
    this.#owner = undefined;
    this.#used = 0;
    return this.#lent;
  }

  /**
   * Keeps the memory of the run that was lent last until {@link unlock}. Call it right after the write.
   * @returns The memory to unlock; `undefined` if `run` was not lent last.
   */
  lock(run: unknown): PackingMemory | undefined {
    if (run === undefined || run !== this.#lent) return undefined;
    const locked = this.#memory;
    this.#lent = undefined;
    this.#lockedMemories++;
    this.#use(this.#spares.pop() ?? memoryOf(Buffer.allocUnsafeSlow(PACKING_BYTES)));
    return locked;
  }

  /** Call once when the kernel no longer reads a memory that {@link lock} returned. */
  unlock(memory: PackingMemory): void {
    this.#lockedMemories--;
    this.#spares.push(memory);
  }

  /** Moves the frames of `owner` out of the table, back to the owner. */
  moveOut(owner: PackingOwner): void {
    const run = this.take(owner);
    if (run !== undefined) owner.packed(run);
  }

  #begin(bytes: Buffer): void {
    this.#home = memoryOf(bytes);
    this.#use(this.#home);
  }

  /** Only while no frames are packed: lent ones were written by then, or their memory is locked. */
  #returnHome(home: PackingMemory): void {
    const at = this.#spares.indexOf(home);
    if (at === -1) return;
    this.#spares[at] = this.#memory!;
    this.#use(home);
  }

  #use(memory: PackingMemory): void {
    this.#memory = memory;
    this.bytes = memory.bytes;
  }
}
