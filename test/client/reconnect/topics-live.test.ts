import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { boat, harbour } from './reconnecting.ts';

const V1 = { protocols: ['hawser.v1'] } as const;
const TOPICS: ServerOptions = {
  ...V1,
  history: { match: 'room*', maxMessages: 50 },
  authorizeSubscribe: (_, topic) => topic !== 'secret',
  authorizePublish: () => true,
};

async function both(t: TestContext, options: ServerOptions = TOPICS) {
  const server = await harbour(t, options);
  const { client, clock, next } = boat(t, server.url, V1);
  const room = client.topic('room');
  const told: unknown[] = [];
  room.on('message', (message) => void told.push(String(message)));
  room.on('recovered', ({ missed }) => void told.push(['recovered', missed]));
  room.on('lost', ({ position }) => void told.push(['lost', position?.offset]));
  await room.subscribed();
  return {
    ...server,
    client,
    room,
    told,
    /** Ends every connection, publishes, and lets the clients return. */
    away: async (publish: () => void) => {
      for (const connection of server.server().connections) connection.terminate();
      const { delayMs } = await next('retry');
      publish();
      clock.advance(delayMs);
    },
    awayForRestart: async () => {
      await server.leave();
      const { delayMs } = await next('retry');
      await server.comeBack();
      clock.advance(delayMs);
    },
  };
}

test('RC-06 HI-04: over a real server, a client that was away gets every message once', async (t) => {
  const { server, room, told, away } = await both(t);
  server().publish('room', '1');
  await waitUntil(() => told.length === 1);
  await away(() => {
    for (const text of ['2', '3']) server().publish('room', text);
  });
  await waitUntil(() => told.length === 4);
  assert.deepEqual(told, ['1', ['recovered', 2], '2', '3']);
  assert.equal(room.position?.offset, 3);
});

test('RC-06 HI-04: over a real server, lost is where the history does not reach', async (t) => {
  const { server, told, away } = await both(t);
  server().publish('room', '0');
  await waitUntil(() => told.length === 1);
  await away(() => {
    for (let i = 1; i <= 60; i++) server().publish('room', String(i));
  });
  await waitUntil(() => told.length === 52);
  assert.deepEqual(told.slice(0, 3), ['0', ['lost', 11], '11']);
  assert.equal(told.at(-1), '60');
});

test('RC-06 HI-04: over a real server, a restart without a broker is a loss', async (t) => {
  const { server, told, awayForRestart } = await both(t);
  server().publish('room', 'before');
  await waitUntil(() => told.length === 1);
  await awayForRestart();
  await waitUntil(() => told.length === 2);
  server().publish('room', 'after');
  await waitUntil(() => told.length === 3);
  assert.deepEqual(told, ['before', ['lost', 0], 'after']);
});

test('RC-06 HI-09: over a real server, publishes are acknowledged and moved past', async (t) => {
  const { server, client, room, told, away } = await both(t);
  const { position } = await room.publish('mine');
  assert.equal(position?.offset, 1);
  assert.deepEqual(room.position, position);
  await away(() => void server().publish('room', 'other'));
  await waitUntil(() => told.length === 2);
  assert.deepEqual(told, [['recovered', 1], 'other']);
  const secret = client.topic('secret');
  await assert.rejects(secret.subscribed(), { code: 'forbidden' });
});

test('HI-09: over a real server, both sides ask each other, with validation', async (t) => {
  const { server, client, told } = await both(t);
  const positive = {
    '~standard': {
      validate: (value: unknown) =>
        typeof value === 'number' && value > 0 ? { value } : { issues: [{ message: 'not above 0' }] },
    },
  };
  server().handle('double', (_, value: number) => value * 2, { schema: positive });
  assert.equal(await client.request('double', 21), 42);
  await assert.rejects(client.request('double', -1), { code: 'invalid', outcome: 'not-sent' });
  await assert.rejects(client.request('nothing'), { code: 'no-handler' });
  client.handle('name', () => 'Anna');
  const [connection] = server().connections;
  assert.equal(await connection!.request('name'), 'Anna');
  client.on('message', (message) => void told.push(message));
  server().on('message', (from, message) => void from.send(`to ${String(message)}`));
  client.send('me');
  await waitUntil(() => told.length === 1);
  assert.deepEqual(told, ['to me']);
});

test('RC-06: over a real server, a client of 1,000 topics is told which of them are over the limit', async (t) => {
  const { client, room, server, told } = await both(t);
  const topics = Array.from({ length: 999 }, (_, i) => client.topic(`room:${i}`));
  const results = await Promise.allSettled(topics.map((topic) => topic.subscribed()));
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  assert.equal(refused.length, 1_000 - 128);
  for (const { reason } of refused) {
    const { code, message } = reason as Error & { readonly code: string };
    assert.deepEqual([code, message], ['limit', 'at most 128 topics for each connection']);
  }
  assert.equal(
    results.findIndex(({ status }) => status === 'rejected'),
    127,
    'the first ones are live',
  );
  server().publish('room', 'still here');
  await waitUntil(() => told.length === 1);
  room.close();
  await client.topic('room:instead').subscribed();
});

test('RC-06: over a real server, a slow loop falls behind and catches up without a hole', async (t) => {
  const server = new WebSocketServer({ ...TOPICS, history: { match: '*', maxMessages: 10_000 } });
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  const { client } = boat(t, `ws://127.0.0.1:${port}/`, V1);
  const room = client.topic('room');
  await room.subscribed();
  for (let i = 1; i <= 3_000; i++) server.publish('room', String(i));
  let expected = 0;
  for await (const message of room) {
    assert.equal(message, String(++expected));
    if (expected === 3_000) break;
  }
});
