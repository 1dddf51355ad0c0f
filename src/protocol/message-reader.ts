import { Buffer } from 'node:buffer';
import { CONTROL_BIT, OPCODE, type Role } from './constants.ts';
import type { IncomingOwner } from './extensions/encoded-input.ts';
import { type Extension, ownedBits } from './extensions/extension.ts';
import { FACT, type Fact } from './facts.ts';
import { FrameParser, PIECE, type Piece } from './frame-parser.ts';
import type { ProtocolLimits } from './limits.ts';
import type { PagedInput } from './message-pages.ts';
import { IS, kindOf, type MessageMemory } from './taken-message.ts';
import { UnfinishedInput } from './unfinished-input.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** Makes messages, parts of messages and control frames of the pieces that the parser finds. */
export class MessageReader extends FrameParser implements PagedInput {
  /** The message or part of the last fact is in `message` from `from` to `to`. */
  message: Buffer = NOTHING;
  from = 0;
  to = 0;
  /** Bits of {@link IS}. */
  kind = 0;
  /** Payload of the last control frame; a view that the next call overwrites. */
  payload: Buffer = NOTHING;

  readonly memory: MessageMemory;
  readonly #extensions: readonly Extension[];
  readonly #owner: IncomingOwner | undefined;
  /** Created by the first frame that is cut, fragmented or transformed by an extension, and to pass parts on. */
  #unfinished: UnfinishedInput | undefined;

  /**
   * @param owner Needed with extensions.
   * @throws MisuseError `ERR_ARGUMENT` for two extensions that own the same reserved bit.
   */
  constructor(
    role: Role,
    limits: ProtocolLimits,
    memory: MessageMemory,
    extensions: readonly Extension[],
    owner: IncomingOwner | undefined,
  ) {
    super(role, limits, extensions.length === 0 ? 0 : ownedBits(extensions));
    this.memory = memory;
    this.#extensions = extensions;
    this.#owner = owner;
  }

  /** Nothing is unfinished or kept for later messages: another connection may use this reader. */
  get isSpare(): boolean {
    return this.isLent && this.idle;
  }

  /** The connection has it only while something is unfinished: there is no extension, and messages are not passed on in parts. */
  get isLent(): boolean {
    return this.#extensions.length === 0 && this.#unfinished?.passesParts !== true;
  }

  /** Bytes held of a message in progress. */
  get heldBytes(): number {
    return this.#unfinished?.heldBytes ?? 0;
  }

  /** Bytes to count in a memory budget for unfinished messages, besides those of unread input. */
  get unfinishedBytes(): number {
    return this.#unfinished?.countedBytes ?? 0;
  }

  /** Memory that decoders keep between messages, in bytes. */
  get contextBytes(): number {
    return this.#unfinished?.contextBytes ?? 0;
  }

  /** True while an extension decodes received bytes: facts will follow without more input. */
  get decoding(): boolean {
    return this.#unfinished?.decoding === true;
  }

  /** True while {@link nextFact} has to wait for a decoder before it parses more. */
  get blocked(): boolean {
    return this.#unfinished?.blocked === true;
  }

  /** True if messages are passed on in parts. */
  get passesParts(): boolean {
    return this.#unfinished?.passesParts === true;
  }

  /** Call before each chunk is received. */
  readBegins(): void {
    this.#unfinished?.readBegins();
  }

  /** Passes messages on in parts, from the next message on. */
  passParts(): void {
    this.#unfinishedInput().passesParts = true;
  }

  /**
   * Returns the next fact, which the fields describe; never a `FAILURE`.
   * @throws PeerError if the peer broke a rule. Any other error is a fault of this code or of an extension.
   */
  nextFact(): Fact {
    const unfinished = this.#unfinished;
    if (unfinished?.passesParts === true) {
      const fact = this.#nextPart(unfinished);
      if (fact !== FACT.NONE) return fact;
    }
    if (unfinished?.decoding === true) {
      const fact = this.#afterDecoding(unfinished);
      if (fact !== FACT.NONE || unfinished.blocked) return fact;
    }
    for (;;) {
      const piece = this.next();
      if (piece === PIECE.NONE) {
        // Between reads nothing may keep the chunk alive, not even the view of a ping.
        this.payload = NOTHING;
        this.message = NOTHING;
        this.memory.pages.forget();
        return FACT.NONE;
      }
      const { bytes, start, end, nonAscii } = this;
      if (this.decoding && this.#unfinished!.holds(piece, bytes, start, end, nonAscii)) return FACT.NONE;
      const fact = this.#take(piece, bytes, start, end, nonAscii);
      if (fact !== FACT.NONE) return fact;
    }
  }

  /** Call when the message was taken out of its own memory: the connection must not retain it. */
  forgetMessage(): void {
    this.message = NOTHING;
  }

  /** Drops everything. */
  release(): void {
    this.#unfinished?.release();
    this.#unfinished = undefined;
    this.discard();
    this.message = NOTHING;
    this.payload = NOTHING;
  }

  #take(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): Fact {
    const { header } = this;
    if ((header.opcode & CONTROL_BIT) !== 0) {
      if (piece === PIECE.WHOLE) return this.#controlFrame(header.opcode, bytes.subarray(start, end));
      const payload = this.#unfinishedInput().takeControl(piece, bytes, start, end);
      return payload === undefined ? FACT.NONE : this.#controlFrame(header.opcode, payload);
    }
    if (piece !== PIECE.WHOLE || !header.fin || header.messageOpcode !== 0 || header.reservedBits !== 0) {
      const unfinished = this.#unfinishedInput();
      if (unfinished.take(piece, bytes, start, end, nonAscii)) return this.#holdFinished(unfinished);
      return unfinished.passesParts ? this.#nextPart(unfinished) : FACT.NONE;
    }
    return this.#hold(bytes, start, end, kindOf(header.opcode === OPCODE.TEXT, nonAscii === 0));
  }

  #hold(bytes: Buffer, start: number, end: number, kind: number): Fact {
    this.message = bytes;
    this.from = start;
    this.to = end;
    this.kind = kind;
    return FACT.MESSAGE;
  }

  #holdFinished(unfinished: UnfinishedInput): Fact {
    const { bytes, start, end, isText, isAscii, isOwn } = unfinished;
    unfinished.forgetMessage();
    return this.#hold(bytes, start, end, kindOf(isText, isAscii) | (isOwn ? IS.OWN : IS.DECODED));
  }

  #nextPart(unfinished: UnfinishedInput): Fact {
    if (!unfinished.nextPart()) return FACT.NONE;
    const { bytes, start, end, isText, isOwn, isLastPart } = unfinished;
    unfinished.forgetMessage();
    this.#hold(bytes, start, end, kindOf(isText, false) | (isOwn ? IS.OWN : 0));
    return isLastPart ? FACT.LAST_PART : FACT.PART;
  }

  #unfinishedInput(): UnfinishedInput {
    return (this.#unfinished ??= new UnfinishedInput(
      this.header,
      this.#extensions,
      this.#owner,
      this.memory.outgrown,
    ));
  }

  /** Continues after a decoding that took longer than one call, once it is done. */
  #afterDecoding(unfinished: UnfinishedInput): Fact {
    if (unfinished.settle()) return this.#holdFinished(unfinished);
    const held = unfinished.takeHeld();
    if (held === undefined) return FACT.NONE;
    return this.#take(held.piece, held.bytes, 0, held.bytes.length, held.nonAscii);
  }

  #controlFrame(opcode: number, payload: Buffer): Fact {
    this.payload = payload;
    if (opcode === OPCODE.CLOSE) return FACT.CLOSE;
    return opcode === OPCODE.PONG ? FACT.PONG : FACT.PING;
  }
}
