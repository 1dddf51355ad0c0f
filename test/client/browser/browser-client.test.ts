import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MisuseError, type OperationError, ReconnectingClient } from '../../../src/client/browser/index.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { openPage, pass } from './fake-platform.ts';

const V1 = { protocols: ['hawser.v1'] } as const;
const names = (told: readonly (readonly [string, ...unknown[]])[]): string[] => told.map(([name]) => name);

test('RC-07: the client connects, sends, receives text and bytes, and closes', async (t) => {
  const { driver, socket, told } = await openPage(t, { protocols: ['chat'], token: 'abc.d' });
  assert.deepEqual([socket().url, socket().protocols], ['ws://a.example/', ['chat', 'bearer.abc.d']]);
  assert.equal(driver.send('queued'), true);
  assert.equal(driver.send(Uint8Array.of(1, 2).subarray(1)), true);
  assert.deepEqual([driver.queuedMessages, driver.bufferedBytes], [2, 7 + 2 * 128]);
  socket().open('chat');
  assert.equal(socket().binaryType, 'arraybuffer');
  assert.equal(driver.send(new Uint8Array([3]).buffer), true);
  assert.deepEqual(socket().sent, ['queued', Uint8Array.of(2), Uint8Array.of(3)]);
  socket().receive('text');
  socket().receive(Uint8Array.of(7).buffer);
  driver.close(4000, 'bye');
  assert.deepEqual([socket().closes, driver.series.state], [[[4000, 'bye']], 'closing']);
  assert.equal(driver.send('late'), false);
  socket().end(4000);
  const end = { why: 'close', close: { code: 4000, reason: '', wasClean: true } } as const;
  assert.deepEqual(await driver.closed, end);
  assert.deepEqual(told, [
    ['open'],
    ['message', 'text', true],
    ['message', Uint8Array.of(7), false],
    ['unsent', { bytes: 4, why: 'offline' }],
    ['close', end],
  ]);
  driver.close(1000, '');
});

test('RC-07 RC-02: it reconnects with backoff, asks for URL and token again, and keeps messages', async (t) => {
  const asked: number[] = [];
  const { driver, socket, sockets, clock, told } = await openPage(
    t,
    { token: async ({ attempt }) => `t${attempt}` },
    ({ attempt }) => {
      asked.push(attempt);
      return new URL(`ws://a.example/${attempt}`);
    },
  );
  socket().open();
  socket().end(1012);
  assert.deepEqual(told.at(-1), [
    'retry',
    { attempt: 1, delayMs: 2_550, close: { code: 1012, reason: '', wasClean: true } },
  ]);
  driver.send('while away');
  await pass(clock, 2_550);
  assert.deepEqual([socket().url, socket().protocols], ['ws://a.example/1', ['bearer.t1']]);
  socket().end(1006, false);
  const [name, info] = told.at(-1) as unknown as [string, { error: OperationError; delayMs: number }];
  assert.deepEqual([name, info.error.code, info.delayMs], ['retry', 'connect', 1_050]);
  await pass(clock, 1_050);
  assert.equal(driver.series.attempts, 2);
  socket().open();
  assert.deepEqual(socket().sent, ['while away']);
  await pass(clock, 10_000);
  socket().end(1000);
  assert.deepEqual([sockets.length, asked], [3, [0, 1, 2]]);
  assert.deepEqual(names(told), ['open', 'down', 'retry', 'retry', 'open', 'down', 'giveUp', 'close']);
  assert.equal((await driver.closed).why, 'refused');
});

test('RC-07 RC-03: shouldReconnect and maxAttempts decide; a 1008 is retried once with fresh credentials', async (t) => {
  let tokens = 0;
  const { clock, socket, told, sockets } = await openPage(t, {
    maxAttempts: 2,
    shouldReconnect: ({ close }) => {
      if (close?.code === 1008) return undefined;
      if (close?.code === 4001) return true;
      throw new Error('opinion');
    },
    token: () => `t${tokens++}`,
  });
  socket().open();
  socket().end(4001);
  await pass(clock, 1_000);
  socket().open();
  await pass(clock, 10_000);
  socket().end(1008);
  await pass(clock, 1_000);
  assert.equal(sockets.length, 3);
  socket().end();
  await pass(clock, 2_000);
  socket().end();
  assert.equal(names(told).filter((name) => name === 'error').length, 2, 'shouldReconnect threw');
  assert.deepEqual((told.at(-1)![1] as { why: string }).why, 'attempts');
});

test('RC-07 RC-03: the same credentials are not tried again after 1008', async (t) => {
  const { clock, socket, told } = await openPage(t, { token: () => 'same' });
  socket().open();
  socket().end(1008);
  await pass(clock, 1_050);
  assert.equal((told.at(-1)![1] as { why: string }).why, 'credentials');
});

test('RC-07: a function that throws, a silent one and a silent server are failed attempts', async (t) => {
  let answer: () => unknown = () => Promise.reject(new Error('no token'));
  const { clock, told, sockets } = await openPage(t, {
    token: () => answer() as string,
    connectTimeoutMs: 3_000,
  });
  const last = (): unknown[] => {
    const [name, info] = told.at(-1) as unknown as [string, { error: Error & { code?: string } }];
    return [name, info.error.code ?? info.error.message];
  };
  assert.deepEqual(last(), ['retry', 'no token']);
  answer = () => {
    throw 'text';
  };
  await pass(clock, 550);
  assert.deepEqual(last(), ['retry', 'text']);
  answer = () => new Promise(() => {});
  await pass(clock, 1_050);
  await pass(clock, 3_000);
  assert.deepEqual(last(), ['retry', 'connect-timeout']);
  answer = () => 'not a token';
  await pass(clock, 2_050);
  assert.deepEqual(last(), ['retry', 'ERR_OPTION']);
  answer = () => 'good';
  await pass(clock, 5_000);
  await pass(clock, 3_000);
  assert.deepEqual([last(), sockets[0]!.closes], [['retry', 'connect-timeout'], [[undefined, undefined]]]);
});

test('RC-07: an address that the browser refuses is final', async (t) => {
  const { told } = await openPage(t, {}, 'nonsense:', [], {
    dial: () => {
      throw new SyntaxError('bad URL');
    },
  });
  assert.deepEqual(names(told), ['giveUp', 'close']);
});

test('RC-07 RC-05: a connection without an answer to a ping is dead, and the client reconnects', async (t) => {
  const { clock, socket, told, frames, sockets } = await openPage(t, V1);
  socket().open('hawser.v1');
  socket().receive('{"op":"hello","v":1,"pingMs":30000}');
  await pass(clock, 20_000);
  socket().receive('{"op":"pong"}');
  await pass(clock, 29_999);
  assert.deepEqual(frames(), []);
  await pass(clock, 1);
  assert.deepEqual(frames(), [{ op: 'ping' }]);
  await pass(clock, 4_000);
  socket().receive('{"op":"pong"}');
  await pass(clock, 31_000);
  assert.deepEqual(frames(), [{ op: 'ping' }]);
  await pass(clock, 5_000);
  assert.deepEqual(told.at(-1), [
    'retry',
    { attempt: 1, delayMs: 2_550, close: { code: 1006, reason: 'no answer to a ping', wasClean: false } },
  ]);
  sockets[0]!.end();
  assert.equal(names(told).filter((name) => name === 'down').length, 1);
});

test('RC-07 RC-05: after a frozen time the client asks once more before it gives the connection up', async (t) => {
  const { clock, socket, driver, frames } = await openPage(t, V1);
  socket().open('hawser.v1');
  socket().receive('{"op":"hello","v":1,"pingMs":30000}');
  clock.setWall(clock.wallNow() + 3_600_000);
  await pass(clock, 30_000);
  assert.deepEqual(frames(), [{ op: 'ping' }]);
  clock.setWall(clock.wallNow() + 3_600_000);
  await pass(clock, 5_000);
  assert.deepEqual([frames(), driver.series.state], [[{ op: 'ping' }], 'open']);
  await pass(clock, 5_000);
  assert.equal(driver.series.state, 'waiting');
});

for (const signal of ['online', 'offline', 'visibilitychange', 'resume', 'pageshow'] as const) {
  test(`RC-07 RC-05: ${signal} asks an open connection for a sign of life at once`, async (t) => {
    const { driver, clock, socket, frames, scope, page } = await openPage(t, V1);
    const fire = (): void => {
      scope.fire(signal, { persisted: true });
      page.fire(signal);
    };
    socket().open('hawser.v1');
    socket().receive('{"op":"hello","v":1,"pingMs":30000}');
    fire();
    fire();
    assert.deepEqual(frames(), [{ op: 'ping' }]);
    socket().receive('{"op":"pong"}');
    await pass(clock, 5_000);
    assert.equal(driver.series.state, 'open');
    socket().readyState = 3;
    fire();
    assert.equal(driver.series.state, 'waiting', 'the browser closed it without an event');
    fire();
    await pass(clock, 550);
    assert.equal(driver.series.state, signal === 'offline' ? 'waiting' : 'connecting');
  });
}

test('RC-07: a page that is hidden or new is no signal, and a plain connection cannot be asked', async (t) => {
  const { driver, clock, socket, frames, scope, page } = await openPage(t);
  page.visibilityState = 'hidden';
  socket().open();
  page.fire('visibilitychange');
  scope.fire('pageshow', { persisted: false });
  scope.fire('online');
  await pass(clock, 3_600_000);
  assert.deepEqual([frames(), driver.series.state], [[], 'open']);
});

test('RC-07 RC-06: topics, requests and messages work over hawser.v1', async (t) => {
  const { driver, socket, frames, told } = await openPage(t, V1);
  const topics = driver.topicsFor('client.topic');
  const room = topics.topic('room', undefined);
  const seen: unknown[] = [];
  room.on('message', (message) => void seen.push(message));
  driver.send('to the application');
  const asked = topics.request('price', 7, undefined);
  socket().open('hawser.v1');
  const [subscribe, request, message] = frames();
  assert.deepEqual(subscribe, { op: 'subscribe', topic: 'room', id: 2 });
  assert.deepEqual(request, { op: 'request', name: 'price', data: '7', id: 1 });
  assert.deepEqual(message, { op: 'message', data: 'to the application' });
  socket().receive('{"op":"ok","id":2,"epoch":"e","offset":0}');
  socket().receive('{"op":"message","topic":"room","offset":1,"data64":"AAH/"}');
  socket().receive('{"op":"reply","id":1,"data":"1"}');
  socket().receive('{"op":"message","data":"from the application"}');
  assert.deepEqual([seen, await asked], [[Uint8Array.of(0, 1, 255)], 1]);
  assert.deepEqual(told, [['open'], ['message', 'from the application', true]]);
  void room.publish(new Uint8Array(20_000)).catch(() => {});
  const { data64 } = frames()[0] as { data64: string };
  assert.equal(Buffer.from(data64, 'base64').length, 20_000);
  assert.throws(() => void room.publish(7 as never), { code: 'ERR_ARGUMENT' });
});

test('RC-07 RC-06: a publish while the connection ends is sent on the next one', async (t) => {
  const { driver, socket, frames, clock } = await openPage(t, V1);
  const topics = driver.topicsFor('client.topic');
  const room = topics.topic('room', undefined);
  socket().open('hawser.v1');
  socket().receive('{"op":"ok","id":1}');
  socket().readyState = 2;
  const published = room.publish('x');
  published.catch(() => {});
  socket().end(1012);
  await pass(clock, 3_000);
  socket().open('hawser.v1');
  assert.deepEqual(
    frames().map(({ op }) => op),
    ['subscribe', 'publish'],
  );
  socket().receive('{"op":"ok","id":2}');
  assert.deepEqual(await published, {});
});

for (const data of ['{', new ArrayBuffer(1)]) {
  test(`RC-07 HI-01: a server that breaks hawser.v1 with ${typeof data} is left for good`, async (t) => {
    const { socket, told } = await openPage(t, V1);
    socket().open('hawser.v1');
    socket().receive(data);
    assert.deepEqual(socket().closes, [[4002, '']]);
    const [name, error] = told[1] as [string, OperationError];
    assert.deepEqual([name, error.code], ['error', 'protocol']);
  });
}

test('RC-07: without hawser.v1 topics throw with the fix; a server that does not choose it is an error', async (t) => {
  const plain = await openPage(t, { protocols: ['chat'] });
  assert.throws(() => plain.driver.topicsFor('client.topic'), {
    code: 'ERR_STATE',
    message: /protocols: \['hawser\.v1'\]/,
  });
  const { driver, socket, told } = await openPage(t, V1);
  const asked = driver.topicsFor('client.request').request('x', undefined, undefined);
  socket().open('');
  await assert.rejects(asked, { code: 'no-protocol' });
  socket().receive('plain');
  assert.deepEqual(told, [['open'], ['message', 'plain', true]]);
  const late = await openPage(t, { protocols: () => ['hawser.v1'] });
  late.socket().open('');
  const topics = late.driver.topicsFor('client.topic');
  await assert.rejects(topics.request('x', undefined, undefined), { code: 'no-protocol' });
});

test('RC-07 RC-04: messages over the limits are dropped, counted and reported', async (t) => {
  const { driver, socket, told, reported } = await openPage(
    t,
    { offlineQueue: false, maxBufferedBytes: 10 },
    undefined,
    ['message', 'error'],
  );
  assert.equal(driver.send('no queue'), false);
  socket().open();
  socket().bufferedAmount = 11;
  assert.equal(driver.send('too much'), false);
  assert.deepEqual(told.slice(0, 3), [
    ['unsent', { bytes: 8, why: 'offline' }],
    ['open'],
    ['unsent', { bytes: 8, why: 'full' }],
  ]);
  for (let i = 0; i < 1_002; i++) socket().receive(String(i));
  assert.equal(driver.droppedMessages, 4);
  assert.deepEqual(
    reported.map((error) => (error as OperationError).code),
    ['slow-consumer'],
  );
  const loop = driver.feed.loop('client');
  for (let i = 0; i < 1_000; i++) assert.equal((await loop.next()).value, String(i));
  assert.throws(() => driver.send({} as never), MisuseError);
});

test('RC-07: listeners that throw are reported, and an abort ends the client at once', async (t) => {
  const leaving = new AbortController();
  const { driver, socket, reported, told } = await openPage(t, { signal: leaving.signal }, undefined, [
    'error',
  ]);
  driver.listeners.add(
    'message',
    () => {
      throw new Error('broken');
    },
    false,
  );
  socket().open();
  socket().receive('x');
  const [error] = reported as OperationError[];
  assert.deepEqual([error!.code, (error!.cause as Error).message], ['handler', 'broken']);
  driver.listeners.add('error', () => Promise.reject(new Error('again')), false);
  socket().receive('x');
  await eventLoopTurns(2);
  assert.equal(reported.length, 2);
  leaving.abort();
  assert.deepEqual(told.at(-1), ['close', { why: 'abort' }]);
  const aborted = await openPage(t, { signal: AbortSignal.abort() });
  assert.deepEqual([aborted.sockets.length, names(aborted.told)], [0, ['close']]);
});

test('RC-07: a closing handshake without an answer ends after 5 s; an abort ends it at once', async (t) => {
  const { driver, clock, socket, told } = await openPage(t);
  socket().open();
  driver.close(1000, '');
  await pass(clock, 5_000);
  assert.deepEqual(told.at(-1), ['close', { why: 'close' }]);
  const other = await openPage(t);
  other.socket().open();
  other.driver.close(1000, '');
  other.driver.series.stop({ why: 'abort' });
  assert.equal(other.driver.series.state, 'closed');
  const early = await openPage(t);
  early.driver.close(1000, '');
  assert.deepEqual(early.told, [['close', { why: 'close' }]]);
});

test('RC-07 GN-02: options and arguments are checked, and a token is never shown', async (t) => {
  const { driver } = await openPage(t);
  for (const [code, reason] of [
    [1001, ''],
    ['x', ''],
    [1000, 'x'.repeat(124)],
    [1000, 1],
  ] as [number, string][])
    assert.throws(() => driver.close(code, reason), { code: 'ERR_ARGUMENT' });
  for (const [options, message] of [
    [{ protocol: ['x'] }, /no option "protocol"/],
    [{ protocols: 'x' }, /protocols is "x"; it must be an array/],
    [{ protocols: ['a b'] }, /protocols/],
    [{ token: 'secret token' }, /token must be an HTTP token/],
    [{ baseDelayMs: 0 }, /baseDelayMs is 0/],
    [{ baseDelayMs: 31_000 }, /at most maxDelayMs, which is 30000/],
    [{ maxAttempts: true }, /or false/],
    [{ offlineQueue: true }, /offlineQueue is true/],
    [{ offlineQueue: { maxBites: 1 } }, /no option "maxBites"/],
    [{ signal: 1 }, /AbortSignal/],
  ] as const)
    assert.throws(
      () => new ReconnectingClient('ws://a.example/', options as never),
      (error: MisuseError) => {
        assert.equal(error.code, 'ERR_OPTION');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  assert.throws(() => new ReconnectingClient(7 as never), { code: 'ERR_ARGUMENT' });
  assert.throws(() => new (ReconnectingClient as new (...args: unknown[]) => unknown)('ws://a/', {}, 1), {
    code: 'ERR_ARGUMENT',
  });
});
