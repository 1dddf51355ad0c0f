import { type Blob, Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { OPCODE } from '../protocol/constants.ts';
import { PeerError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import { defaultEngine } from '../engine/engine.ts';
import { KeptShapes } from '../connection/kept-shapes.ts';
import { Link } from '../connection/link.ts';
import type { LinkOwner } from '../connection/link-owner.ts';
import type { ConnectionState } from '../connection/states.ts';
import { tuneSocket } from '../sockets/stream-transport.ts';
import { takeStream } from '../sockets/take-stream.ts';
import { type BlobOwner, BlobQueue } from './blob-queue.ts';
import { closeArguments, controlBytes, isBlob, NOTHING, sizeOf } from './data.ts';
import { drivenOf, exposeSocket, socketClosed } from './raw-socket.ts';
import { Outgoing, type SendOptions, type SocketDeflate } from './outgoing.ts';
import { notOpen, READY, type ReadyState } from './ready-states.ts';
import { type FrameSink, keysFrom, Sender } from './sender.ts';
import { WsShared } from './settings.ts';
import type { LinkOptions } from './settings-options.ts';
import { SocketEvents } from './socket-events.ts';
import { nextTick } from './ticks.ts';

/** From this many pending bytes on, `send` writes at once, so that a loop that watches `bufferedAmount` ends. */
const FLUSH_FROM_BYTES = 65_536;
const MAX_CONTROL_BYTES = 125;
const NO_OPTIONS: LinkOptions = Object.freeze({});

type Callback = (error?: Error | null) => void;

/** What an open connection depends on. */
export interface OpenOptions extends LinkOptions {
  readonly allowSynchronousEvents?: boolean | undefined;
  readonly generateMask?: ((mask: Buffer) => void) | undefined;
}

/** Drives one `WebSocket`: its link, the state, and callbacks. */
export class SocketDriver extends SocketEvents implements LinkOwner, BlobOwner, FrameSink {
  readyState: ReadyState = READY.CONNECTING;
  isPaused = false;
  socket: Duplex | null = null;
  deflate: SocketDeflate | undefined;
  wasClean = false;
  /** Options that were given before the connection is open. */
  linkOptions: LinkOptions = NO_OPTIONS;
  /** Ends a handshake that is in progress; `undefined` if there is none. */
  abortHandshake: ((message: string) => void) | undefined;
  /** Tells the server that the connection has closed. */
  onClosed: ((closed: EventEmitter) => void) | undefined;

  #link: Link | undefined;
  /** Created by the first message: an idle connection has none. */
  #outgoing: Outgoing | undefined;
  #isServer = false;
  #sender: Sender | undefined;
  #blobs: BlobQueue | undefined;
  /** The connection has ended, and waits for events that are emitted later. */
  #endsLater = false;
  #unsentBytes = 0;
  #wasBlocked = false;

  get sender(): Sender | null {
    if (this.#link === undefined) return null;
    return (this.#sender ??= new Sender(this));
  }

  /** The socket, for code that uses it itself. */
  get rawSocket(): Duplex | null {
    const link = this.#link;
    if (link !== undefined && this.readyState !== READY.CLOSED) {
      exposeSocket(this.socket!, link, () => this.isPaused);
      // What is written to a stream must not overtake messages.
      if (link.outbox.waitingBytes > 0) link.flush();
    }
    return this.socket;
  }

  get bufferedAmount(): number {
    const link = this.#link;
    const unsentBytes = this.#unsentBytes + (this.#blobs?.bytes ?? 0);
    if (link === undefined || this.readyState === READY.CLOSED) return unsentBytes;
    const { outbox, transport } = link;
    // Packed bytes of this turn do not count, because `ws` writes at once.
    const encodedLater = outbox.bufferedBytes - outbox.queuedBytes - transport.bufferedBytes;
    const waiting = transport.blocked ? outbox.waitingBytes : 0;
    return transport.bufferedBytes + waiting + Math.max(0, encodedLater) + unsentBytes;
  }

  /** @param preamble Bytes to write before any frame: the 101 of a server. */
  open(
    socket: Duplex,
    head: Buffer,
    isServer: boolean,
    options: OpenOptions,
    preamble: Buffer | undefined,
  ): void {
    const shared = defaultEngine.part(WsShared);
    const { agreed, settings } = this.deflate ?? {};
    defaultEngine.part(KeptShapes).keep(agreed !== undefined);
    defaultEngine.part(KeptDriver);
    // Scheduled before the link reads the stream, so that these bytes are first.
    if (head.length > 0) nextTick(() => this.#link?.received(Buffer.from(head)));
    tuneSocket(socket);
    this.socket = socket;
    this.emitsLater = options.allowSynchronousEvents === false;
    const nextKey = options.generateMask === undefined ? shared.keys.next : keysFrom(options.generateMask);
    this.#link = new Link(
      this,
      shared.contextOf({ ...this.linkOptions, ...options }, settings),
      isServer ? 'server' : 'client',
      (owner) => takeStream(socket, owner, defaultEngine),
      isServer ? undefined : nextKey,
      agreed,
    );
    this.#isServer = isServer;
    this.linkOptions = NO_OPTIONS;
    if (preamble !== undefined) this.#link.transport.write([preamble]);
    this.readyState = READY.OPEN;
    this.emitOpen();
  }

  /** Reports that the opening handshake has failed. */
  handshakeFailed(error: Error): void {
    this.readyState = READY.CLOSING;
    this.emitError(error);
    this.#closed(1006, NOTHING);
  }

  send(data: unknown, options: SendOptions | undefined, callback: unknown): void {
    if (this.readyState === READY.CONNECTING) throw notOpen(this.readyState);
    const given = typeof data === 'number' ? data.toString() : data;
    if (this.readyState !== READY.OPEN) this.#sendAfterClose(given, callback);
    else if (this.#blobs === undefined && !isBlob(given)) this.#send(given, options, callback);
    else
      this.#queue(
        given,
        (read) => this.#send(read, { binary: typeof given !== 'string', ...options }, callback),
        callback,
      );
  }

  #send(data: unknown, options: SendOptions | undefined, callback: unknown): void {
    this.#outgoing ??= new Outgoing(this.#link!.outbox, this.deflate, this.#isServer);
    this.#outgoing.send(data, options);
    this.#accepted(callback);
  }

  sendFrame(frame: Uint8Array, callback: unknown): void {
    if (this.readyState !== READY.OPEN) {
      this.#callLater(callback, notOpen(this.readyState));
      return;
    }
    this.#link!.outbox.shared(frame);
    this.#accepted(callback);
  }

  get bufferedBytes(): number {
    return this.#unsentBytes + (this.#blobs?.bytes ?? 0);
  }

  control(opcode: typeof OPCODE.PING | typeof OPCODE.PONG, data: unknown, callback: unknown): void {
    if (this.readyState === READY.CONNECTING) throw notOpen(this.readyState);
    const given = typeof data === 'number' ? data.toString() : data || NOTHING;
    if (this.readyState !== READY.OPEN) {
      this.#sendAfterClose(given, callback);
      return;
    }
    if (sizeOf(given) > MAX_CONTROL_BYTES)
      throw new RangeError('The data size must not be greater than 125 bytes');
    if (this.#blobs === undefined && !isBlob(given)) this.#control(opcode, given, callback);
    else this.#queue(given, (read) => this.#control(opcode, read, callback), callback);
  }

  #control(opcode: typeof OPCODE.PING | typeof OPCODE.PONG, data: unknown, callback: unknown): void {
    const link = this.#link!;
    if (opcode === OPCODE.PING) link.ping(controlBytes(data));
    else link.core.pong(controlBytes(data));
    this.#accepted(callback);
  }

  close(code: unknown, reason: unknown): void {
    if (this.readyState === READY.CONNECTING) {
      this.abortHandshake?.('WebSocket was closed before the connection was established');
      return;
    }
    if (this.readyState !== READY.OPEN) return;
    const body = closeArguments(code, reason);
    const end = (): void => this.#link!.end.close(body.code, body.reason, 'local-close');
    if (this.#blobs === undefined) end();
    else {
      this.#queue(NOTHING, end, undefined);
      this.readyState = READY.CLOSING;
      this.#link!.closing();
      this.#link!.plan();
    }
  }

  terminate(): void {
    if (this.readyState === READY.CLOSED) return;
    if (this.readyState === READY.CONNECTING) {
      this.abortHandshake?.('WebSocket was closed before the connection was established');
      return;
    }
    const link = this.#link;
    // The handshake has failed, and `close` follows.
    if (link === undefined) return;
    // `ws` writes at once, so what was sent before leaves.
    link.flush();
    this.readyState = READY.CLOSING;
    link.end.terminate('terminated');
  }

  pause(): void {
    if (this.readyState === READY.CONNECTING || this.readyState === READY.CLOSED) return;
    this.isPaused = true;
    this.#link?.readMore();
  }

  resume(): void {
    if (this.readyState === READY.CONNECTING || this.readyState === READY.CLOSED) return;
    this.isPaused = false;
    this.#link?.readMore();
  }

  // `LinkOwner`.

  get wantsMore(): boolean {
    return !this.isPaused && !this.eventsWait;
  }

  get undeliveredBytes(): number {
    return 0;
  }

  received(message: Message, isText: boolean): void {
    this.emitMessage(message as Buffer, isText);
  }

  receivedPing(payload: Buffer): void {
    this.emitControl('ping', payload);
  }

  receivedPong(payload: Buffer): void {
    this.emitControl('pong', payload);
  }

  stateChanged(next: ConnectionState): void {
    if (this.readyState !== READY.CLOSED) this.readyState = READY.CLOSING;
    if (next !== 'closed') {
      const failure = this.#link?.core.failure;
      if (failure !== undefined) nextTick(() => this.emitFailure(failure));
    }
  }

  ended(): void {
    this.#endsLater = this.eventsWait;
    if (this.#endsLater) return;
    const info = this.#link!.closeInfo!;
    this.#failQueued();
    if (info.error instanceof PeerError) this.emitFailure(info.error);
    this.wasClean = info.wasClean;
    this.#closed(info.code, Buffer.from(info.reason));
    this.#link!.release();
  }

  flushed(): void {
    const link = this.#link;
    if (link === undefined) return;
    const { blocked } = link.transport;
    // A socket whose streams are bypassed does not say itself that it has drained.
    if (this.#wasBlocked && !blocked && drivenOf(link) !== undefined) {
      const socket = this.socket!;
      if (socket.listenerCount('drain') > 0) nextTick(() => socket.emit('drain'));
    }
    this.#wasBlocked = blocked;
  }

  outOfMemory(): void {
    this.#link!.outbox.dropWaiting();
    this.#link!.end.fail(new PeerError('ERR_MEMORY_CAP'));
  }

  outputFailed(error: PeerError): void {
    this.#link!.outbox.dropWaiting();
    this.#link!.end.fail(error);
  }

  /** The connection ends with the error, which `ended` reports. */
  internalFault(): void {}

  roundTrip(): void {}

  rateLimited(): void {}

  timedOut(): void {}

  protected override eventsEmitted(): void {
    if (this.#endsLater) this.ended();
    else this.#link!.readMore();
  }

  // `BlobOwner`.

  blobFailed(error: unknown): void {
    nextTick(() => {
      const fault = error instanceof Error ? error : new Error(String(error));
      const callbacks = this.#blobs?.end() ?? [];
      this.#blobs = undefined;
      for (const callback of callbacks) if (typeof callback === 'function') (callback as Callback)(fault);
      if (this.readyState === READY.CLOSED) return;
      this.readyState = READY.CLOSING;
      this.#link!.closing();
      this.#link!.plan();
      this.#link!.end.socket.end();
      this.#link!.send();
      this.emitError(fault);
    });
  }

  blobsDone(): void {
    this.#blobs = undefined;
  }

  #accepted(callback: unknown): void {
    const link = this.#link!;
    if (typeof callback === 'function') {
      link.outbox.mark((wasDropped) => this.#callLater(callback, wasDropped ? socketClosed() : null));
    }
    if (link.outbox.waitingBytes >= FLUSH_FROM_BYTES && !link.transport.blocked) link.flush();
    // Also after a flush: the engine forgets the payload at the end of the turn.
    link.sendMessage();
  }

  #callLater(callback: unknown, error: Error | null): void {
    if (typeof callback === 'function') nextTick(() => (callback as Callback)(error));
  }

  #sendAfterClose(data: unknown, callback: unknown): void {
    if (data) this.#unsentBytes += sizeOf(data);
    this.#callLater(callback, notOpen(this.readyState));
  }

  #queue(data: unknown, run: (data: unknown) => void, callback: unknown): void {
    const call = { data, run, callback };
    if (this.#blobs !== undefined) this.#blobs.add(call);
    else {
      this.#blobs = new BlobQueue(this);
      this.#blobs.start(data as Blob, call);
    }
  }

  /** Fails the calls that wait for a blob. */
  #failQueued(): void {
    const callbacks = this.#blobs?.end() ?? [];
    this.#blobs = undefined;
    const error = new Error('The socket was closed while the blob was being read');
    for (const callback of callbacks) this.#callLater(callback, error);
  }

  #closed(code: number, reason: Buffer): void {
    this.readyState = READY.CLOSED;
    this.onClosed?.(this.emitter);
    this.emitClose(code, reason);
  }
}

/** As {@link KeptShapes}, for drivers. */
class KeptDriver {
  readonly kept: SocketDriver = new SocketDriver(new EventEmitter());
}
