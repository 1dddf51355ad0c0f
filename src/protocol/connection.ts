import { Buffer } from 'node:buffer';
import type { CloseBody, ClosePhase } from './close.ts';
import { ClosingHandshake } from './closing-handshake.ts';
import { checkOptions, openOutbox, type ProtocolOptions } from './connection-options.ts';
import { OPCODE, type Role } from './constants.ts';
import { MisuseError, PeerError } from './errors.ts';
import { FACT, type Fact } from './facts.ts';
import type { InputPosition } from './frame-parser.ts';
import { DEFAULT_LIMITS, type ProtocolLimits } from './limits.ts';
import { ProtocolMemory } from './memory.ts';
import { checkControlPayload } from './outgoing/frame-builder.ts';
import type { Outbox } from './outgoing/outbox.ts';
import { findInvalidUtf8 } from './utf8.ts';
import { invalidUtf8 } from './message-assembler.ts';
import { copyOf } from './message-memory.ts';
import { MessageReader } from './message-reader.ts';
import { NOT_EXTENDED, READER_BYTES } from './spare-readers.ts';
import { binaryIn, IS, ownBytesIn, textBytesIn, textIn } from './taken-message.ts';

export type { ProtocolOptions, ProtocolOwner } from './connection-options.ts';
export { FACT, type Fact } from './facts.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);
/** Everything that has arrived is read. */
const START: InputPosition = /* @__PURE__ */ Object.freeze({
  payloadBytes: 0,
  unparsed: NOTHING,
  messageOpcode: 0,
  reservedBits: 0,
});

/**
 * One side of a connection after the opening handshake (§5 to §8). Bytes and commands in, facts and bytes out: it has
 * no socket, timer, clock or randomness. A driver
 * - passes each received chunk to {@link receive} and then calls {@link next} until it returns `NONE`;
 * - takes each message with {@link takeText} or {@link takeBytes}, and calls the commands at any time;
 * - writes what {@link take} returns, until it returns nothing, after each turn in which it did any of that.
 * Facts are pulled: to pause, stop calling {@link next}. After a `FAILURE` fact, or a `CLOSE` fact on the server side,
 * the driver writes what {@link take} returns and ends the connection below; then it calls {@link transportEnded}.
 */
export class ProtocolConnection {
  /** Number of complete messages, to distinguish one unfinished message from the next. */
  messagesReceived = 0;

  readonly role: Role;
  /** The outgoing queue. The commands of this class are enough for most drivers. */
  readonly outbox: Outbox;

  readonly #memory: ProtocolMemory;
  readonly #limits: ProtocolLimits;
  /** Without extensions only while something is unfinished, or between a fact and the next call. */
  #reader: MessageReader | undefined;
  readonly #autoPong: boolean;
  readonly #echoesReasons: boolean;
  /** Created when one side closes or fails the connection. */
  #closing: ClosingHandshake | undefined = undefined;
  /** Opcode of the message that is being sent in fragments; 0 if there is none. */
  #fragmented = 0;

  /**
   * @throws MisuseError `ERR_ARGUMENT` for a client without `nextKey`, or a server with one; for extensions without
   *   `owner`, and for two extensions that own the same reserved bit.
   */
  constructor(role: Role, options: ProtocolOptions = {}) {
    checkOptions(role, options);
    const { limits = DEFAULT_LIMITS, memory = new ProtocolMemory(), extensions = NOT_EXTENDED } = options;
    this.role = role;
    this.#memory = memory;
    this.#limits = limits;
    if (extensions.length > 0)
      this.#reader = new MessageReader(role, limits, memory, extensions, options.owner);
    this.#autoPong = options.autoPong ?? true;
    this.#echoesReasons = options.closeReasons === 'echo';
    this.outbox = openOutbox(options, limits, memory, extensions);
  }

  /** The message of the last `MESSAGE` fact is in `bytes` from `start` to `end`, until the next call. */
  get bytes(): Buffer {
    return this.#reader?.message ?? NOTHING;
  }

  /** Where the message of the last `MESSAGE` fact begins in `bytes`. */
  get start(): number {
    return this.#reader?.from ?? 0;
  }

  /** Where the message of the last `MESSAGE` fact ends in `bytes`. */
  get end(): number {
    return this.#reader?.to ?? 0;
  }

  /** Payload of the last `PING` or `PONG` fact; a view that the next call overwrites. */
  get payload(): Buffer {
    return this.#reader?.payload ?? NOTHING;
  }

  /** True if the message of the last `MESSAGE` fact is text. */
  get isText(): boolean {
    return this.#reader !== undefined && (this.#reader.kind & IS.TEXT) !== 0;
  }

  /** True if every byte of that text is ASCII. Other text may still be invalid UTF-8. */
  get isAscii(): boolean {
    return this.#reader !== undefined && (this.#reader.kind & IS.ASCII) !== 0;
  }

  /** Code and reason of the peer's Close; `undefined` before it. */
  get peerClose(): CloseBody | undefined {
    return this.#closing?.peerClose;
  }

  /** Code of the Close that this side sent; 1005 if it was empty, `undefined` if none was sent. */
  get sentCode(): number | undefined {
    return this.#closing?.sentCode;
  }

  /** Error with which this side failed the connection. */
  get failure(): PeerError | undefined {
    return this.#closing?.failure;
  }

  /** How far the closing handshake is. */
  get phase(): ClosePhase {
    return this.#closing?.phase ?? 'open';
  }

  /** True while a frame or message is incomplete. */
  get unfinished(): boolean {
    return this.#reader !== undefined && !this.#reader.idle;
  }

  /** Received bytes that `next` has not parsed. */
  get unreadBytes(): number {
    return this.#reader?.unreadBytes ?? 0;
  }

  /** Where the parser stands in the received bytes. */
  get inputPosition(): InputPosition {
    return this.#reader?.position ?? START;
  }

  /** Bytes held of a message in progress. */
  get heldBytes(): number {
    return this.#reader?.heldBytes ?? 0;
  }

  /** Bytes that unfinished messages and unread input count in a memory budget: the memory that they keep allocated. */
  get countedBytes(): number {
    const reader = this.#reader;
    if (reader === undefined) return 0;
    // Of a connection without extensions, a reader is memory for unfinished input, too.
    const own = reader.isLent && !reader.idle ? READER_BYTES : 0;
    return own + reader.countedBytes + reader.unfinishedBytes;
  }

  /** Memory that extensions of this connection keep between messages, in bytes. A memory budget does not count it. */
  get contextBytes(): number {
    return this.outbox.contextBytes + (this.#reader?.contextBytes ?? 0);
  }

  /** True while an extension decodes received bytes: facts will follow without more input. */
  get decoding(): boolean {
    return this.#reader?.decoding === true;
  }

  /** True while `next` has to wait for a decoder before it parses more. */
  get blocked(): boolean {
    return this.#reader?.blocked === true;
  }

  /**
   * Takes bytes in any pieces. The chunk is overwritten, and belongs to this object until {@link next} returns `NONE`,
   * or until {@link keepUnread}.
   */
  receive(chunk: Buffer): void {
    const { reusableBytes, repeated, pages } = this.#memory;
    reusableBytes.forget();
    repeated.delivers(this.outbox);
    pages.forget();
    if (this.#closing?.isReading === false) return;
    const reader = this.#reader ?? this.#takeReader();
    reader.readBegins();
    reader.receive(chunk);
  }

  /** Copies bytes that `next` has not parsed, so that the caller can reuse the memory of the last chunk. */
  keepUnread(): void {
    const { reusableBytes, pages } = this.#memory;
    reusableBytes.forget();
    pages.forget();
    this.#reader?.keepUnread();
  }

  /** Returns the next fact, in order of arrival. Never throws because of received bytes. */
  next(): Fact {
    const reader = this.#reader;
    this.#memory.reusableBytes.forget();
    if (reader === undefined || this.#closing?.isReading === false) return FACT.NONE;
    try {
      const fact = reader.nextFact();
      if (fact === FACT.NONE) {
        if (reader.isSpare) this.#giveReaderBack(reader);
        return fact;
      }
      if (fact === FACT.MESSAGE || fact === FACT.LAST_PART) this.messagesReceived++;
      else if (fact === FACT.PING) {
        if (this.#autoPong) this.outbox.control(OPCODE.PONG, reader.payload);
      } else if (fact === FACT.CLOSE) {
        this.#handshake().receive(reader.payload);
        this.#release();
      }
      return fact;
    } catch (error) {
      this.fail(
        error instanceof PeerError ? error : new PeerError('ERR_INTERNAL', undefined, { cause: error }),
      );
      return FACT.FAILURE;
    }
  }

  /**
   * Takes the text of the last `MESSAGE` fact. Call it once, before any other call, and only if `isText`.
   * @returns `undefined` if it is not UTF-8 (§8.1): the connection has then failed, as with a `FAILURE` fact.
   */
  takeText(): string | undefined {
    const reader = this.#readerOfFact();
    const text = textIn(reader.message, reader.from, reader.to, reader.kind, reader.memory);
    if (text === undefined) return this.#refuseText();
    if ((reader.kind & IS.OWN) !== 0) reader.forgetMessage();
    return text;
  }

  /**
   * Takes the bytes of the last `MESSAGE` fact. Call it once, before any other call.
   * @returns Bytes that belong to the caller and do not change. A binary message of 65 to 4,096 bytes lies in memory of at most
   *   16,392 bytes with others of the same chunk, never at its beginning; a text below 4 KiB shares memory with other texts.
   *   `undefined` for text that is not UTF-8: the connection has then failed, as with a `FAILURE` fact.
   */
  takeBytes(): Buffer | undefined {
    const reader = this.#readerOfFact();
    if ((reader.kind & (IS.TEXT | IS.OWN)) !== 0) return this.#takeTextOrOwnBytes();
    return binaryIn(reader, reader.message, reader.from, reader.to, reader.memory);
  }

  /**
   * Passes messages on in parts, as they arrive, from the next message on. Messages that begin before, and messages that
   * arrive as one whole frame in one chunk and are not transformed by an extension, remain `MESSAGE` facts. Limits apply
   * to the whole message, text is validated part by part. Cannot be undone.
   */
  passParts(): void {
    this.#readerOfFact().passParts();
  }

  /**
   * Takes the bytes of the last `PART` or `LAST_PART` fact. Call it once, before any other call. A part of a text may end
   * inside a character.
   * @returns Memory that belongs to the caller.
   */
  takePart(): Buffer {
    const reader = this.#readerOfFact();
    const { message, from, to, kind } = reader;
    reader.forgetMessage();
    return (kind & IS.OWN) === 0 ? copyOf(message, from, to) : message;
  }

  /** Apart from {@link takeBytes}, which stays small enough to be inlined for binary messages. */
  #takeTextOrOwnBytes(): Buffer | undefined {
    const reader = this.#readerOfFact();
    const { message, from, to, kind, memory } = reader;
    if ((kind & IS.OWN) === 0) return textBytesIn(message, from, to, kind, memory) ?? this.#refuseText();
    // A connection whose messages wait calls nothing that would do it.
    reader.forgetMessage();
    return ownBytesIn(message, from, to, memory);
  }

  /**
   * Sends a text message in one frame. Lone surrogates are sent as U+FFFD.
   * @param compress Passed to extensions: whether to compress, if compression was negotiated. Default: from the threshold
   *   on.
   * @returns `false` if the connection is not open: nothing is sent.
   * @throws MisuseError `ERR_STATE` while a message is being sent in fragments.
   */
  text(text: string, compress?: boolean): boolean {
    if (!this.#maySend()) return false;
    this.outbox.text(text, compress);
    return true;
  }

  /**
   * Sends a binary message in one frame.
   * @param bytes Not changed. Not copied if they are 16 KiB or more and the frame is not masked: leave them unchanged
   *   until they are sent.
   * @param compress As in {@link text}.
   * @returns As in {@link text}.
   * @throws MisuseError As in {@link text}.
   */
  binary(bytes: Uint8Array, compress?: boolean): boolean {
    if (!this.#maySend()) return false;
    const frame = this.outbox.framed(OPCODE.BINARY, bytes);
    if (frame === undefined) this.outbox.data(OPCODE.BINARY, bytes, compress, bytes);
    else this.outbox.shared(frame);
    return true;
  }

  /**
   * Sends one fragment of a message (§5.4); extensions do not transform it. The first call starts the message; until the last fragment,
   * only fragments, pings and Close may be sent.
   * @param bytes Copied. The bytes of all fragments of a text together must be UTF-8; this is not checked.
   * @param isText Whether the message is text; used for its first fragment.
   * @param isLast True if the message ends with this fragment.
   * @returns As in {@link text}.
   */
  fragment(bytes: Uint8Array, isText: boolean, isLast: boolean): boolean {
    if (!this.#isOpen) return false;
    const isFirst = this.#fragmented === 0;
    if (isFirst) this.#fragmented = isText ? OPCODE.TEXT : OPCODE.BINARY;
    this.outbox.fragment(isFirst ? this.#fragmented : OPCODE.CONTINUATION, bytes, isLast);
    if (isLast) this.#fragmented = 0;
    return true;
  }

  get #isOpen(): boolean {
    return this.#closing === undefined || this.#closing.phase === 'open';
  }

  #maySend(): boolean {
    if (this.#fragmented !== 0)
      throw new MisuseError(
        'ERR_STATE',
        'a message is being sent in fragments: send its last fragment first',
      );
    return this.#isOpen;
  }

  /**
   * Returns the next bytes to write, in order. Write all of them, and call it again until it returns none.
   * @returns Chunks that must stay unchanged until they are sent.
   */
  take(): readonly Uint8Array[] {
    return this.outbox.take();
  }

  /**
   * Sends a ping; only while open.
   * @throws MisuseError `ERR_ARGUMENT` for more than 125 bytes.
   */
  ping(payload: Uint8Array): void {
    checkControlPayload(payload);
    if (this.#isOpen) this.outbox.control(OPCODE.PING, payload);
  }

  /**
   * Sends a pong, as an answer or without a ping (§5.5.3); only while open.
   * @throws MisuseError As {@link ping}.
   */
  pong(payload: Uint8Array): void {
    checkControlPayload(payload);
    if (this.#isOpen) this.outbox.control(OPCODE.PONG, payload);
  }

  /**
   * Starts the closing handshake (§7.1.2) after everything that was accepted before. Later calls do nothing.
   * @param code A code that may be sent, or one that only a received Close can have: 1005 sends an empty Close; 1006,
   *   1015 and, from a server, 1010 send 1011.
   * @throws MisuseError `ERR_ARGUMENT` for another code.
   */
  close(code: number, reason: string): void {
    this.#handshake().start(code, reason);
  }

  /**
   * Fails the connection (§7.1.7): Close is sent after everything that was accepted before; nothing further is read.
   * @param closeCode Code to send if it differs from that of `error`. As in {@link close}.
   */
  fail(error: PeerError, closeCode = error.closeCode): void {
    if (this.#handshake().fail(error, closeCode)) this.#release();
  }

  /** Tells that the transport has ended. Drops everything held. */
  transportEnded(): void {
    if (this.#handshake().transportEnded()) this.#release();
  }

  #handshake(): ClosingHandshake {
    return (this.#closing ??= new ClosingHandshake(this.role, this.outbox, this.#echoesReasons));
  }

  #release(): void {
    const { reusableBytes, pages } = this.#memory;
    reusableBytes.forget();
    pages.forget();
    const reader = this.#reader;
    reader?.release();
    if (reader?.isSpare === true) this.#giveReaderBack(reader);
  }

  /** After a fact there is one; in a call that comes at another time nothing is in it. */
  #readerOfFact(): MessageReader {
    return this.#reader ?? this.#takeReader();
  }

  #takeReader(): MessageReader {
    return (this.#reader = this.#memory.readers.take(this.role, this.#limits, this.#memory));
  }

  #giveReaderBack(reader: MessageReader): void {
    this.#reader = undefined;
    this.#memory.readers.keep(this.role, reader);
  }

  /** Fails the connection, because the text of the last fact is not UTF-8. */
  #refuseText(): undefined {
    const wrong = this.bytes.subarray(this.start, this.end);
    this.messagesReceived--;
    this.fail(invalidUtf8(wrong, findInvalidUtf8(wrong), wrong.length));
  }
}
