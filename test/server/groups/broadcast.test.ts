import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, MisuseError } from '../../../src/index.ts';
import { eventLoopTurns, text, waitUntil } from '../../../src/testing/index.ts';
import { live, nextText, type Peer } from '../live.ts';

const joinMany = async (join: () => Promise<Peer>, count: number): Promise<Peer[]> => {
  const peers: Peer[] = [];
  for (let i = 0; i < count; i++) peers.push(await join());
  return peers;
};

test('BC-01: every connection gets a broadcast, encoded once, and is counted', async (t) => {
  const { server, join } = live(t);
  const peers = await joinMany(join, 5);
  const { sent, skipped, failed } = server.broadcast('to all');
  assert.deepEqual({ sent, skipped, failed }, { sent: 5, skipped: 0, failed: 0 });
  for (const { raw } of peers) assert.equal(await nextText(raw), 'to all');
  assert.deepEqual(server.stats().broadcasts, { count: 1, recipients: 5 });
});

for (const [what, options, expected] of [
  ['except one', (peers: Peer[]) => ({ except: peers[0]!.connection }), [1, 2]],
  ['except by id', (peers: Peer[]) => ({ except: peers[1]!.connection.id }), [0, 2]],
  ['except several', (peers: Peer[]) => ({ except: [peers[0]!.connection, peers[2]!.connection.id] }), [1]],
  ['to some', (peers: Peer[]) => ({ to: [peers[2]!.connection, peers[0]!.connection.id] }), [0, 2]],
  ['to one twice', (peers: Peer[]) => ({ to: [peers[1]!.connection, peers[1]!.connection.id] }), [1]],
  ['to an empty list', () => ({ to: [] }), []],
  ['to the id of an ended connection', () => ({ to: ['gone'] }), []],
  ['where', (peers: Peer[]) => ({ where: (one: Connection) => one === peers[1]!.connection }), [1]],
  ['where that returns false', () => ({ where: () => false }), []],
] as const) {
  test(`BC-02: ${what}`, async (t) => {
    const { server, join } = live(t);
    const peers = await joinMany(join, 3);
    const { sent } = server.broadcast('x', options(peers));
    assert.equal(sent, expected.length);
    await eventLoopTurns(4);
    assert.deepEqual(
      peers.map(({ raw }) => raw.received.length > 0),
      peers.map((_, i) => (expected as readonly number[]).includes(i)),
    );
  });
}

test('BC-03: recipients that fail, close or stall during a broadcast do not affect the others', async (t) => {
  const { server, join, closes, errors } = live(t, {
    highWaterMarkBytes: 1_024,
    maxBufferedBytes: 65_536,
    closeTimeoutMs: 100,
  });
  const peers = await joinMany(join, 9);
  const [dead, closing, stalled, , failing] = peers;
  stalled!.raw.pause();
  const asked: string[] = [];
  // Half way through the loop one dies, one closes, and a predicate throws.
  const { sent, skipped, failed } = server.broadcast('first', {
    where: (connection) => {
      asked.push(connection.id);
      if (asked.length === 1) {
        dead!.wire.reset();
        dead!.connection.terminate();
        closing!.connection.close(1000);
      }
      if (connection === failing!.connection) throw new Error('as a test');
      return true;
    },
  });
  assert.equal(sent + skipped + failed, 9);
  assert.ok(failed >= 1);
  assert.equal(errors.splice(0).length, 1);
  const healthy = peers.filter((peer) => ![dead, closing, stalled, failing].includes(peer));
  for (const { raw } of healthy) assert.equal(await nextText(raw), 'first');
  // The stalled one fills up and goes; the others get everything, in order.
  const big = 'x'.repeat(20_000);
  for (let i = 0; i < 10; i++) {
    server.broadcast(`${i}${big}`);
    await Promise.all(healthy.map(({ connection }) => connection.drained()));
  }
  for (const { raw } of healthy) {
    for (let i = 0; i < 10; i++) assert.equal((await nextText(raw))[0], String(i));
  }
  assert.notEqual(stalled!.connection.state, 'open');
  for (const { connection } of healthy) assert.equal(connection.state, 'open');
  stalled!.raw[Symbol.dispose]();
  await eventLoopTurns(4);
  assert.ok(closes.some(({ cause }) => cause === 'slow-consumer'));
});

test('BC-03: a predicate that throws counts as failed and is reported; the broadcast continues', async (t) => {
  const { server, join, errors } = live(t);
  const peers = await joinMany(join, 3);
  const fault = new Error('as a test');
  const delivery = server.broadcast('x', {
    where: (connection) => {
      if (connection === peers[1]!.connection) throw fault;
      return true;
    },
  });
  assert.deepEqual([delivery.sent, delivery.failed], [2, 1]);
  assert.equal(await nextText(peers[2]!.raw), 'x');
  assert.deepEqual(
    errors.splice(0).map(({ cause }) => cause),
    [fault],
  );
});

test('BC-04: broadcasts and sends keep the order of the calls, and one write carries those of a turn', async (t) => {
  const { server, join } = live(t);
  const { raw, connection, wire } = await join();
  let chunks = 0;
  wire.client.on('data', () => chunks++);
  server.broadcast('1');
  connection.send('2');
  server.broadcast(Buffer.from('3'));
  connection.send('4');
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push(await nextText(raw));
  assert.deepEqual(seen, ['1', '2', '3', '4']);
  assert.equal(chunks, 1);
});

for (const payload of [undefined, null, 5, {}, [1]] as unknown[]) {
  test(`BC-01 ER-03: ${JSON.stringify(payload)} cannot be broadcast, and no connection gets a message`, async (t) => {
    const { server, join } = live(t);
    const { raw } = await join();
    assert.throws(() => server.broadcast(payload as string), MisuseError);
    await eventLoopTurns(3);
    assert.equal(raw.received.length, 0);
  });
}

test('TP-02: publish reaches all subscribers except the publisher, in the order of the calls', async (t) => {
  const { server, join } = live(t);
  const [a, b, c] = (await joinMany(join, 3)) as [Peer, Peer, Peer];
  assert.equal(a.connection.subscribe('news'), true);
  assert.equal(b.connection.subscribe('news'), true);
  const own = a.connection.publish('news', 'from a');
  assert.equal(own.sent, 1);
  assert.equal(server.publish('news', 'from the server').sent, 2);
  assert.equal(server.publish('nothing', 'x').sent, 0);
  assert.deepEqual([await nextText(b.raw), await nextText(b.raw)], ['from a', 'from the server']);
  assert.equal(await nextText(a.raw), 'from the server');
  assert.equal(c.raw.received.length, 0);
  assert.deepEqual([...server.topics], ['news']);
  assert.equal(server.topics.subscriberCount('news'), 2);
});

test('TP-03 TP-06 topics of a closed connection stay readable until both close events were emitted, without getting publishes', async (t) => {
  const { server, join } = live(t);
  const stay = await join();
  stay.connection.subscribe('room');
  const { connection, raw } = await join();
  for (const topic of ['room', 'lobby']) connection.subscribe(topic);
  const told: unknown[] = [];
  const look = (name: string): void => {
    const reached = server.publish('room', name).sent;
    told.push([name, [...connection.topics], server.topics.subscriberCount('room'), reached]);
  };
  connection.on('stateChange', (next) => look(next));
  connection.on('close', () => {
    look('close');
    assert.equal(connection.unsubscribe('room'), false);
    assert.equal(connection.subscribe('room'), false);
    for (const topic of connection.topics) server.publish(topic, 'left the room');
  });
  server.on('close', () => look('close of the server'));
  raw[Symbol.dispose]();
  await connection.closed;
  assert.deepEqual(told, [
    ['closed', ['room', 'lobby'], 1, 1],
    ['close', ['room', 'lobby'], 1, 1],
    ['close of the server', ['room', 'lobby'], 1, 1],
  ]);
  assert.deepEqual([...connection.topics], []);
  const heard = [await nextText(stay.raw), await nextText(stay.raw), await nextText(stay.raw)];
  assert.deepEqual(heard, ['closed', 'close', 'left the room']);
});

test('TP-03 topics stay readable while the last messages wait for a handler, until the close event', async (t) => {
  const { server, join } = live(t);
  const seen: unknown[] = [];
  let goOn = (): void => {};
  server.on('message', async (connection, message) => {
    seen.push([message, connection.state, connection.topics.size]);
    if (message === 'one') await new Promise<void>((resolve) => (goOn = resolve));
  });
  const { connection, raw } = await join();
  connection.subscribe('room');
  raw.send(text('one'));
  raw.send(text('two'));
  await waitUntil(() => connection.messagesReceived === 2);
  raw[Symbol.dispose]();
  await waitUntil(() => connection.state === 'closed');
  assert.deepEqual([connection.topics.size, server.stats().topics.subscriptions], [1, 0]);
  goOn();
  await connection.closed;
  assert.deepEqual(seen, [
    ['one', 'open', 1],
    ['two', 'closed', 1],
  ]);
  assert.equal(connection.topics.size, 0);
});

test('TP-03: a connection that ends is unsubscribed from its topics', async (t) => {
  const { server, join } = live(t);
  const left: string[] = [];
  server.on('unsubscribe', (_, topic) => void left.push(topic));
  const { connection, raw } = await join();
  for (const topic of ['a', 'b']) connection.subscribe(topic);
  raw[Symbol.dispose]();
  await connection.closed;
  assert.deepEqual(left.sort(), ['a', 'b']);
  assert.deepEqual(server.stats().topics, { count: 0, subscriptions: 0 });
  assert.equal(connection.subscribe('late'), false);
});
