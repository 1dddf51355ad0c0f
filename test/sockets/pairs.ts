import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import {
  connect as connectTls,
  type ConnectionOptions,
  createServer as createTlsServer,
  type TLSSocket,
} from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { leakCheck, waitUntil } from '../../src/testing/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { HandleDial } from '../../src/sockets/handle-dial.ts';
import { takeHandles } from '../../src/sockets/handle-transport.ts';
import { NodeSockets } from '../../src/sockets/node-handle.ts';
import { isDrivable, SocketTransport } from '../../src/sockets/socket-transport.ts';
import { StreamTransport } from '../../src/sockets/stream-transport.ts';
import type { ArrivedTransport, TransportOwner } from '../../src/sockets/transport.ts';

export const ENGINE = new Engine();
export const CHECKS = ENGINE.part(SocketChecks);
const SOCKETS = ENGINE.part(NodeSockets);

/** Records the callbacks of a transport, in order. */
export class Log implements TransportOwner {
  receivedBytes = 0;
  ended = false;
  writableCalls = 0;
  ends: (Error | undefined)[] = [];
  onReceived: (chunk: Buffer) => void = () => {};
  onWritable: () => void = () => {};
  #pieces: Buffer[] = [];

  /** All received bytes. Joined on demand, because joining at each chunk would take seconds for megabytes. */
  get bytes(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }

  received(chunk: Buffer): void {
    this.#pieces.push(Buffer.from(chunk));
    this.receivedBytes += chunk.length;
    this.onReceived(chunk);
    // The owner may overwrite a chunk; the next chunk must not change.
    chunk.fill(0xaa);
  }
  receivedEnd(): void {
    this.ended = true;
  }
  writable(): void {
    this.writableCalls++;
    this.onWritable();
  }
  closed(error: Error | undefined): void {
    this.ends.push(error);
  }
}

/** A transport, the log of its callbacks, and the peer. */
export interface Pair {
  readonly transport: ArrivedTransport;
  readonly log: Log;
  readonly peer: Socket;
  /** The peer's TCP socket, below TLS. */
  readonly raw: Socket;
}

/** A kind of transport. */
export interface Kind {
  readonly name: string;
  readonly secure: boolean;
  /** Makes a transport for each connection that `server` accepts from now on. */
  readonly take: (server: Server, opened: (log: Log, transport: ArrivedTransport) => void) => Promise<void>;
  /** The transport is the end that connects: connects it to `port`. The peer is what the server accepts. */
  readonly dial?: typeof dialled;
}

type Open = (socket: Socket, owner: TransportOwner) => ArrivedTransport;

const viaSockets =
  (secure: boolean, open: Open, check?: () => Promise<boolean>): Kind['take'] =>
  async (server, opened) => {
    if (check !== undefined) assert.ok(await check());
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      const log = new Log();
      opened(log, open(socket, log));
    });
  };
const drive: Open = (socket, owner) => {
  assert.ok(isDrivable(socket, SOCKETS.findings));
  return new SocketTransport(socket, owner, SOCKETS);
};
/** Drives a socket only after the self-check; until then it uses its streams. */
const driveLater: Open = (socket, owner) => {
  const transport = new SocketTransport(socket, owner, SOCKETS, false);
  setImmediate(() => transport.drive());
  return transport;
};
const sockets = new WeakMap<ArrivedTransport, Socket>();
const notYet: Open = (socket, owner) => {
  const transport = new SocketTransport(socket, owner, SOCKETS, false);
  sockets.set(transport, socket);
  return transport;
};
const flow: Open = (socket, owner) => new StreamTransport(socket, owner);

export const HANDLE: Kind = {
  name: 'handle',
  secure: false,
  take: async (server, opened) => {
    assert.ok(await CHECKS.checkHandles());
    const taken = takeHandles(server, ENGINE, (open) => {
      const log = new Log();
      opened(log, open(log));
    });
    assert.ok(taken);
  },
};
/** Connects a handle. The promise rejects if that fails. @param opened Called in the turn in which the transport is created. */
export const dialled = (
  port: number,
  log: Log,
  opened: (transport: ArrivedTransport) => void = () => undefined,
): Promise<ArrivedTransport> =>
  new Promise((resolve, reject) => {
    const dial = new HandleDial({ address: '127.0.0.1', family: 4 }, port, SOCKETS, {
      handleDialled: () => {
        const transport = dial.open(log);
        dial.tune();
        opened(transport);
        resolve(transport);
      },
      dialFailed: reject,
    });
    dial.start();
  });
/** Sockets that use their streams until their transport is told to drive them. */
export const STREAMED_SOCKETS: readonly Kind[] = [
  { name: 'socket', secure: false, take: viaSockets(false, notYet, () => CHECKS.checkSockets(false)) },
  { name: 'TLS socket', secure: true, take: viaSockets(true, notYet, () => CHECKS.checkSockets(true)) },
];
/** The socket of a transport of {@link STREAMED_SOCKETS}. */
export const socketOf = (transport: ArrivedTransport): Socket => sockets.get(transport) ?? assert.fail();

export const KINDS: readonly Kind[] = [
  HANDLE,
  {
    name: 'dialled handle',
    secure: false,
    take: async () => assert.ok(await CHECKS.checkDials()),
    dial: dialled,
  },
  { name: 'socket', secure: false, take: viaSockets(false, drive, () => CHECKS.checkSockets(false)) },
  { name: 'TLS socket', secure: true, take: viaSockets(true, drive, () => CHECKS.checkSockets(true)) },
  {
    name: 'socket that is driven later',
    secure: false,
    take: viaSockets(false, driveLater, () => CHECKS.checkSockets(false)),
  },
  {
    name: 'TLS socket that is driven later',
    secure: true,
    take: viaSockets(true, driveLater, () => CHECKS.checkSockets(true)),
  },
  { name: 'stream', secure: false, take: viaSockets(false, flow) },
  { name: 'TLS stream', secure: true, take: viaSockets(true, flow) },
];

const CERTIFIED = selfSigned(['localhost'], Date.now());

/** Connections over `kind`, all closed after the test. */
export async function pairs(
  t: TestContext,
  kind: Kind,
  path?: string,
): Promise<(options?: ConnectionOptions) => Promise<Pair>> {
  const leaks = leakCheck();
  const server = kind.secure
    ? createTlsServer({ ...CERTIFIED, allowHalfOpen: true })
    : createServer({ allowHalfOpen: true });
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  const opened: { readonly log: Log; readonly transport: ArrivedTransport }[] = [];
  await kind.take(server, (log, transport) => void opened.push({ log, transport }));
  const peers: Socket[] = [];
  t.after(async () => {
    for (const peer of peers) peer.destroy();
    for (const { transport } of opened) transport.destroy();
    server.close();
    await waitUntil(() => opened.every(({ log }) => log.ends.length === 1));
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  const dial = (): Socket => {
    const peer = connect(path === undefined ? { port: (server.address() as AddressInfo).port } : { path });
    peers.push(peer.on('error', () => {}));
    return peer;
  };
  return async (options = {}) => {
    if (kind.dial !== undefined) {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const log = new Log();
      const transport = await kind.dial((server.address() as AddressInfo).port, log);
      opened.push({ log, transport });
      const [peer] = await accepted;
      peers.push(peer.on('error', () => {}));
      return { log, transport, peer, raw: peer };
    }
    const at = opened.length;
    const raw = dial();
    const peer = kind.secure ? secured(raw, options) : raw;
    if (peer !== raw) peers.push(peer);
    await waitUntil(() => opened.length > at);
    return { ...opened[at]!, peer, raw };
  };
}

function secured(raw: Socket, options: ConnectionOptions): TLSSocket {
  const peer = connectTls({ socket: raw, ca: CERTIFIED.cert, servername: 'localhost', ...options });
  return peer.on('error', () => {});
}

/** Collects the bytes that a socket receives. */
export function collected(peer: Socket): { bytes: number; readonly chunks: Buffer[] } {
  const all = { bytes: 0, chunks: [] as Buffer[] };
  peer.on('data', (chunk: Buffer) => {
    all.chunks.push(chunk);
    all.bytes += chunk.length;
  });
  return all;
}
