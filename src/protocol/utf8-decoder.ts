import * as buffers from 'node:buffer';
import { Buffer, isUtf8 } from 'node:buffer';
import { LITTLE_ENDIAN } from './mask.ts';
import { SCRATCH_AT, simd } from './simd.ts';

/**
 * From this size, the platform's check is cheaper although it needs a call and a view: it costs 0.1 ns a byte, while
 * ours adds 0.2 ns a byte to decoding.
 */
const NATIVE_CHECK_FROM_BYTES = 2_048;

/** Longest text that SIMD decodes. */
const ROOM_BYTES = 262_144;
/**
 * Copy of texts in ordinary memory, inside the memory that `decode` writes to. `decode` reads 16 bytes per step from
 * the upper half and writes at most 32 bytes to the lower half, so it never overtakes its input.
 */
const STAGED_AT = SCRATCH_AT + ROOM_BYTES + 64;
const SCRATCH_TEXT_AT = SCRATCH_AT + 2;
const part = (at: number): Buffer => (simd === undefined ? Buffer.alloc(0) : Buffer.from(simd.buffer, at));
const scratch = /* @__PURE__ */ part(SCRATCH_TEXT_AT);
const staged = /* @__PURE__ */ part(STAGED_AT);

/** Decodes bytes; returns `undefined` if they are not UTF-8. Keeps a byte order mark. */
export function decodeIfUtf8(bytes: Buffer, start: number, end: number): string | undefined {
  if (simd !== undefined && end - start < NATIVE_CHECK_FROM_BYTES) return byVectors(bytes, start, end, 1);
  return isUtf8(bytes.subarray(start, end)) ? decodeUtf8(bytes, start, end) : undefined;
}

/** Decodes bytes that are known to be UTF-8. Keeps a byte order mark. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (simd !== undefined && end - start <= ROOM_BYTES) return byVectors(bytes, start, end, 0)!;
  return byPlatform(bytes, start, end);
}

function byVectors(bytes: Buffer, start: number, end: number, check: number): string | undefined {
  const { buffer, decode } = simd!;
  let at = bytes.byteOffset + start;
  if (bytes.buffer !== buffer) {
    bytes.copy(staged, 0, start, end);
    at = STAGED_AT;
  }
  const made = decode(at, at + (end - start), SCRATCH_AT, check);
  if (made < 0) return undefined;
  return (made & 1) === 0
    ? scratch.toString('latin1', 0, made >> 1)
    : scratch.toString('utf16le', 0, made - 1);
}

/**
 * Without SIMD: from this size, the platform's conversion through UTF-16 is fastest; below it, our own loop (measured
 * with text of many scripts: 255 bytes 0.5 µs, 1 KiB 1.7, by `toString` 1.6 and 4.6; 4 KiB 6.4, by `transcode` 5.0, by
 * `toString` 17).
 */
const TRANSCODED_FROM_BYTES = 2_048;

/** Not on every runtime: it needs ICU, and runtimes other than Node may differ. */
const transcodes: boolean = /* @__PURE__ */ (() => {
  const sample = '\ufeffä€\u{10ffff}';
  try {
    return buffers.transcode(buffers.Buffer.from(sample), 'utf8', 'utf16le').toString('utf16le') === sample;
  } catch {
    return false;
  }
})();

/** Output of the loop: UTF-16 never has more units than UTF-8 has bytes. */
const units = /* @__PURE__ */ new Uint16Array(TRANSCODED_FROM_BYTES);
const unitBytes = /* @__PURE__ */ (() => buffers.Buffer.from(units.buffer))();

function byPlatform(bytes: Buffer, start: number, end: number): string {
  // Big-endian machines use the platform's conversion only.
  if (end - start < TRANSCODED_FROM_BYTES && LITTLE_ENDIAN) return byUnits(bytes, start, end);
  if (!transcodes) return bytes.toString('utf8', start, end);
  return buffers.transcode(bytes.subarray(start, end), 'utf8', 'utf16le').toString('utf16le');
}

function byUnits(bytes: Uint8Array, start: number, end: number): string {
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
