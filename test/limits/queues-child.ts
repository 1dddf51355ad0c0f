// Fills queues with the smallest entries and measures the memory that they hold. Its parent runs it with `--expose-gc`.
import assert from 'node:assert/strict';
import process from 'node:process';
import { OfflineQueue } from '../../src/client/reconnect/offline-queue.ts';
import { NODE_PAYLOADS } from '../../src/client/reconnect/reconnect-outbox.ts';
import { FACT, ProtocolConnection } from '../../src/protocol/index.ts';
import { MemoryBudget, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import {
  binary,
  continuation,
  duplexPair,
  eventLoopTurns,
  RawClient,
  text,
  VirtualClock,
} from '../../src/testing/index.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { upgradeRequest } from '../server/live.ts';

/** Results of one queue. */
export interface Filled {
  /** Bytes that the queue counts. */
  readonly countedBytes: number;
  /** Bytes that it holds, on the heap and outside. */
  readonly heldBytes: number;
  readonly pieces: number;
}
/** By name of the queue. */
export type Report = Readonly<Record<string, Filled>>;

const MIB = 1_048_576;
const DEFLATED = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };

function memory(): number {
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A server without a network, on a stopped clock. */
async function serverWith(options: ServerOptions) {
  const memoryBudget = new MemoryBudget({ maxBytes: 1_000 * MIB });
  const server = new WebSocketServer({
    clock: new VirtualClock(),
    memoryBudget,
    heartbeat: false,
    idleTimeoutMs: false,
    onOverflow: 'drop-newest',
    ...options,
  });
  const join = async (headers: Readonly<Record<string, string>> = {}) => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const connection = await server.handleUpgrade(upgradeRequest(headers), wire.server, Buffer.alloc(0));
    assert.ok(connection !== undefined);
    await raw.nextHead();
    return { connection, raw };
  };
  return { server, memoryBudget, join };
}

type Joined = Awaited<ReturnType<Awaited<ReturnType<typeof serverWith>>['join']>>;
type Server = Awaited<ReturnType<typeof serverWith>>['server'];

/** Sends to a peer that reads nothing until the limit acts. */
async function output(send: (joined: Joined, server: Server, piece: number) => unknown): Promise<Filled> {
  const { server, join } = await serverWith({});
  const joined = await join();
  const { connection, raw } = joined;
  raw.pause();
  while (connection.bufferedBytes < 100_000) {
    connection.send(Buffer.alloc(10_000));
    await eventLoopTurns(2);
  }
  send(joined, server, 0);
  const before = memory();
  const counted = connection.bufferedBytes;
  let pieces = 0;
  while (connection.bufferedBytes < MIB) {
    send(joined, server, ++pieces);
    assert.ok(pieces < 2_000_000, 'a queue without a limit');
  }
  const filled = { countedBytes: connection.bufferedBytes - counted, heldBytes: memory() - before, pieces };
  connection.terminate();
  raw[Symbol.dispose]();
  await eventLoopTurns(5);
  return filled;
}

/** Sends until the limit acts, while a large message is compressed on the thread pool. */
async function compression(send: (joined: Joined, server: Server) => unknown): Promise<Filled> {
  const { server, join } = await serverWith({ perMessageDeflate: true, maxBufferedBytes: 3 * MIB });
  const joined = await join(DEFLATED);
  const { connection, raw } = joined;
  connection.send('x'.repeat(2 * MIB));
  send(joined, server);
  const before = memory();
  const counted = connection.bufferedBytes;
  let pieces = 0;
  for (; connection.droppedMessages === 0; pieces++) {
    send(joined, server);
    assert.ok(pieces < 2_000_000, 'a queue without a limit');
  }
  const filled = { countedBytes: connection.bufferedBytes - counted, heldBytes: memory() - before, pieces };
  connection.terminate();
  raw[Symbol.dispose]();
  await eventLoopTurns(5);
  return filled;
}

/** Sends to a connection whose application is paused, until the connection stops reading. */
async function inbox(message: Buffer): Promise<Filled> {
  const { memoryBudget, join } = await serverWith({ receiveAheadBytes: MIB });
  const { connection, raw } = await join();
  connection.on('message', () => undefined);
  connection.pause();
  const many = Buffer.concat(Array.from({ length: 500 }, () => message));
  const before = memory();
  for (let last = -1; connection.messagesReceived > last; ) {
    last = connection.messagesReceived;
    raw.send(many);
    await eventLoopTurns(6);
  }
  const filled = {
    countedBytes: memoryBudget.usedBytes,
    heldBytes: memory() - before,
    pieces: connection.messagesReceived,
  };
  connection.terminate();
  raw[Symbol.dispose]();
  await eventLoopTurns(5);
  return filled;
}

/** Begins a message on each of many connections. */
function unfinished(fragments: number): Filled {
  const limits = { maxMessageBytes: MIB, maxFrameBytes: MIB, maxFragments: 16_384, maxPendingPongs: 16 };
  const shared = new ProtocolMemory();
  const cores = Array.from(
    { length: 2_000 },
    () => new ProtocolConnection('server', { limits, memory: shared }),
  );
  const read = (core: ProtocolConnection, frames: Buffer): void => {
    core.receive(Buffer.from(frames));
    while (core.next() !== FACT.NONE);
    core.keepUnread();
  };
  const rest = Buffer.concat(Array.from({ length: fragments }, () => continuation('x', { fin: false })));
  for (const core of cores) read(core, text('whole'));
  const before = memory();
  for (const core of cores) {
    read(core, binary('x', { fin: false }));
    read(core, rest);
  }
  const countedBytes = cores.reduce((sum, core) => sum + core.countedBytes, 0);
  return { countedBytes, heldBytes: memory() - before, pieces: cores.length * (fragments + 1) };
}

/** Sends while a client has no connection. */
function offline(payload: () => string | Buffer): Filled {
  const settings = { maxBytes: MIB, maxMessages: 1_000_000, ttlMs: 1_000_000 };
  const queue = new OfflineQueue(settings, () => undefined, NODE_PAYLOADS);
  const before = memory();
  while (queue.push(payload(), undefined, 0));
  return { countedBytes: queue.bytes, heldBytes: memory() - before, pieces: queue.size };
}

// A first run without measuring, so that code and hidden classes do not count.
await output(({ connection }) => connection.send('x'));
await inbox(binary('x'));

const report: Report = {
  'output of one byte': await output(({ connection }) => connection.send('x')),
  'output of no byte': await output(({ connection }) => connection.send(Buffer.alloc(0))),
  'broadcasts of one byte': await output((_, server) => server.broadcast('x')),
  'broadcasts of 200 bytes': await output((_, server) => server.broadcast('x'.repeat(200))),
  'output and broadcasts by turns': await output(({ connection }, server, piece) =>
    piece % 2 === 0 ? connection.send('x') : server.broadcast('y'.repeat(150)),
  ),
  'pings of the application': await output(({ connection }) => connection.ping('x')),
  'plain messages behind a compression': await compression(({ connection }) => connection.send('')),
  'compressed messages behind a compression': await compression(({ connection }) =>
    connection.send('x', { compress: true }),
  ),
  'bytes behind a compression': await compression(({ connection }) =>
    connection.send(Buffer.alloc(1), { compress: true }),
  ),
  'broadcasts behind a compression': await compression((_, server) => server.broadcast('x')),
  'undelivered texts': await inbox(text('xyz')),
  'undelivered bytes': await inbox(binary('x')),
  'undelivered empty messages': await inbox(binary('')),
  'unfinished messages': unfinished(0),
  'fragments of one byte': unfinished(300),
  'offline texts': offline(() => 'x'),
  'offline bytes': offline(() => Buffer.alloc(1)),
};
process.send!(report);
process.disconnect();
