import { Buffer } from 'node:buffer';
import { PeerError } from './errors.ts';
import { ENTRY_BYTES } from './limits.ts';
import { messageMemory } from './message-memory.ts';
import type { OutgrownMemory } from './outgrown-memory.ts';
import { Utf8Validator } from './utf8.ts';

/** Smallest buffer for an unfinished message, unless the message is known to be smaller. */
const FIRST_CAPACITY = 256;
const NOTHING = /* @__PURE__ */ Buffer.alloc(0);
/** Bytes shown on each side of an invalid byte (in hex, never as text). */
const SHOWN_AROUND = 4;

/**
 * Joins the pieces of a message: fragments, or parts of a frame from several reads. Exists only while a message is in
 * progress. Holds at most twice the bytes it received. Each byte is copied a bounded number of times, whatever the
 * number of pieces.
 */
export class MessageAssembler {
  #buffer: Buffer = NOTHING;
  #length = 0;
  #nonAscii = 0;
  readonly #outgrown: OutgrownMemory;
  readonly #validator: Utf8Validator | undefined;

  constructor(text: boolean, outgrown: OutgrownMemory) {
    this.#outgrown = outgrown;
    this.#validator = text ? new Utf8Validator() : undefined;
  }

  /** Payload bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Bytes to count in a memory budget. Even an empty unfinished message counts. */
  get countedBytes(): number {
    return ENTRY_BYTES + Math.max(this.#length, FIRST_CAPACITY);
  }

  /**
   * Copies the next unmasked piece. Text fails at its first impossible byte, even if the rest is missing (§8.1).
   * @param nonAscii Result of `mask` for the piece.
   * @param expectedBytes Payload bytes of the whole message, to limit growth; infinite while unknown.
   * @throws PeerError `ERR_UTF8`.
   */
  append(bytes: Uint8Array, start: number, end: number, nonAscii: number, expectedBytes: number): void {
    const needed = this.#length + (end - start);
    if (needed > this.#buffer.length) this.#grow(needed, expectedBytes);
    this.#buffer.set(bytes.subarray(start, end), this.#length);
    if (this.#validator !== undefined && (nonAscii !== 0 || !this.#validator.atBoundary)) {
      const bad = this.#validator.receive(this.#buffer, this.#length, needed);
      if (bad >= 0) throw invalidUtf8(this.#buffer, bad, needed);
    }
    this.#nonAscii |= nonAscii;
    this.#length = needed;
  }

  #grow(needed: number, expectedBytes: number): void {
    const wanted = Math.max(needed * 2, FIRST_CAPACITY);
    // Exactly the message size: this memory becomes the message.
    const grown =
      wanted >= expectedBytes
        ? messageMemory(Math.max(needed, expectedBytes))
        : this.#outgrown.roomFor(wanted);
    const outgrown = this.#buffer;
    outgrown.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    this.#outgrown.keep(outgrown);
  }

  /**
   * The message is whole.
   * @throws PeerError `ERR_UTF8` for text that ends inside a code point.
   */
  finish(): void {
    if (this.#validator?.atBoundary === false) {
      throw endsInsideCodePoint(this.#length);
    }
  }

  /** Memory of the message, {@link length} bytes of it. It belongs to the caller once the message is whole. */
  get bytes(): Buffer {
    return this.#buffer;
  }

  /** Every byte is ASCII; known for text only. */
  get isAscii(): boolean {
    return this.#nonAscii === 0;
  }
}

/** Creates the error for a text whose last code point is cut. */
export const endsInsideCodePoint = (length: number): PeerError =>
  new PeerError('ERR_UTF8', `the text ends inside a code point, after ${length} bytes`);

/**
 * Creates the error for an invalid byte, with its position and the bytes around it.
 * @param before Bytes of the message before `bytes`.
 */
export function invalidUtf8(bytes: Uint8Array, at: number, length: number, before = 0): PeerError {
  const shown = bytes.subarray(Math.max(0, at - SHOWN_AROUND), Math.min(length, at + SHOWN_AROUND));
  const inHex = [...shown].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new PeerError('ERR_UTF8', `byte ${before + at} of ${before + length} received so far, in ${inHex}`);
}
