import * as buffers from 'node:buffer';
import { type Buffer, isUtf8 } from 'node:buffer';
import { LITTLE_ENDIAN } from './mask.ts';

/** Below this many bytes the loop here beats a call of `isUtf8` on a view. */
const NATIVE_FROM_BYTES = 48;

/**
 * Strict UTF-8 of a text that arrives in pieces (§8.1): no surrogates, no overlong forms, nothing above U+10FFFF.
 * Fails at the first byte that no continuation could make valid.
 */
export class Utf8Validator {
  /** Continuation bytes that the sequence in progress still needs. */
  #needed = 0;
  /** Range of the next continuation byte: narrower after E0, ED, F0 and F4. */
  #lower = 0x80;
  #upper = 0xbf;

  /** True between code points: a text may end here. */
  get atBoundary(): boolean {
    return this.#needed === 0;
  }

  /**
   * Takes the next piece.
   * @returns The position in `bytes` of the first impossible byte, or -1. After a fault the validator is of no further use.
   */
  receive(bytes: Uint8Array, start: number, end: number): number {
    let at = this.#scan(bytes, start, end, true);
    if (at < 0 || at === end) return at < 0 ? ~at : -1;
    if (end - at >= NATIVE_FROM_BYTES) {
      const tail = lastBoundary(bytes, at, end);
      if (isUtf8(bytes.subarray(at, tail))) at = tail;
    }
    at = this.#scan(bytes, at, end, false);
    return at < 0 ? ~at : -1;
  }

  /**
   * Looks at one byte after the other, or only as far as the sequence in progress reaches.
   * @returns How far it came; the complement of the position of a bad byte.
   */
  #scan(bytes: Uint8Array, start: number, end: number, onlySequence: boolean): number {
    let needed = this.#needed;
    let lower = this.#lower;
    let upper = this.#upper;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (needed === 0 && onlySequence) break;
      if (needed > 0) {
        if (byte < lower || byte > upper) return ~at;
        needed--;
        lower = 0x80;
        upper = 0xbf;
      } else if (byte >= 0x80) {
        if (byte < 0xc2 || byte > 0xf4) return ~at;
        needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        lower = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
        upper = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
      }
    }
    this.#needed = needed;
    this.#lower = lower;
    this.#upper = upper;
    return at;
  }
}

/** Where the last sequence begins that `end` may have cut; `end` itself if the last byte ends one. */
function lastBoundary(bytes: Uint8Array, start: number, end: number): number {
  for (let back = 1; back <= 3 && end - back >= start; back++) {
    const byte = bytes[end - back]!;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return end - back;
  }
  return end;
}

/** Position of the first byte that is not UTF-8, the length if the text only ends too early, or -1. */
export function findInvalidUtf8(bytes: Uint8Array): number {
  const validator = new Utf8Validator();
  const at = validator.receive(bytes, 0, bytes.length);
  if (at >= 0) return at;
  return validator.atBoundary ? -1 : bytes.length;
}

/**
 * From this many bytes on the platform's way by UTF-16 is the fastest, below a loop of our own (measured with text of many
 * scripts: 255 bytes 0.5 µs, 1 KiB 1.7, by `toString` 1.6 and 4.6; 4 KiB 6.4, by `transcode` 5.0, by `toString` 17).
 */
const TRANSCODED_FROM_BYTES = 2_048;

/** Not everywhere: it needs ICU, and runtimes other than Node may differ. */
const transcodes: boolean = (() => {
  const sample = '\ufeffä€\u{10ffff}';
  try {
    return buffers.transcode(buffers.Buffer.from(sample), 'utf8', 'utf16le').toString('utf16le') === sample;
  } catch {
    return false;
  }
})();

/** What the loop writes into: UTF-16 has no more units than UTF-8 has bytes. */
const units = new Uint16Array(TRANSCODED_FROM_BYTES);
const unitBytes = buffers.Buffer.from(units.buffer);

/** Decodes what is known to be UTF-8; a byte order mark stays. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  // A machine of the other byte order has the platform's way alone.
  if (end - start < TRANSCODED_FROM_BYTES && LITTLE_ENDIAN) return decodeByUnits(bytes, start, end);
  if (!transcodes) return bytes.toString('utf8', start, end);
  return buffers.transcode(bytes.subarray(start, end), 'utf8', 'utf16le').toString('utf16le');
}

function decodeByUnits(bytes: Uint8Array, start: number, end: number): string {
  let count = 0;
  for (let at = start; at < end; ) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      units[count++] = lead;
      at += 1;
    } else if (lead < 0xe0) {
      units[count++] = ((lead & 0x1f) << 6) | (bytes[at + 1]! & 0x3f);
      at += 2;
    } else if (lead < 0xf0) {
      units[count++] = ((lead & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);
      at += 3;
    } else {
      const high = ((lead & 0x07) << 18) | ((bytes[at + 1]! & 0x3f) << 12);
      const above = (high | ((bytes[at + 2]! & 0x3f) << 6) | (bytes[at + 3]! & 0x3f)) - 0x10000;
      units[count++] = 0xd800 | (above >> 10);
      units[count++] = 0xdc00 | (above & 0x3ff);
      at += 4;
    }
  }
  return unitBytes.toString('utf16le', 0, count * 2);
}
