import { Buffer } from 'node:buffer';
import {
  buildCloseBody,
  type CloseBody,
  type ClosePhase,
  codeOnWire,
  moveClose,
  readCloseBody,
} from './close.ts';
import { CONTROL_BIT, OPCODE, type Role } from './constants.ts';
import { CompressedInput } from './deflate/compressed-input.ts';
import type { Inflater } from './deflate/inflater.ts';
import { PeerError } from './errors.ts';
import { FrameParser, PIECE, type Piece } from './frame-parser.ts';
import type { ProtocolLimits } from './limits.ts';
import { MessageAssembler, wholeMessage } from './message-assembler.ts';
import { copyOf } from './message-memory.ts';
import type { Message } from './payload.ts';
import type { ReusableBytes } from './reusable-bytes.ts';

/** What {@link ProtocolConnection.next} found. Numbers, because it answers once per message. */
export const FACT = /* @__PURE__ */ Object.freeze({
  /** More bytes, please. */
  NONE: 0,
  /** A whole message, in `message`. */
  MESSAGE: 1,
  /** A ping, already answered; its payload lies in `payload` until the next call. */
  PING: 2,
  /** A pong; its payload lies in `payload` until the next call. */
  PONG: 3,
  /** The peer's Close, in `peerClose`; already answered. Nothing further is read. */
  CLOSE: 4,
  /** The peer broke a rule, see `failure`. Close is on its way, and nothing further is read. */
  FAILURE: 5,
} as const);
/** One of {@link FACT}. */
export type Fact = (typeof FACT)[keyof typeof FACT];

/** Where the core puts what has to go out. Called while commands and `next` run; takes bytes, and must not call back. */
export interface FrameSink {
  /** A ping or pong: may pass messages that wait. The payload is to be copied. */
  control(opcode: typeof OPCODE.PING | typeof OPCODE.PONG, payload: Uint8Array): void;
  /** Close behind everything that waits. After it only pongs are sent. */
  closeAfterWaiting(body: Uint8Array): void;
  /** Close behind everything that was accepted before it. Nothing more is sent after it, pongs neither. */
  closeNow(body: Uint8Array): void;
}

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/**
 * One side of one connection after the opening handshake (§5 to §8). Bytes and commands in, facts and frames out;
 * it holds no socket, timer, clock or randomness. Facts are pulled: "pause" means not to call {@link next}.
 */
export class ProtocolConnection {
  /** Of the last `MESSAGE` fact. */
  message: Message = '';
  /** Of the last `PING` or `PONG` fact; a view that the next call overwrites. */
  payload: Buffer = NOTHING;
  /** What the peer's Close said. */
  peerClose: CloseBody | undefined;
  /** Code in the Close that we sent; 1005 if it was empty, `undefined` if none was sent. */
  sentCode: number | undefined;
  /** Why this side failed the connection. */
  failure: PeerError | undefined;
  /** Messages received whole, to tell one unfinished message from the next. */
  messagesReceived = 0;

  readonly #role: Role;
  readonly #parser: FrameParser;
  readonly #sink: FrameSink;
  readonly #maxMessageBytes: number;
  readonly #openInflater: (() => Inflater) | undefined;
  readonly #reusable: ReusableBytes | undefined;
  #phase: ClosePhase = 'open';
  #assembler: MessageAssembler | undefined;
  #control: Buffer | undefined;
  #controlBytes = 0;
  /** From the first compressed message on. */
  #compressed: CompressedInput | undefined;

  /**
   * @param openInflater Given if permessage-deflate was agreed on; called when the first compressed message comes.
   * @param reusable Told where the bytes of each message lie, for a driver that sends received texts on. Default: none, and
   *   every text that is sent is encoded.
   */
  constructor(
    role: Role,
    limits: ProtocolLimits,
    sink: FrameSink,
    openInflater?: () => Inflater,
    reusable?: ReusableBytes,
  ) {
    this.#role = role;
    this.#parser = new FrameParser(role, limits, openInflater !== undefined);
    this.#sink = sink;
    this.#maxMessageBytes = limits.maxMessageBytes;
    this.#openInflater = openInflater;
    this.#reusable = reusable;
  }

  get role(): Role {
    return this.#role;
  }

  get phase(): ClosePhase {
    return this.#phase;
  }

  /** A frame or message has begun and is not whole yet. */
  get unfinished(): boolean {
    return !this.#parser.idle;
  }

  /** Bytes handed in that `next` has not looked at. */
  get unreadBytes(): number {
    return this.#parser.unreadBytes;
  }

  /** Bytes held of a message in progress. */
  get heldBytes(): number {
    return (this.#assembler?.length ?? 0) + (this.#compressed?.heldBytes ?? 0);
  }

  /** What unfinished messages and unread bytes count in a memory budget, in bytes: the memory that they keep. */
  get countedBytes(): number {
    return (
      (this.#assembler?.countedBytes ?? 0) + (this.#compressed?.countedBytes ?? 0) + this.#parser.countedBytes
    );
  }

  /** Something received is still being inflated: facts are to come without any more bytes. */
  get inflating(): boolean {
    return this.#compressed?.inflating === true;
  }

  /** Until that is done, `next` looks at nothing more. */
  get blocked(): boolean {
    return this.#compressed?.blocked === true;
  }

  /**
   * Takes bytes as the network cut them. The chunk is overwritten, and belongs to this until {@link next} has answered
   * `NONE`, or until {@link keepUnread}.
   */
  receive(chunk: Buffer): void {
    this.#reusable?.forget();
    if (this.#phase !== 'open' && this.#phase !== 'close-sent') return;
    this.#compressed?.readBegins();
    this.#parser.receive(chunk);
  }

  /** Copies what `next` has not looked at: from here on the memory of the last chunk is not needed any more. */
  keepUnread(): void {
    this.#reusable?.forget();
    this.#parser.keepUnread();
  }

  /** @returns The next fact in order of arrival. Never throws because of anything received. */
  next(): Fact {
    this.#reusable?.forget();
    if (this.#phase !== 'open' && this.#phase !== 'close-sent') return FACT.NONE;
    try {
      if (this.#compressed?.inflating === true) {
        const fact = this.#afterInflation(this.#compressed);
        if (fact !== FACT.NONE || this.#compressed.blocked) return fact;
      }
      for (;;) {
        const piece = this.#parser.next();
        if (piece === PIECE.NONE) {
          // Between reads nothing keeps them in memory, not even the view of a ping.
          this.payload = NOTHING;
          return FACT.NONE;
        }
        const { header, bytes, start, end, nonAscii } = this.#parser;
        if (this.inflating && header.opcode !== OPCODE.PING && header.opcode !== OPCODE.PONG) {
          this.#compressed!.hold({ piece, bytes: copyOf(bytes, start, end), nonAscii });
          return FACT.NONE;
        }
        const fact = this.#take(piece, bytes, start, end, nonAscii);
        if (fact !== FACT.NONE) return fact;
      }
    } catch (error) {
      this.fail(
        error instanceof PeerError ? error : new PeerError('ERR_INTERNAL', undefined, { cause: error }),
      );
      return FACT.FAILURE;
    }
  }

  /** Sends a ping of at most 125 bytes. Only while open. */
  ping(payload: Uint8Array): void {
    if (this.#phase === 'open') this.#sink.control(OPCODE.PING, payload);
  }

  /**
   * Starts the closing handshake (§7.1.2), after everything that was accepted before. Later calls do nothing.
   * @param code One that may be sent. Codes that only a received Close can have are accepted, too: 1005 sends an empty Close;
   *   1006, 1015 and, from a server, 1010 send 1011.
   * @throws MisuseError `ERR_ARGUMENT` for another code.
   */
  close(code: number, reason: string): void {
    const sent = codeOnWire(code, this.role);
    if (this.#phase !== 'open') return;
    this.#phase = moveClose(this.#phase, 'send-close');
    this.sentCode = sent;
    this.#sink.closeAfterWaiting(buildCloseBody(sent, reason));
  }

  /**
   * Fails the connection (§7.1.7): Close goes out behind everything that was accepted before; nothing further is read.
   * @param closeCode What the peer is told, if not the code of `error`. As of {@link close}.
   */
  fail(error: PeerError, closeCode = error.closeCode): void {
    const sent = codeOnWire(closeCode, this.role);
    if (this.#phase !== 'open' && this.#phase !== 'close-sent') return;
    const closeWasSent = this.#phase === 'close-sent';
    this.#phase = moveClose(this.#phase, 'fail');
    this.failure = error;
    this.#release();
    if (closeWasSent) return;
    this.sentCode = sent;
    this.#sink.closeNow(buildCloseBody(sent, error.reason));
  }

  /** The transport is gone. Everything held is let go. */
  transportEnded(): void {
    if (this.#phase === 'ended') return;
    this.#phase = moveClose(this.#phase, 'transport-end');
    this.#release();
  }

  /**
   * What the inflater reports of a piece that it did not inflate at once. Facts that follow from it come from {@link next}.
   * @param error Why it cannot be inflated.
   */
  inflationDone(error?: PeerError): void {
    this.#compressed?.done(error);
  }

  #release(): void {
    this.#reusable?.forget();
    this.#compressed?.close();
    this.#compressed = undefined;
    this.#parser.discard();
    this.#assembler = undefined;
    this.#control = undefined;
    this.message = '';
    this.payload = NOTHING;
  }

  #take(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): Fact {
    const { header } = this.#parser;
    if ((header.opcode & CONTROL_BIT) !== 0) return this.#controlPiece(piece, bytes, start, end);
    if (header.compressed) return this.#compressedPiece(piece, bytes, start, end);
    if (piece !== PIECE.WHOLE || !header.fin || header.messageOpcode !== 0)
      return this.#messagePiece(piece, bytes, start, end, nonAscii);
    this.message = wholeMessage(header.opcode === OPCODE.TEXT, bytes, start, end, nonAscii, this.#reusable);
    this.messagesReceived++;
    return FACT.MESSAGE;
  }

  #messagePiece(piece: Piece, bytes: Buffer, start: number, end: number, nonAscii: number): Fact {
    const { header } = this.#parser;
    this.#assembler ??= new MessageAssembler((header.messageOpcode || header.opcode) === OPCODE.TEXT);
    // Only a final frame says where the message ends: to grow by what is known so far would copy all of it each time.
    const expectedBytes = header.fin ? header.messageBytes : Number.POSITIVE_INFINITY;
    this.#assembler.append(bytes, start, end, nonAscii, expectedBytes);
    if (piece === PIECE.PART || !header.fin) return FACT.NONE;
    header.endMessage();
    const assembler = this.#assembler;
    this.#assembler = undefined;
    this.message = assembler.takeMessage(this.#reusable);
    this.messagesReceived++;
    return FACT.MESSAGE;
  }

  #compressedPiece(piece: Piece, bytes: Buffer, start: number, end: number): Fact {
    const { header } = this.#parser;
    const last = piece !== PIECE.PART && header.fin;
    const isText = (header.messageOpcode || header.opcode) === OPCODE.TEXT;
    if (last) header.endMessage();
    this.#compressed ??= new CompressedInput(this.#openInflater!(), this.#maxMessageBytes);
    return this.#compressed.take(isText, bytes, start, end, last)
      ? this.#inflatedMessage(this.#compressed)
      : FACT.NONE;
  }

  #inflatedMessage(compressed: CompressedInput): Fact {
    this.message = compressed.takeMessage(this.#reusable);
    this.messagesReceived++;
    return FACT.MESSAGE;
  }

  /** Goes on where inflating behind the event loop has stopped us, once it is done. */
  #afterInflation(compressed: CompressedInput): Fact {
    if (compressed.settle()) return this.#inflatedMessage(compressed);
    const held = compressed.takeHeld();
    if (held === undefined) return FACT.NONE;
    return this.#take(held.piece, held.bytes, 0, held.bytes.length, held.nonAscii);
  }

  #controlPiece(piece: Piece, bytes: Buffer, start: number, end: number): Fact {
    const { header } = this.#parser;
    if (piece === PIECE.WHOLE) return this.#controlFrame(header.opcode, bytes.subarray(start, end));
    // Rare: a read that ends inside a control frame. Its size is known and at most 125 bytes.
    this.#control ??= Buffer.allocUnsafeSlow(header.payloadBytes);
    this.#controlBytes += bytes.copy(this.#control, this.#controlBytes, start, end);
    if (piece === PIECE.PART) return FACT.NONE;
    const payload = this.#control;
    this.#control = undefined;
    this.#controlBytes = 0;
    return this.#controlFrame(header.opcode, payload);
  }

  #controlFrame(opcode: number, payload: Buffer): Fact {
    if (opcode === OPCODE.CLOSE) return this.#receiveClose(payload);
    this.payload = payload;
    if (opcode === OPCODE.PONG) return FACT.PONG;
    this.#sink.control(OPCODE.PONG, payload);
    return FACT.PING;
  }

  #receiveClose(payload: Buffer): Fact {
    const body = readCloseBody(payload);
    const closeWasSent = this.#phase === 'close-sent';
    this.peerClose = body;
    this.#phase = moveClose(this.#phase, 'receive-close');
    this.#release();
    if (!closeWasSent) {
      this.sentCode = body.code;
      this.#sink.closeNow(buildCloseBody(body.code, ''));
    }
    return FACT.CLOSE;
  }
}
