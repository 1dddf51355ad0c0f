import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { at, controlled, topicMessage } from './fake-node.ts';
import { type Fact, ok, publish, subscribe, v1Server } from './peer.ts';

test('BP-10 after 16 operations without an answer the server stops reading, and goes on with the first answer', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(...Array.from({ length: 18 }, (_, i) => publish(i, 't', `${i}`)), { op: 'ping' });
  assert.deepEqual(await peer.all(), []);
  assert.equal(node().publishes.length, 16);
  node()
    .publishes.shift()!
    .resolve({ ok: true, position: at(1) });
  assert.deepEqual(await peer.all(), [{ ...ok(0, 't'), ...at(1) }]);
  assert.equal(node().publishes.length, 16, 'one more was read');
  for (let i = 0; node().publishes.length > 0; i++) {
    node()
      .publishes.shift()!
      .resolve({ ok: true, position: at(i + 2) });
    await eventLoopTurns(4);
  }
  const rest = await peer.all();
  assert.equal(rest.length, 18);
  assert.deepEqual(rest.at(-1), { ...ok(17, 't'), ...at(18) });
  assert.ok(rest.some(({ op }) => op === 'pong'));
});

test('BP-05 HI-07 a watcher that lost changes of the members gets all members once it reads, and no change before them', async (t) => {
  for (const onOverflow of ['drop-newest', 'drop-oldest'] as const) {
    const { greeted, node } = controlled(t, {
      onOverflow,
      maxBufferedBytes: 20_000,
      highWaterMarkBytes: 4_000,
    });
    const peer = await greeted();
    peer.sends({ ...subscribe(1, 't'), presence: true });
    await eventLoopTurns(8);
    node().resumes[0]!.waiter.resumed(
      { recovered: false, position: at(0), missed: [], run: undefined },
      () => {},
    );
    await peer.all();
    peer.wire.toClient.stall();
    const members = Array.from({ length: 300 }, (_, i) => ({
      key: `u${i}`,
      info: 'x'.repeat(500),
      since: new Date(1_790_000_000_000),
      connections: 1,
    }));
    for (const member of members) {
      node().owner.joined('t', member);
      await eventLoopTurns(1);
    }
    assert.ok(peer.connection.droppedMessages > 0);
    node().list = new Error('the engine is down');
    peer.wire.toClient.unstall();
    const before = await peer.all();
    assert.ok(before.every(({ op }) => op === 'join'));
    assert.ok(before.length < 300);
    node().list = { count: 2, members: members.slice(0, 2) };
    node().owner.left('t', members[2]!);
    await eventLoopTurns(3);
    node().owner.joined('t', members[3]!);
    const wire = (i: number): object => ({ ...members[i], since: 1_790_000_000_000 });
    assert.deepEqual(await peer.all(), [
      { op: 'presence', topic: 't', count: 2, members: [wire(0), wire(1)] },
      { op: 'join', topic: 't', member: wire(3) },
    ]);
  }
});

test('BP-05 messages of a followed topic that the overflow policy drops give lost, before the next one', async (t) => {
  for (const onOverflow of ['drop-newest', 'drop-oldest'] as const) {
    const { greeted, node } = controlled(t, {
      onOverflow,
      maxBufferedBytes: 20_000,
      highWaterMarkBytes: 4_000,
    });
    const peer = await greeted();
    peer.sends(subscribe(1, 't'));
    await eventLoopTurns(8);
    node().resumes[0]!.waiter.resumed(
      { recovered: false, position: at(0), missed: [], run: undefined },
      () => {},
    );
    await peer.all();
    peer.wire.toClient.stall();
    for (let offset = 1; offset <= 40; offset++) {
      node().owner.deliver('t', [topicMessage('t', offset, 'x'.repeat(8_000))]);
      await eventLoopTurns(1);
    }
    assert.ok(peer.connection.droppedMessages > 0);
    peer.sends({ op: 'ping' });
    peer.wire.toClient.unstall();
    const facts = await peer.all();
    node().owner.deliver('t', [topicMessage('t', 41)]);
    facts.push(...(await peer.all()));
    assert.ok(
      facts.some(({ op }) => op === 'pong'),
      'answers are not dropped',
    );
    let position = 0;
    for (const { op, offset } of facts) {
      if (op === 'lost') position = offset as number;
      if (op !== 'message') continue;
      assert.equal(offset, position + 1, 'no hole without lost');
      position = offset;
    }
    assert.equal(position, 41);
    assert.equal(facts.filter(({ op }) => op === 'lost').length > 0, true);
  }
});

test('BP-10 a client that does not read its answers is not read either, until it reads them', async (t) => {
  const { greeted } = v1Server(t, { highWaterMarkBytes: 4_000 });
  const peer = await greeted();
  peer.wire.toClient.stall();
  const id = (i: number): string => `${i}`.padStart(64, '-');
  for (let i = 0; i < 2_000; i++) peer.sends({ op: 'unsubscribe', id: id(i), topic: 't' });
  await eventLoopTurns(20);
  const buffered = peer.connection.bufferedBytes;
  assert.ok(buffered < 60_000, `${buffered} bytes are buffered`);
  peer.wire.toClient.unstall();
  const facts: Fact[] = [];
  await waitUntil(async () => facts.push(...(await peer.all())) === 2_000);
  assert.deepEqual(
    facts.map((fact) => fact['id']),
    Array.from({ length: 2_000 }, (_, i) => id(i)),
  );
});

test('BP-05 no overflow policy drops an answer that is queued: ok, error and pong', async (t) => {
  for (const onOverflow of ['drop-newest', 'drop-oldest'] as const) {
    const { greeted, node } = controlled(t, {
      onOverflow,
      maxBufferedBytes: 20_000,
      highWaterMarkBytes: 4_000,
    });
    const peer = await greeted();
    peer.sends(subscribe(1, 't'), subscribe(2, 'u'), subscribe(3, 'v'));
    await eventLoopTurns(8);
    peer.wire.toClient.stall();
    while (peer.connection.bufferedBytes < 12_000) {
      peer.connection.send('x'.repeat(2_000));
      await eventLoopTurns(1);
    }
    peer.sends({ op: 'ping' });
    await eventLoopTurns(8);
    const [t1, u, v] = node().resumes.map(({ waiter }) => waiter);
    const result = { recovered: false, position: at(0), missed: [], run: undefined };
    t1!.resumed(result, () => {});
    u!.failed('busy', 500);
    v!.resumed(result, () => {});
    for (let offset = 1; offset <= 40; offset++) {
      node().owner.deliver('t', [topicMessage('t', offset, 'x'.repeat(2_000))]);
      await eventLoopTurns(1);
    }
    assert.ok(peer.connection.droppedMessages > 0);
    peer.wire.toClient.unstall();
    const answers = (await peer.all()).filter(({ op }) => op !== 'message' && op !== 'lost');
    const facts = answers.map(({ op, id }) => [op, id]);
    assert.deepEqual(
      facts,
      [
        ['pong', undefined],
        ['ok', 1],
        ['error', 2],
        ['ok', 3],
      ],
      onOverflow,
    );
  }
});

test('BP-15 a session gets every message, also those with one key, and is closed with 1013 over the limit', async (t) => {
  const { greeted, core } = v1Server(t, {
    onOverflow: 'conflate',
    maxBufferedBytes: 60_000,
    highWaterMarkBytes: 20_000,
  });
  const { connection, wire, all, raw } = await greeted();
  wire.toClient.stall();
  for (let i = 0; i < 10; i++) {
    connection.send(`${i} ${'x'.repeat(2_000)}`, { key: 'a' });
    core.groups.broadcast(`${i} ${'x'.repeat(2_000)}`, { key: 'a' });
    await eventLoopTurns(1);
  }
  assert.equal(connection.droppedMessages, 0);
  wire.toClient.unstall();
  assert.equal((await all()).length, 20);
  wire.toClient.stall();
  while (connection.state === 'open') connection.send('x'.repeat(2_000), { key: 'a' });
  assert.ok(connection.droppedMessages > 0);
  wire.toClient.unstall();
  assert.deepEqual((await all()).at(-1), { close: 1013 });
  raw.end();
});
