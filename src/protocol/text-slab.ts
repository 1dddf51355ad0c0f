import { Buffer } from 'node:buffer';
import { copyOf } from './message-memory.ts';

/** Size of one slab, in bytes. */
const SLAB_BYTES = 8_192;
/** A text of at least this size gets its own memory, in bytes. */
const OWN_FROM_BYTES = 4_096;
/** Up to this size, a loop is faster than a copy from a view. */
const COPIED_BY_BYTES = 40;

/**
 * Memory for received texts that are delivered as bytes. Small texts are packed into slabs of 8 KiB, which hold only
 * delivered texts: separate memory for each small text costs twice the time of a whole echo. A text keeps its slab
 * alive, and its `.buffer` contains the other texts of the slab.
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
    // An application may have detached the slab, which then has length 0.
    if (slab === undefined || this.#used + length > slab.length) {
      slab = this.#slab = this.#allocate(SLAB_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    if (length > COPIED_BY_BYTES) bytes.copy(slab, at, start, end);
    else for (let i = 0; i < length; i++) slab[at + i] = bytes[start + i]!;
    // The next text starts at a multiple of 8, so that views of 64-bit numbers are possible.
    this.#used = (at + length + 7) & ~7;
    return slab.subarray(at, at + length);
  }
}
