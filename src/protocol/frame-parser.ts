import { Buffer } from 'node:buffer';
import { MAX_HEADER_BYTES, OPCODE, type Role } from './constants.ts';
import { FrameHeader } from './frame-header.ts';
import { ENTRY_BYTES, type ProtocolLimits } from './limits.ts';
import { maskAt, nonAscii, simdOffset } from './mask.ts';
import { copyOf } from './message-memory.ts';
import { roomFor } from './message-pages.ts';

/** Results of {@link FrameParser.next}. Numbers instead of objects, because `next` returns one or more per frame. */
export const PIECE = /* @__PURE__ */ Object.freeze({
  /** More input is needed. */
  NONE: 0,
  /** The payload of a whole frame. */
  WHOLE: 1,
  /** Part of a payload; more follows. */
  PART: 2,
  /** Last part of a payload that arrived in parts. */
  LAST: 3,
} as const);
/** One of {@link PIECE}. */
export type Piece = (typeof PIECE)[keyof typeof PIECE];

/** Size of a masking key. */
const KEY_BYTES = 4;
const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Where a parser stands in its input: what a second reader of the same input needs to begin there. */
export interface InputPosition {
  /** Payload bytes of a frame whose header was read; they come before `unparsed` and before all later input. */
  readonly payloadBytes: number;
  /** A copy of the bytes that were received and are not parsed, or not completely: the second reader parses them first. */
  readonly unparsed: Buffer;
  /** Opcode of the fragmented message in progress, 0 between messages. */
  readonly messageOpcode: number;
  /** Reserved bits on the first frame of that message. */
  readonly reservedBits: number;
}

/**
 * Splits a byte stream into payloads (§5.2) and unmasks them in place, so the caller gives up each chunk it passes. A
 * whole frame inside one chunk, the common case, costs no allocation and no copy. If a chunk ends inside a header, the
 * parser stores the header, at most 14 bytes. Payload is passed on as it arrives.
 */
export class FrameParser {
  /** Header of the frame that the last piece belongs to. */
  readonly header: FrameHeader;
  /** Memory of the last piece; valid until the next call of `next` or `receive`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** 0 if the piece is plain ASCII. Computed while unmasking; used for text only. */
  nonAscii = 0;

  #at = 0;
  #chunkEnd = 0;
  /** Position of the chunk in SIMD memory, as `maskAt` takes it. */
  #simdOffset = -1;
  /** True if the unread bytes are in memory of this parser. */
  #isOwn = false;
  /** Payload bytes of the current frame still to arrive; -1 between frames. */
  #remaining = -1;
  #partialHeader: Buffer | undefined;
  #partialHeaderBytes = 0;

  /** @param ownedBits Reserved bits that negotiated extensions own, such as `RSV1`. Default: none. */
  constructor(role: Role, limits: ProtocolLimits, ownedBits = 0) {
    this.header = new FrameHeader(role, limits, ownedBits);
  }

  /** True if no frame, message or byte is unfinished. */
  get idle(): boolean {
    return (
      this.#remaining < 0 &&
      this.#at === this.#chunkEnd &&
      this.#partialHeaderBytes === 0 &&
      this.header.messageOpcode === 0
    );
  }

  /** Bytes received and not yet parsed. */
  get unreadBytes(): number {
    return this.#chunkEnd - this.#at;
  }

  /** Where this parser stands. The header of an unfinished frame is not part of it once it was read. */
  get position(): InputPosition {
    const partial = this.#partialHeader?.subarray(0, this.#partialHeaderBytes) ?? NOTHING;
    const unread = this.bytes.subarray(this.#at, this.#chunkEnd);
    const { messageOpcode, reservedBits } = this.header;
    return {
      payloadBytes: Math.max(0, this.#remaining),
      unparsed: Buffer.concat([partial, unread]),
      messageOpcode,
      reservedBits,
    };
  }

  /** Bytes to count in a memory budget: a copy of unread bytes stays allocated until its last byte is read. */
  get countedBytes(): number {
    if (this.#at === this.#chunkEnd) return 0;
    return ENTRY_BYTES + (this.#isOwn ? this.bytes.length : this.unreadBytes);
  }

  /** Room that a page needs for the messages after the last piece; see `roomFor`. 0 if they are in memory of this parser. */
  roomAhead(mostBytes: number): number {
    return this.#isOwn
      ? 0
      : roomFor(this.bytes, this.#at, this.#chunkEnd, this.header.masked ? KEY_BYTES : 0, mostBytes);
  }

  /** Position of `bytes` in SIMD memory, if they are the current chunk; otherwise -1. */
  offsetOf(bytes: Buffer): number {
    return bytes === this.bytes ? this.#simdOffset : -1;
  }

  /** Takes the next chunk. The parser overwrites it while parsing and reads from it until {@link keepUnread}. */
  receive(chunk: Buffer): void {
    const unread = this.unreadBytes;
    this.#isOwn = unread > 0;
    if (unread === 0) this.bytes = chunk;
    else {
      const joined = Buffer.allocUnsafeSlow(unread + chunk.length);
      this.bytes.copy(joined, 0, this.#at, this.#chunkEnd);
      joined.set(chunk, unread);
      this.bytes = joined;
    }
    this.#at = 0;
    this.#chunkEnd = this.bytes.length;
    this.#simdOffset = simdOffset(this.bytes);
  }

  /** Copies unread bytes out of the chunk, so that its owner can reuse the memory. */
  keepUnread(): void {
    if (this.#at === this.#chunkEnd || this.#isOwn) return;
    this.bytes = copyOf(this.bytes, this.#at, this.#chunkEnd);
    this.#at = 0;
    this.#chunkEnd = this.bytes.length;
    this.#simdOffset = -1;
    this.#isOwn = true;
  }

  /** Drops unread and unfinished input. */
  discard(): void {
    this.#exhausted();
    this.#partialHeader = undefined;
    this.#partialHeaderBytes = 0;
    this.#remaining = -1;
    this.header.endMessage();
  }

  /**
   * Finds the next piece of payload.
   * @throws PeerError for the first rule that the header of a frame breaks.
   */
  next(): Piece {
    let position = 0;
    if (this.#remaining < 0) {
      if (!this.#nextHeader()) return this.#exhausted();
      this.#remaining = this.header.payloadBytes;
    } else position = this.header.payloadBytes - this.#remaining;

    const available = this.#chunkEnd - this.#at;
    if (available >= this.#remaining) {
      this.#piece(this.#remaining, position);
      this.#remaining = -1;
      return position === 0 ? PIECE.WHOLE : PIECE.LAST;
    }
    if (available === 0) return this.#exhausted();
    this.#piece(available, position);
    this.#remaining -= available;
    return PIECE.PART;
  }

  /** Releases the chunk: between reads a connection holds none. */
  #exhausted(): Piece {
    this.bytes = NOTHING;
    this.#at = 0;
    this.#chunkEnd = 0;
    this.#simdOffset = -1;
    return PIECE.NONE;
  }

  #piece(length: number, position: number): void {
    const { header } = this;
    const start = this.#at;
    const end = start + length;
    this.start = start;
    this.end = end;
    this.#at = end;
    if (header.masked) {
      this.nonAscii =
        length === 0 ? 0 : maskAt(this.#simdOffset, this.bytes, start, end, header.key, position);
    } else {
      const isText = header.opcode === OPCODE.TEXT || header.messageOpcode === OPCODE.TEXT;
      this.nonAscii = isText ? nonAscii(this.bytes, start, end) : 1;
    }
  }

  /** @returns False if the header is incomplete; the parser then stores the bytes it has. */
  #nextHeader(): boolean {
    if (this.#partialHeaderBytes > 0) return this.#completeHeader();
    const length = this.header.read(this.bytes, this.#at, this.#chunkEnd);
    if (length > 0) {
      this.#at += length;
      return true;
    }
    if (this.#at < this.#chunkEnd) {
      this.#partialHeader = Buffer.allocUnsafeSlow(MAX_HEADER_BYTES);
      this.#partialHeaderBytes = this.bytes.copy(this.#partialHeader, 0, this.#at, this.#chunkEnd);
    }
    return false;
  }

  #completeHeader(): boolean {
    const partial = this.#partialHeader!;
    while (this.#at < this.#chunkEnd) {
      partial[this.#partialHeaderBytes++] = this.bytes[this.#at++]!;
      if (this.header.read(partial, 0, this.#partialHeaderBytes) > 0) {
        this.#partialHeader = undefined;
        this.#partialHeaderBytes = 0;
        return true;
      }
    }
    return false;
  }
}
