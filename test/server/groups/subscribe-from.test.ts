import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Relayed } from '../../../src/server/groups/topic-node.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { at, controlled, topicMessage } from '../../cluster/hawser-v1/fake-node.ts';
import { live, nextText } from '../live.ts';

test('HI-06 subscribeFrom sends missed messages in one write, then live ones, and says how it began', async (t) => {
  const { server, join } = live(t, { history: { match: 'room:*' } });
  for (const text of ['one', 'two', 'three']) await server.publish('room:1', text).relayed;
  const position = await server.position('room:1');
  assert.equal(position.offset, 3);
  const { raw, connection } = await join();
  const subscribed = await connection.subscribeFrom('room:1', { ...position, offset: 1 });
  assert.deepEqual(subscribed, { recovered: true, position: { ...position, offset: 1 }, missed: 2 });
  const result = (await server.publish('room:1', Buffer.from([7])).relayed) as Relayed & { ok: true };
  assert.deepEqual([result.position?.offset, result.delivery], [4, { sent: 1, skipped: 0, failed: 0 }]);
  assert.deepEqual([await nextText(raw), await nextText(raw)], ['two', 'three']);
  assert.deepEqual([...(await raw.nextFrame()).payload], [7]);
  assert.deepEqual([...connection.topics], ['room:1']);
  await assert.rejects(connection.subscribeFrom('room:1'), { code: 'ERR_STATE', message: /already/ });
  assert.equal(connection.unsubscribe('room:1'), true);
  const late = await connection.subscribeFrom('room:1', { epoch: 'other', offset: 9 });
  assert.deepEqual([late.recovered, late.position.offset, late.missed], [false, 0, 4]);
  assert.match(server.metrics(), /hawser_recoveries_total\{[^}]*result="recovered"\} 1\n/);
  assert.match(server.metrics(), /hawser_recoveries_total\{[^}]*result="not-recovered"\} 1\n/);
});

test('HI-06 subscribeFrom with deliver hands every message and its position to the application', async (t) => {
  const { server, join, errors } = live(t, { history: { match: '*' } });
  await server.publish('t', 'missed').relayed;
  const { epoch } = await server.position('t');
  const { raw, connection } = await join();
  const seen: unknown[] = [];
  await connection.subscribeFrom(
    't',
    { epoch, offset: 0 },
    { deliver: (message, position) => void seen.push([message, position]) },
  );
  const bytes = Buffer.from([1, 2]);
  await server.publish('t', bytes).relayed;
  assert.deepEqual(seen, [
    ['missed', { epoch, offset: 1 }],
    [bytes, { epoch, offset: 2 }],
  ]);
  assert.equal(raw.received.length, 0);
  connection.unsubscribe('t');
  await connection.subscribeFrom('t', undefined, {
    deliver: () => {
      throw new Error('as a test');
    },
  });
  await server.publish('t', 'x').relayed;
  assert.equal(connection.state, 'closing', 'as after a listener that throws');
  assert.match(String(errors.shift()?.cause), /as a test/);
});

test('HI-06 the application may unsubscribe while it gets missed messages: subscribe comes first, and no more follow', async (t) => {
  const { server, join } = live(t, { history: { match: '*' } });
  for (const text of ['one', 'two', 'three']) await server.publish('t', text).relayed;
  const { epoch } = await server.position('t');
  const { connection } = await join();
  const events: unknown[] = [];
  server.on('subscribe', (_, topic) => void events.push(`subscribe ${topic}`));
  server.on('unsubscribe', (_, topic) => void events.push(`unsubscribe ${topic}`));
  const since = { epoch, offset: 0 };
  const subscribed = await connection.subscribeFrom('t', since, {
    deliver: (message) => {
      events.push(message);
      if (message === 'two') connection.unsubscribe('t');
    },
  });
  assert.equal(subscribed.missed, 3);
  await server.publish('t', 'four').relayed;
  assert.deepEqual(events.splice(0), ['subscribe t', 'one', 'two', 'unsubscribe t']);
  const { connection: plain, raw } = await join();
  server.once('subscribe', (one, topic) => void one.unsubscribe(topic));
  await plain.subscribeFrom('t', since);
  await eventLoopTurns(3);
  assert.equal(raw.received.length, 0, 'unsubscribed by a listener of the event');
  const again: unknown[] = [];
  await connection.subscribeFrom('t', since, {
    deliver: (message) => {
      again.push(message);
      // A subscription that began in between is another one.
      if (again.length > 1) return;
      connection.unsubscribe('t');
      connection.subscribe('t');
    },
  });
  assert.deepEqual(again, ['one']);
  assert.deepEqual([...connection.topics], ['t']);
});

test('HI-06 subscribeFrom that is aborted, unsubscribed, refused or closed meanwhile rejects, and leaves nothing', async (t) => {
  const { joins, node, core } = controlled(t);
  const { connection } = await joins('chat');
  const abort = new AbortController();
  const pending = ['a', 'b', 'c', 'd', 'e'].map((topic) =>
    connection.subscribeFrom(topic, undefined, topic === 'a' ? { signal: abort.signal } : undefined),
  );
  await assert.rejects(connection.subscribeFrom('a'), { code: 'ERR_STATE' });
  const [, , busy, down] = node().resumes;
  abort.abort(new Error('changed my mind'));
  assert.equal(connection.unsubscribe('b'), true);
  assert.equal(connection.unsubscribe('b'), false);
  busy!.waiter.failed('busy', 900);
  down!.waiter.failed('unavailable', undefined);
  connection.terminate();
  await assert.rejects(pending[0]!, /changed my mind/);
  await assert.rejects(pending[1]!, { code: 'ERR_STATE', message: /unsubscribed/ });
  await assert.rejects(pending[2]!, { code: 'ERR_ENGINE_FULL', retryAfterMs: 900 });
  await assert.rejects(pending[3]!, { code: 'ERR_ENGINE_DOWN' });
  await assert.rejects(pending[4]!, { code: 'ERR_CLOSED' });
  assert.deepEqual(
    node().resumes.map(({ isCancelled }) => isCancelled),
    [true, true, false, false, true],
  );
  await assert.rejects(connection.subscribeFrom('t'), { code: 'ERR_CLOSED' });
  await assert.rejects(
    connection.subscribeFrom('t', undefined, { signal: AbortSignal.abort(new Error('no')) }),
    /no/,
  );
  assert.equal(core.groups.topics.size, 0);
});

test('HI-06 subscribeFrom over maxTopicsPerConnection, on hawser.v1 and without history rejects', async (t) => {
  const { joins, greeted, node } = controlled(t, { maxTopicsPerConnection: 1 });
  const { connection } = await joins('chat');
  connection.subscribe('own');
  const pending = connection.subscribeFrom('t');
  let sent = 0;
  node().resumes[0]!.waiter.resumed(
    { recovered: false, position: at(0), missed: [], run: undefined },
    () => sent++,
  );
  await assert.rejects(pending, { code: 'ERR_STATE', message: /maxTopicsPerConnection/ });
  await eventLoopTurns(3);
  assert.equal(sent, 1);
  await assert.rejects((await greeted()).connection.subscribeFrom('t'), {
    code: 'ERR_STATE',
    message: /hawser\.v1/,
  });
  const { server, join } = live(t);
  const plain = (await join()).connection;
  await assert.rejects(plain.subscribeFrom('t'), { code: 'ERR_ARGUMENT', message: /has no history/ });
  await assert.rejects(server.position('t'), { code: 'ERR_ARGUMENT', message: /has no history/ });
  await assert.rejects(server.presence('t'), { code: 'ERR_ARGUMENT', message: /has no presence/ });
  assert.throws(() => plain.enter('t'), { code: 'ERR_ARGUMENT', message: /has no presence/ });
  assert.throws(() => server.watch('t'), { code: 'ERR_ARGUMENT', message: /has no presence/ });
  assert.deepEqual([plain.leave('t'), server.unwatch('t')], [false, false]);
});

test('HI-05 a subscribeFrom that lost messages calls lost, or closes the connection with 1013', async (t) => {
  const { joins, node } = controlled(t);
  const [told, closed, plain] = [await joins('chat'), await joins('chat'), await joins('chat')];
  const lost: unknown[] = [];
  const subscriptions = [
    told.connection.subscribeFrom('t', undefined, { lost: (position) => void lost.push(position) }),
    closed.connection.subscribeFrom('t'),
  ];
  for (const { waiter } of node().resumes)
    waiter.resumed({ recovered: false, position: at(2), missed: [], run: undefined }, () => {});
  await Promise.all(subscriptions);
  plain.connection.subscribe('t');
  node().owner.lost('t', at(5));
  node().owner.lost('empty', at(5));
  node().owner.deliver('t', [topicMessage('t', 6, '"x"')]);
  assert.deepEqual(lost, [at(5)]);
  assert.deepEqual(await told.all(), ['x']);
  assert.deepEqual(await plain.all(), ['x']);
  assert.deepEqual(await closed.all(), [{ close: 1013 }]);
});

test('BP-05 messages that the overflow policy drops from a subscribeFrom are lost, too', async (t) => {
  for (const onOverflow of ['drop-newest', 'drop-oldest'] as const) {
    const { joins, node } = controlled(t, {
      onOverflow,
      maxBufferedBytes: 20_000,
      highWaterMarkBytes: 4_000,
    });
    const peer = await joins('chat');
    const lost: number[] = [];
    const subscribed = peer.connection.subscribeFrom('t', undefined, {
      lost: ({ offset }) => void lost.push(offset),
    });
    node().resumes[0]!.waiter.resumed(
      { recovered: false, position: at(0), missed: [], run: undefined },
      () => {},
    );
    await subscribed;
    peer.wire.toClient.stall();
    for (let offset = 1; offset <= 30; offset++) {
      node().owner.deliver('t', [topicMessage('t', offset, JSON.stringify('x'.repeat(8_000)))]);
      await eventLoopTurns(1);
    }
    assert.ok(peer.connection.droppedMessages > 0);
    peer.wire.toClient.unstall();
    await peer.all();
    assert.ok(lost.length > 0, onOverflow);
    assert.ok(Math.max(...lost) >= 29, `${onOverflow}: ${lost.join()}`);
  }
});
