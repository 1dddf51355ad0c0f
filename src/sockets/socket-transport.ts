import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { PeerError } from '../protocol/errors.ts';
import {
  type Findings,
  handleOf,
  FULL_READS_A_TURN,
  type NodeHandle,
  type NodeRequest,
  type NodeSockets,
  systemError,
  unlock,
} from './node-handle.ts';
import type { Reader } from '../engine/read-turns.ts';
import type { PackingTable } from '../protocol/outgoing/packing-table.ts';
import { OWNER, type OwnedStream, StreamTransport } from './stream-transport.ts';
import type { TransportOwner } from './transport.ts';

/** TLS offers encrypted data up to this size to the kernel in one write, and the rest in the next turn. */
const MAX_OFFERED_BYTES = 131_072;
/** Maximum overhead of TLS records on that. */
const MAX_RECORDS_BYTES = 512;

/** Maximum bytes that are queued behind a write of TLS before the transport is blocked. */
const MAX_QUEUED_BYTES = 65_536;

/** Node's own classes. A subclass may read and write in its own way. */
const OWN_CLASSES: readonly unknown[] = [Socket.prototype, TLSSocket.prototype];

const TRANSPORT = Symbol('hawser.transport');

type DrivenSocket = OwnedStream & Socket & { [TRANSPORT]?: SocketTransport } & Record<symbol, unknown>;

/** Called as the `callback` of a socket's option `onread`. */
function onBytes(this: DrivenSocket, bytes: number): boolean {
  const transport = this[TRANSPORT]!;
  this[OWNER]?.received(transport.sockets.readMemory.brought(bytes));
  return transport.isReading;
}

/**
 * Whether the streams of a socket can be bypassed: it is of Node's own classes, Node reads and writes its handle itself, no
 * data is in the streams, and no other code listens for data or has replaced `write`.
 */
export function isDrivable(stream: Duplex, findings: Findings | undefined): stream is Socket {
  if (findings === undefined || !(stream instanceof Socket) || stream.destroyed || stream.connecting)
    return false;
  const socket = stream as DrivenSocket;
  const handle = handleOf(socket) as (NodeHandle & Record<symbol, unknown>) | null | undefined;
  if (handle === null || handle === undefined || handle.onread !== findings.onRead) return false;
  const raw = handle._parent;
  return (
    OWN_CLASSES.includes(Object.getPrototypeOf(socket)) &&
    handle[findings.owner] === socket &&
    socket[findings.buffer] === null &&
    typeof handle.useUserBuffer === 'function' &&
    // TLS over a stream that is not a socket has no such number.
    typeof (raw ?? handle).writeQueueSize === 'number' &&
    // The self-check does not cover TLS inside TLS.
    raw?._parent === undefined &&
    socket.readableLength === 0 &&
    socket.writableLength === 0 &&
    !socket.readableEnded &&
    socket.readableEncoding === null &&
    socket.listenerCount('data') === 0 &&
    !Object.hasOwn(socket, 'write')
  );
}

/**
 * A socket that Node made: TCP, pipe or TLS. Node still ends it and does all of TLS. Bytes bypass its streams: they are
 * read into the memory that all sockets share, and written to the handle. Until {@link drive}, bytes take the streams.
 */
export class SocketTransport extends StreamTransport implements Reader {
  /** Not paused. @internal */
  isReading = true;
  /** Bytes bypass the streams. @internal */
  isDriven = false;

  /** @internal */
  readonly sockets: NodeSockets;
  /** The self-check has passed, but the streams still have data. */
  #isDue = false;
  /** Set when the socket is driven: Node may replace the handle of a socket before. */
  #handle!: NodeHandle;
  /** The end of a write was not reported yet. TLS takes one write at a time. */
  #isWriting = false;
  /** Bytes of that write, if the kernel has not taken them. */
  #untakenBytes = 0;
  #queue: Uint8Array[] | undefined;
  #queuedBytes = 0;
  #isEnding = false;
  /** Consecutive full reads; {@link FULL_READS_A_TURN} while the transport yields to others. */
  #fullReads = 0;

  /**
   * @param socket Connected; the transport owns it from here on.
   * @param drives Drives it now; it is {@link isDrivable}.
   */
  constructor(socket: Socket, owner: TransportOwner, sockets: NodeSockets, drives = true) {
    super(socket, owner, !drives);
    this.sockets = sockets;
    if (drives) this.#drive();
  }

  /**
   * Moves from the streams to the handle, now or after a later write: as soon as the streams have no data. Call it after
   * the self-check has passed. Stays on the streams for good if other code uses them.
   */
  drive(): void {
    this.#isDue = false;
    const socket = this.stream;
    if (this.isDriven || this.#isEnding || !socket.writable) return;
    if (socket.writableLength > 0 || socket.readableLength > 0) {
      this.#isDue = true;
      return;
    }
    this.listenToData(false);
    if (isDrivable(socket, this.sockets.findings)) this.#drive();
    else this.listenToData(true);
  }

  #drive(): void {
    const socket = this.stream as DrivenSocket;
    const handle = handleOf(socket)!;
    this.isDriven = true;
    this.#handle = handle;
    const { buffer, bufferCallback } = this.sockets.findings!;
    const memory = this.sockets.readMemory.bytes;
    socket[TRANSPORT] = this;
    socket[buffer] = memory;
    socket[bufferCallback] = onBytes;
    handle.useUserBuffer(memory);
    // Data that other code writes to the stream would get between our writes.
    socket.cork();
    if (!this.isReading) this.#stopReading();
    else if (handle.reading !== true) this.#read();
  }

  protected override streamWrote(): void {
    if (this.#isDue) this.drive();
  }

  /** Driven, chunks are written at once, or checked when they leave the queue. */
  override get needsCopies(): boolean {
    return !this.isDriven;
  }

  /** While a write is under way, others are queued. */
  borrows(table: PackingTable): boolean {
    return this.isDriven && !this.#isWriting && table === this.sockets.packingTable;
  }

  override get bufferedBytes(): number {
    if (!this.isDriven) return super.bufferedBytes;
    return this.stream.destroyed ? 0 : this.#untakenBytes + this.#queuedBytes;
  }

  override get blocked(): boolean {
    if (!this.isDriven) return super.blocked;
    return this.#untakenBytes > 0 || this.#queuedBytes >= MAX_QUEUED_BYTES;
  }

  override write(chunks: readonly Uint8Array[]): void {
    if (!this.isDriven) {
      super.write(chunks);
      return;
    }
    if (this.#isEnding || !this.stream.writable) return;
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
    if (!this.isReading || this.stream.destroyed) return;
    this.isReading = false;
    if (this.isDriven) this.#stopReading();
    else super.pause();
  }

  override resume(): void {
    if (this.isReading || this.stream.destroyed || this.stream.readableEnded) return;
    this.isReading = true;
    if (!this.isDriven) super.resume();
    else if (this.#fullReads < FULL_READS_A_TURN) this.#read();
  }

  override giveWay(): void {
    // TLS never yields: it delivers one record at a time, which is never a full read. Yielding after records cost an eighth.
    if (this.#fullReads === FULL_READS_A_TURN || !this.isDriven) return;
    this.#fullReads = this.sockets.readMemory.lastReadWasFull && this.isReading ? this.#fullReads + 1 : 0;
    if (this.#fullReads < FULL_READS_A_TURN) return;
    this.#handle.readStop();
    this.sockets.readTurns.add(this);
  }

  /** @internal */
  readOn(): void {
    this.#fullReads = 0;
    if (this.isReading && !this.stream.destroyed && !this.stream.readableEnded) this.#read();
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

  #stopReading(): void {
    this.#handle.reading = false;
    this.#check('read', this.#handle.readStop());
  }

  #send(chunks: readonly Uint8Array[]): void {
    const { sockets } = this;
    const { WriteRequest } = sockets.findings!;
    const request = WriteRequest === undefined ? null : (sockets.spareSocketWrite ?? new WriteRequest());
    sockets.spareSocketWrite = undefined;
    // If the kernel refuses a write, TLS calls `oncomplete` before the call returns.
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
    else {
      sockets.spareSocketWrite = request ?? undefined;
      if (sockets.framePool.isLent) sockets.framePool.written(bytes);
    }
  }

  #wait(request: NodeRequest, chunks: readonly Uint8Array[]): void {
    request.transport = this;
    request.buffer = chunks;
    request.oncomplete = onSocketWritten;
    // TLS has encrypted or copied a write when the call returns.
    const { packingTable, framePool } = this.sockets;
    if (this.#handle._parent === undefined) request.locked = packingTable.lock(chunks[0]);
    else if (framePool.isLent) framePool.written(chunks);
    this.#isWriting = true;
    const bytes = totalBytes(chunks);
    if (!this.#isTaken(bytes)) this.#untakenBytes = bytes;
    const status = request.writeStatus ?? undefined;
    if (status !== undefined) queueMicrotask(() => this.written(status, request));
  }

  /** Whether the kernel has taken the write. TLS reports the end of each write later, but most writes need not wait for it. */
  #isTaken(bytes: number): boolean {
    const raw = this.#handle._parent;
    return (
      raw !== undefined &&
      bytes <= MAX_OFFERED_BYTES &&
      raw.writeQueueSize === 0 &&
      // With more bytes, the write may be queued behind data of TLS itself.
      this.#handle.writeQueueSize <= bytes + MAX_RECORDS_BYTES
    );
  }

  #check(call: string, status: number, detail?: string): void {
    if (status < 0) this.stream.destroy(systemError(call, status, detail));
  }

  /** @internal */
  written(status: number, request: NodeRequest): void {
    if (request.locked !== undefined) unlock(request, this.sockets);
    const waited = this.bufferedBytes > 0;
    const queue = this.#queue;
    const queuedBytes = this.#queuedBytes;
    this.#isWriting = false;
    this.#untakenBytes = 0;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    if (this.stream.destroyed) return;
    if (status < 0) {
      this.#check('write', status, request.error);
      return;
    }
    if (queue !== undefined) {
      if (totalBytes(queue) !== queuedBytes) {
        this.stream.destroy(new PeerError('ERR_PAYLOAD_DETACHED'));
        return;
      }
      this.#send(queue);
    }
    if (this.#isEnding && !this.#isWriting) super.end();
    if (waited && !this.blocked) this.stream[OWNER]?.writable();
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
