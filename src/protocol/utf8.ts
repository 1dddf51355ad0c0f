import { isUtf8 } from 'node:buffer';

/** Below this many bytes, the loop in this file is faster than a call of `isUtf8` on a view. */
const NATIVE_FROM_BYTES = 48;

/**
 * Validates UTF-8 text that arrives in pieces (§8.1): no surrogates, no overlong forms, nothing above U+10FFFF. Fails
 * at the first byte that no continuation could make valid.
 */
export class Utf8Validator {
  /** Continuation bytes that the sequence in progress still needs. */
  #needed = 0;
  /** Range of the next continuation byte; narrower after E0, ED, F0 and F4. */
  #lower = 0x80;
  #upper = 0xbf;

  /** True between code points: a text may end here. */
  get atBoundary(): boolean {
    return this.#needed === 0;
  }

  /**
   * Validates the next piece. After a failure the validator is unusable.
   * @returns The position in `bytes` of the first impossible byte, or -1.
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
   * Validates byte by byte.
   * @param onlySequence Stop after the sequence in progress.
   * @returns The position reached; the complement (`~`) of the position of an invalid byte.
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

/**
 * Returns where the last sequence starts if `end` may have cut it; `end` itself if the last byte completes a sequence.
 */
function lastBoundary(bytes: Uint8Array, start: number, end: number): number {
  for (let back = 1; back <= 3 && end - back >= start; back++) {
    const byte = bytes[end - back]!;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return end - back;
  }
  return end;
}

/**
 * Returns the position of the first byte that is not UTF-8, the length if the text ends too early, or -1 for valid
 * UTF-8.
 */
export function findInvalidUtf8(bytes: Uint8Array): number {
  const validator = new Utf8Validator();
  const at = validator.receive(bytes, 0, bytes.length);
  if (at >= 0) return at;
  return validator.atBoundary ? -1 : bytes.length;
}
