import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Engine } from '../../../src/cluster/engine.ts';
import {
  type ClientConnection,
  connect,
  type LogFields,
  type Logger,
  type ServerOptions,
  WebSocketServer,
} from '../../../src/index.ts';
import type { Relayed, TopicNode } from '../../../src/server/groups/topic-node.ts';
import { shutDown, shutdownSettings } from '../../../src/server/shutdown.ts';
import { close, eventLoopTurns, selfSigned, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { FakeNode, topicMessage } from '../../cluster/hawser-v1/fake-node.ts';
import { v1Server, type V1Server } from '../../cluster/hawser-v1/peer.ts';
import { live, nextText } from '../live.ts';

const ANY: ServerOptions = { history: { match: '*' }, presence: { match: '*' } };
const at = (offset: number) => ({ epoch: 'e', offset });

function controlled(t: TestContext, options: ServerOptions = {}): V1Server & { node: () => FakeNode } {
  let node: FakeNode | undefined;
  const server = v1Server(t, { ...ANY, ...options }, (owner) => (node = new FakeNode(owner)));
  return { ...server, node: () => node! };
}

/** An object with the methods of an engine. The node that a test controls does not call it. */
const engine = Object.fromEntries(
  [
    'start',
    'stop',
    'publish',
    'interest',
    'read',
    'positions',
    'enter',
    'leave',
    'members',
    'beat',
    'tell',
    'reconnect',
  ].map((name) => [name, () => Promise.resolve()]),
) as unknown as Engine;
Object.assign(engine, { name: 'fake', capabilities: { history: true, presence: true } });

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

test('SC-12 a shutdown removes the members before the first connection closes, and stops the node after the last', async (t) => {
  const { core, greeted, node } = controlled(t, { authorizeSubscribe: () => ({ presence: {} }) });
  const { sends, gets, raw } = await greeted();
  sends({ op: 'subscribe', id: 1, topic: 'news' });
  await waitUntil(() => node().resumes.length === 1);
  node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
  assert.equal((await gets())['op'], 'ok');
  node().taken();
  let retired = (): void => {};
  node().retire = () => {
    node().calls.push('retire');
    return new Promise((resolve) => {
      retired = resolve;
    });
  };
  const shutdown = shutDown(core, shutdownSettings(undefined), undefined);
  await eventLoopTurns(3);
  assert.deepEqual([node().taken(), raw.received.length], [['retire'], 0], 'clients are open until then');
  Reflect.deleteProperty(node(), 'retire');
  retired();
  assert.deepEqual(await gets(), { close: 1001 });
  raw.send(close(1001));
  await eventLoopTurns(3);
  raw[Symbol.dispose]();
  await shutdown;
  await core.topics.stop();
  assert.deepEqual(node().taken(), ['leave news', 'unsubscribe news', 'stop']);
});

test('MT-01 engine errors, failed resumes and lost messages are counted; a resume without a position is not', async (t) => {
  const { core, joins, node } = controlled(t);
  const { connection } = await joins('chat');
  const pending = ['a', 'b', 'c'].map((topic) =>
    connection.subscribeFrom(topic, topic === 'c' ? undefined : at(1)),
  );
  const [busy, down, begun] = node().resumes;
  busy!.waiter.failed('busy', 500);
  down!.waiter.failed('unavailable', undefined);
  begun!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
  await Promise.allSettled(pending);
  node().owner.engineFault(new Error('as a test'));
  node().owner.lost('c', at(3));
  const values = ['recovered', 'not-recovered', 'busy', 'unavailable', 'lost'].map((result) =>
    Number(new RegExp(`recoveries_total\\{[^}]*result="${result}"\\} (\\d+)`).exec(core.metrics())?.[1]),
  );
  assert.deepEqual(values, [0, 0, 1, 1, 1]);
  assert.match(core.metrics(), /hawser_engine_errors_total(?:\{[^}]*\})? 1\n/);
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
  node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => sent++);
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
    waiter.resumed({ recovered: false, position: at(2), missed: [] }, () => {});
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
    node().resumes[0]!.waiter.resumed({ recovered: false, position: at(0), missed: [] }, () => {});
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

test('HI-07 enter, leave, the close of a connection, presence and watch', async (t) => {
  const { joins, node, core, emitter } = controlled(t);
  const [one, two] = [await joins('chat'), await joins('chat')];
  assert.equal(one.connection.enter('t', { key: 'ada', info: { age: 36 } }), true);
  assert.equal(one.connection.enter('t'), true, 'again, with another key');
  assert.deepEqual([one.connection.leave('t'), one.connection.leave('t')], [true, false]);
  assert.deepEqual(node().taken(), [
    'start',
    'enter t ada {"age":36}',
    `enter t ${one.connection.id} undefined`,
    'leave t',
  ]);
  for (let i = 0; i < 17; i++) assert.equal(two.connection.enter(`t${i}`), i < 16);
  two.connection.terminate();
  assert.equal(
    node()
      .taken()
      .filter((call) => call.startsWith('leave')).length,
    16,
  );
  assert.equal(two.connection.enter('t'), false, 'it is closed');

  const events: unknown[] = [];
  emitter.on('join', (topic, member) => void events.push(['join', topic, member.key]));
  emitter.on('leave', (topic, member) => void events.push(['leave', topic, member.key]));
  const { presence } = core.groups;
  assert.deepEqual([presence.watch('t', core.topics), presence.watch('t', core.topics)], [true, false]);
  const member = { key: 'ada', info: 1, since: new Date(0), connections: 1 };
  node().owner.joined('t', member);
  node().owner.joined('other', member);
  node().owner.left('t', member);
  assert.deepEqual([presence.unwatch('t', core.topics), presence.unwatch('t', core.topics)], [true, false]);
  node().owner.joined('t', member);
  assert.deepEqual(events, [
    ['join', 't', 'ada'],
    ['leave', 't', 'ada'],
  ]);
  assert.deepEqual(node().taken(), ['watch t', 'unwatch t']);
});

test('TP-03 with history the counts are 0 at once, and relayed has position and counts; where and except apply', async (t) => {
  const { server, join } = live(t, { history: { match: 'news' } });
  const [one, two] = [await join(), await join()];
  for (const { connection } of [one, two]) connection.subscribe('news');
  const { relayed, ...counts } = one.connection.publish('news', 'a') as ReturnType<typeof server.publish>;
  assert.deepEqual(counts, { sent: 0, skipped: 0, failed: 0 });
  const result = (await relayed) as Relayed & { ok: true };
  assert.deepEqual(
    [result.ok, result.position?.offset, result.delivery],
    [true, 1, { sent: 1, skipped: 1, failed: 0 }],
  );
  const filtered = await server.publish('news', 'b', { where: ({ id }) => id === one.connection.id }).relayed;
  assert.deepEqual((filtered as Relayed & { ok: true }).delivery, { sent: 1, skipped: 1, failed: 0 });
  await server.publish('news', 'end').relayed;
  assert.deepEqual([await nextText(one.raw), await nextText(one.raw)], ['b', 'end']);
  assert.deepEqual([await nextText(two.raw), await nextText(two.raw)], ['a', 'end']);
  const many = Array.from({ length: 17 }, (_, i) => `id${i}`);
  assert.throws(() => server.publish('news', 'x', { except: many }), {
    code: 'ERR_OPTION',
    message: /at most 16 connections/,
  });
  assert.throws(() => server.publish('news', 'x', { local: true }), { code: 'ERR_OPTION', message: /local/ });
  assert.equal(server.publish('other', 'x', { except: many }).sent, 0);
  assert.equal(server.publish('other', 'x', { local: true }).relayed, undefined);
});

test('TP-03 with an engine where is refused unless local is true, before a subscriber gets the message', async (t) => {
  const { joins, core, node } = controlled(t, { history: [], cluster: engine });
  const { connection, all } = await joins('chat');
  node().hasHistory = () => false;
  connection.subscribe('t');
  const publish = (data: string, options?: object) => core.groups.publish(undefined, 't', data, options);
  assert.throws(() => publish('1', { where: () => true }), {
    code: 'ERR_OPTION',
    message: /a function cannot be sent/,
  });
  assert.throws(() => publish('2', { except: Array.from({ length: 17 }, (_, i) => `${i}`) }), {
    code: 'ERR_OPTION',
  });
  const local = publish('3', { where: () => true, local: true });
  assert.deepEqual(local, { sent: 1, skipped: 0, failed: 0 });
  const relayed = publish('4');
  assert.equal(relayed.sent, 1);
  assert.deepEqual(await all(), [3, 4]);
  assert.deepEqual(node().taken(), ['start', 'subscribe t', 'publish t 4']);
  node().publishes.shift()!.resolve({ ok: true });
  assert.deepEqual(await relayed.relayed, { ok: true });
  node().owner.deliver('t', [topicMessage('t', 0, '5', { position: undefined })]);
  assert.deepEqual(await all(), [5], 'a message of another server');
});

test('GN-17 a match function that throws or returns nonsense matches nothing, and is visible', async (t) => {
  let verdict: () => unknown = () => {
    throw new Error('as a test');
  };
  const { server, errors } = live(t, {
    history: [{ match: () => verdict() as boolean }, { match: 'z', maxMessages: 5 }],
  });
  assert.equal(server.publish('t', 'x').sent, 0);
  assert.match(String(errors.splice(0)[0]?.cause), /as a test/);
  verdict = () => 'yes';
  await server.publish('t', 'x').relayed;
  assert.match(String(errors.splice(0)[0]?.cause), /match returned "yes"/);
});

test('SC-07 engineDown and engineUp come once each, ready follows requireEngine, and the log has them', async (t) => {
  const lines: unknown[] = [];
  const log = (level: string) => (fields: LogFields, text: string) =>
    void lines.push([level, text, Object.keys(fields).join()]);
  const logger: Logger = { debug: () => {}, info: log('info'), warn: log('warn'), error: log('error') };
  const { core, node, emitter, joins } = controlled(t, { cluster: engine, requireEngine: true, logger });
  core.isReachable = () => true;
  assert.deepEqual(core.readiness().reasons, ['engine'], 'nothing is loaded yet');
  await joins('chat');
  assert.deepEqual(core.readiness(), { ready: true, reasons: [] });
  lines.length = 0;
  const events: unknown[] = [];
  emitter.on('engineDown', ({ message }) => void events.push(message));
  emitter.on('engineUp', (info) => void events.push(info));
  node().state = 'down';
  node().owner.engineDown(new Error('gone'));
  assert.deepEqual(core.readiness().reasons, ['engine']);
  node().state = 'up';
  node().owner.engineUp({ downMs: 12.5, gaps: 2 });
  node().owner.engineFault(new Error('odd'));
  node().owner.lost('t', at(1));
  assert.deepEqual(events, ['gone', { downMs: 12.5, gaps: 2 }]);
  assert.deepEqual(lines, [
    ['error', 'engine down', 'err'],
    ['info', 'engine up', 'downMs,gaps'],
    ['warn', 'a message of the engine was dropped, or a call of it failed', 'err'],
    ['warn', 'messages of a topic are missing for good', 'topic'],
  ]);
});

test('SC-07 calls before the node is loaded wait, and are made in order', async (t) => {
  const { core, node } = controlled(t);
  const gate = core.groups.node!;
  const position = gate.position('t');
  gate.subscribe('t');
  const published = core.groups.publish(undefined, 't', 'one', undefined).relayed!;
  const never = gate.resume('t', undefined, { resumed: assert.fail, failed: assert.fail });
  never();
  gate.resume('u', at(1), { resumed: assert.fail, failed: () => {} });
  gate.enter('t', 'id', 'key', 1);
  gate.watch('t');
  gate.unwatch('t');
  gate.leave('t', 'id');
  gate.unsubscribe('t');
  const members = gate.members('t');
  assert.equal(gate.state, 'alone');
  assert.deepEqual(await position, at(7));
  assert.deepEqual(await members, { count: 0, members: [] });
  assert.deepEqual(node().taken(), [
    'start',
    'subscribe t',
    'publish t one',
    'resume u',
    'enter t key 1',
    'watch t',
    'unwatch t',
    'leave t',
    'unsubscribe t',
  ]);
  node()
    .publishes.shift()!
    .resolve({ ok: true, position: at(1) });
  assert.deepEqual(await published, { ok: true, position: at(1) });
});

test('SC-07 a node that cannot be loaded fails every call, and refuses hawser.v1; the failure is visible', async (t) => {
  const failure = new Error('no such file');
  const { core, errors, joins } = v1Server(t, ANY, () => {
    throw failure;
  });
  const gate = core.groups.node!;
  const relayed = core.groups.publish(undefined, 't', 'x', undefined).relayed!;
  const refusals: unknown[] = [];
  gate.resume('t', undefined, { resumed: assert.fail, failed: (...given) => void refusals.push(given) });
  gate.subscribe('t');
  await assert.rejects(gate.position('t'), { code: 'ERR_ENGINE_DOWN' });
  assert.deepEqual(errors.splice(0), [failure]);
  const result = (await relayed) as Relayed & { ok: false };
  assert.deepEqual([result.ok, result.outcome], [false, 'not-published']);
  assert.deepEqual(refusals, [['unavailable', undefined]]);
  assert.equal(gate.state, 'alone');
  const { raw } = await joins();
  assert.equal((await raw.nextFrame()).payload.readUInt16BE(), 1011);
});

test('SD-02 shutdown stops the node after the last connection; a node that cannot stop is visible', async (t) => {
  const clock = new VirtualClock();
  const server = new WebSocketServer({ clock, history: { match: '*' }, protocols: ['hawser.v1'] });
  const errors: Error[] = [];
  server.on('error', (error) => void errors.push(error));
  t.after(() => server.shutdown());
  await server.publish('t', 'x').relayed;
  await server.shutdown();
  const after = (await server.publish('t', 'y').relayed) as Relayed & { ok: false };
  assert.deepEqual([after.ok, after.outcome], [false, 'not-published']);
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(errors, []);

  const { core, node, joins, errors: seen } = controlled(t);
  await joins('chat');
  (node() as TopicNode).stop = () => Promise.reject(new Error('as a test'));
  await core.topics.stop();
  Reflect.deleteProperty(node(), 'stop');
  assert.deepEqual(
    seen.splice(0).map(({ message }) => message),
    ['as a test'],
  );
});

test('HI-01 1,000 sessions over TLS and TCP resume at once, and each gets every message once', async (t) => {
  const { key, cert } = selfSigned(['127.0.0.1']);
  for (const tls of [undefined, { key, cert }]) {
    const server = new WebSocketServer({
      ...(tls === undefined ? {} : { tls }),
      protocols: ['hawser.v1'],
      history: { match: 'news' },
      authorizeSubscribe: (_, topic) => Promise.resolve(topic === 'news'),
    });
    t.after(() => server.shutdown({ timeoutMs: 1_000 }));
    const { port } = await server.listen(0, '127.0.0.1');
    for (let i = 1; i <= 20; i++) void server.publish('news', `m${i}`);
    const { epoch } = await server.position('news');
    const count = tls === undefined ? 1_000 : 50;
    const url = `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`;
    let done = 0;
    const clients: ClientConnection[] = [];
    const ca = tls?.cert;
    const open = async (): Promise<void> => {
      const client = await connect(url, {
        protocols: ['hawser.v1'],
        ...(ca === undefined ? {} : { tls: { ca } }),
      });
      clients.push(client);
      let next = 11;
      client.on('message', (message) => {
        const frame = JSON.parse(String(message)) as { op: string; offset?: number; missed?: number };
        if (frame.op === 'ok') assert.equal(frame.missed, 10);
        if (frame.op === 'message') assert.equal(frame.offset, next++);
        if (next === 22) done++;
      });
    };
    // The system queues 511 connections that are not accepted.
    for (let left = count; left > 0; left -= 50)
      await Promise.all(Array.from({ length: Math.min(50, left) }, open));
    for (const client of clients)
      client.send(JSON.stringify({ op: 'subscribe', id: 1, topic: 'news', since: { epoch, offset: 10 } }));
    await waitUntil(() => server.topics.subscriberCount('news') === count, { deadlineMs: 30_000 });
    await server.publish('news', 'm21').relayed;
    await waitUntil(() => done === count, { deadlineMs: 30_000 });
    for (const client of clients) client.terminate();
    await server.shutdown();
  }
});
