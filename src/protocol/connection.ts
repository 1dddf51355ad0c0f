import { Buffer, isUtf8 } from 'node:buffer';
import { buildCloseBody, type CloseBody, type ClosePhase, moveClose, readCloseBody } from './close.ts';
import { CONTROL_BIT, OPCODE, type Role } from './constants.ts';
import { PeerError } from './errors.ts';
import { FrameParser, PIECE, type Piece } from './frame-parser.ts';
import type { ProtocolLimits } from './limits.ts';
import { copyOf, invalidUtf8, MessageAssembler } from './message-assembler.ts';
import type { Message } from './payload.ts';
import { findInvalidUtf8 } from './utf8.ts';

/** What {@link ProtocolConnection.next} found. Numbers, because it answers once per message. */
export const FACT = Object.freeze({
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
export type Fact = (typeof FACT)[keyof typeof FACT];

/** Where the core puts what has to go out. Called while commands and `next` run; takes bytes, and must not call back. */
export interface FrameSink {
  /** A ping or pong: may pass messages that wait. The payload is to be copied. */
  control(opcode: typeof OPCODE.PING | typeof OPCODE.PONG, payload: Uint8Array): void;
  /** Close behind everything that waits. After it only pongs are sent. */
  closeAfterWaiting(body: Uint8Array): void;
  /** Close right after the frame in progress; messages that wait are dropped. Nothing more is sent. */
  closeNow(body: Uint8Array): void;
}

const NOTHING = Buffer.alloc(0);

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
  #phase: ClosePhase = 'open';
  #assembler: MessageAssembler | undefined;
  #control: Buffer | undefined;
  #controlBytes = 0;

  constructor(role: Role, limits: ProtocolLimits, sink: FrameSink) {
    this.#role = role;
    this.#parser = new FrameParser(role, limits);
    this.#sink = sink;
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

  /** Payload bytes held of a message in progress. */
  get heldBytes(): number {
    return this.#assembler?.length ?? 0;
  }

  /** Takes bytes as the network cut them. The chunk is overwritten; its owner gives it up. */
  receive(chunk: Buffer): void {
    if (this.#phase === 'open' || this.#phase === 'close-sent') this.#parser.receive(chunk);
  }

  /** @returns The next fact in order of arrival. Never throws because of anything received. */
  next(): Fact {
    if (this.#phase !== 'open' && this.#phase !== 'close-sent') return FACT.NONE;
    try {
      for (;;) {
        const piece = this.#parser.next();
        if (piece === PIECE.NONE) {
          // Between reads nothing keeps them in memory, not even the view of a ping.
          this.payload = NOTHING;
          return FACT.NONE;
        }
        const { header } = this.#parser;
        let fact: Fact;
        if ((header.opcode & CONTROL_BIT) !== 0) fact = this.#controlPiece(piece);
        else if (piece === PIECE.WHOLE && header.fin && header.messageOpcode === 0)
          fact = this.#wholeMessage();
        else fact = this.#messagePiece(piece);
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

  /** Starts the closing handshake (§7.1.2), behind everything that waits. Later calls do nothing. */
  close(code: number, reason: string): void {
    if (this.#phase !== 'open') return;
    this.#phase = moveClose(this.#phase, 'send-close');
    this.sentCode = code;
    this.#sink.closeAfterWaiting(buildCloseBody(code, reason));
  }

  /**
   * Fails the connection (§7.1.7): Close at once, past everything that waits; nothing further is read.
   * @param closeCode What the peer is told, if not the code of `error`.
   */
  fail(error: PeerError, closeCode = error.closeCode): void {
    if (this.#phase !== 'open' && this.#phase !== 'close-sent') return;
    const closeWasSent = this.#phase === 'close-sent';
    this.#phase = moveClose(this.#phase, 'fail');
    this.failure = error;
    this.#release();
    if (closeWasSent) return;
    this.sentCode = closeCode;
    this.#sink.closeNow(buildCloseBody(closeCode, error.reason));
  }

  /** The transport is gone. Everything held is let go. */
  transportEnded(): void {
    if (this.#phase === 'ended') return;
    this.#phase = moveClose(this.#phase, 'transport-end');
    this.#release();
  }

  #release(): void {
    this.#parser.discard();
    this.#assembler = undefined;
    this.#control = undefined;
    this.message = '';
    this.payload = NOTHING;
  }

  #wholeMessage(): Fact {
    const { bytes, start, end, nonAscii, header } = this.#parser;
    if (header.opcode === OPCODE.BINARY) {
      this.message = copyOf(bytes, start, end);
    } else if (nonAscii === 0) {
      this.message = bytes.toString('latin1', start, end);
    } else {
      const text = bytes.subarray(start, end);
      if (!isUtf8(text)) throw invalidUtf8(text, findInvalidUtf8(text), text.length);
      this.message = text.toString('utf8');
    }
    this.messagesReceived++;
    return FACT.MESSAGE;
  }

  #messagePiece(piece: Piece): Fact {
    const { bytes, start, end, nonAscii, header } = this.#parser;
    const isText = (header.messageOpcode || header.opcode) === OPCODE.TEXT;
    this.#assembler ??= new MessageAssembler(isText);
    // Only a final frame says where the message ends: to grow by what is known so far would copy all of it each time.
    const expectedBytes = header.fin ? header.messageBytes : Number.POSITIVE_INFINITY;
    this.#assembler.append(bytes, start, end, nonAscii, expectedBytes);
    if (piece === PIECE.PART || !header.fin) return FACT.NONE;
    const message = isText ? this.#assembler.takeText() : this.#assembler.takeBinary();
    this.#assembler = undefined;
    header.endMessage();
    this.messagesReceived++;
    this.message = message;
    return FACT.MESSAGE;
  }

  #controlPiece(piece: Piece): Fact {
    const { bytes, start, end, header } = this.#parser;
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
