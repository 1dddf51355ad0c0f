import { SCRATCH_AT, simd } from './simd.ts';

/**
 * Below this size, a view of 32-bit words costs more than it saves (measured: 40 ns for a view; 1.4 ns a byte, 0.2 by
 * words).
 */
const WORDS_FROM_BYTES = 32;
/** From this size, a call of SIMD code costs less than a loop. */
const VECTORS_FROM_BYTES = 8;
/** From this size, copying to SIMD memory and back costs less than masking by words (64 KiB: 4 µs instead of 12). */
const STAGED_FROM_BYTES = 1_024;
/** Bytes that are copied to SIMD memory at a time, so that they stay in the cache of the core. A multiple of the key. */
const STAGE_BYTES = 16_384;
/** Text is decoded to the same memory; neither keeps anything there between calls. */
const stage: Uint8Array = /* @__PURE__ */ (() =>
  simd === undefined ? new Uint8Array(0) : new Uint8Array(simd.buffer, SCRATCH_AT, STAGE_BYTES))();
/** The same threshold for {@link nonAscii}, which only reads. */
const LOOK_BY_WORDS_FROM_BYTES = 96;

/** True if this machine stores the lowest byte first. */
export const LITTLE_ENDIAN = /* @__PURE__ */ (() => new Uint8Array(new Uint32Array([1]).buffer)[0] === 1)();
/** Bits that are set in a word, in either byte order, if a byte is not ASCII. */
const NOT_ASCII = 0x80808080 | 0;

/** Reads a masking key as the number that {@link mask} takes: byte 0 in the lowest 8 bits. */
export function readKey(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Writes a key from {@link readKey} as its 4 bytes. */
export function writeKey(bytes: Uint8Array, at: number, key: number): void {
  bytes[at] = key;
  bytes[at + 1] = key >>> 8;
  bytes[at + 2] = key >>> 16;
  bytes[at + 3] = key >>> 24;
}

/** Rotates the key to position `at` of the payload. */
function rotate(key: number, at: number): number {
  const bits = (at & 3) << 3;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

function swapBytes(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
  let seen = 0;
  for (let i = start, shift = 0; i < end; i++, shift += 8) {
    const byte = (bytes[i]! ^ (key >>> (shift & 24))) & 0xff;
    bytes[i] = byte;
    seen |= byte;
  }
  return seen & 0x80;
}

/**
 * Masks or unmasks `bytes` from `start` to `end` in place (§5.3). The result also tells, at no extra cost, whether text
 * made of these bytes is plain ASCII.
 * @param bytes Overwritten. Never pass memory that the application still holds.
 * @param key As {@link readKey} returns it.
 * @param at Position of `bytes[start]` in the payload, in bytes, for payloads that arrive in pieces.
 * @returns 0 if every resulting byte is ASCII, another number otherwise.
 */
export function mask(bytes: Uint8Array, start: number, end: number, key: number, at: number): number {
  const offset = end - start < WORDS_FROM_BYTES ? -1 : simdOffset(bytes);
  return maskAt(offset, bytes, start, end, key, at);
}

/**
 * Offset of `bytes` in SIMD memory, where masking is fastest; -1 if they are elsewhere. {@link maskAt} takes the
 * result, so that it is computed once per chunk and not once per frame: reading the `buffer` of a view costs 0.1 µs,
 * and more for a view of 64 bytes or less.
 */
export function simdOffset(bytes: Uint8Array): number {
  return simd !== undefined && bytes.buffer === simd.buffer ? bytes.byteOffset : -1;
}

/** {@link mask} with a known {@link simdOffset}. */
export function maskAt(
  offset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  at: number,
): number {
  const rotated = rotate(key, at);
  if (offset >= 0 && end - start >= VECTORS_FROM_BYTES)
    return simd!.mask(offset + start, offset + end, rotated);
  if (end - start < WORDS_FROM_BYTES) return maskBytes(bytes, start, end, rotated);
  return simd !== undefined && end - start >= STAGED_FROM_BYTES
    ? maskStaged(bytes, start, end, rotated)
    : maskWords(bytes, start, end, rotated);
}

/** Masks bytes outside of SIMD memory there. */
function maskStaged(bytes: Uint8Array, start: number, end: number, key: number): number {
  const { buffer, byteOffset } = bytes;
  let seen = 0;
  for (let at = start; at < end; at += STAGE_BYTES) {
    const piece = new Uint8Array(buffer, byteOffset + at, Math.min(STAGE_BYTES, end - at));
    stage.set(piece);
    seen |= simd!.mask(SCRATCH_AT, SCRATCH_AT + piece.length, key);
    piece.set(piece.length === STAGE_BYTES ? stage : stage.subarray(0, piece.length));
  }
  return seen;
}

function maskWords(bytes: Uint8Array, start: number, end: number, key: number): number {
  const { buffer, byteOffset } = bytes;
  let rotated = key;
  const lead = -(byteOffset + start) & 3;
  let seen = maskBytes(bytes, start, start + lead, rotated);
  rotated = rotate(rotated, lead);

  const wordsStart = start + lead;
  const count = (end - wordsStart) >>> 2;
  const words = new Int32Array(buffer, byteOffset + wordsStart, count);
  // Big-endian; no machine of the test matrix is.
  /* c8 ignore next */
  const wordKey = LITTLE_ENDIAN ? rotated : swapBytes(rotated);
  let seenWords = 0;
  let i = 0;
  for (const last = count - 3; i < last; i += 4) {
    const a = words[i]! ^ wordKey;
    const b = words[i + 1]! ^ wordKey;
    const c = words[i + 2]! ^ wordKey;
    const d = words[i + 3]! ^ wordKey;
    words[i] = a;
    words[i + 1] = b;
    words[i + 2] = c;
    words[i + 3] = d;
    seenWords |= a | b | c | d;
  }
  for (; i < count; i++) {
    const word = words[i]! ^ wordKey;
    words[i] = word;
    seenWords |= word;
  }
  seen |= seenWords & NOT_ASCII;
  return seen | maskBytes(bytes, wordsStart + count * 4, end, rotated);
}

/** Returns what {@link mask} returns, for bytes without a mask. */
export function nonAscii(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let seen = 0;
  if (end - start >= LOOK_BY_WORDS_FROM_BYTES) {
    const { buffer, byteOffset } = bytes;
    // A zero key changes nothing.
    if (simd !== undefined && buffer === simd.buffer) {
      return simd.mask(byteOffset + start, byteOffset + end, 0);
    }
    for (const aligned = start + (-(byteOffset + start) & 3); at < aligned; at++) seen |= bytes[at]!;
    const words = new Int32Array(buffer, byteOffset + at, (end - at) >>> 2);
    let seenWords = 0;
    for (let i = 0; i < words.length; i++) seenWords |= words[i]!;
    seen |= (seenWords & NOT_ASCII) === 0 ? 0 : 0x80;
    at += words.length * 4;
  }
  for (; at < end; at++) seen |= bytes[at]!;
  return seen & 0x80;
}
