import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperationError } from '../../../src/client/index.ts';
import { endOf, eventsOf, scripted, settle } from './scripted.ts';

test('RC-06: at most 16 operations are unanswered; further ones are sent in order as answers come', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 });
  sent();
  const all = Array.from({ length: 20 }, (_, at) => room.publish(String(at)));
  const first = sent();
  assert.deepEqual(
    first.map(({ data }) => data),
    Array.from({ length: 16 }, (_, at) => String(at)),
  );
  serve({ op: 'ok', id: first[3]!['id'] }, { op: 'error', id: first[0]!['id'], code: 'too-big' });
  assert.deepEqual(
    sent().map(({ data }) => data),
    ['16', '17'],
  );
  await assert.rejects(all[0]!, { name: 'OperationError', code: 'too-big', outcome: 'not-published' });
  assert.deepEqual(await all[3], {});
  for (const each of all) each.catch(() => {});
});

test('RC-06: a publish without an answer rejects with outcome unknown; one that was not sent waits', async (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 });
  const publishes = Array.from({ length: 17 }, (_, at) => endOf(room.publish(String(at))));
  cut();
  await settle();
  assert.deepEqual(publishes[0]!.end, ['disconnected', 'unknown']);
  assert.deepEqual(publishes[15]!.end, ['disconnected', 'unknown']);
  assert.equal(publishes[16]!.end, undefined);
  sent();
  connect();
  const [subscribe, publish] = sent();
  assert.deepEqual([subscribe?.['op'], publish?.['data']], ['subscribe', '16']);
  serve({ op: 'ok', id: publish?.['id'] });
  await settle();
  assert.deepEqual(publishes[16]!.end, {});
});

test('RC-06: with resend, an unanswered publish is sent again, before newer ones', async (t) => {
  const { topics, sent, serve, connect, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  const first = endOf(room.publish('first', { resend: true }));
  cut();
  const second = endOf(room.publish('second'));
  sent();
  connect();
  const publishes = sent().filter(({ op }) => op === 'publish');
  assert.deepEqual(
    publishes.map(({ data }) => data),
    ['first', 'second'],
  );
  for (const { id } of publishes) serve({ op: 'ok', id, epoch: 'a', offset: 1 });
  await settle();
  assert.deepEqual(first.end, { position: { epoch: 'a', offset: 1 } });
  assert.deepEqual(second.end, first.end);
});

test('RC-06: an operation that starts while the connection ends is sent on the next one', async (t) => {
  const { topics, sent, serve, connect, ending, cut } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 });
  sent();
  ending();
  const published = endOf(room.publish('x'));
  const asked = endOf(topics.request('price', undefined, undefined));
  cut();
  await settle();
  assert.deepEqual([published.end, asked.end, sent()], [undefined, undefined, []]);
  connect();
  assert.deepEqual(
    sent().map(({ op }) => op),
    ['subscribe', 'publish', 'request'],
  );
  serve({ op: 'ok', id: 2 }, { op: 'reply', id: 3, data: '7' });
  await settle();
  assert.deepEqual([published.end, asked.end], [{}, 7]);
});

test('RC-06 RC-04: a publish that waits to be sent again expires after ttlMs, with outcome unknown', async (t) => {
  const { topics, clock, sent, serve, connect, cut } = scripted(t, {
    queue: { maxMessages: 2, maxBytes: 10_000, ttlMs: 5_000 },
  });
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 });
  const late = endOf(room.publish('late', { resend: true }));
  clock.advance(5_000);
  cut();
  clock.advance(4_999);
  await settle();
  assert.equal(late.end, undefined);
  clock.advance(1);
  await settle();
  assert.deepEqual(late.end, ['expired', 'unknown']);
  assert.equal(topics.operations.size, 0);
  const again = endOf(room.publish('again', { resend: true }));
  sent();
  connect();
  cut();
  connect();
  clock.advance(5_000);
  await settle();
  assert.equal(again.end, undefined, 'it was sent again, and its answer may come');
});

test('RC-06 RC-04: operations wait within the limits of the queue, in number, bytes and time', async (t) => {
  const queue = { maxMessages: 2, maxBytes: 10_000, ttlMs: 5_000 };
  const { topics, clock } = scripted(t, { queue });
  const room = topics.topic('room', undefined);
  const [first, second, third] = ['1', '2', '3'].map((data) => endOf(room.publish(data)));
  await settle();
  assert.deepEqual([first!.end, second!.end, third!.end], [undefined, undefined, ['full', 'not-published']]);
  clock.advance(5_000);
  await settle();
  assert.deepEqual(
    [first!.end, second!.end],
    [
      ['expired', 'not-published'],
      ['expired', 'not-published'],
    ],
  );
  const large = endOf(room.publish('x'.repeat(10_000)));
  await settle();
  assert.deepEqual(large.end, ['full', 'not-published']);
});

test('RC-06 RC-04: without a queue, an operation without a connection fails at once', async (t) => {
  const { topics, serve, connect, ending } = scripted(t, { queue: false });
  const room = topics.topic('room', undefined);
  await assert.rejects(room.publish('x'), { code: 'offline', outcome: 'not-published' });
  await assert.rejects(topics.request('price', undefined, undefined), {
    code: 'offline',
    outcome: 'not-sent',
  });
  connect();
  serve({ op: 'ok', id: 3 });
  const published = room.publish('x');
  serve({ op: 'ok', id: 4 });
  assert.deepEqual(await published, {});
  ending();
  await assert.rejects(room.publish('x'), { code: 'offline', outcome: 'not-published' });
});

test('RC-06: a server that does not speak hawser.v1 is an error for every topic and operation', async (t) => {
  const { topics, heard, serve, connect, cut } = scripted(t);
  topics.notSpoken('chat');
  assert.deepEqual(heard, [['topicFailed', 'no-protocol', 'the subprotocol']]);
  const room = topics.topic('room', undefined);
  const events = eventsOf(room);
  const early = endOf(room.subscribed());
  const loop = room[Symbol.asyncIterator]();
  const next = endOf(loop.next());
  await settle();
  assert.deepEqual(events, [['error', 'no-protocol']]);
  assert.deepEqual(
    [early.end, next.end],
    [
      ['no-protocol', undefined],
      ['no-protocol', undefined],
    ],
  );
  await assert.rejects(room.publish('x'), /the server chose "chat", not hawser\.v1/);
  await assert.rejects(topics.request('x', undefined, undefined), { code: 'no-protocol' });
  topics.disconnected();
  const waiting = endOf(room.subscribed());
  const again = room[Symbol.asyncIterator]();
  const message = endOf(again.next());
  await settle();
  assert.deepEqual([waiting.end, message.end], [undefined, undefined]);
  topics.notSpoken('');
  await settle();
  assert.deepEqual([waiting.end, (message.end as string[])[0]], [['no-protocol', undefined], 'no-protocol']);
  assert.equal(events.length, 2);
  assert.equal(room.state, 'waiting', 'the next connection may speak it');
  topics.disconnected();
  const live = room[Symbol.asyncIterator]();
  connect();
  serve({ op: 'ok', id: 1 }, { op: 'message', topic: 'room', data: 'hello' });
  assert.deepEqual(await live.next(), { done: false, value: 'hello' });
  cut();
  topics.notSpoken('');
  const last = live.next();
  await assert.rejects(last, { code: 'no-protocol' });
  const closed = room[Symbol.asyncIterator]();
  room.close();
  assert.deepEqual(await closed.next(), { done: true, value: undefined });
});

test('RC-06: the end of the client ends topics, loops, operations and handlers', async (t) => {
  const { topics, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 }, { op: 'message', topic: 'room', data: 'last' });
  const published = endOf(room.publish('x'));
  const loop = room[Symbol.asyncIterator]();
  topics.end();
  topics.end();
  await settle();
  assert.deepEqual(published.end, ['closed', 'unknown']);
  assert.deepEqual(await loop.next(), { done: false, value: 'last' });
  assert.deepEqual(await loop.next(), { done: true, value: undefined });
  assert.throws(() => topics.topic('room', undefined), { code: 'ERR_STATE' });
  assert.throws(() => topics.request('room', undefined, undefined), { code: 'ERR_STATE' });
  serve({ op: 'pong' });
});

test('HI-01: unknown ops and fields are ignored; frames that break the protocol end the connection', (t) => {
  const { topics, serve, connect, heard } = scripted(t);
  void topics.received('{"op":"hello","v":1,"pingMs":30000}');
  assert.deepEqual(heard, [], 'there is no connection');
  connect();
  serve({ op: 'hello', v: 1, connection: 'c', pingMs: 30_000, more: 1 }, { op: 'dance' }, { op: 'pong' });
  serve(
    { op: 'message', data: 'to the application' },
    { op: 'message', topic: 'other', data: 'x', offset: 1 },
  );
  serve({ op: 'ok', id: 77 }, { op: 'error', code: 'malformed', message: 'what?' });
  assert.deepEqual(heard.splice(0), [
    ['greeted', 30_000],
    ['message', 'to the application'],
    ['topicFailed', 'malformed', 'a frame of this client'],
  ]);
  for (const text of ['{', '1', 'null', '[]', '{"op":1}']) void topics.received(text);
  serve(
    { op: 'message', topic: 7 },
    { op: 'message', data64: 7 },
    { op: 'message', topic: 'x', offset: -1 },
    { op: 'ok', id: 'x' },
    { op: 'ok', id: 1, members: [{ key: 1 }] },
    { op: 'join', topic: 'x', member: null },
    { op: 'hello' },
  );
  assert.equal(heard.length, 12);
  assert.ok(heard.every((each) => (each as string[])[0] === 'violated'));
  assert.deepEqual(heard.at(-1), ['violated', 'pingMs of a frame with op hello is not valid']);
});

test('HI-01: data64 that is not base64 breaks the protocol', (t) => {
  const { topics, serve, connect, heard } = scripted(t, {
    fromBase64: () => {
      throw new TypeError('no');
    },
  });
  topics.topic('room', undefined);
  connect();
  serve({ op: 'ok', id: 1 }, { op: 'message', topic: 'room', data64: '*' });
  assert.deepEqual(heard, [['violated', 'data64 of a message is not base64']]);
});

test('GN-02: wrong arguments and options of topics and requests are refused with a typed error', (t) => {
  const { topics } = scripted(t);
  const refused = (call: () => unknown, code: string, message: RegExp): void =>
    assert.throws(call, (error: { code?: string; message: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  refused(() => topics.topic('', undefined), 'ERR_ARGUMENT', /name is "".*not empty/);
  refused(
    () => topics.topic('x', { sinse: 1 } as never),
    'ERR_OPTION',
    /no option "sinse"; .*since, presence/,
  );
  refused(() => topics.topic('x', { since: { epoch: 1 } } as never), 'ERR_OPTION', /since is an object/);
  for (const since of [
    { epoch: '', offset: 0 },
    { epoch: 'a b', offset: 0 },
    { epoch: 'x'.repeat(33), offset: 0 },
    { epoch: 'a', offset: -1 },
    { epoch: 'a', offset: 0.5 },
    { epoch: 'a' },
  ])
    refused(() => topics.topic('x', { since } as never), 'ERR_OPTION', /since is an object; .*position/);
  refused(() => topics.topic('x', [] as never), 'ERR_ARGUMENT', /an array/);
  refused(() => topics.topic('x', 'y' as never), 'ERR_ARGUMENT', /options is "y"/);
  refused(() => topics.request('x', undefined, { timeoutMs: 0 }), 'ERR_OPTION', /timeoutMs is 0.*from 1/);
  refused(() => topics.request('x', undefined, { signal: {} } as never), 'ERR_OPTION', /AbortSignal/);
  refused(() => topics.request('x', 1n, undefined), 'ERR_ARGUMENT', /JSON/);
  refused(() => topics.handle('x', 1 as never, undefined), 'ERR_ARGUMENT', /a function/);
  refused(() => topics.handle('x', () => 1, { schema: {} } as never), 'ERR_OPTION', /Standard Schema/);
  const room = topics.topic('x', {});
  refused(() => room.on('mesage' as never, () => {}), 'ERR_ARGUMENT', /event is "mesage"/);
  refused(() => room.on('message', 1 as never), 'ERR_ARGUMENT', /listener is 1/);
  refused(
    () => (room.publish as (...args: unknown[]) => unknown)('x', {}, 1),
    'ERR_ARGUMENT',
    /no such argument as 1/,
  );
  refused(() => room.publish('x', { resend: 1 } as never), 'ERR_OPTION', /resend is 1/);
  const { close } = room as { readonly close: (...args: unknown[]) => void };
  refused(() => close.call(room, () => {}), 'ERR_ARGUMENT', /a function/);
  const loop = room[Symbol.asyncIterator]();
  refused(() => room[Symbol.asyncIterator](), 'ERR_STATE', /iterated already/);
  void loop.return?.();
});

test('RC-06: listeners are added and removed as on other objects; once is called once', (t) => {
  const { topics, serve, connect } = scripted(t);
  const room = topics.topic('room', undefined);
  const seen: string[] = [];
  const removed = (): void => void seen.push('removed');
  room.once('message', () => void seen.push('once')).on('message', removed);
  room.on('message', () => {
    seen.push('on');
    throw new Error('broken');
  });
  room.off('message', removed).off('message', removed);
  room.on('error', (error) => void seen.push(error.code, (error.cause as Error).message));
  connect();
  serve({ op: 'ok', id: 1 }, { op: 'message', topic: 'room', data: '1' });
  serve({ op: 'message', topic: 'room', data: '2' });
  assert.deepEqual(seen, ['once', 'on', 'handler', 'broken', 'on', 'handler', 'broken']);
  const calls: string[] = [];
  const both = (message: unknown): void => void calls.push(String(message));
  const other = topics.topic('other', undefined);
  other.once('message', both).on('message', both);
  serve({ op: 'ok', id: 2 }, ...['1', '2', '3'].map((data) => ({ op: 'message', topic: 'other', data })));
  assert.deepEqual(calls, ['1', '1', '2', '3']);
  assert.ok(new OperationError('busy', 'busy', { retryAfterMs: 5 }).retryAfterMs === 5);
});
