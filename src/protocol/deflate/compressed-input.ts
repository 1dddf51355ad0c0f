import { Buffer } from 'node:buffer';
import { PeerError } from '../errors.ts';
import type { Piece } from '../frame-parser.ts';
import { ENTRY_BYTES } from '../limits.ts';
import { nonAscii } from '../mask.ts';
import { MessageAssembler } from '../message-assembler.ts';
import type { OutgrownMemory } from '../outgrown-memory.ts';
import type { CompressionBytes } from './compression-bytes.ts';
import type { Inflater, InflateSink } from './inflater.ts';

const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/** A piece that arrived while an earlier piece was being inflated, with a copy of its bytes. */
export interface HeldPiece {
  readonly piece: Piece;
  readonly bytes: Buffer;
  readonly nonAscii: number;
}

/** A piece of a message that is being inflated on the thread pool. */
interface Inflation {
  /** True if the message ends with it. */
  last: boolean;
  done: boolean;
  error: PeerError | undefined;
  /** The next piece; nothing further is parsed. */
  held: HeldPiece | undefined;
}

/**
 * The compressed input of one connection (RFC 7692 §7.2.2); created by its first compressed message. While a piece is
 * inflated on the thread pool, pings and pongs overtake it, and everything else waits.
 */
export class CompressedInput implements InflateSink {
  /** Bytes of the complete message, in memory of the inflater or in its own memory. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  isText = false;
  isAscii = false;
  /** True if the bytes are in the message's own memory, and text is validated. */
  isOwn = false;

  readonly #inflater: Inflater;
  readonly #maxMessageBytes: number;
  readonly #outgrown: OutgrownMemory;
  readonly #counts: CompressionBytes | undefined;
  #assembler: MessageAssembler | undefined;
  #inflation: Inflation | undefined;
  #messageBytes = 0;

  constructor(
    inflater: Inflater,
    maxMessageBytes: number,
    outgrown: OutgrownMemory,
    counts?: CompressionBytes,
  ) {
    this.#outgrown = outgrown;
    this.#counts = counts;
    this.#inflater = inflater;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes held of a message in progress and of input queued after it. */
  get heldBytes(): number {
    return (
      (this.#assembler?.length ?? 0) + this.#inflater.heldBytes + (this.#inflation?.held?.bytes.length ?? 0)
    );
  }

  /** Bytes to count for it in a memory budget. */
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

  /** True while received bytes are being inflated. */
  get inflating(): boolean {
    return this.#inflation !== undefined;
  }

  /** True while the parser has to wait for the inflater. */
  get blocked(): boolean {
    return this.#inflation?.held !== undefined;
  }

  /** Call when a read has arrived. */
  readBegins(): void {
    this.#inflater.readBegins();
  }

  /**
   * Takes the next piece of a message; only while nothing is being inflated.
   * @param last True if the message ends here.
   * @returns Whether the message is complete.
   * @throws PeerError `ERR_INFLATE`, `ERR_MESSAGE_TOO_BIG`, `ERR_UTF8`.
   */
  take(isText: boolean, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.isText = isText;
    if (this.#counts !== undefined) this.#counts.receivedCompressed += end - start;
    if (this.#inflater.write(this, bytes, start, end, last)) return last;
    this.#inflation = { last, done: false, error: undefined, held: undefined };
    return false;
  }

  /** Holds the next piece until nothing is being inflated. */
  hold(held: HeldPiece): void {
    this.#inflation!.held = held;
  }

  /** Call when the inflation has ended, with its error if it failed. */
  done(error: PeerError | undefined): void {
    if (this.#inflation === undefined) return;
    this.#inflation.done = true;
    this.#inflation.error = error;
  }

  /**
   * Continues after the inflation that blocked the parser.
   * @returns Whether it completed a message.
   * @throws PeerError The reason why it cannot be inflated.
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

  /** Returns the held piece once it may continue. */
  takeHeld(): HeldPiece | undefined {
    if (this.#inflation?.done !== true) return undefined;
    const { held } = this.#inflation;
    this.#inflation = undefined;
    return held;
  }

  /**
   * Completes the message; the fields then describe it.
   * @throws PeerError `ERR_UTF8` for text that ends inside a code point.
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

  /** Releases everything. */
  close(): void {
    this.#inflater.close();
    this.#inflation = undefined;
    this.#assembler = undefined;
  }

  inflated(bytes: Buffer, start: number, end: number, final: boolean): void {
    this.#messageBytes += end - start;
    if (this.#counts !== undefined) this.#counts.receivedRaw += end - start;
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
