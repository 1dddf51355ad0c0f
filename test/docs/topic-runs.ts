import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Connection } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { ioredis } from '../cluster/redis/clients.ts';
import { noClients } from '../cluster/nats/clients.ts';
import { NatsServer, noNats } from '../cluster/nats/server.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import { messages, visit } from './visitors.ts';
import { run } from './world.ts';

const V1 = { protocols: ['hawser.v1'] };

/** Sends one frame, and returns the next one after `hello`. */
async function asked(client: Connection, frame: object): Promise<Record<string, unknown>> {
  const next = messages(client);
  client.send(JSON.stringify(frame));
  for (;;) {
    const answer = JSON.parse(String(await next())) as Record<string, unknown>;
    if (answer['op'] !== 'hello') return answer;
  }
}

export async function returning(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const port = await program.port();
  await waitUntil(() => program.output().includes('message number 1'));
  const client = await visit(t, port, V1);
  const since = { epoch: 'other', offset: 5 };
  const ok = await asked(client, { op: 'subscribe', id: 1, topic: 'room:7', since });
  assert.deepEqual([ok['recovered'], ok['offset'], ok['missed']], [false, 0, 1]);
  const refused = await asked(await visit(t, port, V1), { op: 'subscribe', id: 1, topic: 'secret' });
  assert.equal(refused['code'], 'forbidden');
}

export async function ownProtocol(t: TestContext, file: string): Promise<void> {
  const lines = (await run(t, file).ended()).trim().split('\n');
  const [missed, subscribed, live] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    [missed, live],
    [
      { offset: 1, data: 'missed' },
      { offset: 2, data: 'live' },
    ],
  );
  assert.deepEqual([subscribed!['recovered'], subscribed!['missed']], [true, 1]);
}

export async function presence(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const port = await program.port();
  const client = await visit(t, port, { ...V1, path: '/?user=ada' });
  await asked(client, { op: 'subscribe', id: 1, topic: 'room:7' });
  await waitUntil(() => program.output().includes('ada came to room:7'));
  client.close();
  await waitUntil(() => program.output().includes('ada left room:7'), { deadlineMs: 20_000 });
}

export async function requests(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const request = { op: 'request', id: 1, name: 'price' };
  const reply = await asked(await visit(t, port, V1), { ...request, data: '{"sku":4711}' });
  assert.deepEqual(reply, { op: 'reply', id: 1, data: '{"sku":4711,"cents":9422}' });
  const refused = await asked(await visit(t, port, V1), { ...request, data: '{}' });
  assert.deepEqual([refused['code'], refused['message']], ['invalid', 'sku must be a number']);
}

export async function throughNats(t: TestContext, file: string): Promise<void> {
  const skip = noNats || noClients;
  if (skip !== false) return t.skip(skip);
  const nats = await NatsServer.start();
  t.after(() => nats.end());
  const program = run(t, file, { ports: { 4222: nats.port } });
  await program.port();
  await waitUntil(() => program.output().includes('{"ok":true}'), { deadlineMs: 20_000 });
}

/** A server on its own answers calls to all servers. */
export async function callsToAll(t: TestContext, file: string): Promise<void> {
  assert.match(
    await run(t, file).ended(),
    /^0 subscribers on 1 servers; 0 did not answer\n\{"value":\{"totals"/,
  );
}

export async function throughRedis(t: TestContext, file: string): Promise<void> {
  const skip = noRedis || ioredis.skip;
  if (skip !== false) return t.skip(skip);
  const redis = await RedisServer.start();
  t.after(() => redis.end());
  const program = run(t, file, { ports: { 6379: redis.port } });
  const port = await program.port();
  await waitUntil(() => program.output().includes('"ok":true'), { deadlineMs: 20_000 });
  const since = { epoch: 'other', offset: 5 };
  const ok = await asked(await visit(t, port, V1), { op: 'subscribe', id: 1, topic: 'room:7', since });
  assert.deepEqual([ok['recovered'], ok['offset'], ok['missed']], [false, 0, 1]);
}
