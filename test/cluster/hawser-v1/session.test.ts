import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RequestError } from '../../../src/connection/request-error.ts';
import { messageStreams, type ServerOptions } from '../../../src/index.ts';
import { EngineError } from '../../../src/protocol/errors.ts';
import { eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { FakeNode, topicMessage } from './fake-node.ts';
import { type Fact, matches, v1Server, type V1Server } from './peer.ts';

const ANY: ServerOptions = { history: { match: '*' }, presence: { match: '*' } };
const subscribe = (id: number | string, topic: string, more: Fact = {}): Fact => ({
  op: 'subscribe',
  id,
  topic,
  ...more,
});
const publish = (id: number, topic: string, data: string): Fact => ({ op: 'publish', id, topic, data });
const ok = (id: number | string, topic: string): Fact => ({ op: 'ok', id, topic });
const error = (id: number | string, code: string, more: Fact = {}): Fact => ({
  op: 'error',
  id,
  code,
  message: '$',
  ...more,
});
const at = (offset: number) => ({ epoch: 'e', offset });

/** A server whose node the test controls; every topic has history and presence. */
function controlled(t: TestContext, options: ServerOptions = {}): V1Server & { node: () => FakeNode } {
  let node: FakeNode | undefined;
  const server = v1Server(t, { ...ANY, ...options }, (owner) => (node = new FakeNode(owner)));
  return { ...server, node: () => node! };
}

/** A promise, and what settles it. */
function deferred<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

test('HI-01 the first frame is hello, with the id of the connection and the interval of pings', async (t) => {
  const { joins } = v1Server(t, { pingIntervalMs: 20_000 });
  const peer = await joins();
  assert.deepEqual(await peer.gets(), { op: 'hello', v: 1, connection: peer.connection.id, pingMs: 20_000 });
  const silent = v1Server(t, { heartbeat: false });
  assert.equal((await (await silent.joins()).gets())['pingMs'], 0);
});

test('HI-01 a session refuses what would send or receive parts of a message', async (t) => {
  const { joins } = v1Server(t);
  const { connection } = await joins();
  const refused = { code: 'ERR_STATE', message: /hawser\.v1/ };
  await assert.rejects(connection.sendStream(['a', 'b']), refused);
  assert.throws(() => messageStreams(connection), refused);
});

test('HI-01 connections without the subprotocol are plain', async (t) => {
  const { joins, core } = v1Server(t);
  const peer = await joins('chat');
  peer.connection.subscribe('t');
  peer.connection.on('message', (message) => void peer.connection.send(message));
  peer.sends('{"op":"ping"}');
  core.groups.publish(undefined, 't', '"news"', undefined);
  assert.deepEqual(await peer.all(), ['news', { op: 'ping' }]);
  await assert.rejects(peer.connection.request('x'), { code: 'ERR_STATE' });
});

for (const [title, hook, says] of [
  [
    'throws',
    () => {
      throw new Error('as a test');
    },
    /as a test/,
  ],
  ['rejects', () => Promise.reject(new Error('as a test')), /as a test/],
  ['returns undefined', () => undefined, /authorizeSubscribe returned undefined/],
  ['returns a string', () => 'yes', /returned "yes"/],
  ['returns an unknown key', () => ({ presense: {} }), /unknown key presense/],
  ['returns an unknown key of presence', () => ({ presence: { id: 1 } }), /unknown key id/],
  [
    'returns a long key',
    () => ({ presence: { key: 'x'.repeat(129) } }),
    /presence\.key is not a string of 1 to 128/,
  ],
  ['returns info that is no JSON', () => ({ presence: { info: 1n } }), /presence\.info is not a JSON value/],
  [
    'returns presence for a topic without presence',
    () => ({ presence: {} }),
    /no rule of the option presence/,
  ],
] as const)
  test(`HI-02 authorizeSubscribe that ${title} refuses, and the failure is visible`, async (t) => {
    const { greeted, errors } = v1Server(t, { authorizeSubscribe: hook as () => boolean });
    const peer = await greeted();
    peer.sends(subscribe(1, 't'));
    matches(await peer.all(), [error(1, 'forbidden')]);
    assert.match(String(errors.shift()), says);
    peer.sends({ op: 'ping' });
    assert.deepEqual(await peer.all(), [{ op: 'pong' }]);
  });

test('HI-02 authorizePublish that throws or returns nonsense refuses, and the failure is visible', async (t) => {
  let hook = (): unknown => {
    throw new Error('as a test');
  };
  const { greeted, errors } = v1Server(t, { authorizePublish: () => hook() as boolean });
  const peer = await greeted();
  peer.sends(publish(1, 't', 'x'));
  matches(await peer.all(), [error(1, 'forbidden')]);
  hook = () => Promise.resolve({});
  peer.sends(publish(2, 't', 'x'));
  matches(await peer.all(), [error(2, 'forbidden')]);
  assert.deepEqual(
    errors.splice(0).map(({ message }) => message),
    ['as a test', 'authorizePublish returned an object; it must return true or false'],
  );
});

test('HI-02 a hook that never answers refuses after upgradeTimeoutMs; its answer afterwards changes nothing', async (t) => {
  const late = deferred<boolean>();
  const { greeted, errors, clock } = v1Server(t, {
    authorizeSubscribe: () => late.promise,
    upgradeTimeoutMs: 700,
  });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  clock.advance(699);
  assert.deepEqual(await peer.all(), []);
  clock.advance(1);
  matches(await peer.all(), [error(1, 'forbidden')]);
  assert.match(errors.shift()!.message, /no answer within 700 ms/);
  late.resolve(true);
  assert.deepEqual(await peer.all(), []);
  assert.equal(peer.connection.topics.size, 0);
});

test('HI-01 publishes of one topic keep their order, whatever the hook takes for each', async (t) => {
  const verdicts = [deferred<boolean>(), deferred<boolean>(), deferred<boolean>()];
  let asked = 0;
  const { greeted, core } = v1Server(t, {
    authorizePublish: (_, topic) => (topic === 'other' ? true : verdicts[asked++]!.promise),
  });
  const [peer, reader] = [await greeted(), await greeted()];
  reader.connection.subscribe('t');
  reader.connection.subscribe('other');
  peer.sends(
    publish(1, 't', 'one'),
    publish(2, 't', 'two'),
    publish(3, 't', 'three'),
    publish(4, 'other', 'four'),
  );
  assert.deepEqual(await peer.all(), [ok(4, 'other')], 'another topic does not wait');
  verdicts[2]!.resolve(true);
  verdicts[1]!.resolve(false);
  assert.deepEqual(await peer.all(), []);
  verdicts[0]!.resolve(true);
  matches(await peer.all(), [ok(1, 't'), error(2, 'forbidden'), ok(3, 't')]);
  assert.deepEqual(
    (await reader.all()).map(({ data }) => data),
    ['four', 'one', 'three'],
  );
  assert.equal(core.groups.topics.subscriberCount('t'), 1);
});

test('HI-01 an unsubscribe overtakes a subscribe: each id gets one answer, and the late verdict changes nothing', async (t) => {
  const verdict = deferred<boolean>();
  const { greeted, core } = v1Server(t, { authorizeSubscribe: () => verdict.promise });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'), { op: 'unsubscribe', id: 3, topic: 't' });
  matches(await peer.all(), [error(1, 'not-subscribed'), error(2, 'not-subscribed'), ok(3, 't')]);
  verdict.resolve(true);
  assert.deepEqual(await peer.all(), []);
  assert.equal(core.groups.topics.size, 0);
});

test('HI-01 an unsubscribe cancels a resume that waits for the engine', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'));
  await eventLoopTurns(8);
  peer.sends({ op: 'unsubscribe', id: 3, topic: 't' }, subscribe(4, 't', { since: at(1) }));
  matches(await peer.all(), [error(1, 'not-subscribed'), error(2, 'not-subscribed'), ok(3, 't')]);
  const [first, second] = node().resumes;
  assert.deepEqual([first!.isCancelled, second!.isCancelled, second!.since], [true, false, at(1)]);
  let sent = 0;
  second!.waiter.resumed({ recovered: true, position: at(1), missed: [topicMessage('t', 2)] }, () => sent++);
  assert.deepEqual(await peer.all(), [
    { op: 'ok', id: 4, topic: 't', recovered: true, epoch: 'e', offset: 1, missed: 1 },
    { op: 'message', topic: 't', offset: 2, data: 'm2' },
  ]);
  assert.equal(sent, 1, 'the node hears that the messages were written');
});

test('HI-08 busy has retryAfterMs; unavailable has no outcome; both answer those that wait, too', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'), subscribe(3, 'u'));
  await eventLoopTurns(8);
  node().resumes[0]!.waiter.failed('busy', 1_234);
  node().resumes[1]!.waiter.failed('unavailable', undefined);
  matches(await peer.all(), [
    error(1, 'busy', { retryAfterMs: 1_234 }),
    error(2, 'busy', { retryAfterMs: 1_234 }),
    error(3, 'unavailable'),
  ]);
});

test('HI-01 a publish tells the outcome when the engine is down, and too-big when the engine refuses', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(publish(1, 't', 'a'), publish(2, 't', 'b'), publish(3, 't', 'c'), publish(4, 't', 'd'));
  await eventLoopTurns(8);
  const [one, two, three, four] = node().publishes.splice(0);
  one!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_DOWN'), outcome: 'unknown' });
  two!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_FULL'), outcome: 'not-published' });
  three!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_REFUSED'), outcome: 'not-published' });
  four!.resolve({ ok: true, position: at(9) });
  matches(await peer.all(), [
    error(1, 'unavailable', { outcome: 'unknown' }),
    error(2, 'unavailable', { outcome: 'not-published' }),
    error(3, 'too-big'),
    { ...ok(4, 't'), ...at(9) },
  ]);
});

test('HI-01 the ok of a publish stands between the messages before and after it', async (t) => {
  const { greeted, node, core } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
  await peer.all();
  peer.sends(publish(2, 't', 'mine'));
  await eventLoopTurns(8);
  const { publisher, resolve } = node().publishes.shift()!;
  const except = peer.connection.id;
  const counts = node().owner.deliver('t', [
    topicMessage('t', 1),
    topicMessage('t', 2, 'mine', { except, publisher }),
    topicMessage('t', 3),
  ]);
  resolve({ ok: true, position: at(2) });
  assert.deepEqual(counts, { sent: 1, skipped: 0, failed: 0 });
  assert.deepEqual(await peer.all(), [
    { op: 'message', topic: 't', offset: 1, data: 'm1' },
    { ...ok(2, 't'), ...at(2) },
    { op: 'message', topic: 't', offset: 3, data: 'm3' },
  ]);
  assert.deepEqual(core.groups.topics.get('t')?.position, at(3));
});

test('HI-01 all sessions share one frame of a message, in one turn; plain subscribers get the payload', async (t) => {
  const { greeted, joins, node } = controlled(t);
  const peers = [await greeted(), await greeted(), await greeted()];
  for (const { sends } of peers) sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  for (const { waiter } of node().resumes)
    waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
  const plain = await joins('chat');
  plain.connection.subscribe('t');
  for (const peer of peers) await peer.all();
  const message = topicMessage('t', 1, '"x"');
  assert.deepEqual(node().owner.deliver('t', [message]), { sent: 4, skipped: 0, failed: 0 });
  const shared = message.wireFrame;
  assert.ok(shared);
  node().owner.deliver('t', [message]);
  assert.equal(message.wireFrame, shared, 'it is built once');
  for (const peer of peers)
    assert.deepEqual(
      await peer.all(),
      [1, 1].map((offset) => ({ op: 'message', topic: 't', offset, data: '"x"' })),
    );
  assert.deepEqual(await plain.all(), ['x', 'x']);
});

test('HI-05 lost reaches the sessions that follow the topic, before later messages', async (t) => {
  const { greeted, node } = controlled(t);
  const [peer, other] = [await greeted(), await greeted()];
  peer.sends(subscribe(1, 't'));
  other.sends(subscribe(1, 'u'));
  await eventLoopTurns(8);
  for (const { waiter } of node().resumes)
    waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
  await Promise.all([peer.all(), other.all()]);
  const position = { epoch: 'f', offset: 4 };
  node().owner.lost('t', position);
  node().owner.deliver('t', [topicMessage('t', 5, 'x', { position: { epoch: 'f', offset: 5 } })]);
  assert.deepEqual(await peer.all(), [
    { op: 'lost', topic: 't', ...position },
    { op: 'message', topic: 't', offset: 5, data: 'x' },
  ]);
  assert.deepEqual(await other.all(), []);
});

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

test('HI-01 limit: maxTopicsPerConnection topics, those that the application chose included', async (t) => {
  const { greeted } = v1Server(t, { maxTopicsPerConnection: 2 });
  const peer = await greeted();
  peer.connection.subscribe('own');
  peer.sends(
    subscribe(1, 'a'),
    subscribe(2, 'b'),
    { op: 'unsubscribe', id: 3, topic: 'own' },
    subscribe(4, 'b'),
  );
  matches(await peer.all(), [ok(1, 'a'), error(2, 'limit'), ok(3, 'own'), ok(4, 'b')]);
});

test('HI-07 limit: a member of 16 topics', async (t) => {
  const { greeted, node, core } = controlled(t, {
    history: [],
    authorizeSubscribe: () => ({ presence: {} }),
  });
  const peer = await greeted();
  for (let i = 0; i < 17; i++) peer.sends(subscribe(i, `t${i}`));
  matches(
    await peer.all(),
    Array.from({ length: 17 }, (_, i) => (i === 16 ? error(i, 'limit') : ok(i, `t${i}`))),
  );
  assert.equal(core.groups.topics.size, 16);
  assert.equal(
    node()
      .taken()
      .filter((call) => call.startsWith('enter')).length,
    16,
  );
});

test('HI-07 a member enters with key and info, before the ok; unsubscribing leaves', async (t) => {
  const { greeted, node } = controlled(t, {
    history: [],
    authorizeSubscribe: (connection) =>
      Promise.resolve({ presence: { key: `u${connection.id.length}`, info: { name: 'Ada' } } }),
  });
  const [peer, closing] = [await greeted(), await greeted()];
  peer.sends(subscribe(1, 't', { presence: true }));
  matches(await peer.all(), [ok(1, 't')]);
  assert.deepEqual(node().taken(), ['start', 'subscribe t', 'enter t u36 {"name":"Ada"}', 'watch t']);
  closing.sends(subscribe(1, 't'));
  await closing.all();
  closing.connection.terminate();
  peer.sends({ op: 'unsubscribe', id: 2, topic: 't' });
  matches(await peer.all(), [ok(2, 't')]);
  assert.deepEqual(node().taken(), [
    'enter t u36 {"name":"Ada"}',
    'leave t',
    'leave t',
    'unwatch t',
    'unsubscribe t',
  ]);
});

test('HI-07 presence lists members; join and leave come to those that watch, as one shared frame', async (t) => {
  const { greeted, node } = controlled(t, { history: [] });
  const [one, two, other] = [await greeted(), await greeted(), await greeted()];
  const member = { key: 'u7', info: { name: 'Ada' }, since: new Date(1_790_000_000_000), connections: 1 };
  for (const { sends } of [one, two]) sends(subscribe(1, 't', { presence: true }));
  other.sends(
    subscribe(1, 't'),
    subscribe(2, 't', { presence: true }),
    subscribe(3, 't', { presence: true }),
  );
  for (const peer of [one, two, other]) await peer.all();
  assert.equal(
    node()
      .taken()
      .filter((call) => call === 'watch t').length,
    3,
    'each session watches once',
  );
  node().owner.joined('t', member);
  node().owner.left('t', member);
  node().owner.counted('t', { count: 5_000 });
  node().owner.counted('t', { count: 1, members: [member] });
  for (const peer of [one, two, other])
    assert.deepEqual(await peer.all(), [
      { op: 'join', topic: 't', member: { ...member, since: 1_790_000_000_000 } },
      { op: 'leave', topic: 't', key: 'u7' },
      { op: 'presence', topic: 't', count: 5_000 },
      { op: 'presence', topic: 't', count: 1, members: [{ ...member, since: 1_790_000_000_000 }] },
    ]);
  node().list = { count: 2, members: [member] };
  one.sends({ op: 'presence', id: 5, topic: 't' }, { op: 'presence', id: 6, topic: 'elsewhere' });
  matches(
    await one.all(),
    [5, 6].map((id) => ({ op: 'ok', id, count: 2, members: [{ ...member, since: 1_790_000_000_000 }] })),
  );
  node().list = { count: 5_000 };
  one.sends({ op: 'presence', id: 7, topic: 't' });
  assert.deepEqual(await one.all(), [{ op: 'ok', id: 7, count: 5_000 }]);
  node().list = new EngineError('ERR_ENGINE_DOWN');
  one.sends({ op: 'presence', id: 8, topic: 't' });
  matches(await one.all(), [error(8, 'unavailable')]);
});

test('HI-01 malformed frames close only if 10 of them come within a minute', async (t) => {
  const { greeted, clock } = v1Server(t, { heartbeat: false, idleTimeoutMs: false });
  const peer = await greeted();
  for (let i = 0; i < 12; i++) {
    peer.sends('x');
    await peer.all();
    clock.advance(6_700);
  }
  assert.equal(peer.connection.state, 'open');
  peer.sends(...Array.from({ length: 9 }, () => 'x'));
  assert.deepEqual((await peer.all()).at(-1), { close: 1008 });
  assert.equal(peer.connection.state, 'closing');
});

test('HI-01 a connection that closes while it waits leaves nothing behind, and no answer is made for it', async (t) => {
  const verdict = deferred<boolean>();
  const { greeted, node, core } = controlled(t, { authorizePublish: () => verdict.promise });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), publish(2, 't', 'x'), publish(3, 't', 'y'));
  await eventLoopTurns(8);
  const asked = peer.connection.request('x');
  peer.connection.terminate();
  await assert.rejects(asked, { code: 'ERR_CLOSED' });
  assert.equal(node().resumes[0]!.isCancelled, true);
  verdict.resolve(true);
  await eventLoopTurns(4);
  assert.deepEqual(node().taken(), ['start', 'resume t'], 'nothing is published for it');
  assert.equal(core.groups.topics.size, 0);
});

test('HI-01 the application sends and broadcasts to a session as message frames, and subscribes it', async (t) => {
  const { greeted, joins, core } = v1Server(t);
  const [peer, plain] = [await greeted(), await joins('chat')];
  assert.equal(peer.connection.subscribe('t'), true);
  peer.connection.send('"grüße"');
  peer.connection.send(Buffer.from([0, 255, 16]));
  peer.connection.send(Buffer.from('text'), { binary: false });
  core.groups.broadcast('{"all":1}', undefined);
  core.groups.publish(undefined, 't', 'news', undefined);
  core.groups.publish(undefined, 't', 'odd', { where: () => false });
  assert.deepEqual(await peer.all(), [
    { op: 'message', data: '"grüße"' },
    { op: 'message', data64: 'AP8Q' },
    { op: 'message', data: 'text' },
    { op: 'message', data: '{"all":1}' },
    { op: 'message', topic: 't', data: 'news' },
  ]);
  assert.deepEqual(await plain.all(), [{ all: 1 }]);
  assert.throws(() => peer.connection.send(7 as never), { code: 'ERR_ARGUMENT' });
});

test('HI-01 message frames reach the listeners of the application, as text and as bytes', async (t) => {
  for (const textAs of ['string', 'buffer'] as const) {
    const { greeted, emitter } = v1Server(t, { textAs });
    const peer = await greeted();
    const seen: unknown[] = [];
    emitter.on('message', (_, message, isText) => void seen.push([message, isText]));
    peer.sends({ op: 'message', data: 'hi' }, { op: 'message', data64: 'AP8Q' });
    await waitUntil(() => seen.length === 2);
    assert.deepEqual(seen, [
      [textAs === 'string' ? 'hi' : Buffer.from('hi'), true],
      [Buffer.from([0, 255, 16]), false],
    ]);
  }
});

const schema = (validate: (value: unknown) => unknown) =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as never;

test('HI-09 a request gets the JSON of what the handler returns, at once or later', async (t) => {
  const { greeted, core, errors } = v1Server(t);
  const { handlers } = core.topics;
  handlers.set('double', (_, data: never) => (data as number) * 2, undefined);
  handlers.set('later', (connection, data) => Promise.resolve([connection.id.length, data]), undefined);
  handlers.set('nothing', () => {}, undefined);
  handlers.set('fails', () => Promise.reject(new Error('secret')), undefined);
  handlers.set('function', () => () => {}, undefined);
  const peer = await greeted();
  const ask = async (id: number, name: string, data?: string): Promise<Fact[]> => {
    peer.sends({ op: 'request', id, name, data });
    return peer.all();
  };
  assert.deepEqual(await ask(1, 'double', '21'), [{ op: 'reply', id: 1, data: '42' }]);
  assert.deepEqual(await ask(2, 'later', '"x"'), [{ op: 'reply', id: 2, data: '[36,"x"]' }]);
  assert.deepEqual(await ask(3, 'later'), [{ op: 'reply', id: 3, data: '[36,null]' }]);
  assert.deepEqual(await ask(4, 'nothing', '1'), [{ op: 'reply', id: 4, data: 'null' }]);
  assert.deepEqual(await ask(5, 'fails', '1'), [
    { op: 'error', id: 5, code: 'failed', message: 'the handler failed' },
  ]);
  assert.deepEqual(await ask(6, 'function', '1'), [
    { op: 'error', id: 6, code: 'failed', message: 'the handler failed' },
  ]);
  matches(await ask(7, 'double', '{'), [error(7, 'invalid')]);
  assert.deepEqual(
    errors.splice(0).map(({ message }) => message),
    ['secret', 'the handler returned function; it must return a JSON value'],
  );
  assert.throws(() => handlers.set('double', () => 1, undefined), { code: 'ERR_STATE' });
});

test('HI-09 a schema checks the data, at once or later, and may change it', async (t) => {
  const { greeted, core, errors } = v1Server(t);
  const { handlers } = core.topics;
  const asNumber = (value: unknown) =>
    typeof value === 'string'
      ? { value: Number(value) }
      : { issues: [{ message: 'must be text', path: ['a', { key: 0 }] }, { message: 'and more' }] };
  handlers.set('now', (_, data: never) => data, { schema: schema(asNumber) });
  handlers.set('later', (_, data: never) => data, {
    schema: schema((value) => Promise.resolve(asNumber(value))),
  });
  handlers.set('broken', () => 1, { schema: schema(() => Promise.reject(new Error('broken'))) });
  const peer = await greeted();
  for (const name of ['now', 'later']) {
    peer.sends({ op: 'request', id: 1, name, data: '"7"' }, { op: 'request', id: 2, name, data: '7' });
    assert.deepEqual((await peer.all()).toSorted(byId), [
      { op: 'reply', id: 1, data: '7' },
      { op: 'error', id: 2, code: 'invalid', message: 'a.0: must be text; and more' },
    ]);
  }
  peer.sends({ op: 'request', id: 3, name: 'broken', data: '1' });
  matches(await peer.all(), [error(3, 'failed')]);
  assert.equal(errors.shift()?.message, 'broken');
});

const byId = (a: Fact, b: Fact): number => (a['id'] as number) - (b['id'] as number);

test('HI-09 a handler that takes too long gives timeout; 16 of them stop reading until then', async (t) => {
  const { greeted, core, clock } = v1Server(t);
  const late = deferred<number>();
  core.topics.handlers.set('slow', () => late.promise, { timeoutMs: 500 });
  const peer = await greeted();
  peer.sends(...Array.from({ length: 16 }, (_, id) => ({ op: 'request', id, name: 'slow', data: '1' })), {
    op: 'ping',
  });
  assert.deepEqual(await peer.all(), []);
  clock.advance(500);
  matches(
    await peer.all(),
    [...Array.from({ length: 16 }, (_, id) => error(id, 'timeout')), { op: 'pong' }].sort(pongSecond),
  );
  late.resolve(1);
  assert.deepEqual(await peer.all(), []);
});

/** The first answer lets the server read on: the pong comes right after it. */
const pongSecond = (a: Fact, b: Fact): number => place(a) - place(b);
const place = ({ op, id }: Fact): number => (op === 'pong' ? 0.5 : (id as number));

test('HI-09 the server asks the client: reply, errors, timeout, abort, limit', async (t) => {
  const { greeted, clock } = v1Server(t);
  const { connection, sends, all } = await greeted();
  const reply = connection.request('colour', { of: 'sky' });
  assert.deepEqual(await all(), [{ op: 'request', id: 's1', name: 'colour', data: '{"of":"sky"}' }]);
  sends({ op: 'reply', id: 's1', data: '"blue"' });
  assert.equal(await reply, 'blue');

  for (const [code, expected] of [
    ['no-handler', 'no-handler'],
    ['busy', 'failed'],
  ] as const) {
    const failing = connection.request('x');
    const [request] = await all();
    sends({ op: 'error', id: request!['id'], code });
    await assert.rejects(
      failing,
      (failure: RequestError) => failure instanceof RequestError && failure.code === expected,
    );
  }
  const broken = connection.request('x');
  sends({ op: 'reply', id: (await all())[0]!['id'], data: '{' });
  await assert.rejects(broken, { code: 'invalid' });
  const empty = connection.request('x');
  sends({ op: 'reply', id: (await all())[0]!['id'] });
  assert.equal(await empty, undefined);

  const slow = connection.request('x', 1, { timeoutMs: 300 });
  const abort = new AbortController();
  const aborted = connection.request('x', 1, { signal: abort.signal });
  const given = connection.request('x', 1, { signal: AbortSignal.abort(new Error('given up')) });
  await assert.rejects(given, /given up/);
  abort.abort(new Error('changed my mind'));
  await assert.rejects(aborted, /changed my mind/);
  clock.advance(300);
  await assert.rejects(slow, { code: 'timeout', message: /within 300 ms/ });
  await assert.rejects(connection.request('x', 1n), { code: 'ERR_ARGUMENT' });

  const open = Array.from({ length: 16 }, () => connection.request('x'));
  await assert.rejects(connection.request('x'), { code: 'ERR_STATE', message: /16 requests/ });
  connection.terminate();
  for (const each of open) await assert.rejects(each, { code: 'ERR_CLOSED' });
  await assert.rejects(connection.request('x'), { code: 'ERR_CLOSED' });
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
    node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
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

test('HI-01 a client that the application subscribes learns its position from lost, at the latest with the first message', async (t) => {
  const { greeted, node } = controlled(t);
  const [one, two] = [await greeted(), await greeted()];
  one.connection.subscribe('t');
  two.connection.subscribe('t');
  const [first, second] = node().resumes;
  first!.waiter.resumed({ recovered: false, position: at(4), missed: [] }, () => {});
  node().owner.deliver('t', [topicMessage('t', 5)]);
  second!.waiter.failed('busy', 500);
  node().owner.deliver('t', [topicMessage('t', 6)]);
  for (const peer of [one, two])
    assert.deepEqual(await peer.all(), [
      { op: 'lost', topic: 't', ...at(4) },
      { op: 'message', topic: 't', offset: 5, data: 'm5' },
      { op: 'message', topic: 't', offset: 6, data: 'm6' },
    ]);
  // Neither a subscription that has ended nor one that the client has begun meanwhile gets it.
  one.connection.subscribe('u');
  one.connection.unsubscribe('u');
  two.connection.subscribe('u');
  two.sends(subscribe(1, 'u'));
  await eventLoopTurns(8);
  const [ended, replaced, begun] = node().resumes.slice(2);
  begun!.waiter.resumed({ recovered: false, position: at(7), missed: [] }, () => {});
  for (const { waiter } of [ended!, replaced!])
    waiter.resumed({ recovered: false, position: at(7), missed: [] }, () => {});
  assert.deepEqual(
    [(await one.all()).map(({ op }) => op), (await two.all()).map(({ op }) => op)],
    [['unsubscribed'], ['ok']],
  );
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
    node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
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
