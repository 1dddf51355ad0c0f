import type { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import { ENTRY_BYTES } from '../protocol/limits.ts';

type Result = IteratorResult<Buffer, undefined>;

/** A read that waits for the next chunk. */
interface Reader {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** The connection of an {@link IncomingMessage}. */
export interface IncomingOwner {
  /** Bytes that chunks count which were not read. */
  waitingBytes: number;
  /** A chunk was read, or chunks were dropped: more may be received. */
  taken(): void;
  /** The application has given the message up before it has read all of it. */
  left(message: IncomingMessage): void;
  /** Everything was received and read, or dropped. */
  finished(message: IncomingMessage): void;
}

/** One message that is received as a stream: chunks that were not read, and how it ends. */
export class IncomingMessage implements AsyncIterableIterator<Buffer> {
  readonly isText: boolean;
  bytes = 0;
  /** The last byte has arrived. */
  isWhole = false;
  readonly #owner: IncomingOwner;
  readonly #chunks: Buffer[] = [];
  readonly #readers: Reader[] = [];
  #isRead = false;
  #isLeft = false;
  #error: (() => Error) | undefined;

  constructor(owner: IncomingOwner, isText: boolean) {
    this.#owner = owner;
    this.isText = isText;
  }

  /** Takes the next chunk. It belongs to the application. */
  receive(chunk: Buffer, isLast: boolean): void {
    this.bytes += chunk.length;
    this.isWhole = isLast;
    if (!this.#isLeft && chunk.length > 0) {
      const reader = this.#readers.shift();
      if (reader === undefined) {
        this.#chunks.push(chunk);
        this.#owner.waitingBytes += chunk.length + ENTRY_BYTES;
      } else reader.resolve({ done: false, value: chunk });
    }
    if (isLast) this.#settle();
  }

  /**
   * The rest of the message will not arrive. Chunks that have arrived can be read, then reading fails.
   * @param error Called when a read fails.
   */
  interrupt(error: () => Error): void {
    this.#error = error;
    this.#settle();
  }

  /** As {@link interrupt}, and drops the chunks that were not read. */
  fail(error: () => Error): void {
    this.#dropChunks();
    this.interrupt(error);
  }

  /** The application gives the message up: drops what it has not read. */
  leave(): void {
    if (this.#isLeft || this.#isOver) return;
    this.#isLeft = true;
    this.#dropChunks();
    for (const { resolve } of this.#readers.splice(0)) resolve({ done: true, value: undefined });
    this.#owner.left(this);
    this.#owner.taken();
  }

  /**
   * Starts the only loop over the chunks.
   * @throws MisuseError `ERR_STATE` for a second one.
   */
  read(): this {
    if (this.#isRead) throw new MisuseError('ERR_STATE', 'this message is being read already');
    this.#isRead = true;
    return this;
  }

  next(): Promise<Result> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#owner.waitingBytes -= chunk.length + ENTRY_BYTES;
      this.#settle();
      this.#owner.taken();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#error !== undefined) return Promise.reject(this.#error());
    if (this.isWhole || this.#isLeft) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<Result> {
    this.leave();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Nothing follows: everything was received or interrupted, and was read. */
  get #isOver(): boolean {
    return (this.isWhole || this.#error !== undefined) && this.#chunks.length === 0;
  }

  /** Ends the reads that wait, once nothing follows. */
  #settle(): void {
    if (!this.#isOver) return;
    const error = this.#error;
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (error === undefined) resolve({ done: true, value: undefined });
      else reject(error());
    }
    this.#owner.finished(this);
  }

  #dropChunks(): void {
    for (const chunk of this.#chunks) this.#owner.waitingBytes -= chunk.length + ENTRY_BYTES;
    this.#chunks.length = 0;
  }
}
