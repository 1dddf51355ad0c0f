import { connect as connectTcp, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import type { Engine } from '../engine/engine.ts';
import type { ReadMemory } from '../engine/read-memory.ts';
import type { ReadTurns } from '../engine/read-turns.ts';
import type { FramePool } from '../protocol/outgoing/frame-pool.ts';
import type { PackingMemory, PackingTable } from '../protocol/outgoing/packing-table.ts';

// The internals below Node's sockets. Only this file, `handle-transport.ts`, `handle-dial.ts` and `socket-transport.ts` use them.
// They are not documented: `learnFrom` reads them from a working socket, the self-check (`handle-check.ts`) tests them before use,
// and streams replace them where the check fails. Symbols and constructors come from that socket; no internal module is loaded.

/** The members of Node's handles of TCP sockets, pipes and TLS that Hawser uses. */
export interface NodeHandle {
  onread: unknown;
  /** Whether reading was started. Node's own sockets maintain it. */
  reading?: boolean;
  /** Bytes that the kernel has not taken. For TLS: encrypted bytes, until the end of the write is reported. */
  readonly writeQueueSize: number;
  /** The handle below TLS. */
  readonly _parent?: NodeHandle;
  readStart(): number;
  readStop(): number;
  useUserBuffer(memory: Uint8Array): void;
  /** Returns an error code up to Node 24. From Node 26 on, Node makes the request only if needed, and returns it. */
  writeBuffer(request: NodeRequest | null, bytes: Uint8Array): number | NodeRequest;
  writev(request: NodeRequest | null, chunks: readonly Uint8Array[], allBuffers: true): number | NodeRequest;
  shutdown(request: NodeRequest): number;
  close(done?: () => void): void;
  getpeername?(into: { address?: string; port?: number }): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
}

/**
 * The TCP socket below a TLS socket that a server accepted.
 * @returns `undefined` if this version of Node does not expose it; then only the addresses of both ends identify it.
 */
export function rawSocketOf(socket: TLSSocket): Socket | undefined {
  const { _parent: raw } = socket as TLSSocket & { readonly _parent?: unknown };
  return raw instanceof Socket ? raw : undefined;
}

/** A handle of TCP that is not connected yet. */
export interface DialHandle extends NodeHandle {
  /** @returns 0, or the error code; `oncomplete` of the request is called only after 0. */
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
  unref(): void;
}

/** A pending connect. */
export interface ConnectRequest {
  oncomplete: (this: ConnectRequest, status: number) => void;
  dial?: { connected(status: number): void };
}

/** What connects a socket in this version of Node. */
export interface DialFindings {
  readonly Handle: new (type: number) => DialHandle;
  readonly ConnectRequest: new () => ConnectRequest;
  /** The functions of Node that connect a socket. */
  readonly connectors: readonly unknown[];
}

/** Is called when a write ends. */
export interface RequestOwner {
  /** @param status 0, or the negative error code of the system. */
  written(status: number, request: NodeRequest): void;
}

/** A pending write or shutdown. */
export interface NodeRequest {
  oncomplete: ((this: NodeRequest, status: number) => void) | null;
  transport?: RequestOwner;
  /** Keeps the written memory from being garbage collected. */
  buffer?: unknown;
  /** Memory of the packing table that the write has locked. */
  locked?: PackingMemory | undefined;
  /** The error message of TLS. */
  readonly error?: string;
  /** The status, if the request ended before the call returned. Node 26 sets it, too. */
  writeStatus?: number | null;
  /** -1 while the request is not in use. */
  getAsyncId(): number;
}
type RequestClass = new () => NodeRequest;

/** The internals of this version of Node. */
export interface Findings {
  /** Key of a handle's owner. */
  readonly owner: symbol;
  /** Node's read callback. Only Node's own callback gets the number of bytes; it passes them to the owner. */
  readonly onRead: unknown;
  /** Keys of the memory and the callback of a socket's option `onread`. */
  readonly buffer: symbol;
  readonly bufferCallback: symbol;
  readonly bufferSource: symbol;
  /** Key of the method that Node calls at each read, for timeouts. */
  readonly updateTimer: symbol;
  /** `undefined` if a write makes its own request. */
  readonly WriteRequest: RequestClass | undefined;
  readonly ShutdownRequest: RequestClass;
  /** `undefined` if sockets connect in another way. */
  readonly dialling: DialFindings | undefined;
}

/** State that the sockets of one engine share. */
export class NodeSockets {
  /** `undefined` until the self-check has learned them. */
  findings: Findings | undefined;
  /** An unused request. Most writes complete synchronously and need none. */
  spareWrite: NodeRequest | undefined;
  /** The same for sockets that Node made: their requests have a callback before the call. */
  spareSocketWrite: NodeRequest | undefined;
  /** Where handles write the address of their peer: adding the properties to a new object costs as much as the system call. */
  readonly peer = { address: '', family: '', port: 0 };
  readonly readMemory: ReadMemory;
  readonly readTurns: ReadTurns;
  readonly packingTable: PackingTable;
  readonly framePool: FramePool;

  constructor({ readMemory, readTurns, packingTable, framePool }: Engine) {
    this.packingTable = packingTable;
    this.framePool = framePool;
    this.readMemory = readMemory;
    this.readTurns = readTurns;
  }
}

/** Number of full reads in a row after which a handle yields to other connections. */
export const FULL_READS_A_TURN = 2;

/** @param detail Text to append to the message. */
export function systemError(call: string, status: number, detail?: string): Error {
  const code = getSystemErrorName(status);
  const message = detail === undefined ? `${call} ${code}` : `${call} ${code} ${detail}`;
  return Object.assign(new Error(message), { code, errno: status, syscall: call });
}

/** The handle of a socket that Node made. */
export const handleOf = (socket: Socket): NodeHandle | null | undefined =>
  (socket as Socket & { readonly _handle?: NodeHandle | null })._handle;

/** A property of a socket, or of what it inherits from, by the description of its symbol. */
function symbolOf(of: object, description: string): symbol {
  for (let at: object | null = of; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  throw new Error(`a socket has no ${description}`);
}

const classOf = (request: unknown): RequestClass => {
  if (typeof request !== 'object' || request === null) throw new Error('a call of the handle has no request');
  return request.constructor as RequestClass;
};

/** What both functions of Node that connect a socket contain, and a function that replaces one of them does not. */
const OWN_WORD = 'normalize';
const connectors = (): readonly unknown[] => [connectTcp, Reflect.get(Socket.prototype, 'connect')];

/**
 * Whether the functions of Node that connect a socket are those that were learned. Programs replace them to redirect or to
 * observe connections, which then need a socket.
 */
export function connectorsAreKept({ connectors: [connect, method] }: DialFindings): boolean {
  return connect === connectTcp && method === Reflect.get(Socket.prototype, 'connect');
}

/**
 * Reads from a socket what connects it. Node calls the handle one tick after the socket was made.
 * @param socket Connects to an IP address, and was made in this turn. It connects as it would.
 * @returns The internals. Rejects if one of them is missing, and if other code connects sockets.
 */
export function learnToDial(socket: Socket): Promise<DialFindings> {
  return new Promise((resolve, reject) => {
    const handle = handleOf(socket) as DialHandle | null | undefined;
    if (handle === undefined || handle === null) throw new Error('a new socket has no handle');
    const own = connectors();
    if (!own.every((connector) => String(connector).includes(OWN_WORD)))
      throw new Error('Node’s functions that connect a socket were replaced');
    const below = Object.getPrototypeOf(handle) as DialHandle;
    handle.connect = (request, address, port) => {
      resolve({
        Handle: handle.constructor as DialFindings['Handle'],
        ConnectRequest: request.constructor as DialFindings['ConnectRequest'],
        connectors: own,
      });
      return below.connect.call(handle, request, address, port);
    };
    socket.once('connect', () => reject(new Error('a socket connects without its handle')));
  });
}

/**
 * Reads the internals of this version of Node from a socket.
 * @param socket Connected. It gets one byte and its end, and cannot be used afterwards.
 * @param dialling From {@link learnToDial}.
 * @returns The internals. Rejects if one of them is missing.
 */
export async function learnFrom(socket: Socket, dialling: DialFindings | undefined): Promise<Findings> {
  const handle = handleOf(socket);
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
  return {
    owner,
    onRead,
    buffer: symbolOf(socket, 'kBuffer'),
    bufferCallback: symbolOf(socket, 'kBufferCb'),
    bufferSource: symbolOf(socket, 'kBufferGen'),
    updateTimer: symbolOf(socket, 'kUpdateTimer'),
    WriteRequest: requests.writeBuffer === null ? undefined : classOf(requests.writeBuffer),
    ShutdownRequest: classOf(requests.shutdown),
    dialling,
  };
}

/** Gives memory back to the packing table that a write had locked. */
export function unlock(request: NodeRequest, { packingTable }: NodeSockets): void {
  packingTable.unlock(request.locked!);
  request.locked = undefined;
}
