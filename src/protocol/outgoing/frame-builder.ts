import { Buffer } from 'node:buffer';
import { setBytes } from '../buffer-view.ts';
import { FIN, LENGTH_16, LENGTH_64, LENGTH_MASK, MASK_BIT, MAX_CONTROL_BYTES } from '../constants.ts';
import { MisuseError } from '../errors.ts';
import { mask, writeKey } from '../mask.ts';
import { trueLength } from '../payload.ts';
import type { FramePool } from './frame-pool.ts';

/** A masking key for `mask`; `undefined` on the server side, whose frames are not masked (§5.1). */
export type FrameKey = number | undefined;

/** Returns the size of the header for a payload, in the shortest form (§5.2). */
export function headerBytes(payloadBytes: number, key: FrameKey): number {
  const unmasked = payloadBytes < LENGTH_16 ? 2 : payloadBytes <= 0xffff ? 4 : 10;
  return key === undefined ? unmasked : unmasked + 4;
}

/**
 * Writes the header of a final frame.
 * @returns The position after it.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  opcode: number,
  payloadBytes: number,
  key: FrameKey,
): number {
  const maskBit = key === undefined ? 0 : MASK_BIT;
  target[at] = FIN | opcode;
  let end = at + 2;
  if (payloadBytes < LENGTH_16) {
    target[at + 1] = maskBit | payloadBytes;
  } else if (payloadBytes <= 0xffff) {
    target[at + 1] = maskBit | LENGTH_16;
    target[at + 2] = payloadBytes >>> 8;
    target[at + 3] = payloadBytes;
    end = at + 4;
  } else {
    target[at + 1] = maskBit | LENGTH_64;
    let rest = payloadBytes;
    for (let i = at + 9; i > at + 1; i--) {
      target[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    end = at + 10;
  }
  if (key !== undefined) {
    writeKey(target, end, key);
    end += 4;
  }
  return end;
}

/**
 * Writes a whole final frame.
 * @param target Needs room for the header and `payload`.
 * @returns The position after the frame.
 */
export function writeFrame(
  target: Uint8Array,
  at: number,
  opcode: number,
  payload: Uint8Array,
  key: FrameKey,
): number {
  const payloadBytes = trueLength(payload);
  const start = writeHeader(target, at, opcode, payloadBytes, key);
  setBytes(target, payload, start);
  const end = start + payloadBytes;
  if (key !== undefined) mask(target, start, end, key, 0);
  return end;
}

/**
 * Writes a whole final frame with a string as payload; lone surrogates are sent as U+FFFD.
 * @param target Needs room for the longest header and 3 bytes per UTF-16 unit of `text`.
 * @returns The position after the frame.
 */
export function writeTextFrame(
  target: Buffer,
  at: number,
  opcode: number,
  text: string,
  key: FrameKey,
): number {
  // Most text is ASCII: write it where its header would end, and move it if the header turns out longer.
  const guessed = at + headerBytes(text.length, key);
  const bytes = target.write(text, guessed, 'utf8');
  const start = at + headerBytes(bytes, key);
  // Before the header is written, because a longer header reaches into the text.
  if (start !== guessed) target.copyWithin(start, guessed, guessed + bytes);
  writeHeader(target, at, opcode, bytes, key);
  if (key !== undefined) mask(target, start, start + bytes, key, 0);
  return start + bytes;
}

/** Returns a whole final frame in its own memory. */
export function buildFrame(opcode: number, data: string | Uint8Array, key: FrameKey): Buffer {
  return buildFrameIn(undefined, opcode, data, key);
}

/** As {@link buildFrame}, in memory of a pool. */
export function buildFrameIn(
  pool: FramePool | undefined,
  opcode: number,
  data: string | Uint8Array,
  key: FrameKey,
): Buffer {
  const payloadBytes = typeof data === 'string' ? Buffer.byteLength(data, 'utf8') : trueLength(data);
  const bytes = headerBytes(payloadBytes, key) + payloadBytes;
  const frame = pool === undefined ? Buffer.allocUnsafeSlow(bytes) : pool.frame(bytes);
  const start = writeHeader(frame, 0, opcode, payloadBytes, key);
  if (typeof data === 'string') frame.write(data, start, 'utf8');
  else frame.set(data, start);
  if (key !== undefined) mask(frame, start, frame.length, key, 0);
  return frame;
}

/**
 * Returns one fragment of a message in its own memory (§5.4).
 * @param opcode 0 for all but the first fragment.
 */
export function buildFragment(opcode: number, payload: Uint8Array, isLast: boolean, key: FrameKey): Buffer {
  const frame = buildFrame(opcode, payload, key);
  if (!isLast) frame[0] = opcode;
  return frame;
}

/** Returns the size, header and payload, of a frame that starts at `at` and was built here. */
export function frameBytes(bytes: Uint8Array, at: number): number {
  const second = bytes[at + 1]!;
  const short = second & LENGTH_MASK;
  const maskBytes = (second & MASK_BIT) === 0 ? 0 : 4;
  if (short < LENGTH_16) return 2 + maskBytes + short;
  const lengthBytes = short === LENGTH_16 ? 2 : 8;
  let payloadBytes = 0;
  for (let i = at + 2; i < at + 2 + lengthBytes; i++) payloadBytes = payloadBytes * 256 + bytes[i]!;
  return 2 + lengthBytes + maskBytes + payloadBytes;
}

/** Returns the size of the payload of an unmasked frame that was built here, from the size of the frame. */
export function payloadBytesIn(frameLength: number): number {
  return frameLength - (frameLength < LENGTH_16 + 2 ? 2 : frameLength <= 0xffff + 4 ? 4 : 10);
}

/**
 * Checks the payload of a control frame.
 * @throws MisuseError `ERR_ARGUMENT` if a control frame cannot carry these bytes (§5.5).
 */
export function checkControlPayload(payload: Uint8Array): void {
  if (payload.length > MAX_CONTROL_BYTES) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `a ping or pong carries at most ${MAX_CONTROL_BYTES} bytes, not ${payload.length}`,
    );
  }
}
