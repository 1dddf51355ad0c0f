import { Buffer } from 'node:buffer';
import {
  CONTROL_BIT,
  FIN,
  LENGTH_16,
  LENGTH_64,
  LENGTH_MASK,
  MASK_BIT,
  MAX_HEADER_BYTES,
  OPCODE,
  OPCODE_MASK,
  type Role,
  RSV_MASK,
} from '../../protocol/constants.ts';
import { PeerError } from '../../protocol/errors.ts';
import { FrameHeader } from '../../protocol/frame-header.ts';
import type { ProtocolLimits } from '../../protocol/limits.ts';
import { mask, readKey } from '../../protocol/mask.ts';

/** Limits for bytes that only the protocol judges, not the settings of an endpoint. */
const NO_LIMITS: ProtocolLimits = Object.freeze({
  maxMessageBytes: Number.MAX_SAFE_INTEGER,
  maxFrameBytes: Number.MAX_SAFE_INTEGER,
  maxFragments: Number.MAX_SAFE_INTEGER,
  maxPendingPongs: 1,
});

/** One frame as it is on the wire. */
export interface WireFrame {
  /** Position of the header in the bytes of this direction. */
  readonly offset: number;
  /** 2 to 14 bytes. */
  readonly header: Buffer;
  readonly fin: boolean;
  /** RSV1, RSV2 and RSV3 as the bits 4, 2 and 1. */
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  /** Number of bits that hold the length. */
  readonly lengthBits: 7 | 16 | 64;
  /** Announced bytes of payload. Above 2^53 inexact. */
  readonly length: number;
  /** Unmasked; at most `keepBytes` bytes. */
  readonly payload: Buffer;
  /** The first rule that the header breaks. */
  readonly violation: PeerError | undefined;
}

/** The end of input inside a frame. */
export interface UnfinishedFrame {
  readonly offset: number;
  /** Bytes that were read of the frame. */
  readonly bytes: number;
  /** Bytes of the whole frame; `undefined` if the header is incomplete. */
  readonly needed: number | undefined;
  /** The first rule that these bytes break. */
  readonly violation: PeerError | undefined;
  /** The bytes of the header that have arrived. */
  readonly header: Buffer;
  /** The frame with the payload that has arrived; `undefined` if the header is incomplete. */
  readonly frame: WireFrame | undefined;
}

/** Settings of a dissector. */
export interface DissectorOptions {
  /** Bytes of payload to keep of each frame. Default: all. */
  readonly keepBytes?: number;
  /** Reserved bits that negotiated extensions own, such as `RSV1`. Default: none. */
  readonly ownedBits?: number;
  /** Default: none. */
  readonly limits?: ProtocolLimits;
  /** Bytes to skip before the first frame. */
  readonly skipBytes?: number;
  /** Opcode of a fragmented message that is in progress at the beginning. */
  readonly messageOpcode?: number;
}

/**
 * Splits one direction of a connection into frames. Unlike the parser of a connection it continues after a violation as far as the
 * lengths allow, keeps every field, and never changes the bytes it gets.
 */
export class FrameDissector {
  readonly #keepBytes: number;
  readonly #judge: FrameHeader;
  readonly #onFrame: (frame: WireFrame) => void;
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES);
  #headerBytes = 0;
  /** Position in the stream. */
  #at = 0;
  #skip: number;
  /** The frame whose payload is being read. */
  #frame: Omit<WireFrame, 'payload'> | undefined;
  #left = 0;
  #pieces: Buffer[] = [];
  #kept = 0;

  /** @param sender The side that sent the bytes. */
  constructor(sender: Role, options: DissectorOptions, onFrame: (frame: WireFrame) => void) {
    const { keepBytes = Number.POSITIVE_INFINITY, ownedBits = 0, limits = NO_LIMITS } = options;
    this.#keepBytes = keepBytes;
    this.#skip = options.skipBytes ?? 0;
    this.#judge = new FrameHeader(sender === 'client' ? 'server' : 'client', limits, ownedBits);
    this.#judge.messageOpcode = options.messageOpcode ?? 0;
    this.#onFrame = onFrame;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /** Reads the next bytes; copies what it keeps. */
  push(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const before = from;
      if (this.#skip > 0) from += this.#skipSome(bytes.length - from);
      else if (this.#frame === undefined) from += this.#readHeader(bytes, from);
      else from += this.#readPayload(bytes, from);
      this.#at += from - before;
      if (this.#frame !== undefined && this.#left === 0) this.#endFrame();
    }
  }

  /** The frame in which the input ended, if it did. */
  get unfinished(): UnfinishedFrame | undefined {
    const frame = this.#frame;
    if (frame !== undefined) {
      const needed = frame.header.length + frame.length;
      const { offset, violation } = frame;
      const begun = { ...frame, payload: this.#payload(frame) };
      return { offset, bytes: needed - this.#left, needed, violation, header: frame.header, frame: begun };
    }
    if (this.#headerBytes === 0) return undefined;
    const bytes = this.#headerBytes;
    const header = Buffer.from(this.#header.subarray(0, bytes));
    const violation = this.#judged(bytes);
    return { offset: this.#at - bytes, bytes, needed: undefined, violation, header, frame: undefined };
  }

  #skipSome(available: number): number {
    const bytes = Math.min(this.#skip, available);
    this.#skip -= bytes;
    return bytes;
  }

  #readHeader(bytes: Uint8Array, from: number): number {
    this.#header[this.#headerBytes++] = bytes[from]!;
    if (this.#headerBytes < 2 || this.#headerBytes < headerLength(this.#header)) return 1;
    const header = Buffer.from(this.#header.subarray(0, this.#headerBytes));
    const violation = this.#judged(header.length);
    this.#headerBytes = 0;
    this.#frame = { offset: this.#at + 1 - header.length, header, ...fieldsOf(header), violation };
    this.#left = this.#frame.length;
    this.#follow(this.#frame);
    return 1;
  }

  #readPayload(bytes: Uint8Array, from: number): number {
    const length = Math.min(this.#left, bytes.length - from);
    const kept = Math.min(length, this.#keepBytes - this.#kept);
    if (kept > 0) {
      this.#pieces.push(Buffer.from(bytes.subarray(from, from + kept)));
      this.#kept += kept;
    }
    this.#left -= length;
    return length;
  }

  #endFrame(): void {
    const frame = this.#frame!;
    const payload = this.#payload(frame);
    this.#frame = undefined;
    this.#pieces = [];
    this.#kept = 0;
    this.#onFrame({ ...frame, payload });
  }

  /** The bytes of payload that were kept, unmasked. */
  #payload({ masked, header }: Omit<WireFrame, 'payload'>): Buffer {
    const payload = Buffer.concat(this.#pieces);
    if (masked) mask(payload, 0, payload.length, readKey(header, header.length - 4), 0);
    return payload;
  }

  #judged(headerBytes: number): PeerError | undefined {
    try {
      this.#judge.read(this.#header, 0, headerBytes);
      return undefined;
    } catch (error) {
      if (error instanceof PeerError) return error;
      throw error;
    }
  }

  /** The judge does not follow frames that it refuses. */
  #follow({ opcode, fin, violation }: Omit<WireFrame, 'payload'>): void {
    if ((opcode & CONTROL_BIT) !== 0) return;
    if (fin) this.#judge.endMessage();
    else if (violation !== undefined && opcode !== OPCODE.CONTINUATION) this.#judge.messageOpcode = opcode;
  }
}

/** The number of bits that a length needs. */
export const minimalLengthBits = (length: number): 7 | 16 | 64 =>
  length < LENGTH_16 ? 7 : length < 65_536 ? 16 : 64;

/** Length of a header, from its first two bytes. */
function headerLength(header: Buffer): number {
  const short = header[1]! & LENGTH_MASK;
  const extended = short === LENGTH_64 ? 8 : short === LENGTH_16 ? 2 : 0;
  return 2 + extended + ((header[1]! & MASK_BIT) === 0 ? 0 : 4);
}

function fieldsOf(
  header: Buffer,
): Pick<WireFrame, 'fin' | 'rsv' | 'opcode' | 'masked' | 'lengthBits' | 'length'> {
  const first = header[0]!;
  const short = header[1]! & LENGTH_MASK;
  const lengthBits = short === LENGTH_64 ? 64 : short === LENGTH_16 ? 16 : 7;
  return {
    fin: (first & FIN) !== 0,
    rsv: (first & RSV_MASK) >> 4,
    opcode: first & OPCODE_MASK,
    masked: (header[1]! & MASK_BIT) !== 0,
    lengthBits,
    length:
      lengthBits === 64
        ? Number(header.readBigUInt64BE(2))
        : lengthBits === 16
          ? header.readUInt16BE(2)
          : short,
  };
}
