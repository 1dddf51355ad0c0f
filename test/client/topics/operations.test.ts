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

test('HI-09: a request gets its answer as a value, or the error of the server', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  connect();
  const price = topics.request('price', { sku: 4711 }, undefined);
  const nothing = topics.request('nothing', undefined, undefined);
  const unknown = topics.request('unknown', 1, undefined);
  const failed = topics.request('fails', 1, undefined);
  const broken = topics.request('broken', 1, undefined);
  assert.deepEqual(sent().slice(0, 2), [
    { op: 'request', name: 'price', data: '{"sku":4711}', id: 1 },
    { op: 'request', name: 'nothing', id: 2 },
  ]);
  serve(
    { op: 'reply', id: 2 },
    { op: 'reply', id: 1, data: '12.5' },
    { op: 'error', id: 3, code: 'no-handler', message: 'no such handler' },
    { op: 'error', id: 4, code: 'failed' },
    { op: 'reply', id: 5, data: '{' },
  );
  assert.deepEqual([await price, await nothing], [12.5, undefined]);
  await assert.rejects(unknown, { code: 'no-handler', message: 'no such handler', outcome: 'not-sent' });
  await assert.rejects(failed, { code: 'failed', message: 'failed', outcome: 'unknown' });
  await assert.rejects(broken, { code: 'invalid' });
});

test('HI-09: a request ends by its timeout, its signal or the end of the connection', async (t) => {
  const { topics, clock, sent, serve, connect, cut } = scripted(t);
  const late = endOf(topics.request('a', undefined, { timeoutMs: 2_000 }));
  clock.advance(1_000);
  connect();
  clock.advance(1_000);
  await settle();
  assert.deepEqual(late.end, ['timeout', 'unknown']);
  serve({ op: 'reply', id: 1, data: '1' }, { op: 'reply', id: 99, data: '1' });

  const leaving = new AbortController();
  const reason = new Error('left the page');
  const aborted = topics.request('b', undefined, { signal: leaving.signal });
  leaving.abort(reason);
  await assert.rejects(aborted, reason);
  await assert.rejects(topics.request('c', undefined, { signal: leaving.signal }), reason);

  const cutOff = topics.request('d', undefined, undefined);
  cut();
  await assert.rejects(cutOff, { code: 'disconnected', outcome: 'unknown' });
  const waiting = new AbortController();
  const neverSent = topics.request('e', undefined, { signal: waiting.signal });
  waiting.abort(reason);
  await assert.rejects(neverSent, reason);
  sent();
  connect();
  assert.deepEqual(sent(), []);
  const unsent = topics.request('f', undefined, { timeoutMs: 1 });
  assert.equal(topics.operations.size, 1);
  clock.advance(1);
  await assert.rejects(unsent, { code: 'timeout', outcome: 'unknown' });
});

test('HI-09: an abandoned operation keeps its place until the server answers', async (t) => {
  const { topics, clock, sent, serve, connect } = scripted(t);
  connect();
  const all = Array.from({ length: 16 }, () =>
    endOf(topics.request('slow', undefined, { timeoutMs: 1_000 })),
  );
  const next = endOf(topics.request('next', undefined, undefined));
  clock.advance(1_000);
  await settle();
  assert.ok(all.every(({ end }) => Array.isArray(end) && end[0] === 'timeout'));
  assert.equal(sent().length, 16);
  serve({ op: 'reply', id: 1 });
  assert.deepEqual(
    sent().map(({ name }) => name),
    ['next'],
  );
  serve({ op: 'reply', id: 17, data: 'true' });
  await settle();
  assert.equal(next.end, true);
});

test('HI-09: the client answers requests of the server', async (t) => {
  const { topics, sent, serve, connect, cut, heard } = scripted(t);
  const remove = topics.handle('double', (value: number) => value * 2, undefined);
  topics.handle('later', async () => undefined, undefined);
  topics.handle('fails', () => Promise.reject(new Error('secret')), undefined);
  topics.handle('odd', () => () => 1, undefined);
  const positive = {
    '~standard': {
      validate: (value: unknown) =>
        typeof value === 'number' && value > 0
          ? { value: String(value) }
          : { issues: [{ message: 'not above 0' }, { message: 'or no number' }] },
    },
  };
  topics.handle('checked', (value: string) => value, { schema: positive });
  connect();
  const asked = async (name: string, data?: string): Promise<unknown> => {
    serve({ op: 'request', id: 's1', name, data });
    await settle();
    return sent();
  };
  const error = (code: string, message: string): unknown => [{ op: 'error', code, message, id: 's1' }];
  assert.deepEqual(await asked('double', '21'), [{ op: 'reply', data: '42', id: 's1' }]);
  assert.deepEqual(await asked('later'), [{ op: 'reply', id: 's1' }]);
  assert.deepEqual(await asked('none'), error('no-handler', 'there is no handler of "none"'));
  assert.deepEqual(await asked('double', '{'), error('invalid', 'data is not JSON'));
  assert.deepEqual(await asked('checked', '1'), [{ op: 'reply', data: '"1"', id: 's1' }]);
  assert.deepEqual(await asked('checked', '0'), error('invalid', 'not above 0; or no number'));
  assert.deepEqual(heard, []);
  assert.deepEqual(await asked('fails'), error('failed', 'the handler failed'));
  assert.deepEqual(await asked('odd'), error('failed', 'the handler failed'));
  assert.deepEqual(heard[0], ['listenerFailed', 'secret', 'the handler of "fails"']);
  assert.throws(() => topics.handle('double', () => 1, undefined), { code: 'ERR_STATE' });
  remove();
  remove();
  assert.deepEqual(await asked('double', '1'), error('no-handler', 'there is no handler of "double"'));

  serve({ op: 'request', id: 's2', name: 'later' });
  cut();
  connect();
  await settle();
  assert.deepEqual(sent(), [], 'an answer belongs to the connection of its request');
});

test('HI-09: the client handles at most 16 requests of the server at a time', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  topics.handle('slow', () => gate, undefined);
  connect();
  for (let i = 1; i <= 17; i++) serve({ op: 'request', id: `s${i}`, name: 'slow' });
  assert.deepEqual(
    sent().map(({ id, code }) => [id, code]),
    [['s17', 'busy']],
  );
  release();
  await settle();
  assert.equal(sent().length, 16);
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
