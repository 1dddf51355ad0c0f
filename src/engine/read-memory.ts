import type { Buffer } from 'node:buffer';
import { Beginnings } from '../protocol/beginnings.ts';

/**
 * More than Node's 64 KiB, because there is only one: large messages more often arrive whole and need no second copy.
 */
export const READ_BYTES = 196_608;

/**
 * Memory that every socket of an engine reads into, one at a time: the bytes of a read are consumed before the next
 * read.
 */
export class ReadMemory {
  readonly bytes: Buffer;
  readonly #views: Beginnings;
  #lastBytes = 0;

  /** @param bytes Memory of {@link READ_BYTES} bytes. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#views = new Beginnings(bytes);
  }

  /** Returns the bytes of a read, given its length. */
  brought(bytes: number): Buffer {
    this.#lastBytes = bytes;
    return this.#views.view(bytes);
  }

  /** True if the last read filled the memory: the same socket is then read again at once, up to 32 times. */
  get lastReadWasFull(): boolean {
    return this.#lastBytes === this.bytes.length;
  }
}
