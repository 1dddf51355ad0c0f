import { Buffer } from 'node:buffer';
import { MAX_HEADER_BYTES, OPCODE, type Role } from './constants.ts';
import { FrameHeader } from './frame-header.ts';
import { ENTRY_BYTES, type ProtocolLimits } from './limits.ts';
import { maskAt, nonAscii, simdOffset } from './mask.ts';
import { copyOf } from './message-memory.ts';

/** What {@link FrameParser.next} found. Numbers, because it answers once or more per frame. */
export const PIECE = Object.freeze({
  /** More bytes, please. */
  NONE: 0,
  /** The payload of a whole frame. */
  WHOLE: 1,
  /** A part of a payload, with more to come. */
  PART: 2,
  /** The last part of a payload that came in parts. */
  LAST: 3,
} as const);
/** One of {@link PIECE}. */
export type Piece = (typeof PIECE)[keyof typeof PIECE];

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/**
 * Cuts a byte stream into payloads (§5.2), unmasked where they lie: whoever hands over a chunk gives it up.
 * The common case, a whole frame inside one chunk, allocates and copies nothing. Only the header of a frame
 * that a chunk cuts is kept, at most 14 bytes; payload is passed on as it comes.
 */
export class FrameParser {
  /** Of the frame that the last piece belongs to. */
  readonly header: FrameHeader;
  /** Where the last piece lies: valid until the next call of `next` or `receive`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** 0 if the piece is plain ASCII; found while unmasking, and judged for text only. */
  nonAscii = 0;

  #at = 0;
  #chunkEnd = 0;
  /** Where the chunk lies, as `maskAt` wants to know it. */
  #simdOffset = -1;
  /** What is unread lies in memory of our own. */
  #isOwn = false;
  /** Payload bytes of the current frame still to come, or -1 between frames. */
  #remaining = -1;
  #partialHeader: Buffer | undefined;
  #partialHeaderBytes = 0;

  /** @param mayBeCompressed permessage-deflate was agreed on. */
  constructor(role: Role, limits: ProtocolLimits, mayBeCompressed = false) {
    this.header = new FrameHeader(role, limits, mayBeCompressed);
  }

  /** True if nothing is unfinished: no frame, no message, no unread byte. */
  get idle(): boolean {
    return (
      this.#remaining < 0 &&
      this.#at === this.#chunkEnd &&
      this.#partialHeaderBytes === 0 &&
      this.header.messageOpcode === 0
    );
  }

  /** Bytes received and not yet looked at. */
  get unreadBytes(): number {
    return this.#chunkEnd - this.#at;
  }

  /** What unread bytes count in a memory budget: a copy of them stays whole until its last byte is read. */
  get countedBytes(): number {
    if (this.#at === this.#chunkEnd) return 0;
    return ENTRY_BYTES + (this.#isOwn ? this.bytes.length : this.unreadBytes);
  }

  /** Takes the next chunk. It is overwritten while it is read, and looked at until {@link keepUnread}. */
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

  /** Copies what is unread out of the chunk, whose memory is its owner's again. */
  keepUnread(): void {
    if (this.#at === this.#chunkEnd || this.#isOwn) return;
    this.bytes = copyOf(this.bytes, this.#at, this.#chunkEnd);
    this.#at = 0;
    this.#chunkEnd = this.bytes.length;
    this.#simdOffset = -1;
    this.#isOwn = true;
  }

  /** Forgets what is unread or unfinished: nothing more is looked at. */
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

  /** Lets go of the chunk: between reads a connection holds none. */
  #exhausted(): Piece {
    this.bytes = NOTHING;
    this.#at = 0;
    this.#chunkEnd = 0;
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

  /** @returns False if the header is not complete; what there is of it is then kept. */
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
