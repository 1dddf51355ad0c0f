import { Buffer } from 'node:buffer';
import { Beginnings } from '../beginnings.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Size of a packing table, and so the most room that can be reserved at once, in bytes. */
export const PACKING_BYTES = 65_536;

/** Something with small frames to send. */
export interface PackingOwner {
  /** Takes back a run of its frames, as memory of its own: another owner needs the place. */
  packed(run: Buffer): void;
}

/**
 * One piece of memory in which small frames are packed next to each other before they are written. Connections share it:
 * a connection being served needs no buffer of its own, and a pipelined reply no allocation per frame. One owner at a time has
 * frames here; they are moved out when another owner needs the table.
 */
export class PackingTable {
  /** Read it after {@link reserve}. */
  bytes: Buffer = NOTHING;
  #runs: Beginnings | undefined;
  #owner: PackingOwner | undefined;
  #used = 0;

  /** @param bytes {@link PACKING_BYTES} long. Default: ordinary memory, from the first frame on. */
  constructor(bytes?: Buffer) {
    if (bytes !== undefined) this.#useMemory(bytes);
  }

  /**
   * Makes room behind what `owner` has here already.
   * @returns Where in `bytes` to write; {@link commit} says how far.
   */
  reserve(owner: PackingOwner, room: number): number {
    if (this.#owner !== owner || this.#used + room > PACKING_BYTES) {
      if (this.#owner !== undefined) this.moveOut(this.#owner);
      this.#owner = owner;
      if (this.#runs === undefined) this.#useMemory(Buffer.allocUnsafeSlow(PACKING_BYTES));
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
    run?.set(this.#runs!.view(this.#used));
    this.#owner = undefined;
    this.#used = 0;
    return run;
  }

  /** Hands what `owner` has here back to it. */
  moveOut(owner: PackingOwner): void {
    const run = this.take(owner);
    if (run !== undefined) owner.packed(run);
  }

  #useMemory(bytes: Buffer): void {
    this.bytes = bytes;
    this.#runs = new Beginnings(bytes);
  }
}
