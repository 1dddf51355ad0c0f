import { Buffer } from 'node:buffer';
import { copyOf } from '../message-memory.ts';
import { listContains } from './fields.ts';
import type { ResponseHead } from './response-head.ts';

/** Longest line between chunks: a size in hex and chunk extensions, which are ignored. */
const MAX_CHUNK_LINE_BYTES = 256;
const LF = 0x0a;

/**
 * Reads the first bytes of a response body, to show why the server refused (RFC 9112 §6). A malformed body ends the
 * reading without an error.
 */
export class ResponseBodyReader {
  readonly #limitBytes: number;
  /** Grows by doubling: one buffer per tiny chunk would cost far more than its bytes. */
  #memory: Buffer = Buffer.alloc(0);
  readonly #chunked: boolean;
  #bytes = 0;
  /** Bytes still to arrive of the body, or of this chunk. */
  #leftBytes: number;
  /** The line between two chunks so far; `undefined` inside a chunk. */
  #line: string | undefined;
  done = false;

  constructor(head: ResponseHead, limitBytes: number) {
    const { status, fields } = head;
    this.#limitBytes = limitBytes;
    this.#chunked = listContains(fields.get('transfer-encoding') ?? '', 'chunked');
    const length = fields.get('content-length');
    const hasLength = !this.#chunked && length !== undefined && /^\d{1,15}$/.test(length);
    this.#leftBytes = this.#chunked ? 0 : hasLength ? Number(length) : Number.POSITIVE_INFINITY;
    if (this.#chunked) this.#line = '';
    this.done = status === 204 || status === 304 || (!this.#chunked && this.#leftBytes === 0);
  }

  /** Takes the next bytes. Sets `done` when no more are needed. */
  receive(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.done; ) {
      at = this.#line === undefined ? this.#data(chunk, at) : this.#lineByte(chunk, at, this.#line);
    }
  }

  /** Returns the bytes read so far, as a copy. */
  take(): Buffer {
    return copyOf(this.#memory, 0, this.#bytes);
  }

  #data(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(chunk.length - at, this.#leftBytes, this.#limitBytes - this.#bytes);
    const length = this.#bytes + bytes;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(this.#limitBytes, Math.max(length, 2 * this.#memory.length)),
      );
      this.#memory.copy(larger, 0, 0, this.#bytes);
      this.#memory = larger;
    }
    this.#memory.set(chunk.subarray(at, at + bytes), this.#bytes);
    this.#bytes = length;
    this.#leftBytes -= bytes;
    if (this.#bytes === this.#limitBytes) this.done = true;
    else if (this.#leftBytes === 0) {
      this.#line = '';
      this.done = !this.#chunked;
    }
    return at + bytes;
  }

  #lineByte(chunk: Uint8Array, at: number, line: string): number {
    if (chunk[at] !== LF) {
      this.#line = line + String.fromCharCode(chunk[at]!);
      this.done = this.#line.length > MAX_CHUNK_LINE_BYTES;
      return at + 1;
    }
    const text = line.trim();
    if (text === '' && this.#bytes > 0) {
      // the CRLF that ends the previous chunk
      this.#line = '';
      return at + 1;
    }
    const size = /^[\da-f]{1,8}(?=$|[\s;])/i.exec(text);
    this.#leftBytes = size === null ? 0 : Number.parseInt(size[0], 16);
    this.done = this.#leftBytes === 0;
    this.#line = undefined;
    return at + 1;
  }
}
