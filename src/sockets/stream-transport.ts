import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { asError } from '../engine/guarded.ts';
import { normalizeAddress } from './ip-address.ts';
import type { ArrivedTransport, TransportOwner } from './transport.ts';

/** Silence after which the kernel starts probing a peer. */
export const TCP_KEEP_ALIVE_MS = 60_000;

/** Most writes that a stream may queue: many small ones hold far more memory than their bytes. */
const MAX_OPEN_WRITES = 16;

/** Under which a stream keeps the owner of its transport. */
export const OWNER: unique symbol = Symbol('hawser.owner');
const FAULT = Symbol('hawser.fault');

/** A stream that a transport has taken over. The owner lies on the stream, so no listener needs a closure of its own. */
export interface OwnedStream extends Duplex {
  [OWNER]?: TransportOwner | undefined;
  [FAULT]?: Error | undefined;
}

function onData(this: OwnedStream, chunk: Buffer | string): void {
  let owned: Buffer;
  try {
    // A socket hands over memory of its own. Another stream may pass on memory that its maker still uses, or text.
    owned = this instanceof Socket && typeof chunk !== 'string' ? chunk : Buffer.from(chunk as Buffer);
  } catch (error) {
    // A stream in object mode: neither bytes nor text.
    abandon(this, error);
    return;
  }
  this[OWNER]?.received(owned);
}
function onEnd(this: OwnedStream): void {
  this[OWNER]?.receivedEnd();
}
function onError(this: OwnedStream, error: Error): void {
  this[FAULT] ??= error;
  try {
    // A TLS socket that receives what it cannot decrypt emits an error, and stays open.
    this.destroy();
  } catch {
    closeLater(this);
  }
}
function onClose(this: OwnedStream): void {
  const owner = this[OWNER];
  const fault = this[FAULT];
  this[OWNER] = undefined;
  this[FAULT] = undefined;
  try {
    // `error` keeps its listener: a stream may still fail after it has closed.
    this.off('data', onData).off('end', onEnd).off('close', onClose);
  } catch {
    // A foreign stream; without an owner the listeners do nothing.
  }
  owner?.closed(fault);
}

/** Reports the end of a stream that may not emit `close` any more: not from inside a call of the owner's. */
function closeLater(stream: OwnedStream): void {
  queueMicrotask(() => onClose.call(stream));
}

/** Gives up a stream that threw: whatever it does from here on does not count. */
function abandon(stream: OwnedStream, error: unknown): void {
  stream[FAULT] ??= asError(error);
  try {
    stream.destroy();
  } catch {
    // The fault that is reported is the first one.
  }
  closeLater(stream);
}

/** Any `Duplex`, over the public interface of streams: TCP, TLS, and whatever a proxy or a test hands in. */
export class StreamTransport implements ArrivedTransport {
  remoteAddress: string;
  remotePort: number;
  readonly #stream: OwnedStream;
  /** Something was not taken at once: whoever asked knows, and wants to be told. */
  #waits = false;
  #openWrites = 0;
  /** The stream threw, and is not called any more. */
  #isAbandoned = false;
  /** Made with the first write: what passes by the stream never needs it. */
  #written: ((error?: Error | null) => void) | undefined;

  /**
   * Takes the stream over: its listeners are ours from here on.
   * @param flows Whether bytes come by way of the stream.
   */
  constructor(stream: Duplex, owner: TransportOwner, flows = true) {
    const socket = stream as OwnedStream & { remoteAddress?: string; remotePort?: number };
    this.#stream = socket;
    this.remoteAddress = normalizeAddress(socket.remoteAddress ?? '');
    this.remotePort = socket.remotePort ?? 0;
    socket[OWNER] = owner;
    try {
      // Our half ends when the owner says so, not with the peer's: pending bytes still have to go out.
      socket.allowHalfOpen = true;
      socket.on('end', onEnd).on('error', onError).on('close', onClose);
      if (flows) socket.on('data', onData).resume();
    } catch (error) {
      this.abandon(error);
    }
  }

  handTo(owner: TransportOwner): this {
    this.#stream[OWNER] = owner;
    return this;
  }

  standFor(remoteAddress: string, remotePort = 0): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  /** The queue of a stream is out of reach, and the `_write` of a stream may read its chunk at any time. */
  get needsCopies(): boolean {
    return true;
  }

  get bufferedBytes(): number {
    return this.#stream.destroyed || this.#isAbandoned ? 0 : this.#stream.writableLength;
  }

  get blocked(): boolean {
    // After a large write that the kernel took at once a stream asks for a drain, too: that is no reason to wait.
    if (this.#isAbandoned) return false;
    const stream = this.#stream;
    return stream.writableLength > 0 && (stream.writableNeedDrain || this.#openWrites >= MAX_OPEN_WRITES);
  }

  write(chunks: readonly Uint8Array[]): void {
    const stream = this.#stream;
    if (this.#isAbandoned || !stream.writable) return;
    const last = chunks.length - 1;
    try {
      if (last > 0) stream.cork();
      for (let i = 0; i < last; i++) stream.write(chunks[i]);
      this.#written ??= (error) => this.#writeEnded(error);
      this.#openWrites++;
      stream.write(chunks[last], this.#written);
      if (last > 0) stream.uncork();
      this.#waits = stream.writableLength > 0;
    } catch (error) {
      this.abandon(error);
    }
  }

  #writeEnded(error: Error | null | undefined): void {
    this.#openWrites--;
    this.streamWrote();
    if (!this.#waits || (error !== null && error !== undefined) || this.#stream.destroyed) return;
    this.#waits = this.#stream.writableLength > 0;
    this.#stream[OWNER]?.writable();
  }

  /** A write to the stream has ended. */
  protected streamWrote(): void {}

  /** Adds or removes the listener for the stream's data. */
  protected listenToData(listens: boolean): void {
    if (listens) this.#stream.on('data', onData);
    else this.#stream.off('data', onData);
  }

  pause(): void {
    try {
      this.#stream.pause();
    } catch (error) {
      this.abandon(error);
    }
  }

  resume(): void {
    try {
      this.#stream.resume();
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Node reads a stream 32 times 64 KiB in one go at most. */
  giveWay(): void {}

  end(): void {
    try {
      if (this.#stream.writable) this.#stream.end();
    } catch (error) {
      this.abandon(error);
    }
  }

  destroy(): void {
    try {
      this.#stream.destroy();
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Gives up the stream, because a call of it threw; the owner is told later that it has closed, and why. */
  protected abandon(error: unknown): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    abandon(this.#stream, error);
  }
}

/**
 * Sets what every socket has: no Nagle, probes after a minute of silence. Streams that know neither are left alone, and
 * so are those that refuse: the connection works without.
 */
export function tuneSocket(stream: Duplex): void {
  const socket = stream as Duplex & {
    setNoDelay?: (on: boolean) => void;
    setKeepAlive?: (on: boolean, delayMs: number) => void;
    setTimeout?: (ms: number) => void;
  };
  try {
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, TCP_KEEP_ALIVE_MS);
  } catch {
    // A foreign stream. If it is broken, the first read or write says so.
  }
}
