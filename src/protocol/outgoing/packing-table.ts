import { Buffer } from 'node:buffer';
import { Beginnings } from '../beginnings.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Size of a packing table, and so the most room that can be reserved at once, in bytes. */
export const PACKING_BYTES = 65_536;

/** A queue of small frames to send. */
export interface PackingOwner {
  /** Takes back a run of its frames in separate memory: another owner needs the table. */
  packed(run: Buffer): void;
}

/**
 * Memory in which small frames are packed next to each other before they are written. Connections share it, so a
 * connection being served needs no buffer of its own and a pipelined reply needs no allocation per frame. One owner at
 * a time has frames here; they are moved out when another owner needs the table.
 */
export class PackingTable {
  /** Read it after {@link reserve}: that may replace it. */
  bytes: Buffer = NOTHING;
  #runs: Beginnings | undefined;
  #owner: PackingOwner | undefined;
  #used = 0;

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

  /** Moves the frames of `owner` out of the table, back to the owner. */
  moveOut(owner: PackingOwner): void {
    const run = this.take(owner);
    if (run !== undefined) owner.packed(run);
  }

  #useMemory(bytes: Buffer): void {
    this.bytes = bytes;
    this.#runs = new Beginnings(bytes);
  }
}
