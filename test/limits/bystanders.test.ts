import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget, type ServerOptions } from '../../src/index.ts';
import {
  binary,
  continuation,
  eventLoopTurns,
  ping,
  pong,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { type Live, live, nextText, type Peer } from '../server/live.ts';

/** Clients that misbehave a little, each time their function is called. */
const NEIGHBOURS: readonly {
  readonly who: string;
  readonly rows: string;
  readonly options?: ServerOptions;
  readonly begin?: (peer: Peer, fixture: Live) => void;
  readonly misbehave: (peer: Peer, round: number) => void;
  readonly check?: (peer: Peer, fixture: Live, budget: MemoryBudget) => void;
}[] = [
  {
    who: 'a reader that has stalled, with drops',
    rows: 'BP-05 BP-14 SE-25',
    options: { onOverflow: 'drop-oldest', maxBufferedBytes: 100_000, highWaterMarkBytes: 50_000 },
    begin: ({ raw }) => raw.pause(),
    misbehave: ({ connection }) => void connection.send(Buffer.alloc(20_000)),
    check: ({ connection }, _, budget) => {
      assert.equal(connection.state, 'open');
      assert.ok(connection.droppedMessages > 100);
      assert.ok(connection.bufferedBytes <= 120_010 && budget.usedBytes <= 200_000, `${budget.usedBytes}`);
    },
  },
  {
    who: 'a reader that has stalled, and is closed for it',
    rows: 'BP-05 BP-14 SE-25',
    options: { maxBufferedBytes: 100_000, highWaterMarkBytes: 50_000 },
    begin: ({ raw }) => raw.pause(),
    misbehave: ({ connection }) => void connection.send(Buffer.alloc(20_000)),
    check: ({ connection }) => assert.notEqual(connection.state, 'open'),
  },
  {
    who: 'a handler that never settles, and its sender goes on',
    rows: 'BP-09 BP-10 BP-14 SE-26',
    options: { receiveAheadBytes: 20_000 },
    begin: ({ connection }) => void connection.on('message', () => new Promise(() => {})),
    misbehave: ({ raw }) => raw.send(binary(Buffer.alloc(10_000))),
    check: ({ connection, wire }, _, budget) => {
      assert.ok(connection.messagesReceived < 10, `${connection.messagesReceived}`);
      assert.ok(budget.usedBytes < 100_000, `${budget.usedBytes}`);
      assert.ok(wire.client.writableLength > 500_000, 'what is not taken stays with the sender');
    },
  },
  {
    who: 'a flood of messages, throttled',
    rows: 'RL-01 RL-03 BP-14 SE-26',
    options: { rateLimit: { messagesPerSecond: 100, action: 'throttle' } },
    begin: ({ connection }) => void connection.on('message', () => undefined),
    misbehave: ({ raw }) => raw.send(Buffer.concat(Array.from({ length: 100 }, () => text('x')))),
    check: ({ connection }) => {
      assert.equal(connection.state, 'open');
      assert.ok(connection.messagesReceived < 1_000, `${connection.messagesReceived}`);
    },
  },
  {
    who: 'a flood of pings, never reading',
    rows: 'CT-02 CT-07 SE-19',
    begin: ({ raw }) => raw.pause(),
    misbehave: ({ raw }) =>
      raw.send(Buffer.concat(Array.from({ length: 100 }, () => ping(Buffer.alloc(125))))),
    check: ({ connection }) => assert.ok(connection.bufferedBytes < 50_000, `${connection.bufferedBytes}`),
  },
  {
    who: 'a message in ten thousand fragments that never ends',
    rows: 'FR-08 SE-14',
    begin: ({ raw }) => raw.send(text('', { fin: false })),
    misbehave: ({ raw }) =>
      raw.send(Buffer.concat(Array.from({ length: 50 }, () => continuation('x', { fin: false })))),
    check: ({ connection }, _, budget) => {
      assert.equal(connection.state, 'open');
      assert.ok(budget.usedBytes < 65_536, `${budget.usedBytes}`);
    },
  },
];

const ROUNDS = 200;

for (const { who, rows, options, begin, misbehave, check } of NEIGHBOURS) {
  test(`${rows}: next to ${who}: a well-behaved client gets every message in order, and its own are answered`, async (t) => {
    const memoryBudget = new MemoryBudget({ maxBytes: 10_000_000 });
    const fixture = live(t, { memoryBudget, heartbeat: false, idleTimeoutMs: false, ...options });
    const { server, join, pass, clock } = fixture;
    const [neighbour, bystander] = [await join(), await join()];
    bystander.connection.subscribe('news');
    bystander.connection.on('message', (message) => void bystander.connection.send(`re: ${String(message)}`));
    begin?.(neighbour, fixture);
    const expected: string[] = [];
    const got: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      misbehave(neighbour, round);
      server.publish('news', `news ${round}`);
      bystander.raw.send(text(`question ${round}`));
      expected.push(`news ${round}`, `re: question ${round}`);
      if (round % 10 !== 9) continue;
      while (got.length < expected.length) got.push(await nextText(bystander.raw));
    }
    // Publishes and answers each have their own order.
    for (const kind of ['news', 're:'])
      assert.deepEqual(
        got.filter((message) => message.startsWith(kind)),
        expected.filter((message) => message.startsWith(kind)),
      );
    assert.equal(bystander.connection.bufferedBytes, 0);
    assert.equal(bystander.connection.droppedMessages, 0);
    check?.(neighbour, fixture, memoryBudget);
    neighbour.raw[Symbol.dispose]();
    neighbour.connection.terminate();
    bystander.raw[Symbol.dispose]();
    await waitUntil(() => server.connections.size === 0);
    await pass(5_000, 500);
    await eventLoopTurns(3);
    assert.deepEqual([memoryBudget.usedBytes, server.stats().bytes.buffered, clock.pendingTimers], [0, 0, 0]);
  });
}

test('SE-30 HB-06: a loop blocked for a minute: healthy clients live, dead ones go within two periods', async (t) => {
  const { server, clock, join, pass } = live(t, { idleTimeoutMs: false });
  const [healthy, dead] = [await join(), await join()];
  void (async () => {
    for (;;) {
      const { opcode, payload } = await healthy.raw.nextFrame();
      if (opcode === 9) healthy.raw.send(pong(payload));
    }
  })().catch(() => undefined);
  await pass(20_000, 50);
  clock.stall(60_000);
  await pass(60_000, 50);
  assert.deepEqual([healthy.connection.state, dead.connection.state], ['open', 'closed']);
  assert.equal((await dead.connection.closed).cause, 'ping-timeout');
  assert.equal(server.connections.size, 1);
});

test('HB-07 RL-03: a throttled peer does not count as dead', async (t) => {
  const { join, pass, server } = live(t, {
    idleTimeoutMs: 20_000,
    pingIntervalMs: 10_000,
    pongTimeoutMs: 5_000,
    rateLimit: { messagesPerSecond: 1, burstMessages: 1, action: 'throttle' },
  });
  const { raw, connection } = await join();
  connection.on('message', () => undefined);
  raw.send(Buffer.concat(Array.from({ length: 60 }, () => text('x'))));
  await pass(50_000, 100);
  assert.equal(connection.state, 'open');
  assert.ok(
    connection.messagesReceived >= 45 && connection.messagesReceived <= 55,
    `${connection.messagesReceived}`,
  );
  assert.equal(server.stats().closes.byCause['ping-timeout'], undefined);
});
