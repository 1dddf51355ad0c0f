import { Buffer } from 'node:buffer';
import { PeerError } from './errors.ts';
import { ENTRY_BYTES } from './limits.ts';
import { copyOf, messageMemory } from './message-memory.ts';
import { keepOutgrown, roomToGrow } from './outgrown-memory.ts';
import type { ReusableBytes } from './reusable-bytes.ts';
import { findInvalidUtf8, Utf8Validator } from './utf8.ts';
import { decodeIfUtf8, decodeUtf8 } from './utf8-decoder.ts';

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
  readonly #validator: Utf8Validator | undefined;

  constructor(text: boolean) {
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
      wanted >= expectedBytes ? messageMemory(Math.max(needed, expectedBytes)) : roomToGrow(wanted);
    const outgrown = this.#buffer;
    outgrown.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    keepOutgrown(outgrown);
  }

  /**
   * Returns the whole message.
   * @param reusable Receives the location of the bytes of the message.
   * @throws PeerError `ERR_UTF8` for text that ends inside a code point.
   */
  takeMessage(reusable?: ReusableBytes): string | Buffer {
    if (this.#validator === undefined) return this.#takeBinary(reusable);
    if (!this.#validator.atBoundary) {
      throw new PeerError('ERR_UTF8', `the text ends inside a code point, after ${this.#length} bytes`);
    }
    const isAscii = this.#nonAscii === 0;
    const text = isAscii
      ? this.#buffer.toString('latin1', 0, this.#length)
      : decodeUtf8(this.#buffer, 0, this.#length);
    reusable?.noteText(text, this.#buffer, 0, this.#length, isAscii);
    return text;
  }

  /** Returns the whole message as bytes that the caller owns. */
  #takeBinary(reusable: ReusableBytes | undefined): Buffer {
    const whole = this.#length === this.#buffer.length;
    const message = whole ? this.#buffer : copyOf(this.#buffer, 0, this.#length);
    if (!whole) keepOutgrown(this.#buffer);
    reusable?.noteBinary(message);
    return message;
  }
}

/**
 * Returns a message that is in one piece.
 * @param nonAscii 0 if it is plain ASCII; used for text only.
 * @param reusable Receives the location of the bytes. Pass it only if `bytes` stay unchanged until it forgets them.
 * @throws PeerError `ERR_UTF8`.
 */
export function wholeMessage(
  isText: boolean,
  bytes: Buffer,
  start: number,
  end: number,
  nonAscii: number,
  reusable?: ReusableBytes,
): string | Buffer {
  if (!isText) {
    const message = copyOf(bytes, start, end);
    reusable?.noteBinary(message);
    return message;
  }
  const isAscii = nonAscii === 0;
  const text = isAscii ? bytes.toString('latin1', start, end) : decodeIfUtf8(bytes, start, end);
  if (text === undefined) {
    const wrong = bytes.subarray(start, end);
    throw invalidUtf8(wrong, findInvalidUtf8(wrong), wrong.length);
  }
  reusable?.noteText(text, bytes, start, end, isAscii);
  return text;
}

/** Creates the error for an invalid byte, with its position and the bytes around it. */
export function invalidUtf8(bytes: Uint8Array, at: number, length: number): PeerError {
  const shown = bytes.subarray(Math.max(0, at - SHOWN_AROUND), Math.min(length, at + SHOWN_AROUND));
  const inHex = [...shown].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new PeerError('ERR_UTF8', `byte ${at} of ${length} received so far, in ${inHex}`);
}
