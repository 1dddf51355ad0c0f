import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/constants.ts';
import { MisuseError } from '../protocol/errors.ts';
import { type Payload, payloadBytes } from '../protocol/payload.ts';
import { Utf8Validator } from '../protocol/utf8.ts';
import type { StreamSource } from '../options/stream-source.ts';

/** Largest payload of one fragment; larger chunks are cut, so that pings and pongs get in between. */
const MAX_FRAGMENT_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

/** The sending half of the connection. */
export interface StreamOwner {
  /** Starts the message: other messages wait from now on. @throws MisuseError `ERR_CLOSED` if the connection is not open. */
  begin(): void;
  /** Sends one fragment. */
  fragment(opcode: number, payload: Uint8Array, isLast: boolean): void;
  /** Resolves when fragments have room; at once if they have. */
  room(): Promise<void> | undefined;
  /** The message is complete. */
  complete(bytes: number, isText: boolean): void;
  /** The message cannot be completed: the connection ends. */
  abandon(): void;
  closedError(): MisuseError;
}

/** One message that is sent in fragments, chunk by chunk of its source. */
export class StreamedMessage {
  readonly #owner: StreamOwner;
  readonly #binary: boolean | undefined;
  /** Set when the connection ends, or the application aborts. */
  #stopped: { readonly reason: unknown } | undefined;
  /** Rejects what is being awaited. */
  #rejectWait: ((reason: unknown) => void) | undefined;
  #isText = false;
  #opcode: number = OPCODE.CONTINUATION;
  #hasBegun = false;
  #utf8: Utf8Validator | undefined;
  /** A high surrogate at the end of a chunk; its low surrogate begins the next one. */
  #half = '';
  #bytes = 0;

  constructor(owner: StreamOwner, binary: boolean | undefined) {
    this.#owner = owner;
    this.#binary = binary;
  }

  /** The connection is closing: the message cannot be completed. */
  interrupted(): void {
    this.#stop(this.#owner.closedError());
  }

  /**
   * @param turn Settles when the message may begin.
   * @returns Bytes of the payload.
   */
  async send(
    source: StreamSource,
    turn: Promise<unknown> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const chunks: AsyncIterator<Payload> | Iterator<Payload> =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const aborted = (): void => this.#stop(signal?.reason);
    if (signal?.aborted === true) aborted();
    signal?.addEventListener('abort', aborted);
    let isOver = false;
    try {
      if (turn !== undefined) await this.#wait(turn);
      for (;;) {
        const room = this.#owner.room();
        if (room !== undefined) await this.#wait(room);
        const next = await this.#wait(chunks.next());
        if (next.done === true) break;
        await this.#sendChunk(next.value);
      }
      isOver = true;
      this.#finish();
      return this.#bytes;
    } catch (error) {
      if (this.#hasBegun) this.#owner.abandon();
      if (!isOver) void leave(chunks).catch(() => undefined);
      throw error;
    } finally {
      signal?.removeEventListener('abort', aborted);
    }
  }

  #stop(reason: unknown): void {
    this.#stopped ??= { reason };
    this.#rejectWait?.(reason);
  }

  /** Awaits `work`, but no longer than the connection lasts. `Promise.race` would keep memory for each call. */
  #wait<T>(work: T | PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#stopped !== undefined) {
        reject(this.#stopped.reason);
        return;
      }
      this.#rejectWait = reject;
      Promise.resolve(work).then(resolve, reject);
    });
  }

  async #sendChunk(chunk: Payload): Promise<void> {
    if (!this.#hasBegun)
      this.#isText = this.#binary === undefined ? typeof chunk === 'string' : !this.#binary;
    const bytes = typeof chunk === 'string' ? this.#utf8Of(chunk) : this.#checked(payloadBytes(chunk));
    if (!this.#hasBegun) this.#begin();
    // The source may reuse its memory when it is asked for the next chunk; fragments are copied.
    for (let at = 0; at < bytes.length; at += MAX_FRAGMENT_BYTES) {
      const room = this.#owner.room();
      if (room !== undefined) await this.#wait(room);
      this.#fragment(bytes.subarray(at, at + MAX_FRAGMENT_BYTES), false);
    }
  }

  #begin(): void {
    this.#owner.begin();
    this.#hasBegun = true;
    this.#opcode = this.#isText ? OPCODE.TEXT : OPCODE.BINARY;
  }

  #fragment(bytes: Uint8Array, isLast: boolean): void {
    this.#owner.fragment(this.#opcode, bytes, isLast);
    this.#opcode = OPCODE.CONTINUATION;
    this.#bytes += bytes.length;
  }

  #finish(): void {
    if (!this.#hasBegun) {
      this.#isText = this.#binary === false;
      this.#begin();
    }
    // A lone surrogate is sent as U+FFFD.
    const rest = this.#half === '' ? NOTHING : Buffer.from(this.#half, 'utf8');
    this.#checked(rest);
    if (this.#utf8?.atBoundary === false) throw notUtf8();
    this.#fragment(rest, true);
    this.#owner.complete(this.#bytes, this.#isText);
  }

  #utf8Of(chunk: string): Uint8Array {
    const text = this.#half + chunk;
    const last = text.charCodeAt(text.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.#half = isHalf ? text.slice(-1) : '';
    return this.#checked(Buffer.from(isHalf ? text.slice(0, -1) : text, 'utf8'));
  }

  /** Text is checked across chunks: a chunk may end inside a code point. */
  #checked(bytes: Uint8Array): Uint8Array {
    if (!this.#isText) return bytes;
    this.#utf8 ??= new Utf8Validator();
    if (this.#utf8.receive(bytes, 0, bytes.length) >= 0) throw notUtf8();
    return bytes;
  }
}

/** Tells a source that it is abandoned. It may wait for ever, so this is not awaited; it may also throw. */
const leave = async (chunks: AsyncIterator<Payload> | Iterator<Payload>): Promise<unknown> =>
  chunks.return?.();

const notUtf8 = (): MisuseError =>
  new MisuseError(
    'ERR_ARGUMENT',
    'sendStream: the chunks are to go out as text, but together they are not UTF-8',
  );
