import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import type { Engine } from '../engine/engine.ts';
import type { ReadMemory } from '../engine/read-memory.ts';
import type { ReadTurns } from '../engine/read-turns.ts';

// What lies below Node's sockets. Only this file, `handle-transport.ts` and `socket-transport.ts` know. None of it is
// documented, so all of it is found by looking at a socket that works (`learnFrom`), tried out before anybody relies on it
// (`handle-check.ts`), and done without where that fails. Nothing of it is named to Node: symbols and constructors come
// from the socket that was looked at.

/** What Node's handles of TCP sockets, pipes and TLS have that is used here. */
export interface NodeHandle {
  onread: unknown;
  /** Whether it was asked to read: Node's own sockets keep it. */
  reading?: boolean;
  /** Bytes that the kernel has not taken; of TLS, encrypted ones, until a write is reported. */
  readonly writeQueueSize: number;
  /** Of TLS: the handle below. */
  readonly _parent?: NodeHandle;
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

/**
 * The socket below one of TLS that a server accepted, where this Node says so.
 * @returns `undefined` where it does not: then nothing but the addresses of both ends tells.
 */
export function rawSocketOf(socket: TLSSocket): Socket | undefined {
  const { _parent: raw } = socket as TLSSocket & { readonly _parent?: unknown };
  return raw instanceof Socket ? raw : undefined;
}

/** Told how writes end. */
export interface RequestOwner {
  /** @param status 0, or what went wrong as a code of the system. */
  written(status: number, request: NodeRequest): void;
}

/** A write or the end of one half, under way. */
export interface NodeRequest {
  oncomplete: ((this: NodeRequest, status: number) => void) | null;
  transport?: RequestOwner;
  /** Keeps what is being written from being collected. */
  buffer?: unknown;
  /** What TLS says went wrong. */
  readonly error?: string;
  /** How it ended, if that was before the call returned. Node 26 sets it, too. */
  writeStatus?: number | null;
  /** -1 while it is not in use. */
  getAsyncId(): number;
}
type RequestClass = new () => NodeRequest;

/** What was found out about this Node. */
export interface Findings {
  /** Under which a handle keeps who it belongs to. */
  readonly owner: symbol;
  /** Node's own callback for what was read: the only one who is told how many bytes. It hands them to the owner. */
  readonly onRead: unknown;
  /** Under which a socket keeps the memory of its option `onread`, and the callback. */
  readonly buffer: symbol;
  readonly bufferCallback: symbol;
  readonly bufferSource: symbol;
  /** Called at each read, for timeouts. */
  readonly updateTimer: symbol;
  /** `undefined` where writing makes its own. */
  readonly WriteRequest: RequestClass | undefined;
  readonly ShutdownRequest: RequestClass;
}

/** What the sockets of one engine share below Node's streams. */
export class NodeSockets {
  /** `undefined` until the self-check has learned them. */
  findings: Findings | undefined;
  /** A request that no write has used so far: most writes are done when the call returns, and use none. */
  spareWrite: NodeRequest | undefined;
  readonly readMemory: ReadMemory;
  readonly readTurns: ReadTurns;

  constructor({ readMemory, readTurns }: Engine) {
    this.readMemory = readMemory;
    this.readTurns = readTurns;
  }
}

/** After so many full reads of a handle in a row the others have their turn. */
export const FULL_READS_A_TURN = 2;

/** @param detail What is known beyond the code. */
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

/**
 * Finds out how this Node does it.
 * @param socket Connected, and used up: a byte is written, and its half ends.
 * @returns Once that is done. Rejects if something is missing; then nothing has been learnt.
 */
export async function learnFrom(socket: Socket): Promise<Findings> {
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
  };
}
