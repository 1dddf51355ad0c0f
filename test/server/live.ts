import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import {
  type CloseInfo,
  type Connection,
  type RefusedInfo,
  type ServerOptions,
  WebSocketServer,
} from '../../src/index.ts';
import {
  type DuplexPair,
  duplexPair,
  EXAMPLE_KEY,
  eventLoopTurns,
  leakCheck,
  RawClient,
  type RawUpgradeOptions,
  VirtualClock,
} from '../../src/testing/index.ts';
import { TRANSPORT } from './transport.ts';

/** A peer that writes its own bytes, and what the server holds of it. */
export interface Peer {
  readonly raw: RawClient;
  readonly connection: Connection;
  /** What lies between them. */
  readonly wire: DuplexPair;
}

export interface Live {
  readonly server: WebSocketServer;
  readonly clock: VirtualClock;
  /** What went wrong in handlers; a test that expects it empties the list. */
  readonly errors: Error[];
  readonly closes: CloseInfo[];
  readonly refusals: RefusedInfo[];
  /** A connection in memory, upgraded. */
  readonly join: (headers?: Readonly<Record<string, string>>) => Promise<Peer>;
  /** Lets time pass in steps short enough that answers arrive in time. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>;
}

/** An upgrade request as an HTTP server hands it over. */
export function upgradeRequest(headers: Readonly<Record<string, string>> = {}, url = '/'): IncomingMessage {
  const fields = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': EXAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const rawHeaders = Object.entries(fields).flat();
  return { method: 'GET', url, httpVersion: '1.1', rawHeaders } as unknown as IncomingMessage;
}

/**
 * A server without a network, on a clock of its own. When the test is over everything is gone: connections, timers,
 * topics, places; and no handler has failed.
 */
export function live(t: TestContext, options: ServerOptions = {}): Live {
  const clock = new VirtualClock();
  const server = new WebSocketServer({ clock, ...options });
  const errors: Error[] = [];
  const closes: CloseInfo[] = [];
  const refusals: RefusedInfo[] = [];
  const peers: Peer[] = [];
  server.on('error', (error) => void errors.push(error));
  server.on('close', (_, info) => void closes.push(info));
  server.on('refused', (info) => void refusals.push(info));
  t.after(async () => {
    for (const { raw } of peers) raw[Symbol.dispose]();
    await eventLoopTurns(3);
    await server.shutdown();
    await eventLoopTurns(2);
    const { connections, handshakes, topics } = server.stats();
    assert.deepEqual(
      { connections: connections.now, handshakes: handshakes.pending, topics, timers: clock.pendingTimers },
      { connections: 0, handshakes: 0, topics: { count: 0, subscriptions: 0 }, timers: 0 },
    );
    assert.deepEqual(errors, []);
  });
  return {
    server,
    clock,
    errors,
    closes,
    refusals,
    join: async (headers) => {
      const wire = duplexPair();
      const raw = RawClient.over(wire.client);
      const connection = await server.handleUpgrade(upgradeRequest(headers), wire.server, Buffer.alloc(0));
      assert.ok(connection, `refused: ${JSON.stringify(refusals.at(-1))}`);
      assert.equal((await raw.nextHead()).status, 101);
      const peer = { raw, connection, wire };
      peers.push(peer);
      return peer;
    },
    pass: async (ms, stepMs = 50) => {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(left, stepMs));
        await eventLoopTurns(6);
      }
    },
  };
}

/** A server on a free port of this machine; see {@link live} for what holds at the end. */
export async function listening(
  t: TestContext,
  options: ServerOptions = {},
): Promise<{
  readonly server: WebSocketServer;
  readonly port: number;
  readonly errors: Error[];
  readonly refusals: RefusedInfo[];
  readonly connect: () => Promise<RawClient>;
  readonly join: (upgrade?: RawUpgradeOptions) => Promise<RawClient>;
}> {
  const leaks = leakCheck();
  const server = new WebSocketServer({ ...TRANSPORT, ...options });
  const errors: Error[] = [];
  const refusals: RefusedInfo[] = [];
  const clients: RawClient[] = [];
  server.on('error', (error) => void errors.push(error));
  server.on('refused', (info) => void refusals.push(info));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
    assert.equal(server.stats().handshakes.pending, 0);
    assert.deepEqual(errors, []);
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect({ port });
    clients.push(client);
    return client;
  };
  return {
    server,
    port,
    errors,
    refusals,
    connect,
    join: async (upgrade) => {
      const client = await connect();
      assert.equal((await client.upgrade(upgrade)).status, 101);
      return client;
    },
  };
}

/** Code of a Close frame. */
export async function closeCode(client: RawClient): Promise<number> {
  const { opcode, payload } = await client.nextFrame();
  assert.equal(opcode, 8, `opcode ${opcode}: ${payload.toString()}`);
  return payload.readUInt16BE();
}

/** Payload of the next frame as text. */
export const nextText = async (client: RawClient): Promise<string> =>
  (await client.nextFrame()).payload.toString();
