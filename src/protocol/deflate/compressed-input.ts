import { Buffer } from 'node:buffer';
import { PeerError } from '../errors.ts';
import type { Piece } from '../frame-parser.ts';
import { ENTRY_BYTES } from '../limits.ts';
import { nonAscii } from '../mask.ts';
import { MessageAssembler } from '../message-assembler.ts';
import type { OutgrownMemory } from '../outgrown-memory.ts';
import type { Inflater, InflateSink } from './inflater.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** A piece that came while one before it was being inflated, with a copy of its bytes. */
export interface HeldPiece {
  readonly piece: Piece;
  readonly bytes: Buffer;
  readonly nonAscii: number;
}

/** A piece of a message is being inflated behind the event loop. */
interface Inflation {
  /** The message ends with it. */
  last: boolean;
  done: boolean;
  error: PeerError | undefined;
  /** What came next: nothing further is parsed. */
  held: HeldPiece | undefined;
}

/**
 * What comes compressed on one connection (RFC 7692 §7.2.2); exists from the first compressed message on. While a piece is
 * inflated behind the event loop pings and pongs pass it, and everything else waits.
 */
export class CompressedInput implements InflateSink {
  /** Of the message that is whole. It lies in memory of the inflater, or in memory of its own. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  isText = false;
  isAscii = false;
  /** The bytes lie in memory of the message, and text is checked. */
  isOwn = false;

  readonly #inflater: Inflater;
  readonly #maxMessageBytes: number;
  readonly #outgrown: OutgrownMemory;
  #assembler: MessageAssembler | undefined;
  #inflation: Inflation | undefined;
  #messageBytes = 0;

  constructor(inflater: Inflater, maxMessageBytes: number, outgrown: OutgrownMemory) {
    this.#outgrown = outgrown;
    this.#inflater = inflater;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes held of a message in progress, and of what waits behind it. */
  get heldBytes(): number {
    return (
      (this.#assembler?.length ?? 0) + this.#inflater.heldBytes + (this.#inflation?.held?.bytes.length ?? 0)
    );
  }

  /** What that counts in a memory budget, in bytes. */
  get countedBytes(): number {
    const inflation = this.#inflation;
    const jobs = inflation === undefined ? 0 : inflation.held === undefined ? 1 : 2;
    const assembler = this.#assembler;
    return (
      this.heldBytes +
      jobs * ENTRY_BYTES +
      (assembler === undefined ? 0 : assembler.countedBytes - assembler.length)
    );
  }

  /** Something received is still being inflated. */
  get inflating(): boolean {
    return this.#inflation !== undefined;
  }

  /** Until that is done, nothing more is looked at. */
  get blocked(): boolean {
    return this.#inflation?.held !== undefined;
  }

  /** A read has come. */
  readBegins(): void {
    this.#inflater.readBegins();
  }

  /**
   * Takes the next piece of a message. Only while nothing is being inflated.
   * @param last The message ends here.
   * @returns Whether it is whole.
   * @throws PeerError `ERR_INFLATE`, `ERR_MESSAGE_TOO_BIG`, `ERR_UTF8`.
   */
  take(isText: boolean, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.isText = isText;
    if (this.#inflater.write(this, bytes, start, end, last)) return last;
    this.#inflation = { last, done: false, error: undefined, held: undefined };
    return false;
  }

  /** Keeps what came next, until nothing is being inflated any more. */
  hold(held: HeldPiece): void {
    this.#inflation!.held = held;
  }

  /** What was being inflated is, or cannot be. */
  done(error: PeerError | undefined): void {
    if (this.#inflation === undefined) return;
    this.#inflation.done = true;
    this.#inflation.error = error;
  }

  /**
   * Goes on where inflating has stopped us, once it is done.
   * @returns Whether a message is whole by it.
   * @throws PeerError Why it cannot be inflated.
   */
  settle(): boolean {
    const inflation = this.#inflation!;
    if (!inflation.done) return false;
    if (inflation.error !== undefined) throw inflation.error;
    const isWhole = inflation.last;
    inflation.last = false;
    if (inflation.held === undefined) this.#inflation = undefined;
    return isWhole;
  }

  /** Gives back what was held, once it may go on. */
  takeHeld(): HeldPiece | undefined {
    if (this.#inflation?.done !== true) return undefined;
    const { held } = this.#inflation;
    this.#inflation = undefined;
    return held;
  }

  /**
   * The message is whole, and the fields describe it.
   * @throws PeerError `ERR_UTF8` for text that ends inside a character.
   */
  finish(): void {
    const assembler = this.#assembler;
    this.#messageBytes = 0;
    this.isOwn = assembler !== undefined;
    if (assembler === undefined) return;
    this.#assembler = undefined;
    assembler.finish();
    this.#holdMessage(assembler.bytes, 0, assembler.length, assembler.isAscii);
  }

  /** Lets everything go. */
  close(): void {
    this.#inflater.close();
    this.#inflation = undefined;
    this.#assembler = undefined;
  }

  inflated(bytes: Buffer, start: number, end: number, final: boolean): void {
    this.#messageBytes += end - start;
    if (this.#messageBytes > this.#maxMessageBytes) {
      throw new PeerError(
        'ERR_MESSAGE_TOO_BIG',
        `${this.#messageBytes} bytes or more once inflated, the limit is ${this.#maxMessageBytes}`,
      );
    }
    const highBits = this.isText ? nonAscii(bytes, start, end) : 1;
    if (final && this.#assembler === undefined) this.#holdMessage(bytes, start, end, highBits === 0);
    else {
      this.#assembler ??= new MessageAssembler(this.isText, this.#outgrown);
      this.#assembler.append(bytes, start, end, highBits, this.#maxMessageBytes);
    }
  }

  #holdMessage(bytes: Buffer, start: number, end: number, isAscii: boolean): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isAscii = isAscii;
  }
}
