import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import { connect, type Connection, WebSocketServer } from '../../../src/index.ts';
import { CLIENTS, ioredis, nodeRedis } from './clients.ts';
import { redis, until } from './live.ts';
import { noRedis } from './server.ts';

interface Peer {
  readonly connection: Connection;
  readonly frames: Record<string, unknown>[];
}

async function peer(t: TestContext, port: number): Promise<Peer> {
  const connection = await connect(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
  t.after(() => connection.terminate());
  const frames: Record<string, unknown>[] = [];
  connection.on(
    'message',
    (message) => void frames.push(JSON.parse(String(message)) as Record<string, unknown>),
  );
  return { connection, frames };
}

const answer = async ({ frames }: Peer, id: number): Promise<Record<string, unknown>> => {
  const found = (): Record<string, unknown> | undefined => frames.find((frame) => frame['id'] === id);
  await until('the answer', () => found() !== undefined);
  return found()!;
};

describe('servers', { skip: noRedis || ioredis.skip || nodeRedis.skip }, () => {
  test('SC-03 two servers share order, history and members, and a client resumes on the other one', async (t) => {
    const { server } = await redis(t);
    const both = await Promise.all(
      CLIENTS.slice(0, 2).map(async (kind) => {
        const one = new WebSocketServer({
          protocols: ['hawser.v1'],
          history: { match: 'room:*' },
          presence: { match: 'room:*' },
          cluster: redisEngine({ client: kind.client(server.port) }),
          authorizeSubscribe: (_, topic) => (topic === 'plain' ? true : { presence: {} }),
          authorizePublish: () => true,
        });
        const { port } = await one.listen({ port: 0, host: '127.0.0.1' });
        t.after(() => one.shutdown({ timeoutMs: 100 }));
        return { one, port };
      }),
    );
    const [a, b] = both as [(typeof both)[0], (typeof both)[0]];
    const peers = [await peer(t, a.port), await peer(t, b.port)] as const;
    for (const { connection } of peers) {
      connection.send('{"op":"subscribe","id":1,"topic":"room:1"}');
      connection.send('{"op":"subscribe","id":2,"topic":"plain"}');
    }
    for (const one of peers) for (const id of [1, 2]) assert.equal((await answer(one, id))['op'], 'ok');
    const results = await Promise.all(
      [a, b, a, b].map(async ({ one }, at) => one.publish('room:1', `message ${at}`).relayed),
    );
    const texts = ({ frames }: Peer, topic: string): unknown[] =>
      frames
        .filter((frame) => frame['topic'] === topic && frame['op'] === 'message')
        .map((frame) => frame['data']);
    for (const one of peers) await until('four messages', () => texts(one, 'room:1').length === 4);
    assert.deepEqual(texts(peers[0], 'room:1'), texts(peers[1], 'room:1'));
    assert.ok(results.every((result) => result?.ok === true));
    await until('members of both', () => a.one.presence('room:1') !== undefined);
    assert.equal((await b.one.presence('room:1')).count, 2);
    // Without history the interest is not awaited, so the publisher repeats until the other server has it.
    await until('a message without history', () => {
      a.one.publish('plain', 'hello');
      return texts(peers[1], 'plain').length > 0;
    });
    const { epoch, offset } = await a.one.position('room:1');
    await a.one.shutdown({ timeoutMs: 100 });
    await b.one.publish('room:1', 'after the shutdown').relayed;
    const returned = await peer(t, b.port);
    returned.connection.send(
      JSON.stringify({ op: 'subscribe', id: 3, topic: 'room:1', since: { epoch, offset } }),
    );
    const ok = await answer(returned, 3);
    assert.deepEqual([ok['recovered'], ok['missed']], [true, 1]);
    await until('the missed message', () => texts(returned, 'room:1').length === 1);
    assert.deepEqual(texts(returned, 'room:1'), ['after the shutdown']);
    assert.equal((await b.one.presence('room:1')).count, 2);
  });
});
