import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { asError } from '../engine/guarded.ts';
import { normalizeAddress } from './ip-address.ts';
import type { ArrivedTransport, Peer, TransportOwner } from './transport.ts';

function peerOf(stream: Duplex): Peer {
  const { remoteAddress, remotePort } = stream as Partial<Socket>;
  return { address: normalizeAddress(remoteAddress ?? ''), port: remotePort ?? 0 };
}

/** Idle time after which the kernel starts to probe the peer. */
export const TCP_KEEP_ALIVE_MS = 60_000;

/** Maximum writes that a stream may queue. Many small writes hold far more memory than their bytes. */
const MAX_OPEN_WRITES = 16;

/** Key of the owner of a stream's transport. */
export const OWNER: unique symbol = Symbol('hawser.owner');
const FAULT = Symbol('hawser.fault');

/** A stream with a transport. The stream holds the owner, so that listeners need no closure per stream. */
export interface OwnedStream extends Duplex {
  [OWNER]?: TransportOwner | undefined;
  [FAULT]?: Error | undefined;
}

function onData(this: OwnedStream, chunk: Buffer | string): void {
  let owned: Buffer;
  try {
    // A socket emits memory of its own. Another stream may emit text, or memory that other code still uses.
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
  failStream(this, error);
}

/** Destroys a stream; its owner gets the first of these errors. */
export function failStream(stream: OwnedStream, error: Error): void {
  stream[FAULT] ??= error;
  try {
    // A TLS socket that receives what it cannot decrypt emits an error, and stays open.
    stream.destroy();
  } catch {
    closeLater(stream);
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

/** Reports the end of a stream that may never emit `close`. Not synchronously, because the owner may be the caller. */
function closeLater(stream: OwnedStream): void {
  queueMicrotask(() => onClose.call(stream));
}

/** Abandons a stream that threw, and ignores its later events. */
function abandon(stream: OwnedStream, error: unknown): void {
  stream[FAULT] ??= asError(error);
  try {
    stream.destroy();
  } catch {
    // Only the first fault is reported.
  }
  closeLater(stream);
}

/** Writes that a stream has not ended yet. Made at the first write: a driven socket never needs them. */
class OpenWrites {
  count = 0;
  /** The stream has queued bytes, so the owner expects {@link TransportOwner.writable}. */
  wait = false;
  readonly ended: (error?: Error | null) => void;

  constructor(ended: (error?: Error | null) => void) {
    this.ended = ended;
  }
}

/** Any `Duplex`, through the public interface of streams: TCP, TLS, or a stream of a proxy or a test. */
export class StreamTransport implements ArrivedTransport {
  protected readonly stream: OwnedStream;
  /** Read at the first use, because Node keeps objects for it from then on. */
  #peer: Peer | undefined;
  #writes: OpenWrites | undefined;
  /** A method of the stream threw: the stream is not called again. */
  #isAbandoned = false;

  /**
   * Takes the stream over and adds listeners.
   * @param flows Whether bytes arrive through the stream.
   */
  constructor(stream: Duplex, owner: TransportOwner, flows = true) {
    const socket = stream as OwnedStream;
    this.stream = socket;
    socket[OWNER] = owner;
    try {
      // The owner ends our half, not the end of the peer's half: pending bytes must still be sent.
      socket.allowHalfOpen = true;
      socket.on('end', onEnd).on('error', onError).on('close', onClose);
      if (flows) socket.on('data', onData).resume();
    } catch (error) {
      this.abandon(error);
    }
  }

  get remoteAddress(): string {
    return (this.#peer ??= peerOf(this.stream)).address;
  }

  get remotePort(): number {
    return (this.#peer ??= peerOf(this.stream)).port;
  }

  handTo(owner: TransportOwner): this {
    // A closed socket no longer knows its peer.
    this.#peer ??= peerOf(this.stream);
    this.stream[OWNER] = owner;
    return this;
  }

  standFor(remoteAddress: string, remotePort = 0): void {
    this.#peer = { address: remoteAddress, port: remotePort };
  }

  /** Yes: the transport cannot check the stream's queue, and `_write` may read its chunk at any time. */
  get needsCopies(): boolean {
    return true;
  }

  get destroyed(): boolean {
    return this.#isAbandoned || this.stream.destroyed;
  }

  get bufferedBytes(): number {
    return this.stream.destroyed || this.#isAbandoned ? 0 : this.stream.writableLength;
  }

  get blocked(): boolean {
    // A stream also asks for a drain after a large write that the kernel took at once. Then the transport is not blocked.
    if (this.#isAbandoned) return false;
    const stream = this.stream;
    return (
      stream.writableLength > 0 && (stream.writableNeedDrain || (this.#writes?.count ?? 0) >= MAX_OPEN_WRITES)
    );
  }

  write(chunks: readonly Uint8Array[]): void {
    const stream = this.stream;
    if (this.#isAbandoned || !stream.writable) return;
    const last = chunks.length - 1;
    try {
      if (last > 0) stream.cork();
      for (let i = 0; i < last; i++) stream.write(chunks[i]);
      const writes = (this.#writes ??= new OpenWrites((error) => this.#writeEnded(error)));
      writes.count++;
      stream.write(chunks[last], writes.ended);
      if (last > 0) stream.uncork();
      writes.wait = stream.writableLength > 0;
    } catch (error) {
      this.abandon(error);
    }
  }

  #writeEnded(error: Error | null | undefined): void {
    const writes = this.#writes!;
    writes.count--;
    this.streamWrote();
    if (!writes.wait || (error !== null && error !== undefined) || this.stream.destroyed) return;
    writes.wait = this.stream.writableLength > 0;
    this.stream[OWNER]?.writable();
  }

  /** A write to the stream has ended. */
  protected streamWrote(): void {}

  /** Adds or removes the listener for the stream's data. */
  protected listenToData(listens: boolean): void {
    if (listens) this.stream.on('data', onData);
    else this.stream.off('data', onData);
  }

  pause(): void {
    try {
      this.stream.pause();
    } catch (error) {
      this.abandon(error);
    }
  }

  resume(): void {
    try {
      this.stream.resume();
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Does nothing: Node limits the reads of a stream in one turn to 32 times 64 KiB. */
  giveWay(): void {}

  end(): void {
    try {
      if (this.stream.writable) this.stream.end();
    } catch (error) {
      this.abandon(error);
    }
  }

  destroy(): void {
    try {
      this.stream.destroy();
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Abandons the stream, because a method of it threw. The owner gets `closed` with the error later. */
  protected abandon(error: unknown): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    abandon(this.stream, error);
  }
}

/**
 * Sets the options of every socket: no Nagle, and keep-alive probes after a minute of silence. Ignores streams that lack or
 * refuse these options: the connection works without them.
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
    // A foreign stream. If it is broken, the first read or write fails.
  }
}
