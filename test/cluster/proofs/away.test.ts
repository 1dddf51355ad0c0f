import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns, VirtualClock } from '../../../src/testing/index.ts';
import { CLIENTS, ioredis, nodeRedis } from '../redis/clients.ts';
import { redis } from '../redis/live.ts';
import { noRedis } from '../redis/server.ts';
import { Ledger } from './ledger.ts';
import { Subscriber } from './subscriber.ts';
import { until } from './world.ts';

const skip = noRedis || ioredis.skip || nodeRedis.skip;
const STEP_MS = 250;

for (const { requireEngine, client } of [
  { requireEngine: true, client: CLIENTS[0]! },
  { requireEngine: false, client: CLIENTS[1]! },
])
  test(`SC-07 Redis is away for a minute, ${client.name}, requireEngine ${requireEngine}: publishes fail after 10 s, and the loss is announced once`, {
    skip,
  }, async (t) => {
    const { server: broker } = await redis(t);
    const clock = new VirtualClock();
    const server = new WebSocketServer({
      clock,
      protocols: ['hawser.v1'],
      history: { match: 'kept' },
      cluster: redisEngine({ client: client.client(broker.port) }),
      requireEngine,
      authorizeSubscribe: () => true,
    });
    const events: string[] = [];
    server.on('engineDown', () => events.push('down'));
    server.on('engineUp', ({ downMs }) => events.push(downMs >= 60_000 ? 'up after a minute' : 'up'));
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
    t.after(async () => {
      const stopped = server.shutdown({ timeoutMs: 1 });
      for (let steps = 0; steps < 20; steps++) {
        await eventLoopTurns(2);
        clock.advance(STEP_MS);
      }
      await stopped;
    });
    const ledger = new Ledger();
    const subscriber = new Subscriber(ledger, 'subscriber', ['kept'], { port: () => port });
    t.after(() => subscriber.close());
    await until('the subscription', () => subscriber.isLive);
    const follower = subscriber.followers[0]!;
    const publish = async (text: string): Promise<boolean> => {
      const result = (await server.publish('kept', text).relayed)!;
      if (result.ok) ledger.published('kept', text, result.position!);
      else if (result.outcome === 'not-published') ledger.refused(text);
      else ledger.counts.unknown++;
      return result.ok;
    };
    assert.equal(await publish('1'), true);
    await until('the message', () => follower.has(ledger.top('kept')));

    await broker.kill();
    await until('engineDown', () => events.length === 1);
    assert.equal(server.ready(), !requireEngine);
    const waiting: boolean[] = [];
    const wait = async (text: string): Promise<void> => void waiting.push(await publish(text));
    void wait('2');
    for (let passedMs = 0; passedMs < 60_000; passedMs += STEP_MS) {
      assert.equal(waiting.length, passedMs >= 10_000 ? 1 : 0, `after ${passedMs} ms`);
      clock.advance(STEP_MS);
      await eventLoopTurns(2);
    }
    assert.deepEqual([waiting, ledger.counts.refused, events], [[false], 1, ['down']]);

    await broker.run();
    await until('engineUp', () => {
      clock.advance(5);
      return events.length === 2;
    });
    await wait('3');
    await until('the message', () => follower.has(ledger.top('kept')));
    assert.deepEqual(
      [waiting, events],
      [
        [false, true],
        ['down', 'up after a minute'],
      ],
    );
    assert.equal(server.ready(), true);
    const { lostAnnounced, lostSilently, twice, delivered } = ledger.counts;
    assert.deepEqual([lostAnnounced, lostSilently, twice, delivered], [1, 0, 0, 2]);
    assert.deepEqual(ledger.violations, []);
  });
