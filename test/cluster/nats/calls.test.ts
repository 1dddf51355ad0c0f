import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { natsEngine } from '../../../src/cluster/index.ts';
import { connect, WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { type ClientKind, CLIENTS, noClients } from './clients.ts';
import { nats, serverChild, until } from './live.ts';
import { noNats } from './server.ts';

/** A server of the cluster whose connections subscribe to `news`. */
async function member(t: TestContext, url: string, kind: ClientKind) {
  const connection = await kind.connect(url);
  const server = new WebSocketServer({ name: kind.name, cluster: natsEngine({ connection }) });
  server.on('connection', (socket) => void socket.subscribe('news'));
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(async () => {
    await server.shutdown({ timeoutMs: 100 });
    await connection.close();
  });
  const peer = await connect(`ws://127.0.0.1:${port}/`);
  t.after(() => peer.terminate());
  const messages: string[] = [];
  peer.on('message', (message) => void messages.push(String(message)));
  await until('the connection', () => server.connections.size === 1);
  return { server, cluster: server.cluster, id: server.cluster.nodeId, peer, messages };
}

/** Waits until each server knows so many. */
async function acquainted(
  servers: readonly { readonly cluster: WebSocketServer['cluster'] }[],
  count: number,
): Promise<void> {
  for (const { cluster } of servers)
    await waitUntil(async () => (await cluster.nodes()).length === count, {
      description: `${count} servers`,
      deadlineMs: 20_000,
    });
}

const idsIn = (list: readonly string[]): string[] => [...list].sort();

describe('calls', { skip: noNats || noClients }, () => {
  test('SC-09 SC-03 servers on one NATS, of both packages, count subscribers, disconnect, broadcast and add up their statistics', async (t) => {
    const { url } = await nats(t);
    const [a, b] = [await member(t, url, CLIENTS[0]!), await member(t, url, CLIENTS[1]!)];
    await acquainted([a, b], 2);
    const both = idsIn([a.id, b.id]);
    assert.equal(a.cluster.state, 'up');
    assert.deepEqual(idsIn((await b.cluster.nodes()).map(({ id }) => id)), both);

    for (const { cluster } of [a, b]) {
      const { value, answered, missing } = await cluster.subscriberCount('news');
      assert.deepEqual([value, idsIn(answered), missing], [2, both, []]);
    }
    const { value: sent } = await a.cluster.broadcast('to all');
    assert.equal(sent.ok, true);
    for (const { messages } of [a, b]) await until('the broadcast', () => messages.length > 0);
    assert.deepEqual([a.messages, b.messages], [['to all'], ['to all']]);

    const { value: stats, missing } = await b.cluster.stats();
    assert.deepEqual([idsIn(stats.nodes.map(({ id }) => id)), missing], [both, []]);
    assert.deepEqual([stats.totals.connections, stats.totals.subscriptions], [2, 2]);

    const [connection] = b.server.connections;
    const gone = await a.cluster.disconnect(connection!.id);
    assert.deepEqual([gone.value, gone.missing, (await b.peer.closed).code], [true, [], 1000]);
    await until('the end of the connection', () => b.server.connections.size === 0);
    assert.equal((await a.cluster.disconnect(connection!.id)).value, false);

    await b.server.shutdown({ timeoutMs: 100 });
    await acquainted([a], 1);
    assert.deepEqual((await a.cluster.stats()).missing, []);
  });

  test('SC-09 SC-03 on NATS a server whose process is stopped or killed is missing, and the others answer', async (t) => {
    const { url } = await nats(t);
    const [a, b] = [await member(t, url, CLIENTS[1]!), await member(t, url, CLIENTS[0]!)];
    const { id, signal } = await serverChild(t, url);
    await acquainted([a, b], 3);
    assert.deepEqual((await a.cluster.stats()).missing, []);
    signal('SIGSTOP');
    const hanging = await a.cluster.subscriberCount('news', { deadlineMs: 300 });
    assert.deepEqual(
      [hanging.value, idsIn(hanging.answered), hanging.missing],
      [2, idsIn([a.id, b.id]), [id]],
    );
    const dying = b.cluster.stats({ deadlineMs: 300 });
    signal('SIGKILL');
    assert.deepEqual((await dying).missing, [id]);
    assert.equal((await a.cluster.broadcast('still')).value.ok, true);
    await until('the broadcast', () => b.messages.includes('still'));
  });

  test('SC-09 SC-07 while NATS is away, calls end at their deadline, and say who is missing', async (t) => {
    const broker = await nats(t);
    const [a, b] = [await member(t, broker.url, CLIENTS[0]!), await member(t, broker.url, CLIENTS[1]!)];
    await acquainted([a, b], 2);
    await broker.kill();
    await until('the engine is down', () => a.cluster.state === 'down');
    const stats = await a.cluster.stats({ deadlineMs: 100 });
    assert.deepEqual([stats.answered, stats.missing], [[a.id], [b.id]]);
    const { value } = await a.cluster.broadcast('x', { deadlineMs: 100 });
    assert.equal(value.ok, false);
    await broker.run();
    await waitUntil(async () => (await a.cluster.subscriberCount('news')).value === 2, {
      deadlineMs: 20_000,
    });
  });
});
