import type { Buffer } from 'node:buffer';
import type { Server, Socket } from 'node:net';
import { platform } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { maskableMemory } from '../protocol/mask-simd.ts';
import { normalizeAddress } from './ip-address.ts';
import { TCP_KEEP_ALIVE_MS } from './stream-transport.ts';
import type { ArrivedTransport, TransportOwner } from './transport.ts';

// The only file that knows what lies below Node's sockets. None of it is documented, so all of it is found by looking at
// a socket that works (`learnFrom`), tried out before anybody relies on it (`handle-check.ts`), and done without where
// that fails. Nothing of it is named to Node: symbols and constructors come from the socket that was looked at.

/** What Node's handles of TCP sockets and pipes have that is used here. */
export interface NodeHandle {
  onread: unknown;
  readonly writeQueueSize: number;
  readStart(): number;
  readStop(): number;
  useUserBuffer(memory: Uint8Array): void;
  /** Up to Node 24 the answer is an error code; from 26 on the request is made when it is needed, and is the answer. */
  writeBuffer(request: NodeRequest | null, bytes: Uint8Array): number | NodeRequest;
  writev(request: NodeRequest | null, chunks: readonly Uint8Array[], allBuffers: true): number | NodeRequest;
  shutdown(request: NodeRequest): number;
  close(done?: () => void): void;
  getpeername?(into: { address?: string; port?: number }): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
}
/** A write or the end of one half, under way. */
interface NodeRequest {
  oncomplete: ((this: NodeRequest, status: number) => void) | null;
  transport?: HandleTransport;
  /** Keeps what is being written from being collected. */
  buffer?: unknown;
  /** Node 26: how it ended, if that was before anybody could listen. */
  writeStatus?: number | null;
  /** -1 while it is not in use. */
  getAsyncId(): number;
}
type RequestClass = new () => NodeRequest;

/** What was found out about this Node. */
interface Findings {
  /** Under which a handle keeps who it belongs to. */
  readonly owner: symbol;
  /** Node's own callback for what was read: the only one who is told how many bytes. It hands them to the owner. */
  readonly onRead: unknown;
  /** `undefined` where writing makes its own. */
  readonly WriteRequest: RequestClass | undefined;
  readonly ShutdownRequest: RequestClass;
}

/**
 * Where every handle reads into, one at a time: what it brings is taken out before the next one reads. Larger than Node's
 * 64 KiB, because there is one of it: large messages come whole more often, and need no second copy.
 */
const READ_BYTES = 196_608;
const readMemory: Buffer = maskableMemory(READ_BYTES);

let findings: Findings | undefined;
/**
 * Sockets that Linux accepts have the options of the one that listens, which saves a handshake five system calls. Other
 * systems differ, so there each socket gets them.
 */
const OPTIONS_INHERITED = platform() === 'linux';

/** A request that no write has used so far: most writes are over at once and use none. */
let spareWrite: NodeRequest | undefined;

const systemError = (call: string, status: number): Error => {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: status, syscall: call });
};

/** @returns Whether it has all options now. A pipe has none. */
function tune(handle: Partial<NodeHandle>): boolean {
  const noDelay = handle.setNoDelay?.(true) ?? -1;
  const keepAlive = handle.setKeepAlive?.(true, TCP_KEEP_ALIVE_MS / 1_000) ?? -1;
  return noDelay === 0 && keepAlive === 0;
}

/** A TCP socket or pipe on Node, without a stream in between: one read buffer for all, and writes that reach the kernel at once. */
export class HandleTransport implements ArrivedTransport {
  remoteAddress: string;
  remotePort: number;
  /** Read by Node, too. */
  destroyed = false;

  readonly #handle: NodeHandle;
  #owner: TransportOwner;
  #fault: Error | undefined;
  /** Writes that the kernel has not taken whole. */
  #openWrites = 0;
  #reading = false;
  #ending = false;
  #ended = false;
  #inputEnded = false;

  /**
   * Takes the handle over, and reads from it.
   * @param tuned It has the options of {@link tune} already.
   */
  constructor(handle: NodeHandle, owner: TransportOwner, tuned = false) {
    this.#handle = handle;
    this.#owner = owner;
    const peer: { address?: string; port?: number } = {};
    handle.getpeername?.(peer);
    this.remoteAddress = normalizeAddress(peer.address ?? '');
    this.remotePort = peer.port ?? 0;
    if (!tuned) tune(handle);
    (handle as NodeHandle & Record<symbol, unknown>)[findings!.owner] = this;
    handle.onread = findings!.onRead;
    handle.useUserBuffer(readMemory);
    this.resume();
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

  standFor(remoteAddress: string): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = 0;
  }

  write(chunks: readonly Uint8Array[]): void {
    if (this.destroyed || this.#ending) return;
    const { WriteRequest } = findings!;
    const request = WriteRequest === undefined ? null : (spareWrite ??= new WriteRequest());
    const bytes = chunks.length === 1 ? chunks[0]! : chunks;
    const answer =
      chunks.length === 1
        ? this.#handle.writeBuffer(request, bytes as Uint8Array)
        : this.#handle.writev(request, chunks, true);
    if (typeof answer !== 'number') this.#wait(answer, bytes);
    else if (answer !== 0) this.#check('write', answer);
    else if (request !== null && request.getAsyncId() >= 0) {
      spareWrite = undefined;
      this.#wait(request, bytes);
    }
  }

  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.destroyed || this.#inputEnded || this.#reading) return;
    this.#reading = true;
    this.#check('read', this.#handle.readStart());
  }

  end(): void {
    if (this.destroyed || this.#ending) return;
    this.#ending = true;
    const request = new findings!.ShutdownRequest();
    request.transport = this;
    request.oncomplete = onShutdown;
    // 1: there was nothing to wait for.
    const status = this.#handle.shutdown(request);
    if (status === 1) this.outputEnded();
    else this.#check('shutdown', status);
  }

  /** @param error What went wrong, if it did; Node says so, too. */
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
    request.oncomplete = onWritten;
    this.#openWrites++;
    const status = request.writeStatus ?? undefined;
    if (status !== undefined) queueMicrotask(() => this.written(status));
  }

  #check(call: string, status: number): void {
    if (status < 0) this.destroy(systemError(call, status));
  }

  // What is called from below.

  /** @internal */
  written(status: number): void {
    this.#openWrites--;
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
    this.#owner.received(readMemory.subarray(0, bytes));
  }

  // What Node's callback asks of the stream that it takes this for, besides `looks` below.

  /** The end of input. @internal */
  push(): void {
    this.#inputEnded = true;
    this.#reading = false;
    this.#owner.receivedEnd();
    if (this.#ended) this.destroy();
  }

  /** @internal */
  read(): void {}
}

function onWritten(this: NodeRequest, status: number): void {
  const { transport } = this;
  this.buffer = undefined;
  transport!.written(status);
}

function onShutdown(this: NodeRequest, status: number): void {
  const transport = this.transport!;
  if (transport.destroyed) return;
  // Not connected any more: the peer has gone, and reading says how.
  if (status < 0 && getSystemErrorName(status) !== 'ENOTCONN')
    transport.destroy(systemError('shutdown', status));
  else transport.outputEnded();
}

/** A property of a socket, or of what it inherits from, by the description of its symbol. */
function symbolOf(of: object, description: string): symbol {
  for (let at: object | null = of; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  throw new Error(`a socket has no ${description}`);
}

/** What it takes for Node's callback to see a stream with a read buffer of its own in a transport. */
const looks = (socket: Socket): PropertyDescriptorMap => ({
  [symbolOf(socket, 'kUpdateTimer')]: { value: () => {}, configurable: true },
  [symbolOf(socket, 'kBuffer')]: { value: readMemory, configurable: true },
  [symbolOf(socket, 'kBufferGen')]: { value: null, configurable: true },
  [symbolOf(socket, 'kBufferCb')]: {
    value(this: HandleTransport, bytes: number) {
      this.received(bytes);
    },
    configurable: true,
  },
  _readableState: { value: { endEmitted: false }, configurable: true },
});

const classOf = (request: unknown): RequestClass => {
  if (typeof request !== 'object' || request === null) throw new Error('a call of the handle has no request');
  return request.constructor as RequestClass;
};

/**
 * Finds out how this Node does it.
 * @param socket Connected, and used up: a byte is written, and its half ends.
 * @returns Once that is done. Rejects if something is missing; then nothing has been learnt.
 */
export async function learnFrom(socket: Socket): Promise<void> {
  const handle = (socket as Socket & { _handle?: NodeHandle | null })._handle;
  if (handle === undefined || handle === null) throw new Error('a socket has no handle');
  const owner = symbolOf(handle, 'owner_symbol');
  const onRead = handle.onread;
  if (typeof onRead !== 'function') throw new Error('a handle has no callback for reads');
  const requests: { writeBuffer?: unknown; shutdown?: unknown } = {};
  const below = Object.getPrototypeOf(handle) as NodeHandle;
  handle.writeBuffer = (request, bytes) => {
    requests.writeBuffer = request;
    return below.writeBuffer.call(handle, request, bytes);
  };
  handle.shutdown = (request) => {
    requests.shutdown = request;
    return below.shutdown.call(handle, request);
  };
  await new Promise<void>((resolve, reject) => {
    socket.once('finish', resolve).once('close', () => reject(new Error('a socket closed early')));
    socket.end(new Uint8Array(1));
  });
  const WriteRequest = requests.writeBuffer === null ? undefined : classOf(requests.writeBuffer);
  const ShutdownRequest = classOf(requests.shutdown);
  Object.defineProperties(HandleTransport.prototype, looks(socket));
  findings = { owner, onRead, WriteRequest, ShutdownRequest };
}

/**
 * Takes over what a listening server accepts, before it makes sockets of it.
 * @param accepted Gets what opens each of them: to be called at once.
 * @returns False if this server, or this Node, does it differently: then nothing has changed.
 */
export function takeHandles(
  server: Server,
  accepted: (open: (owner: TransportOwner) => HandleTransport) => void,
): boolean {
  type OnConnection = (this: unknown, status: number, handle: NodeHandle | undefined) => void;
  type Listening = Partial<NodeHandle> & { onconnection?: OnConnection };
  const listening = (server as Server & { _handle?: Listening | null })._handle;
  const inherited = listening?.onconnection;
  if (findings === undefined || listening === undefined || typeof inherited !== 'function') return false;
  const tuned = OPTIONS_INHERITED && tune(listening!);
  listening!.onconnection = function (status, handle) {
    if (status === 0 && handle !== undefined) accepted((owner) => new HandleTransport(handle, owner, tuned));
    else inherited.call(this, status, handle);
  };
  return true;
}
