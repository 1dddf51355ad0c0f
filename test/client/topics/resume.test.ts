import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf, messages, scripted, settle } from './scripted.ts';

const A = { epoch: 'a', offset: 3 };

test('RC-06: a topic subscribes, delivers in order, and resumes from its last message on the next connection', (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  const events = eventsOf(room);
  assert.deepEqual([room.name, room.state, room.position], ['room', 'waiting', undefined]);
  assert.deepEqual(sent(), []);
  connect();
  assert.deepEqual(sent(), [{ op: 'subscribe', id: 1, topic: 'room' }]);
  serve({ op: 'ok', id: 1, topic: 'room', recovered: false, ...A }, ...messages('room', 4, 5));
  assert.equal(room.state, 'live');
  assert.deepEqual(room.position, { epoch: 'a', offset: 5 });
  cut();
  assert.equal(room.state, 'waiting');
  connect();
  assert.deepEqual(sent(), [{ op: 'subscribe', id: 2, topic: 'room', since: { epoch: 'a', offset: 5 } }]);
  serve(
    { op: 'ok', id: 2, topic: 'room', recovered: true, epoch: 'a', offset: 5, missed: 2 },
    ...messages('room', 6, 8),
  );
  assert.deepEqual(events, [
    ['4', 4],
    ['5', 5],
    ['recovered', 5, 2],
    ['6', 6],
    ['7', 7],
    ['8', 8],
  ]);
});

test('RC-06 HI-04: a duplicate is dropped by its offset', (t) => {
  const { topics, serve, connect } = scripted(t);
  const events = eventsOf(topics.topic('room', undefined));
  connect();
  serve({ op: 'ok', id: 1, ...A }, ...messages('room', 2, 4), ...messages('room', 4, 5));
  assert.deepEqual(events, [
    ['4', 4],
    ['5', 5],
  ]);
});

test('RC-06 HI-04: recovered: false and lost are events before the first message after the hole', (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  const events = eventsOf(room);
  connect();
  serve({ op: 'ok', id: 1, ...A }, { op: 'lost', topic: 'room', epoch: 'b', offset: 0 });
  serve(...messages('room', 1, 1));
  cut();
  connect();
  serve({ op: 'ok', id: 2, recovered: false, epoch: 'c', offset: 7 }, ...messages('room', 8, 8));
  assert.deepEqual(events, [
    ['lost', 'b', 0],
    ['1', 1],
    ['lost', 'c', 7],
    ['8', 8],
  ]);
  assert.deepEqual(sent().at(-1), {
    op: 'subscribe',
    id: 2,
    topic: 'room',
    since: { epoch: 'b', offset: 1 },
  });
  assert.deepEqual(room.position, { epoch: 'c', offset: 8 });
});

test('RC-06: a topic without history says after each reconnect that messages may be missing', (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const events = eventsOf(topics.topic('room', undefined));
  connect();
  serve({ op: 'ok', id: 1, recovered: false }, { op: 'message', topic: 'room', data: 'x' });
  cut();
  connect();
  serve({ op: 'ok', id: 2, recovered: false }, { op: 'message', topic: 'room', data: 'x' });
  assert.deepEqual(events, [
    ['x', undefined],
    ['lost', undefined, undefined],
    ['x', undefined],
  ]);
  assert.equal(sent().at(-1)?.['since'], undefined);
});

test('RC-06: since of the application is the first position, also while the first connection breaks early', (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', { since: A });
  const events = eventsOf(room);
  assert.deepEqual(room.position, A);
  connect();
  cut();
  connect();
  assert.deepEqual(
    sent().map(({ since }) => since),
    [A, A],
  );
  serve({ op: 'ok', id: 1, recovered: false, epoch: 'z', offset: 0 });
  serve({ op: 'ok', id: 2, recovered: true, ...A, missed: 0 });
  assert.deepEqual(events, [['recovered', 3, 0]], 'the answer of the first connection is too late');
});

test('RC-06: an own publish moves the position, so its message is not missed in a resume', async (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  const events = eventsOf(room);
  connect();
  serve({ op: 'ok', id: 1, ...A });
  const published = room.publish('mine');
  assert.deepEqual(sent().at(-1), { op: 'publish', topic: 'room', data: 'mine', id: 2 });
  serve(...messages('room', 4, 4), { op: 'ok', id: 2, topic: 'room', epoch: 'a', offset: 5 });
  assert.deepEqual(await published, { position: { epoch: 'a', offset: 5 } });
  assert.deepEqual(room.position, { epoch: 'a', offset: 5 });
  cut();
  connect();
  assert.deepEqual(sent().at(-1)?.['since'], { epoch: 'a', offset: 5 });
  assert.deepEqual(events, [['4', 4]]);
});

test('RC-06: a gap fill brings the own message, and its late ok does not move the position back', async (t) => {
  const { topics, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1, ...A });
  const published = room.publish('mine');
  room.on('message', () => {});
  serve(...messages('room', 4, 6), { op: 'ok', id: 2, epoch: 'a', offset: 5 });
  await published;
  assert.deepEqual(room.position, { epoch: 'a', offset: 6 });
});

test('RC-06: the position is that of the last delivered message, not of the last received one', async (t) => {
  const { topics, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1, ...A }, ...messages('room', 4, 6));
  assert.deepEqual(room.position, A, 'there is no consumer');
  const loop = room[Symbol.asyncIterator]();
  assert.deepEqual(await loop.next(), { done: false, value: '4' });
  assert.deepEqual(room.position, { epoch: 'a', offset: 4 });
  await loop.return?.();
  const seen: unknown[] = [];
  room.on('message', (message) => void seen.push(message));
  assert.deepEqual(seen, ['5', '6']);
});

test('RC-06: a slow application gets every message: the client reads skipped ones from the history', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1, ...A }, ...messages('room', 4, 1_500));
  sent();
  assert.equal(room.state, 'live');
  const loop = room[Symbol.asyncIterator]();
  for (let expected = 4; expected <= 504; expected++)
    assert.equal((await loop.next()).value, String(expected));
  const [unsubscribe, subscribe, ...rest] = sent();
  assert.deepEqual(rest, []);
  assert.equal(unsubscribe?.['op'], 'unsubscribe');
  assert.deepEqual(subscribe?.['since'], { epoch: 'a', offset: 1_003 });
  // Live messages that were under way.
  serve(...messages('room', 1_501, 1_501), { op: 'ok', id: unsubscribe['id'] });
  serve({ op: 'ok', id: subscribe['id'], recovered: true, epoch: 'a', offset: 1_003, missed: 498 });
  serve(...messages('room', 1_004, 1_501));
  for (let expected = 505; expected <= 1_501; expected++)
    assert.equal((await loop.next()).value, String(expected));
});

test('RC-06: a listener that returns a promise delays the next message; a listener that throws does not', async (t) => {
  const { topics, serve, connect, heard } = scripted(t);
  const room = topics.topic('room', undefined);
  const seen: unknown[] = [];
  let release = (): void => {};
  room.on('message', async (message) => {
    seen.push(message);
    if (message === '4')
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    if (message === '5') throw new Error('broken');
  });
  connect();
  serve({ op: 'ok', id: 1, ...A }, ...messages('room', 4, 6));
  await settle();
  assert.deepEqual(seen, ['4']);
  release();
  await settle();
  assert.deepEqual(seen, ['4', '5', '6']);
  assert.deepEqual(heard, [['listenerFailed', 'broken', 'a listener of \'message\' of topic "room"']]);
});

test('RC-06 HI-07: join and leave are events, and presence is asked from the server', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  const room = topics.topic('room', { presence: true });
  const events = eventsOf(room);
  connect();
  assert.deepEqual(sent(), [{ op: 'subscribe', topic: 'room', presence: true, id: 1 }]);
  const member = { key: 'u7', info: { name: 'Anna' }, since: 1_790_000_000_000, connections: 1 };
  serve(
    { op: 'ok', id: 1 },
    { op: 'join', topic: 'room', member },
    { op: 'leave', topic: 'room', key: 'u7' },
  );
  const presence = room.presence();
  const counted = room.presence();
  serve({ op: 'ok', id: 2, count: 1, members: [member] }, { op: 'ok', id: 3, count: 5_000 });
  assert.deepEqual(await presence, {
    count: 1,
    members: [{ ...member, since: new Date(1_790_000_000_000) }],
  });
  assert.deepEqual(await counted, { count: 5_000 });
  assert.deepEqual(events, [
    ['join', 'u7', 1],
    ['leave', 'u7'],
  ]);
});

test('RC-06 HI-07: all members are an event, and so is their number alone', async (t) => {
  const { topics, serve, connect } = scripted(t);
  const events = eventsOf(topics.topic('room', { presence: true }));
  connect();
  const member = { key: 'u7', info: { name: 'Anna' }, since: 1_790_000_000_000, connections: 2 };
  serve(
    { op: 'ok', id: 1 },
    { op: 'presence', topic: 'room', count: 1, members: [member] },
    { op: 'presence', topic: 'room', count: 5_000 },
    { op: 'join', topic: 'room', member },
    { op: 'presence', topic: 'unknown', count: 1 },
    { op: 'presence', topic: 'room', count: 0, members: [] },
  );
  await settle();
  assert.deepEqual(events, [
    ['members', 1, [{ ...member, since: new Date(1_790_000_000_000) }]],
    ['members', 5_000, undefined],
    ['join', 'u7', 2],
    ['members', 0, []],
  ]);
});

test('RC-06: busy and unavailable delay the subscription with backoff; a reconnect subscribes at once', (t) => {
  const { topics, clock, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  sent();
  serve({ op: 'error', id: 1, code: 'busy', message: 'busy', retryAfterMs: 7_000 });
  clock.advance(7_549);
  assert.deepEqual([sent(), room.state], [[], 'waiting']);
  clock.advance(1);
  assert.equal(sent().length, 1);
  serve({ op: 'error', id: 2, code: 'unavailable', message: 'no engine' });
  clock.advance(1_049);
  assert.deepEqual(sent(), []);
  cut();
  connect();
  assert.equal(sent().length, 1);
  assert.equal(clock.pendingTimers, 0);
  serve({ op: 'ok', id: 3, ...A });
  assert.equal(room.state, 'live');
});

for (const [name, frame] of [
  ['refused', { op: 'error', id: 1, code: 'forbidden', message: 'not for you' }],
  ['ended by the server', { op: 'unsubscribed', topic: 'room', code: 'revoked' }],
] as const) {
  test(`RC-06: a subscription that is ${name} closes the topic, with an error for each consumer`, async (t) => {
    const { topics, serve, connect, cut, sent } = scripted(t);
    const room = topics.topic('room', undefined);
    const events = eventsOf(room);
    const loop = room[Symbol.asyncIterator]();
    const next = loop.next();
    const subscribed = room.subscribed();
    connect();
    if (frame.op === 'unsubscribed') {
      serve({ op: 'ok', id: 1 });
      await subscribed;
    }
    serve(frame);
    const { code } = frame;
    await assert.rejects(next, { code });
    if (frame.op === 'error') await assert.rejects(subscribed, { code });
    await assert.rejects(room.subscribed(), { code });
    assert.deepEqual([room.state, events], ['closed', [['error', code]]]);
    assert.throws(() => room.publish('x'), { code: 'ERR_STATE' });
    cut();
    sent();
    connect();
    assert.deepEqual(sent(), [], 'it does not subscribe again');
    assert.notEqual(topics.topic('room', undefined), room, 'the application may try again');
  });
}

test('RC-06: a refused subscription without an error listener is reported by the client', (t) => {
  const { topics, serve, connect, heard } = scripted(t);
  topics.topic('room', undefined);
  connect();
  serve({ op: 'error', id: 1, code: 'forbidden', message: 'no' });
  assert.deepEqual(heard, [['topicFailed', 'forbidden', 'topic "room"']]);
});

test('RC-06: closing a topic unsubscribes, ends its loop and frees its name', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  assert.equal(topics.topic('room', undefined), room);
  assert.throws(() => topics.topic('room', { presence: true }), { code: 'ERR_STATE' });
  const next = room[Symbol.asyncIterator]().next();
  connect();
  serve({ op: 'ok', id: 1, ...A });
  assert.deepEqual(await room.subscribed(), A);
  room.close();
  room.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual(sent().at(-1), { op: 'unsubscribe', topic: 'room', id: 2 });
  const again = topics.topic('room', undefined);
  assert.notEqual(again, room);
  const events = eventsOf(again);
  serve(...messages('room', 4, 4), { op: 'ok', id: 2 }, { op: 'ok', id: 3, epoch: 'a', offset: 4 });
  serve(...messages('room', 5, 5));
  assert.deepEqual(events, [['5', 5]]);
});

test('RC-06: an unsubscribed of the closed subscription does not close the topic that was opened again', (t) => {
  const { topics, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1, ...A });
  room.close();
  const again = topics.topic('room', { since: A });
  const events = eventsOf(again);
  serve({ op: 'unsubscribed', topic: 'room', code: 'revoked' });
  serve({ op: 'error', id: 2, code: 'not-subscribed' }, { op: 'ok', id: 3, recovered: true, ...A });
  assert.deepEqual([again.state, events], ['live', [['recovered', 3, 0]]]);
  serve({ op: 'unsubscribed', topic: 'room', code: 'revoked' });
  assert.deepEqual([again.state, events.at(-1)], ['closed', ['error', 'revoked']]);
});

test('RC-06: binary messages arrive as bytes, and are published as base64', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  const seen: unknown[] = [];
  room.on('message', (message) => void seen.push(message));
  connect();
  serve({ op: 'ok', id: 1 }, { op: 'message', topic: 'room', data64: 'AAH/' });
  void room.publish(Uint8Array.of(1, 2)).catch(() => {});
  assert.deepEqual(seen, [Buffer.of(0, 1, 255)]);
  assert.deepEqual(sent().at(-1), { op: 'publish', topic: 'room', data64: 'AQI=', id: 2 });
});
