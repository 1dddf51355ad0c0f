import { Buffer } from 'node:buffer';
import { MisuseError, PeerError } from '../errors.ts';
import type { Piece } from '../frame-parser.ts';
import { ENTRY_BYTES, type ProtocolLimits } from '../limits.ts';
import { nonAscii } from '../mask.ts';
import { MessageAssembler } from '../message-assembler.ts';
import { copyOf } from '../message-memory.ts';
import { MessageParts } from '../message-parts.ts';
import type { OutgrownMemory } from '../outgrown-memory.ts';
import { DecoderChain } from './decoder-chain.ts';
import type { DecodedSink, Extension, MessageDecoder } from './extension.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** A piece that arrived while an earlier piece was being decoded, with a copy of its bytes. */
export interface HeldPiece {
  readonly piece: Piece;
  readonly bytes: Buffer;
  readonly nonAscii: number;
}

/** Decoded bytes of a message that is passed on in parts, in their own memory. */
export interface DecodedPart {
  readonly bytes: Buffer;
  readonly isText: boolean;
  /** True if the message ends with it. */
  readonly isLast: boolean;
}

/** A piece of a message that is being decoded later. */
interface Decoding {
  /** True if the message ends with it. */
  last: boolean;
  done: boolean;
  error: Error | undefined;
  /** The next piece; nothing further is parsed. */
  held: HeldPiece | undefined;
}

/** The driver of a connection; called when decoding that took longer than one call is done. */
export interface IncomingOwner {
  readMore(): void;
  failed(error: unknown): void;
}

/**
 * The input of one connection that extensions have transformed; created by the first marked message. While a piece is
 * decoded later, pings and pongs overtake it, and everything else waits.
 */
export class EncodedInput implements DecodedSink {
  /** Bytes of the complete message, in memory of the decoder or in its own memory. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  isText = false;
  isAscii = false;
  /** True if the bytes are in the message's own memory, and text is validated. */
  isOwn = false;
  /** Messages that begin from now on are passed on in parts. */
  passesParts = false;

  readonly #decoder: MessageDecoder;
  /** The decoder, if there are several extensions. */
  readonly #chain: DecoderChain | undefined;
  readonly #limits: Pick<ProtocolLimits, 'maxMessageBytes'>;
  readonly #outgrown: OutgrownMemory;
  readonly #owner: IncomingOwner;
  #assembler: MessageAssembler | undefined;
  #decoding: Decoding | undefined;
  #messageBytes = 0;
  #isBegun = false;
  /** Checks the message in progress if it is passed on in parts. */
  #check: MessageParts | undefined;
  /** Parts that were decoded and not taken. */
  #parts: DecodedPart[] = [];
  #partBytes = 0;
  /** The decoder has passed the end of the message. */
  #isFinal = false;
  #isClosed = false;

  /** @param extensions At least one. */
  constructor(
    extensions: readonly Extension[],
    limits: Pick<ProtocolLimits, 'maxMessageBytes'>,
    outgrown: OutgrownMemory,
    owner: IncomingOwner,
  ) {
    this.#outgrown = outgrown;
    this.#limits = limits;
    this.#owner = owner;
    const done = (error?: Error): void => this.#done(error);
    if (extensions.length > 1) this.#chain = new DecoderChain(extensions, limits, done);
    this.#decoder = this.#chain ?? extensions[0]!.decoder(done);
  }

  /** Bytes held of a message in progress and of input queued after it. */
  get heldBytes(): number {
    return (
      (this.#assembler?.length ?? 0) +
      this.#partBytes +
      this.#decoder.heldBytes +
      (this.#decoding?.held?.bytes.length ?? 0)
    );
  }

  /** Memory that the decoder keeps between messages. */
  get contextBytes(): number {
    return this.#decoder.contextBytes ?? 0;
  }

  /** Bytes to count for it in a memory budget. */
  get countedBytes(): number {
    const decoding = this.#decoding;
    const jobs = decoding === undefined ? 0 : decoding.held === undefined ? 1 : 2;
    const assembler = this.#assembler;
    return (
      this.heldBytes +
      jobs * ENTRY_BYTES +
      (assembler === undefined ? 0 : assembler.countedBytes - assembler.length)
    );
  }

  /** True while received bytes are being decoded. */
  get decoding(): boolean {
    return this.#decoding !== undefined;
  }

  /** True while the parser has to wait for the decoder. */
  get blocked(): boolean {
    return this.#decoding?.held !== undefined;
  }

  /** Call when a read has arrived. */
  readBegins(): void {
    this.#decoder.readBegins?.();
  }

  /**
   * Takes the next piece of a message; only while nothing is being decoded.
   * @param reservedBits Those of the message.
   * @param last True if the message ends here.
   * @returns Whether the message is complete.
   * @throws Error of a decoder; PeerError `ERR_MESSAGE_TOO_BIG`, `ERR_UTF8`.
   */
  take(
    reservedBits: number,
    isText: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): boolean {
    this.isText = isText;
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#check = this.passesParts ? new MessageParts(isText) : undefined;
    }
    if (this.#chain !== undefined) this.#chain.reservedBits = reservedBits;
    const isDone = this.#decoder.write(this, bytes, start, end, last);
    if (this.#isFinal !== (isDone && last)) throw wrongEnd();
    if (isDone) return last;
    this.#decoding = { last, done: false, error: undefined, held: undefined };
    return false;
  }

  /** Holds the next piece until nothing is being decoded. */
  hold(held: HeldPiece): void {
    this.#decoding!.held = held;
  }

  /**
   * Continues after the decoding that blocked the parser.
   * @returns Whether it completed a message.
   * @throws Error The reason why it cannot be decoded.
   */
  settle(): boolean {
    const decoding = this.#decoding!;
    if (!decoding.done) return false;
    if (decoding.error !== undefined) throw decoding.error;
    const isWhole = decoding.last;
    decoding.last = false;
    if (decoding.held === undefined) this.#decoding = undefined;
    return isWhole;
  }

  /** Returns the held piece once it may continue. */
  takeHeld(): HeldPiece | undefined {
    if (this.#decoding?.done !== true) return undefined;
    const { held } = this.#decoding;
    this.#decoding = undefined;
    return held;
  }

  /** Returns the next part that was decoded; `undefined` if there is none. */
  takePart(): DecodedPart | undefined {
    const part = this.#parts.shift();
    if (part !== undefined) this.#partBytes -= part.bytes.length + ENTRY_BYTES;
    return part;
  }

  /**
   * Completes the message; the fields then describe it, unless it was passed on in parts.
   * @returns False if it was.
   * @throws PeerError `ERR_UTF8` for text that ends inside a code point.
   * @throws MisuseError `ERR_STATE` if the decoder has not passed the end of the message.
   */
  finish(): boolean {
    if (!this.#isFinal) throw wrongEnd();
    const assembler = this.#assembler;
    this.#messageBytes = 0;
    this.#isFinal = false;
    this.#isBegun = false;
    this.isOwn = assembler !== undefined;
    if (assembler === undefined) return this.#check === undefined;
    this.#assembler = undefined;
    assembler.finish();
    this.#holdMessage(assembler.bytes, 0, assembler.length, assembler.isAscii);
    return true;
  }

  /** Call when the bytes of the last message were passed on. */
  forgetMessage(): void {
    this.bytes = NOTHING;
  }

  /** Releases everything. */
  close(): void {
    this.#isClosed = true;
    this.#decoder.close();
    this.#decoding = undefined;
    this.#assembler = undefined;
    this.#parts = [];
    this.#partBytes = 0;
  }

  decoded(bytes: Buffer, start: number, end: number, final: boolean): void {
    if (this.#isFinal) throw wrongEnd();
    this.#isFinal = final;
    this.#messageBytes += end - start;
    const { maxMessageBytes } = this.#limits;
    if (this.#messageBytes > maxMessageBytes) {
      throw new PeerError(
        'ERR_MESSAGE_TOO_BIG',
        `${this.#messageBytes} bytes or more once decoded, the limit is ${maxMessageBytes}`,
      );
    }
    const highBits = this.isText ? nonAscii(bytes, start, end) : 1;
    if (this.#check !== undefined) {
      this.#check.check(bytes, start, end, highBits, final);
      if (end > start || final) this.#keepPart(copyOf(bytes, start, end), final);
      return;
    }
    // Bytes that are decoded later are copied: they need not stay valid until the driver takes the message.
    if (final && this.#assembler === undefined && this.#decoding === undefined)
      this.#holdMessage(bytes, start, end, highBits === 0);
    else {
      this.#assembler ??= new MessageAssembler(this.isText, this.#outgrown);
      this.#assembler.append(bytes, start, end, highBits, maxMessageBytes);
    }
  }

  #done(error: Error | undefined): void {
    if (this.#isClosed) return;
    const decoding = this.#decoding;
    if (decoding === undefined || decoding.done) {
      this.#owner.failed(
        error ??
          new MisuseError(
            'ERR_STATE',
            'a decoder called done with nothing to decode: call it once after each write that returned false',
          ),
      );
      return;
    }
    decoding.done = true;
    decoding.error = error;
    this.#owner.readMore();
  }

  #keepPart(bytes: Buffer, isLast: boolean): void {
    this.#parts.push({ bytes, isText: this.isText, isLast });
    this.#partBytes += bytes.length + ENTRY_BYTES;
  }

  #holdMessage(bytes: Buffer, start: number, end: number, isAscii: boolean): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isAscii = isAscii;
  }
}

const wrongEnd = (): MisuseError =>
  new MisuseError(
    'ERR_STATE',
    'a decoder must call sink.decoded with final exactly once per message, with its last bytes',
  );
