import type { Server } from 'node:net';
import { platform } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { asError } from '../engine/guarded.ts';
import { normalizeAddress } from './ip-address.ts';
import {
  type Findings,
  FULL_READS_A_TURN,
  type NodeHandle,
  type NodeRequest,
  NodeSockets,
  type RequestOwner,
  systemError,
  unlock,
} from './node-handle.ts';
import type { Engine } from '../engine/engine.ts';
import type { Reader } from '../engine/read-turns.ts';
import type { PackingTable } from '../protocol/outgoing/packing-table.ts';
import { TCP_KEEP_ALIVE_MS } from './stream-transport.ts';
import type { ArrivedTransport, Peer, TransportOwner } from './transport.ts';

/**
 * On Linux, accepted sockets inherit the options of the listening socket, which saves five system calls per handshake. Other
 * systems differ, so each accepted socket gets the options there.
 */
const OPTIONS_INHERITED = platform() === 'linux';

/** @returns The address of which the handle knows; valid until the next call. */
export function peerOf(handle: NodeHandle, { peer }: NodeSockets): Peer {
  peer.address = '';
  peer.port = 0;
  handle.getpeername?.(peer);
  peer.address = normalizeAddress(peer.address);
  return peer;
}

/** @returns Whether the handle now has all options. A pipe has none. */
export function tune(handle: Partial<NodeHandle>): boolean {
  const noDelay = handle.setNoDelay?.(true) ?? -1;
  const keepAlive = handle.setKeepAlive?.(true, TCP_KEEP_ALIVE_MS / 1_000) ?? -1;
  return noDelay === 0 && keepAlive === 0;
}

/** Node's handle of a TCP socket or pipe, without a stream. All share one read buffer; writes go to the kernel at once. */
export class HandleTransport implements ArrivedTransport, Reader, RequestOwner {
  remoteAddress: string;
  remotePort: number;
  /** Node reads this property, too. */
  destroyed = false;

  /** @internal */
  readonly sockets: NodeSockets;
  readonly #handle: NodeHandle;
  #owner: TransportOwner;
  #fault: Error | undefined;
  /** Writes that the kernel has not taken completely. */
  #openWrites = 0;
  #reading = false;
  /** Consecutive full reads; {@link FULL_READS_A_TURN} while the transport yields to others. */
  #fullReads = 0;
  #ending = false;
  #ended = false;
  #inputEnded = false;

  /**
   * Takes the handle over and starts reading.
   * @param tuned Whether the handle has the options of {@link tune}, or the caller calls it.
   * @param peer Default: the address of which the handle knows.
   */
  constructor(
    handle: NodeHandle,
    owner: TransportOwner,
    sockets: NodeSockets,
    tuned = false,
    peer: Peer = peerOf(handle, sockets),
  ) {
    const { findings, readMemory } = sockets;
    this.sockets = sockets;
    this.#handle = handle;
    this.#owner = owner;
    this.remoteAddress = peer.address;
    this.remotePort = peer.port;
    if (!tuned) tune(handle);
    (handle as NodeHandle & Record<symbol, unknown>)[findings!.owner] = this;
    handle.onread = findings!.onRead;
    handle.useUserBuffer(readMemory.bytes);
    this.resume();
  }

  /** No: chunks go to the kernel at once. A getter, so that it takes no memory per connection. */
  get needsCopies(): boolean {
    return false;
  }

  borrows(table: PackingTable): boolean {
    return table === this.sockets.packingTable;
  }

  get bufferedBytes(): number {
    return this.#openWrites === 0 || this.destroyed ? 0 : this.#handle.writeQueueSize;
  }

  get blocked(): boolean {
    return this.#openWrites > 0;
  }

  handTo(owner: TransportOwner): this {
    this.#owner = owner;
    return this;
  }

  standFor(remoteAddress: string, remotePort = 0): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  write(chunks: readonly Uint8Array[]): void {
    if (this.destroyed || this.#ending) return;
    const { sockets } = this;
    const { WriteRequest } = sockets.findings!;
    const request = WriteRequest === undefined ? null : (sockets.spareWrite ??= new WriteRequest());
    const bytes = chunks.length === 1 ? chunks[0]! : chunks;
    const answer =
      chunks.length === 1
        ? this.#handle.writeBuffer(request, bytes as Uint8Array)
        : this.#handle.writev(request, chunks, true);
    if (typeof answer !== 'number') this.#wait(answer, bytes);
    else if (answer !== 0) this.#check('write', answer);
    else if (request !== null && request.getAsyncId() >= 0) {
      sockets.spareWrite = undefined;
      this.#wait(request, bytes);
    } else if (sockets.framePool.isLent) sockets.framePool.written(bytes);
  }

  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.destroyed || this.#inputEnded || this.#reading) return;
    this.#reading = true;
    if (this.#fullReads < FULL_READS_A_TURN) this.#check('read', this.#handle.readStart());
  }

  giveWay(): void {
    if (this.#fullReads === FULL_READS_A_TURN) return;
    this.#fullReads = this.sockets.readMemory.lastReadWasFull && this.#reading ? this.#fullReads + 1 : 0;
    if (this.#fullReads < FULL_READS_A_TURN) return;
    this.#handle.readStop();
    this.sockets.readTurns.add(this);
  }

  /** @internal */
  readOn(): void {
    this.#fullReads = 0;
    if (this.#reading) this.#check('read', this.#handle.readStart());
  }

  /** @internal */
  failed(error: unknown): void {
    this.destroy(asError(error));
  }

  end(): void {
    if (this.destroyed || this.#ending) return;
    this.#ending = true;
    if (this.#inputEnded && this.#openWrites === 0) {
      // Closing ends our half, too: the kernel has all bytes, and none of the peer is unread.
      this.destroy();
      return;
    }
    const request = new this.sockets.findings!.ShutdownRequest();
    request.transport = this;
    request.oncomplete = onShutdown;
    // 1: the shutdown completed synchronously.
    const status = this.#handle.shutdown(request);
    if (status === 1) this.outputEnded();
    else this.#check('shutdown', status);
  }

  /** @param error The reason of a failure. Node calls this method, too. */
  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#reading = false;
    this.#fault = error;
    this.#handle.close(() => this.#owner.closed(this.#fault));
  }

  #wait(request: NodeRequest, bytes: unknown): void {
    request.transport = this;
    request.buffer = bytes;
    request.locked = this.sockets.packingTable.lock(bytes);
    request.oncomplete = onWritten;
    this.#openWrites++;
    const status = request.writeStatus ?? undefined;
    if (status !== undefined) queueMicrotask(() => this.written(status, request));
  }

  #check(call: string, status: number): void {
    if (status < 0) this.destroy(systemError(call, status));
  }

  // Called by requests and Node.

  /** @internal */
  written(status: number, request: NodeRequest): void {
    this.#openWrites--;
    if (request.locked !== undefined) unlock(request, this.sockets);
    if (this.destroyed) return;
    if (status < 0) this.destroy(systemError('write', status));
    else if (this.#openWrites === 0) this.#owner.writable();
  }

  /** @internal */
  outputEnded(): void {
    this.#ended = true;
    if (this.#inputEnded) this.destroy();
  }

  /** @internal */
  received(bytes: number): void {
    this.#owner.received(this.sockets.readMemory.brought(bytes));
  }

  // Members that Node's read callback expects of a stream, besides those of `adoptFindings` below.

  /** The end of input. @internal */
  push(): void {
    this.#inputEnded = true;
    this.#reading = false;
    this.#owner.receivedEnd();
    if (!this.#ended || this.destroyed) return;
    // Node is the caller, so the owner may be told now. A callback at the end of the turn would cost a call from C++.
    this.destroyed = true;
    this.#handle.close();
    this.#owner.closed(undefined);
  }

  /** @internal */
  read(): void {}
}

function onWritten(this: NodeRequest, status: number): void {
  const { transport } = this;
  this.buffer = undefined;
  transport!.written(status, this);
}

function onShutdown(this: NodeRequest, status: number): void {
  const transport = this.transport as HandleTransport;
  if (transport.destroyed) return;
  // The peer has already disconnected; reading reports how.
  if (status < 0 && getSystemErrorName(status) !== 'ENOTCONN')
    transport.destroy(systemError('shutdown', status));
  else transport.outputEnded();
}

/**
 * Gives transports the members that Node's read callback expects of a stream with its own read buffer. They are the same for
 * every engine, because they depend only on Node.
 */
export function adoptFindings(found: Findings): void {
  Object.defineProperties(HandleTransport.prototype, {
    [found.updateTimer]: { value: () => {}, configurable: true },
    [found.buffer]: {
      get(this: HandleTransport) {
        return this.sockets.readMemory.bytes;
      },
      configurable: true,
    },
    [found.bufferSource]: { value: null, configurable: true },
    [found.bufferCallback]: {
      value(this: HandleTransport, bytes: number) {
        this.received(bytes);
      },
      configurable: true,
    },
    _readableState: { value: { endEmitted: false }, configurable: true },
  });
}

/**
 * Takes over the handles that a listening server accepts, before Node makes sockets of them.
 * @param accepted Gets a function for each handle that opens its transport. Call it synchronously.
 * @returns False if the server or this version of Node works differently. Then nothing was changed.
 */
export function takeHandles(
  server: Server,
  engine: Engine,
  accepted: (open: (owner: TransportOwner) => HandleTransport) => void,
): boolean {
  type OnConnection = (this: unknown, status: number, handle: NodeHandle | undefined) => void;
  type Listening = Partial<NodeHandle> & { onconnection?: OnConnection };
  const listening = (server as Server & { _handle?: Listening | null })._handle;
  const inherited = listening?.onconnection;
  const sockets = engine.part(NodeSockets);
  if (sockets.findings === undefined || listening === undefined || typeof inherited !== 'function')
    return false;
  const tuned = OPTIONS_INHERITED && tune(listening!);
  listening!.onconnection = function (status, handle) {
    if (status === 0 && handle !== undefined)
      accepted((owner) => new HandleTransport(handle, owner, sockets, tuned));
    else inherited.call(this, status, handle);
  };
  return true;
}
