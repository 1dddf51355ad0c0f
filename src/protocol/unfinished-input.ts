import { Buffer } from 'node:buffer';
import { OPCODE } from './constants.ts';
import { EncodedInput, type HeldPiece, type IncomingOwner } from './extensions/encoded-input.ts';
import type { Extension } from './extensions/extension.ts';
import type { FrameHeader } from './frame-header.ts';
import { PIECE, type Piece } from './frame-parser.ts';
import type { OutgrownMemory } from './outgrown-memory.ts';
import { MessageAssembler } from './message-assembler.ts';
import { copyOf } from './message-memory.ts';
import { MessageParts } from './message-parts.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** A control frame whose payload arrives in several reads. */
interface ControlParts {
  readonly payload: Buffer;
  bytes: number;
}

/**
 * What one connection has received in part: a message in several pieces, a control frame cut by the end of a read, and
 * what extensions decode. A connection that has received whole, plain frames only has none.
 */
export class UnfinishedInput {
  /** The last message that was completed is in `bytes` from `start` to `end`, until {@link forgetMessage}. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  isText = false;
  /** Every byte of a text is ASCII. */
  isAscii = false;
  /** True if the bytes are in the message's own memory, and text is validated; else a decoder overwrites them. */
  isOwn = false;
  /** Messages that begin from now on are passed on in parts. */
  passesParts = false;
  /** The part of the last {@link nextPart} ends the message. */
  isLastPart = false;

  readonly #header: FrameHeader;
  readonly #extensions: readonly Extension[];
  readonly #owner: IncomingOwner | undefined;
  readonly #outgrown: OutgrownMemory;
  #assembler: MessageAssembler | undefined;
  /** Checks the message in progress if it is passed on in parts. */
  #parts: MessageParts | undefined;
  /** A part is in `bytes`, and was not returned. */
  #hasPart = false;
  #control: ControlParts | undefined;
  /** Created by the first message that extensions have transformed. */
  #encoded: EncodedInput | undefined;

  /**
   * @param header That of the parser.
   * @param owner Needed with extensions.
   */
  constructor(
    header: FrameHeader,
    extensions: readonly Extension[],
    owner: IncomingOwner | undefined,
    outgrown: OutgrownMemory,
  ) {
    this.#header = header;
    this.#extensions = extensions;
    this.#owner = owner;
    this.#outgrown = outgrown;
  }

  /** Bytes held of a message in progress. */
  get heldBytes(): number {
    return (this.#assembler?.length ?? 0) + (this.#encoded?.heldBytes ?? 0);
  }

  /** Bytes to count in a memory budget. */
  get countedBytes(): number {
    return (this.#assembler?.countedBytes ?? 0) + (this.#encoded?.countedBytes ?? 0);
  }

  /** Memory that decoders keep between messages, in bytes. */
  get contextBytes(): number {
    return this.#encoded?.contextBytes ?? 0;
  }

  /** True while an extension decodes received bytes: facts will follow without more input. */
  get decoding(): boolean {
    return this.#encoded?.decoding === true;
  }

  /** True while the parser has to wait for a decoder. */
  get blocked(): boolean {
    return this.#encoded?.blocked === true;
  }

  /** Call when a read has arrived. */
  readBegins(): void {
    this.#encoded?.readBegins();
  }

  /** Call when the bytes were passed on: they must not live as long as the connection. */
  forgetMessage(): void {
    this.bytes = NOTHING;
    this.#encoded?.forgetMessage();
  }

  /** Drops everything. */
  release(): void {
    this.#encoded?.close();
    this.#encoded = undefined;
    this.bytes = NOTHING;
    this.#assembler = undefined;
    this.#parts = undefined;
    this.#hasPart = false;
    this.#control = undefined;
  }

  /**
   * Takes the next piece of a message.
   * @returns Whether a message is complete that is not passed on in parts.
   * @throws PeerError, or the error of a decoder.
   */
  take(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): boolean {
    return this.#header.reservedBits === 0
      ? this.#plainPiece(piece, bytes, start, end, nonAscii)
      : this.#encodedPiece(piece, bytes, start, end);
  }

  /** Returns whether there is a part of a message; the fields then describe it. */
  nextPart(): boolean {
    if (this.#hasPart) {
      this.#hasPart = false;
      return true;
    }
    const part = this.#encoded?.takePart();
    if (part === undefined) return false;
    const { bytes, isText, isLast } = part;
    this.isLastPart = isLast;
    this.#completed(bytes, 0, bytes.length, isText, false, true);
    return true;
  }

  /** Takes the next piece of a control frame. @returns The payload once it is complete. */
  takeControl(piece: Piece, bytes: Buffer, start: number, end: number): Buffer | undefined {
    // Its size is known and at most 125 bytes.
    const control = (this.#control ??= {
      payload: Buffer.allocUnsafeSlow(this.#header.payloadBytes),
      bytes: 0,
    });
    control.bytes += bytes.copy(control.payload, control.bytes, start, end);
    if (piece === PIECE.PART) return undefined;
    this.#control = undefined;
    return control.payload;
  }

  /**
   * Holds the last piece that was parsed while an extension decodes an earlier one.
   * @returns False if it need not wait: pings and pongs overtake.
   */
  holds(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): boolean {
    const { opcode } = this.#header;
    if (opcode === OPCODE.PING || opcode === OPCODE.PONG) return false;
    this.#encoded!.hold({ piece, bytes: copyOf(bytes, start, end), nonAscii });
    return true;
  }

  /** Continues after a decoding that took longer than one call. @returns Whether it has completed a message. */
  settle(): boolean {
    const encoded = this.#encoded!;
    if (!encoded.settle()) return false;
    return this.#decoded(encoded);
  }

  /** Returns the held piece once it may continue. */
  takeHeld(): HeldPiece | undefined {
    return this.#encoded!.takeHeld();
  }

  #plainPiece(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): boolean {
    const header = this.#header;
    const isText = (header.messageOpcode || header.opcode) === OPCODE.TEXT;
    if (this.#parts !== undefined || (this.passesParts && this.#assembler === undefined))
      return this.#plainPart(isText, piece, bytes, start, end, nonAscii);
    const assembler = (this.#assembler ??= new MessageAssembler(isText, this.#outgrown));
    // Only a final frame tells the message size: growing by the size known so far would copy everything each time.
    const expectedBytes = header.fin ? header.messageBytes : Number.POSITIVE_INFINITY;
    assembler.append(bytes, start, end, nonAscii, expectedBytes);
    if (piece === PIECE.PART || !header.fin) return false;
    header.endMessage();
    this.#assembler = undefined;
    assembler.finish();
    return this.#completed(assembler.bytes, 0, assembler.length, isText, assembler.isAscii, true);
  }

  #plainPart(
    isText: boolean,
    piece: Piece,
    bytes: Buffer,
    start: number,
    end: number,
    nonAscii: number,
  ): false {
    const header = this.#header;
    const isLast = piece !== PIECE.PART && header.fin;
    const parts = (this.#parts ??= new MessageParts(isText));
    parts.check(bytes, start, end, nonAscii, isLast);
    if (isLast) {
      header.endMessage();
      this.#parts = undefined;
    }
    this.#hasPart = isLast || end > start;
    this.isLastPart = isLast;
    this.#completed(bytes, start, end, isText, false, false);
    return false;
  }

  #encodedPiece(piece: Piece, bytes: Buffer, start: number, end: number): boolean {
    const header = this.#header;
    const isLast = piece !== PIECE.PART && header.fin;
    const isText = (header.messageOpcode || header.opcode) === OPCODE.TEXT;
    if (isLast) header.endMessage();
    const encoded = (this.#encoded ??= new EncodedInput(
      this.#extensions,
      header.limits,
      this.#outgrown,
      this.#owner!,
    ));
    encoded.passesParts = this.passesParts;
    if (!encoded.take(header.reservedBits, isText, bytes, start, end, isLast)) return false;
    return this.#decoded(encoded);
  }

  #decoded(encoded: EncodedInput): boolean {
    if (!encoded.finish()) return false;
    const { bytes, start, end, isText, isAscii, isOwn } = encoded;
    return this.#completed(bytes, start, end, isText, isAscii, isOwn);
  }

  #completed(
    bytes: Buffer,
    start: number,
    end: number,
    isText: boolean,
    isAscii: boolean,
    isOwn: boolean,
  ): true {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isText = isText;
    this.isAscii = isAscii;
    this.isOwn = isOwn;
    return true;
  }
}
