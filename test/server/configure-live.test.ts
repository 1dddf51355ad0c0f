import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunTimeOptions, ServerOptions } from '../../src/index.ts';
import {
  continuation,
  duplexPair,
  eventLoopTurns,
  frame,
  RawClient,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { closeCode, listening, type Live, live, type Peer, upgradeRequest } from './live.ts';

/** What happens to a connection that was open before the options changed. */
const FOLLOWS: readonly {
  readonly what: string;
  readonly before: ServerOptions;
  readonly change: RunTimeOptions;
  readonly follows: (peer: Peer, live: Live) => Promise<void>;
}[] = [
  {
    what: 'a shorter idle timeout ends a connection that is silent already',
    before: { heartbeat: false, idleTimeoutMs: 3_600_000 },
    change: { idleTimeoutMs: 1_000 },
    follows: async ({ raw }, { pass, closes }) => {
      await pass(1_200);
      assert.equal(await closeCode(raw), 1001);
      raw[Symbol.dispose]();
      await pass(100);
      assert.equal(closes[0]?.cause, 'idle-timeout');
    },
  },
  {
    what: 'a shorter ping interval brings the next ping nearer',
    before: { pingIntervalMs: 3_600_000, idleTimeoutMs: false },
    change: { pingIntervalMs: 2_000, pongTimeoutMs: 1_000 },
    follows: async (_peer, { server, pass }) => {
      await pass(2_100);
      assert.ok(server.stats().heartbeat.pingsSent > 0);
    },
  },
  {
    what: 'a heartbeat that is switched on pings, and finds a dead peer',
    before: { heartbeat: false, idleTimeoutMs: false },
    change: { heartbeat: true, pingIntervalMs: 2_000, pongTimeoutMs: 1_000, maxMissedPongs: 1 },
    follows: async (_peer, { pass, closes }) => {
      await pass(4_000);
      assert.equal(closes[0]?.cause, 'ping-timeout');
    },
  },
  {
    what: 'a heartbeat that is switched off forgets a ping that is overdue',
    before: { pingIntervalMs: 2_000, pongTimeoutMs: 1_000, maxMissedPongs: 3, idleTimeoutMs: false },
    change: { heartbeat: false },
    follows: async (_peer, { server, pass }) => {
      assert.equal(server.stats().heartbeat.suspects, 0);
      await pass(60_000, 1_000);
      assert.equal(server.connections.size, 1);
    },
  },
  {
    what: 'a rate limit that is switched on closes a peer that sends too fast',
    before: {},
    change: { rateLimit: { messagesPerSecond: 1, burstMessages: 2 } },
    follows: async ({ raw }) => {
      raw.send(Buffer.concat([text('1'), text('2'), text('3')]));
      assert.equal(await closeCode(raw), 1008);
    },
  },
  {
    what: 'a rate limit that is raised lets a peer go on that was throttled',
    before: { rateLimit: { messagesPerSecond: 1, burstMessages: 1, action: 'throttle' } },
    change: { rateLimit: { messagesPerSecond: 1_000, action: 'throttle' } },
    follows: async (peer, { pass }) => {
      await pass(100);
      assert.equal(peer.connection.messagesReceived, 3);
    },
  },
  {
    what: 'a rate limit that is switched off lets a peer go on that was throttled',
    before: { rateLimit: { bytesPerSecond: 1, burstBytes: 1, action: 'throttle' } },
    change: { rateLimit: false },
    follows: async (peer, { pass }) => {
      await pass(100);
      assert.equal(peer.connection.messagesReceived, 3);
    },
  },
  {
    what: 'a lower message size refuses the next message',
    before: {},
    change: { maxMessageBytes: 10 },
    follows: async ({ raw }) => {
      raw.send(text('12345678901'));
      assert.equal(await closeCode(raw), 1009);
    },
  },
  {
    what: 'a lower buffer limit closes a slow consumer earlier',
    before: {},
    change: { maxBufferedBytes: 1_000, highWaterMarkBytes: 500 },
    follows: async ({ connection, wire }) => {
      wire.toClient.stall();
      for (let at = 0; at < 4; at++) connection.send('x'.repeat(100_000));
      assert.equal(connection.state, 'closing');
      wire.toClient.unstall();
    },
  },
  {
    what: 'a larger number of concurrent messages holds from the next message on',
    before: {},
    change: { maxConcurrentMessages: 2 },
    follows: async ({ raw, connection }) => {
      const running: (() => void)[] = [];
      connection.on('message', () => new Promise<void>((done) => running.push(done)));
      raw.send(Buffer.concat([text('1'), text('2'), text('3')]));
      await eventLoopTurns(6);
      assert.equal(running.length, 2);
      for (const done of running) done();
      await eventLoopTurns(6);
      running[2]?.();
    },
  },
  {
    what: 'a lower number of topics refuses the next subscription',
    before: {},
    change: { maxTopicsPerConnection: 1 },
    follows: async ({ connection }) => {
      assert.deepEqual([connection.subscribe('one'), connection.subscribe('two')], [true, false]);
    },
  },
];

/** Brings a connection into the state that the row is about. */
async function prepare(what: string, { raw, connection }: Peer, { pass, server }: Live): Promise<void> {
  if (!what.includes('concurrent')) connection.on('message', () => undefined);
  if (what.includes('was throttled')) {
    raw.send(Buffer.concat([text('1'), text('2'), text('3')]));
    await eventLoopTurns(6);
    assert.ok(connection.messagesReceived < 3);
  }
  if (what.includes('overdue')) {
    await pass(3_500);
    assert.equal(server.stats().heartbeat.suspects, 1);
  }
}

for (const { what, before, change, follows } of FOLLOWS) {
  test(`CF-03: ${what}`, async (t) => {
    const running = live(t, before);
    const peer = await running.join();
    await prepare(what, peer, running);
    assert.ok(running.server.configure(change).length > 0);
    await follows(peer, running);
  });
}

test('CF-03 LM-02: a message size that is lowered while a message is half received holds from its next frame on', async (t) => {
  const { server, join } = live(t);
  const [inFrame, inMessage] = [await join(), await join()];
  const got: unknown[] = [];
  server.on('message', (_, message) => void got.push(message));
  const whole = text('x'.repeat(1_000));
  inFrame.raw.send(whole.subarray(0, 500));
  inMessage.raw.send(frame({ opcode: 1, payload: 'y'.repeat(600), fin: false }));
  await eventLoopTurns(6);
  server.configure({ maxMessageBytes: 100 });
  inFrame.raw.send(whole.subarray(500));
  await eventLoopTurns(6);
  assert.deepEqual(got, ['x'.repeat(1_000)], 'the frame had begun');
  inFrame.raw.send(text('x'.repeat(101)));
  assert.equal(await closeCode(inFrame.raw), 1009);
  inMessage.raw.send(continuation('y'));
  assert.equal(await closeCode(inMessage.raw), 1009);
});

test('CF-03 PD-05: a lower message size also holds for what the next compressed message inflates to', async (t) => {
  const { server, join } = live(t, { perMessageDeflate: true });
  const { raw, connection } = await join({ 'Sec-WebSocket-Extensions': 'permessage-deflate' });
  connection.on('message', () => undefined);
  const { deflateRawSync } = await import('node:zlib');
  const compressed = (content: string) =>
    frame({ opcode: 1, rsv1: true, payload: deflateRawSync(content, { finishFlush: 2 }).subarray(0, -4) });
  raw.send(compressed('z'.repeat(1_000)));
  await eventLoopTurns(6);
  assert.equal(connection.messagesReceived, 1);
  server.configure({ maxMessageBytes: 999 });
  raw.send(compressed('z'.repeat(1_000)));
  assert.equal(await closeCode(raw), 1009);
});

async function knock({ server, refusals }: Live, headers: Readonly<Record<string, string>>): Promise<number> {
  const wire = duplexPair();
  const raw = RawClient.over(wire.client);
  const upgraded = server.handleUpgrade(upgradeRequest(headers), wire.server, Buffer.alloc(0));
  const { status } = await raw.nextHead();
  raw[Symbol.dispose]();
  await upgraded;
  assert.ok(status === 101 || refusals.length > 0);
  return status;
}

for (const { what, options, headers, statuses } of [
  {
    what: 'allowedOrigins',
    options: [{ allowedOrigins: ['https://b.example'] }, { allowedOrigins: undefined }],
    headers: { Origin: 'https://b.example' },
    statuses: [403, 101, 403],
  },
  {
    what: 'allowedHosts',
    options: [{ allowedHosts: ['other.example'] }, { allowedHosts: ['localhost'] }],
    headers: {},
    statuses: [101, 403, 101],
  },
  { what: 'requireOrigin', options: [{ requireOrigin: true }], headers: {}, statuses: [101, 403] },
  {
    what: 'maxNewConnectionsPerMinute',
    options: [{ maxNewConnectionsPerMinute: 1 }, { maxConnections: 50 }, { maxNewConnectionsPerMinute: 2 }],
    headers: {},
    statuses: [101, 101, 429, 101],
  },
] satisfies {
  what: string;
  options: RunTimeOptions[];
  headers: Record<string, string>;
  statuses: number[];
}[]) {
  test(`CF-03: the next handshake follows ${what}`, async (t) => {
    const running = live(t);
    const seen = [await knock(running, headers)];
    for (const each of options) {
      running.server.configure(each);
      seen.push(await knock(running, headers));
    }
    assert.deepEqual(seen, statuses);
  });
}

test('CF-03 LM-01: a lower maxConnections closes no connection; a full server is ready again with more places', async (t) => {
  const running = live(t, { maxConnections: 3 });
  await running.join();
  await running.join();
  running.server.configure({ maxConnections: 1 });
  assert.equal(running.server.connections.size, 2);
  assert.deepEqual(running.server.readiness().reasons, ['full']);
  assert.equal(await knock(running, {}), 503);
  running.server.configure({ maxConnections: 10 });
  assert.deepEqual(running.server.readiness().reasons, []);
  assert.equal(await knock(running, {}), 101);
});

test('CF-03 LM-01: a handshake that waits for its hook counts for its address once maxConnectionsPerIp is switched on', async (t) => {
  const admit: (() => void)[] = [];
  const upgrade = () => new Promise<void>((resolve) => void admit.push(resolve));
  const { server, connect } = await listening(t, { upgrade });
  const first = (await connect()).upgrade();
  await waitUntil(() => admit.length === 1);
  server.configure({ maxConnectionsPerIp: 1 });
  admit[0]!();
  assert.equal((await first).status, 101);
  assert.equal((await (await connect()).upgrade()).status, 429);
});

test('CF-03 LM-01: connections that are open count for their address once maxConnectionsPerIp is switched on', async (t) => {
  const { server, join, connect } = await listening(t);
  const clients = [await join(), await join()];
  const statusOfNext = async (): Promise<number> => (await (await connect()).upgrade()).status;
  server.configure({ maxConnectionsPerIp: 2 });
  assert.equal(await statusOfNext(), 429);
  server.configure({ maxConnectionsPerIp: false });
  await join();
  server.configure({ maxConnectionsPerIp: 3 });
  assert.equal(await statusOfNext(), 429);
  clients[0]![Symbol.dispose]();
  await waitUntil(() => server.connections.size === 2);
  assert.equal(await statusOfNext(), 101);
  server.configure({ exemptAddresses: ['127.0.0.1'] });
  assert.equal(await statusOfNext(), 101);
  server.configure({
    maxConnectionsPerIp: false,
    exemptAddresses: () => {
      throw new Error('no');
    },
  });
  await join();
  server.configure({ maxConnectionsPerIp: 1 });
  assert.equal(server.connections.size, 5, 'a function that fails ends no connection');
});
