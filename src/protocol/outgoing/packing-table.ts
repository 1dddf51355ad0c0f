import { Buffer } from 'node:buffer';
import { maskableMemory } from '../simd.ts';
import { Beginnings } from '../beginnings.ts';

const TABLE_BYTES = 65_536;
/** Most room that can be reserved at once, in bytes. */
export const MAX_PACKED_BYTES = TABLE_BYTES;

/** Something with small frames to send. */
export interface PackingOwner {
  /** Takes back a run of its frames, as memory of its own: another owner needs the place. */
  packed(run: Buffer): void;
}

/**
 * One piece of memory in which small frames are packed next to each other before they are written, for all connections
 * of the process: a connection being served needs no buffer of its own, and a pipelined reply no allocation per frame.
 * One owner at a time has bytes here; they are moved out when another one needs the place.
 */
export class PackingTable {
  readonly bytes = maskableMemory(TABLE_BYTES);
  readonly #runs = new Beginnings(this.bytes);
  #owner: PackingOwner | undefined;
  #used = 0;

  /**
   * Makes room behind what `owner` has here already.
   * @returns Where in `bytes` to write; {@link commit} says how far.
   */
  reserve(owner: PackingOwner, room: number): number {
    if (this.#owner !== owner || this.#used + room > TABLE_BYTES) {
      if (this.#owner !== undefined) this.moveOut(this.#owner);
      this.#owner = owner;
    }
    return this.#used;
  }

  /** @param end Position after what was written. */
  commit(end: number): void {
    this.#used = end;
  }

  /** Gives back what `owner` has here, as memory of its own: `undefined` if nothing. */
  take(owner: PackingOwner): Buffer | undefined {
    if (this.#owner !== owner) return undefined;
    const run = this.#used === 0 ? undefined : Buffer.allocUnsafe(this.#used);
    run?.set(this.#runs.view(this.#used));
    this.#owner = undefined;
    this.#used = 0;
    return run;
  }

  /** Hands what `owner` has here back to it. */
  moveOut(owner: PackingOwner): void {
    const run = this.take(owner);
    if (run !== undefined) owner.packed(run);
  }
}
