import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import { BYTES, checkArgument, checkCallOptions, OPTIONS, WHOLE_NUMBER } from './call-check.ts';

/** One frame as it is on the wire, unchecked. */
export interface DecodedFrame {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly rsv2: boolean;
  readonly rsv3: boolean;
  readonly opcode: number;
  /** The masking key, or `false` if there is none. */
  readonly mask: Buffer | false;
  /** Number of bits that encode the length, minimal or not. */
  readonly lengthForm: 7 | 16 | 64;
  /** Unmasked; a copy. */
  readonly payload: Buffer;
  /** Offset of the first byte of the header in the given bytes. */
  readonly start: number;
  /** Offset after the last byte of the payload. */
  readonly end: number;
}

/**
 * Reads the frame that begins at `start`. A simple, slow implementation of §5.2 that shares no code with Hawser's parser:
 * fuzzers compare the parser with it.
 * @returns `undefined` if `bytes` ends before the frame does.
 */
export function readFrame(bytes: Uint8Array, start = 0): DecodedFrame | undefined {
  checkArgument('readFrame', 'bytes', bytes, BYTES);
  checkArgument('readFrame', 'start', start, WHOLE_NUMBER);
  const wire = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (count: number) => start + count <= wire.length;
  if (!has(2)) return undefined;
  const first = wire.readUInt8(start);
  const second = wire.readUInt8(start + 1);

  const short = second & 0x7f;
  const lengthForm = short === 127 ? 64 : short === 126 ? 16 : 7;
  const keyAt = 2 + (lengthForm === 64 ? 8 : lengthForm === 16 ? 2 : 0);
  if (!has(keyAt)) return undefined;
  let length = BigInt(short);
  if (lengthForm === 16) length = BigInt(wire.readUInt16BE(start + 2));
  if (lengthForm === 64) length = wire.readBigUInt64BE(start + 2);

  const masked = (second & 0x80) !== 0;
  const payloadAt = keyAt + (masked ? 4 : 0);
  if (BigInt(start + payloadAt) + length > BigInt(wire.length)) return undefined;
  const end = start + payloadAt + Number(length);
  const mask = masked ? Buffer.from(wire.subarray(start + keyAt, start + payloadAt)) : false;
  const payload = Buffer.from(wire.subarray(start + payloadAt, end));
  if (mask !== false) for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i % 4]!;
  return {
    fin: (first & 0x80) !== 0,
    rsv1: (first & 0x40) !== 0,
    rsv2: (first & 0x20) !== 0,
    rsv3: (first & 0x10) !== 0,
    opcode: first & 0x0f,
    mask,
    lengthForm,
    payload,
    start,
    end,
  };
}

/**
 * Length in bytes of the frame at the start of `bytes`, according to its header.
 * @returns `undefined` if the header is incomplete.
 */
export function frameBytes(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const headerBytes = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + (bytes[1]! >= 0x80 ? 4 : 0);
  if (bytes.length < headerBytes) return undefined;
  if (short === 127) return headerBytes + Number(bytes.readBigUInt64BE(2));
  return headerBytes + (short === 126 ? bytes.readUInt16BE(2) : short);
}

/**
 * Reads all complete frames in `bytes`, in order. Does not change `bytes`.
 * @param options `wholeOnly: true` refuses bytes after the last complete frame. Default: ignores them.
 * @throws MisuseError `ERR_ARGUMENT` with `wholeOnly`, for bytes after the last complete frame.
 */
export function readFrames(
  bytes: Uint8Array,
  options: { readonly wholeOnly?: boolean } = {},
): DecodedFrame[] {
  checkCallOptions('readFrames', options, OPTIONS.readFrames);
  const frames: DecodedFrame[] = [];
  let end = 0;
  for (let next = readFrame(bytes, end); next !== undefined; next = readFrame(bytes, end)) {
    frames.push(next);
    end = next.end;
  }
  if (options.wholeOnly === true && end < bytes.length) {
    const rest = Buffer.from(bytes.subarray(end, end + 16)).toString('hex');
    throw new MisuseError(
      'ERR_ARGUMENT',
      `${bytes.length - end} bytes after ${frames.length} complete frames are not a frame: ${rest}…`,
    );
  }
  return frames;
}
