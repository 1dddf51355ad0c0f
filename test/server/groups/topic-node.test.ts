import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientConnection, connect, WebSocketServer } from '../../../src/index.ts';
import type { Relayed } from '../../../src/server/groups/topic-node.ts';
import { shutDown, shutdownSettings } from '../../../src/server/shutdown.ts';
import { close, eventLoopTurns, selfSigned, waitUntil } from '../../../src/testing/index.ts';
import { at, controlled, idleEngine, topicMessage } from '../../cluster/hawser-v1/fake-node.ts';
import { live, nextText } from '../live.ts';

test('SC-12 a shutdown removes the members before the first connection closes, and stops the node after the last', async (t) => {
  const { core, greeted, node } = controlled(t, { authorizeSubscribe: () => ({ presence: {} }) });
  const { sends, gets, raw } = await greeted();
  sends({ op: 'subscribe', id: 1, topic: 'news' });
  await waitUntil(() => node().resumes.length === 1);
  node().resumes[0]!.waiter.resumed(
    { recovered: false, position: at(0), missed: [], run: undefined },
    () => {},
  );
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
  begun!.waiter.resumed({ recovered: false, position: at(0), missed: [], run: undefined }, () => {});
  await Promise.allSettled(pending);
  node().owner.engineFault(new Error('as a test'));
  node().owner.lost('c', at(3));
  const values = ['recovered', 'not-recovered', 'busy', 'unavailable', 'lost'].map((result) =>
    Number(new RegExp(`recoveries_total\\{[^}]*result="${result}"\\} (\\d+)`).exec(core.metrics())?.[1]),
  );
  assert.deepEqual(values, [0, 0, 1, 1, 1]);
  assert.match(core.metrics(), /hawser_engine_errors_total(?:\{[^}]*\})? 1\n/);
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
  const { relayed, ...counts } = one.connection.publish('news', 'a');
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
  const { joins, core, node } = controlled(t, { history: [], cluster: idleEngine });
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

test('BP-15 with an engine a key is refused unless local is true, before a subscriber gets the message', async (t) => {
  const { joins, core, node } = controlled(t, { history: [], cluster: idleEngine, onOverflow: 'conflate' });
  const { connection, all } = await joins('chat');
  node().hasHistory = () => false;
  connection.subscribe('t');
  assert.throws(() => core.groups.publish(undefined, 't', '1', { key: 'a' }), {
    code: 'ERR_OPTION',
    message: /key is "a"; .*local must be true/,
  });
  assert.equal(core.groups.publish(undefined, 't', '2', { key: 'a', local: true }).sent, 1);
  assert.deepEqual(await all(), [2]);
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
