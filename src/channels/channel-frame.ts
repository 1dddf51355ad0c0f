import { Buffer } from 'node:buffer';
import { PeerError } from '../protocol/errors.ts';
import { decodeIfUtf8 } from '../protocol/utf8-decoder.ts';

/** First byte of a frame of `hawser.channels.v1`; docs/channels.md has the format to the byte. */
export const TYPE = Object.freeze({
  OPEN: 0x00,
  ACCEPT: 0x01,
  CLOSE: 0x02,
  CREDIT: 0x03,
  DATA: 0x04,
} as const);
/** Bits of the first byte of a data frame. */
const TEXT_BIT = 0x01;
const LAST_BIT = 0x02;
const LAST_TYPE = TYPE.DATA | TEXT_BIT | LAST_BIT;

/** Largest id and largest credit: 4 bytes of 7 bits. */
export const MAX_NUMBER = 268_435_455;
/** What each data frame costs in credit, besides the bytes of its payload. It limits the number of frames. */
export const FRAME_COST = 64;
/** Largest payload of one data frame. Longer messages are sent in several, so that other channels get their turn. */
export const MAX_PIECE_BYTES = 16_384;
/** Longest name of a channel, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 256;
/** Longest metadata of a channel, in bytes of JSON. */
export const MAX_METADATA_BYTES = 4_096;
/** Longest reason of a close, in bytes of UTF-8. */
export const MAX_REASON_BYTES = 123;

/** A frame that was read. The fields of other types have their defaults. */
export interface ChannelFrame {
  readonly type: (typeof TYPE)[keyof typeof TYPE];
  readonly id: number;
  readonly credit: number;
  readonly name: string;
  readonly metadata: unknown;
  readonly code: number;
  readonly reason: string;
  readonly isText: boolean;
  readonly isLast: boolean;
  /** Shares the memory of the message. */
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);
const EMPTY = Object.freeze({
  credit: 0,
  name: '',
  metadata: undefined,
  code: 0,
  reason: '',
  isText: false,
  isLast: false,
  payload: NOTHING,
});

const numberBytes = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;

function writeNumber(target: Buffer, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; rest >>>= 7) target[end++] = (rest & 0x7f) | 0x80;
  target[end++] = rest;
  return end;
}

function begin(type: number, id: number, bodyBytes: number): { readonly frame: Buffer; readonly at: number } {
  const frame = Buffer.allocUnsafe(1 + numberBytes(id) + bodyBytes);
  frame[0] = type;
  return { frame, at: writeNumber(frame, 1, id) };
}

/** @param metadata JSON; empty for none. */
export function openFrame(id: number, credit: number, name: string, metadata: string): Buffer {
  const nameBytes = Buffer.byteLength(name);
  const bytes = numberBytes(credit) + numberBytes(nameBytes) + nameBytes + Buffer.byteLength(metadata);
  const { frame, at } = begin(TYPE.OPEN, id, bytes);
  const end = writeNumber(frame, writeNumber(frame, at, credit), nameBytes);
  frame.write(name, end, 'utf8');
  frame.write(metadata, end + nameBytes, 'utf8');
  return frame;
}

/** A frame whose body is a number of bytes of credit. */
export function creditFrame(
  type: typeof TYPE.ACCEPT | typeof TYPE.CREDIT,
  id: number,
  credit: number,
): Buffer {
  const { frame, at } = begin(type, id, numberBytes(credit));
  writeNumber(frame, at, credit);
  return frame;
}

export function closeFrame(id: number, code: number, reason: string): Buffer {
  const { frame, at } = begin(TYPE.CLOSE, id, 2 + Buffer.byteLength(reason));
  frame.writeUInt16BE(code, at);
  frame.write(reason, at + 2, 'utf8');
  return frame;
}

export function dataFrame(id: number, piece: Uint8Array, isText: boolean, isLast: boolean): Buffer {
  const type = TYPE.DATA | (isText ? TEXT_BIT : 0) | (isLast ? LAST_BIT : 0);
  const { frame, at } = begin(type, id, piece.length);
  frame.set(piece, at);
  return frame;
}

/** The error for a frame that breaks a rule; the connection fails with it. */
export const brokenRule = (detail: string, cause?: unknown): PeerError =>
  new PeerError('ERR_CHANNEL', detail, cause === undefined ? undefined : { cause });

/** Reads the parts of a frame. */
class FrameReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw brokenRule('a frame ends too early');
    return byte;
  }

  /** A number from 1, in its shortest form. */
  number(what: string): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0) throw brokenRule(`the ${what} is 0 or not in its shortest form`);
      return value;
    }
    throw brokenRule(`the ${what} is longer than 4 bytes`);
  }

  take(bytes: number, what: string): Buffer {
    if (this.#bytes.length - this.#at < bytes) throw brokenRule(`the ${what} ends too early`);
    this.#at += bytes;
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at, 'frame');
  }

  text(bytes: Buffer, maxBytes: number, what: string): string {
    if (bytes.length > maxBytes) throw brokenRule(`the ${what} is longer than ${maxBytes} bytes`);
    const text = decodeIfUtf8(bytes, 0, bytes.length);
    if (text === undefined) throw brokenRule(`the ${what} is not UTF-8`);
    return text;
  }
}

/**
 * Reads one frame: the whole payload of one binary message.
 * @throws PeerError `ERR_CHANNEL` for a malformed frame.
 */
export function readFrame(bytes: Buffer): ChannelFrame {
  const reader = new FrameReader(bytes);
  const first = reader.byte();
  if (first > LAST_TYPE) throw brokenRule(`there is no frame of type ${first}`);
  const id = reader.number('id');
  if (first >= TYPE.DATA) {
    const [isText, isLast] = [(first & TEXT_BIT) !== 0, (first & LAST_BIT) !== 0];
    return { ...EMPTY, type: TYPE.DATA, id, isText, isLast, payload: reader.rest() };
  }
  if (first === TYPE.CLOSE) {
    const code = reader.take(2, 'code').readUInt16BE();
    if (!isCloseCode(code)) throw brokenRule(`${code} is no code of a close`);
    return {
      ...EMPTY,
      type: TYPE.CLOSE,
      id,
      code,
      reason: reader.text(reader.rest(), MAX_REASON_BYTES, 'reason'),
    };
  }
  const credit = reader.number('credit');
  if (first === TYPE.OPEN) {
    const name = reader.text(
      reader.take(reader.number('length of the name'), 'name'),
      MAX_NAME_BYTES,
      'name',
    );
    return { ...EMPTY, type: TYPE.OPEN, id, credit, name, metadata: readMetadata(reader) };
  }
  if (reader.rest().length > 0) throw brokenRule('bytes follow the credit');
  return { ...EMPTY, type: first as typeof TYPE.ACCEPT, id, credit };
}

function readMetadata(reader: FrameReader): unknown {
  const json = reader.text(reader.rest(), MAX_METADATA_BYTES, 'metadata');
  if (json === '') return undefined;
  try {
    return JSON.parse(json);
  } catch (error) {
    throw brokenRule('the metadata are not JSON', error);
  }
}

/** Codes of a close: those that a WebSocket Close may have, and 3000 to 4999 for applications (§7.4). */
export const isCloseCode = (code: number): boolean =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
