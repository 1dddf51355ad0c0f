import { Buffer } from 'node:buffer';
import { copyOf } from './message-memory.ts';

/** Memory of one slab, in bytes. */
const SLAB_BYTES = 8_192;
/** A text of this size or more gets memory of its own, in bytes. */
const OWN_FROM_BYTES = 4_096;
/** Up to here a loop is quicker than a view to copy from. */
const COPIED_BY_BYTES = 40;

/**
 * Memory for received texts that are delivered as bytes. Small texts lie next to each other in slabs of 8 KiB, which hold
 * nothing but delivered texts: memory of its own for each small text costs twice the time of a whole echo. A text keeps its slab
 * alive, and `.buffer` shows the other texts in it.
 */
export class TextSlab {
  readonly #allocate: (bytes: number) => Buffer;
  #slab: Buffer | undefined;
  #used = 0;

  /** @param allocate Returns zeroed memory. Default: ordinary memory. */
  constructor(allocate: (bytes: number) => Buffer = (bytes) => Buffer.alloc(bytes)) {
    this.#allocate = allocate;
  }

  /** @returns A copy that belongs to the caller. */
  copy(bytes: Buffer, start: number, end: number): Buffer {
    const length = end - start;
    if (length >= OWN_FROM_BYTES) return copyOf(bytes, start, end);
    let slab = this.#slab;
    // An application may have detached the slab, which has no length then.
    if (slab === undefined || this.#used + length > slab.length) {
      slab = this.#slab = this.#allocate(SLAB_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    if (length > COPIED_BY_BYTES) bytes.copy(slab, at, start, end);
    else for (let i = 0; i < length; i++) slab[at + i] = bytes[start + i]!;
    // The next text begins where a view of 64-bit numbers can.
    this.#used = (at + length + 7) & ~7;
    return slab.subarray(at, at + length);
  }
}
