import type { Buffer } from 'node:buffer';
import { Beginnings } from '../protocol/beginnings.ts';

/** More than Node's 64 KiB, because there is one of it: large messages come whole more often, and need no second copy. */
export const READ_BYTES = 196_608;

/** Where every socket of an engine reads into, one at a time: the bytes of one read are used before the next one. */
export class ReadMemory {
  readonly bytes: Buffer;
  readonly #views: Beginnings;
  #lastBytes = 0;

  /** @param bytes {@link READ_BYTES} of them. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#views = new Beginnings(bytes);
  }

  /** The bytes of a read that has brought so many. */
  brought(bytes: number): Buffer {
    this.#lastBytes = bytes;
    return this.#views.view(bytes);
  }

  /** The last read brought as much as one can: the same socket is read again at once, up to 32 times. */
  get lastReadWasFull(): boolean {
    return this.#lastBytes === this.bytes.length;
  }
}
