import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PeerError } from '../protocol/errors.ts';
import {
  type Findings,
  handleOf,
  FULL_READS_A_TURN,
  type NodeHandle,
  type NodeRequest,
  type NodeSockets,
  systemError,
} from './node-handle.ts';
import type { Reader } from '../engine/read-turns.ts';
import { OWNER, type OwnedStream, StreamTransport } from './stream-transport.ts';
import type { TransportOwner } from './transport.ts';

/** Encrypted data up to this size is offered to the kernel by one write; what is beyond waits for the next turn. */
const MAX_OFFERED_BYTES = 131_072;
/** TLS makes so much more of that, at most. */
const MAX_RECORDS_BYTES = 512;

/** What may wait for the end of a write that the kernel has taken, in bytes. */
const MAX_QUEUED_BYTES = 65_536;

const TRANSPORT = Symbol('hawser.transport');

type DrivenSocket = OwnedStream & Socket & { [TRANSPORT]?: SocketTransport } & Record<symbol, unknown>;

/** Called as the `callback` of a socket's option `onread`. */
function onBytes(this: DrivenSocket, bytes: number): boolean {
  const transport = this[TRANSPORT]!;
  this[OWNER]?.received(transport.sockets.readMemory.brought(bytes));
  return transport.isReading;
}

/**
 * Whether the streams of a socket can be passed by: Node reads and writes its handle itself, nothing has been read that is
 * not taken, and nobody else listens or has changed how it writes.
 */
export function isDrivable(stream: Duplex, findings: Findings | undefined): stream is Socket {
  if (findings === undefined || !(stream instanceof Socket) || stream.destroyed || stream.connecting)
    return false;
  const socket = stream as DrivenSocket;
  const handle = handleOf(socket) as (NodeHandle & Record<symbol, unknown>) | null | undefined;
  if (handle === null || handle === undefined || handle.onread !== findings.onRead) return false;
  return (
    handle[findings.owner] === socket &&
    socket[findings.buffer] === null &&
    typeof handle.useUserBuffer === 'function' &&
    // A stream that is no socket has none, as below TLS over a stream of somebody's own.
    typeof (handle._parent ?? handle).writeQueueSize === 'number' &&
    socket.readableLength === 0 &&
    socket.writableLength === 0 &&
    !socket.readableEnded &&
    socket.readableEncoding === null &&
    socket.listenerCount('data') === 0 &&
    !Object.hasOwn(socket, 'write')
  );
}

/**
 * A socket that Node made, TCP, pipe or TLS. How it ends stays Node's business, and so does all of TLS; bytes pass its
 * streams by: they are read into the memory that all sockets share, and written to the handle.
 */
export class SocketTransport extends StreamTransport implements Reader {
  /** Not paused. @internal */
  isReading = true;

  /** @internal */
  readonly sockets: NodeSockets;
  readonly #socket: DrivenSocket;
  readonly #handle: NodeHandle;
  /** Below TLS. */
  readonly #raw: NodeHandle | undefined;
  /** A write that was not reported yet: TLS takes one at a time. */
  #isWriting = false;
  /** Of that write, if the kernel has not taken it. */
  #untakenBytes = 0;
  #queue: Uint8Array[] | undefined;
  #queuedBytes = 0;
  #isEnding = false;
  /** In a row; {@link FULL_READS_A_TURN} while it gives way. */
  #fullReads = 0;

  /** @param socket {@link isDrivable}, connected, and nobody else's from here on. */
  constructor(socket: Socket, owner: TransportOwner, sockets: NodeSockets) {
    super(socket, owner, false);
    this.sockets = sockets;
    const driven = socket as DrivenSocket;
    const handle = handleOf(socket)!;
    this.#socket = driven;
    this.#handle = handle;
    this.#raw = handle._parent;
    const { buffer, bufferCallback } = sockets.findings!;
    const memory = sockets.readMemory.bytes;
    driven[TRANSPORT] = this;
    driven[buffer] = memory;
    driven[bufferCallback] = onBytes;
    handle.useUserBuffer(memory);
    // Whatever else is written to it would get between our writes.
    driven.cork();
    if (handle.reading !== true) this.#read();
  }

  /** Chunks are written at once, or checked when they leave the queue. */
  override get needsCopies(): boolean {
    return false;
  }

  override get bufferedBytes(): number {
    return this.#socket.destroyed ? 0 : this.#untakenBytes + this.#queuedBytes;
  }

  override get blocked(): boolean {
    return this.#untakenBytes > 0 || this.#queuedBytes >= MAX_QUEUED_BYTES;
  }

  override write(chunks: readonly Uint8Array[]): void {
    if (this.#isEnding || !this.#socket.writable) return;
    if (!this.#isWriting) {
      this.#send(chunks);
      return;
    }
    const queue = (this.#queue ??= []);
    for (const chunk of chunks) {
      queue.push(chunk);
      this.#queuedBytes += chunk.length;
    }
  }

  override pause(): void {
    if (!this.isReading || this.#socket.destroyed) return;
    this.isReading = false;
    this.#handle.reading = false;
    this.#check('read', this.#handle.readStop());
  }

  override resume(): void {
    if (this.isReading || this.#socket.destroyed || this.#socket.readableEnded) return;
    this.isReading = true;
    if (this.#fullReads < FULL_READS_A_TURN) this.#read();
  }

  override giveWay(): void {
    // TLS never does: it hands over a record at a time, which fills nothing. Made to, it was slower by an eighth for nothing.
    if (this.#fullReads === FULL_READS_A_TURN) return;
    this.#fullReads = this.sockets.readMemory.lastReadWasFull && this.isReading ? this.#fullReads + 1 : 0;
    if (this.#fullReads < FULL_READS_A_TURN) return;
    this.#handle.readStop();
    this.sockets.readTurns.add(this);
  }

  /** @internal */
  readOn(): void {
    this.#fullReads = 0;
    if (this.isReading && !this.#socket.destroyed && !this.#socket.readableEnded) this.#read();
  }

  /** @internal */
  failed(error: unknown): void {
    this.abandon(error);
  }

  override end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#isWriting) super.end();
  }

  #read(): void {
    this.#handle.reading = true;
    this.#check('read', this.#handle.readStart());
  }

  #send(chunks: readonly Uint8Array[]): void {
    const { WriteRequest } = this.sockets.findings!;
    const request = WriteRequest === undefined ? null : new WriteRequest();
    // Where the kernel refuses a write, TLS reports the request inside of the call.
    if (request !== null) request.oncomplete = onRefused;
    const bytes = chunks.length === 1 ? chunks[0]! : chunks;
    const answer =
      chunks.length === 1
        ? this.#handle.writeBuffer(request, bytes as Uint8Array)
        : this.#handle.writev(request, chunks, true);
    if (typeof answer !== 'number') this.#wait(answer, chunks);
    else if (answer !== 0) this.#check('write', answer, request?.error);
    else if (request !== null && (typeof request.writeStatus === 'number' || request.getAsyncId() >= 0))
      this.#wait(request, chunks);
  }

  #wait(request: NodeRequest, chunks: readonly Uint8Array[]): void {
    request.transport = this;
    request.buffer = chunks;
    request.oncomplete = onSocketWritten;
    this.#isWriting = true;
    const bytes = totalBytes(chunks);
    if (!this.#isTaken(bytes)) this.#untakenBytes = bytes;
    const status = request.writeStatus ?? undefined;
    if (status !== undefined) queueMicrotask(() => this.written(status, request));
  }

  /** TLS reports every write later, and most of them the kernel has taken: then nobody needs to wait. */
  #isTaken(bytes: number): boolean {
    const raw = this.#raw;
    return (
      raw !== undefined &&
      bytes <= MAX_OFFERED_BYTES &&
      raw.writeQueueSize === 0 &&
      // More, and it may be behind something that TLS itself is writing.
      this.#handle.writeQueueSize <= bytes + MAX_RECORDS_BYTES
    );
  }

  #check(call: string, status: number, detail?: string): void {
    if (status < 0) this.#socket.destroy(systemError(call, status, detail));
  }

  /** @internal */
  written(status: number, request: NodeRequest): void {
    const waited = this.bufferedBytes > 0;
    const queue = this.#queue;
    const queuedBytes = this.#queuedBytes;
    this.#isWriting = false;
    this.#untakenBytes = 0;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    if (this.#socket.destroyed) return;
    if (status < 0) {
      this.#check('write', status, request.error);
      return;
    }
    if (queue !== undefined) {
      if (totalBytes(queue) !== queuedBytes) {
        this.#socket.destroy(new PeerError('ERR_PAYLOAD_DETACHED'));
        return;
      }
      this.#send(queue);
    }
    if (this.#isEnding && !this.#isWriting) super.end();
    if (waited && !this.blocked) this.#socket[OWNER]?.writable();
  }
}

function totalBytes(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

function onRefused(this: NodeRequest, status: number): void {
  this.writeStatus = status;
}

function onSocketWritten(this: NodeRequest, status: number): void {
  this.buffer = undefined;
  this.transport!.written(status, this);
}
