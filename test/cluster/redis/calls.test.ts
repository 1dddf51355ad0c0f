import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test, type TestContext } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import { connect, type NodeInfo, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { CLIENTS, ioredis, nodeRedis } from './clients.ts';
import { redis, serverChild, until } from './live.ts';
import { noRedis, type RedisServer } from './server.ts';

/** A server of the cluster, with a client that writes down what it gets. */
async function member(t: TestContext, { port: redisPort }: RedisServer, options: ServerOptions = {}) {
  const client = CLIENTS[members++ % 2]!.client(redisPort);
  const server = new WebSocketServer({ cluster: redisEngine({ client }), ...options });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => server.shutdown({ timeoutMs: 100 }));
  const join = async (protocols: readonly string[] = []) => {
    const known = new Set(server.connections);
    const peer = await connect(`ws://127.0.0.1:${port}/`, { protocols: [...protocols] });
    t.after(() => peer.terminate());
    const messages: string[] = [];
    peer.on('message', (message) => void messages.push(String(message)));
    await until('the connection', () => [...server.connections].some((one) => !known.has(one)));
    const connection = [...server.connections].find((one) => !known.has(one))!;
    return { peer, messages, connection };
  };
  return { server, cluster: server.cluster, join };
}
let members = 0;

const idsOf = (nodes: readonly NodeInfo[]): string[] => nodes.map(({ id }) => id).sort();

/** Waits until each server knows all of them. */
async function acquainted(...servers: readonly { cluster: WebSocketServer['cluster'] }[]): Promise<void> {
  for (const { cluster } of servers)
    await waitUntil(async () => (await cluster.nodes()).length === servers.length, { deadlineMs: 20_000 });
}

describe('calls', { skip: noRedis || ioredis.skip || nodeRedis.skip }, () => {
  test('SC-09 SC-08 three servers count subscribers, disconnect, broadcast and add up their statistics', async (t) => {
    const { server } = await redis(t);
    const [a, b, c] = [
      await member(t, server, { name: 'a' }),
      await member(t, server, { name: 'b' }),
      await member(t, server, { protocols: ['hawser.v1', 'plain'] }),
    ];
    await acquainted(a, b, c);
    const all = [a, b, c].map(({ cluster }) => cluster.nodeId).sort();
    assert.equal(new Set(all).size, 3);
    assert.equal(a.cluster.state, 'up');
    const nodes = await a.cluster.nodes();
    assert.deepEqual(idsOf(nodes), all);
    assert.deepEqual(
      [nodes[0]!.name, nodes[0]!.pid, nodes.find(({ id }) => id === b.cluster.nodeId)!.name],
      ['a', process.pid, 'b'],
    );

    const peers = [await a.join(), await b.join(), await b.join(), await c.join(['hawser.v1'])] as const;
    for (const { connection } of peers.slice(0, 3)) connection.subscribe('news');
    for (const one of [a, b, c]) {
      const { value, answered, missing } = await one.cluster.subscriberCount('news');
      assert.deepEqual([value, [...answered].sort(), missing], [3, all, []]);
      assert.equal(answered[0], one.cluster.nodeId);
    }
    assert.equal((await a.cluster.subscriberCount('nothing')).value, 0);

    const sent = await Promise.all(['x', 'y'].map((text) => a.cluster.broadcast(text)));
    sent.push(await b.cluster.broadcast(Buffer.from('bytes')));
    assert.deepEqual(
      sent.map(({ value, answered, missing }) => [value, answered, missing]),
      [
        [{ ok: true, delivery: { sent: 1, skipped: 0, failed: 0 } }, [a.cluster.nodeId], []],
        [{ ok: true, delivery: { sent: 1, skipped: 0, failed: 0 } }, [a.cluster.nodeId], []],
        [{ ok: true, delivery: { sent: 2, skipped: 0, failed: 0 } }, [b.cluster.nodeId], []],
      ],
    );
    for (const { messages } of peers.slice(0, 3)) {
      await until('the broadcasts', () => messages.length === 3);
      assert.deepEqual(
        messages.filter((text) => text !== 'bytes'),
        ['x', 'y'],
      );
    }
    // A client of hawser.v1 gets frames of its protocol.
    await until('the broadcasts', () => peers[3].messages.length === 4);
    assert.deepEqual(
      peers[3].messages.slice(1, 3).map((text) => JSON.parse(text) as unknown),
      [
        { op: 'message', data: 'x' },
        { op: 'message', data: 'y' },
      ],
    );

    const { value: stats, missing } = await c.cluster.stats();
    assert.deepEqual(missing, []);
    assert.deepEqual(stats.nodes.map(({ id }) => id).sort(), all);
    assert.deepEqual(
      [stats.totals.connections, stats.totals.subscriptions, stats.totals.messagesReceived],
      [4, 3, 0],
    );
    const ofB = stats.nodes.find(({ id }) => id === b.cluster.nodeId)!;
    assert.deepEqual(
      [ofB.name, ofB.pid, ofB.ready, ofB.reasons, ofB.connections, ofB.subscriptions],
      ['b', process.pid, true, [], 2, 2],
    );

    const { connection, peer } = peers[1];
    const gone = await c.cluster.disconnect(connection.id);
    assert.deepEqual([gone.value, gone.answered.includes(b.cluster.nodeId), gone.missing], [true, true, []]);
    assert.equal((await peer.closed).code, 1000);
    await until('the end of the connection', () => !b.server.connections.has(connection.id));
    const again = await c.cluster.disconnect(connection.id);
    assert.deepEqual([again.value, again.missing], [false, []]);
    const own = await a.cluster.disconnect(peers[0].connection.id);
    assert.deepEqual([own.value, own.answered, own.missing], [true, [a.cluster.nodeId], []]);

    // A server that shuts down is no longer awaited.
    await b.server.shutdown({ timeoutMs: 100 });
    await waitUntil(async () => (await a.cluster.nodes()).length === 2, { deadlineMs: 20_000 });
    const { answered, missing: none } = await a.cluster.stats();
    assert.deepEqual([[...answered].sort(), none], [[a, c].map(({ cluster }) => cluster.nodeId).sort(), []]);
    const late = await b.cluster.stats();
    assert.deepEqual(late.answered, [b.cluster.nodeId]);
  });

  test('SC-09 a server whose process is stopped or killed is missing, and the others answer', async (t) => {
    const { server } = await redis(t);
    const [a, b, other] = [await member(t, server), await member(t, server), await serverChild(t, server)];
    await waitUntil(async () => (await a.cluster.nodes()).length === 3, { deadlineMs: 20_000 });
    const present = await a.cluster.stats();
    assert.deepEqual([present.missing, present.value.nodes.length], [[], 3]);
    assert.ok(present.value.nodes.some(({ name, id }) => name === 'child' && id === other.id));
    other.signal('SIGSTOP');
    const hanging = await a.cluster.stats({ deadlineMs: 300 });
    assert.deepEqual([hanging.missing, hanging.value.nodes.length], [[other.id], 2]);
    const dying = a.cluster.subscriberCount('news', { deadlineMs: 300 });
    other.signal('SIGKILL');
    assert.deepEqual((await dying).missing, [other.id]);
    assert.deepEqual((await b.cluster.broadcast('still')).value.ok, true);
  });

  test('SC-09 while Redis is away, calls end at their deadline, and say who is missing', async (t) => {
    const { server } = await redis(t);
    const [a, b] = [await member(t, server), await member(t, server)];
    await acquainted(a, b);
    await server.kill();
    await until('the engine is down', () => a.cluster.state === 'down');
    const [stats, sent, nodes] = await Promise.all([
      a.cluster.stats({ deadlineMs: 100 }),
      a.cluster.broadcast('x', { deadlineMs: 100 }),
      a.cluster.nodes(),
    ]);
    assert.deepEqual([stats.value.nodes.length, stats.missing], [1, [b.cluster.nodeId]]);
    assert.deepEqual(
      [sent.value.ok, !sent.value.ok && sent.value.outcome, nodes.length],
      [false, 'not-published', 2],
    );
    const controller = new AbortController();
    const aborted = a.cluster.stats({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(aborted, /enough/);
    await server.run();
    await waitUntil(async () => (await a.cluster.subscriberCount('news')).answered.length === 2, {
      deadlineMs: 20_000,
    });
  });
});
