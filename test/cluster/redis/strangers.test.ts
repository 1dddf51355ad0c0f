import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { describe, test } from 'node:test';
import { type Engine, type EngineHost, redisEngine, writeEnvelope } from '../../../src/cluster/index.ts';
import { Keys } from '../../../src/cluster/engines/redis/keys.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { bytesOf, ContractNode } from '../../../src/testing/engine-contract-context.ts';
import { eventLoopTurns, VirtualClock } from '../../../src/testing/index.ts';
import { resume } from '../recorded.ts';
import { CLIENTS, ioredis, nodeRedis } from './clients.ts';
import { allLive, eventsOf, liveNode, redis, threeNodes, until } from './live.ts';
import { isArrival, proxyTo } from '../proxy.ts';
import { noRedis } from './server.ts';

const skip = noRedis || ioredis.skip || nodeRedis.skip;
const KEYS = new Keys('hawser');

const hostOf = (engine: Engine, nodeId?: string): ContractNode => {
  const host = new ContractNode(engine, systemClock, {});
  if (nodeId !== undefined) Object.defineProperty(host, 'nodeId', { value: nodeId });
  return host;
};

describe('strangers', { skip, concurrency: 4 }, () => {
  test('SC-10 an arrival that a proxy swallows is found by comparing positions; a dead subscription is replaced', async (t) => {
    const { server } = await redis(t);
    let swallows = false;
    let swallowed = 0;
    const proxy = await proxyTo(t, server.port, (chunk) => {
      if (!swallows || !isArrival(chunk)) return chunk;
      swallowed++;
      return undefined;
    });
    const clock = new VirtualClock();
    const near = liveNode(t, server);
    const far = liveNode(t, server, { port: proxy.port, clock });
    const arrived = async (topic: string, text: string): Promise<void> => {
      const result = await near.publish(topic, text);
      assert.ok(result.ok);
      await until(text, () => far.owner.texts.at(-1) === text);
    };
    /** Lets time pass at the far node. Redis has answered its commands before more time passes. */
    const pass = async (): Promise<void> => {
      clock.advance(500);
      if (eventsOf(far, 'down') === 0) await far.node.position('news');
    };
    for (const topic of ['news', 'other']) {
      const live = resume(far, topic, undefined);
      await until('the topic at the far node', () => live.answer !== undefined);
      await arrived(topic, `first of ${topic}`);
    }

    swallows = true;
    await near.publish('news', 'swallowed');
    await until('the arrival', () => swallowed === 1);
    swallows = false;
    // Another topic goes on, so the subscription is not silent.
    for (let i = 1; i < 40; i++) {
      await pass();
      await arrived('other', `other ${i}`);
    }
    assert.equal(far.owner.texts.includes('swallowed'), false);
    await pass();
    await until('the comparison of positions', () => far.owner.texts.at(-1) === 'swallowed');
    assert.equal(eventsOf(far, 'down'), 0);

    await arrived('other', 'the last before silence');
    const before = proxy.count;
    swallows = true;
    // 10 s of silence, and 5 s for the probe.
    for (let i = 0; i < 30; i++) {
      assert.equal(eventsOf(far, 'down'), 0);
      await pass();
    }
    assert.equal(eventsOf(far, 'down'), 1);
    await until('the probe', () => swallowed === 2);
    swallows = false;
    clock.advance(50);
    await until('the reconnect', () => far.node.state === 'up');
    assert.equal(proxy.count, before + 2);
    await arrived('news', 'last');
    assert.deepEqual([near.owner.losses, far.owner.losses], [[], []]);
  });

  test('SC-06 foreign and broken envelopes are reported and dropped, and stop no node', async (t) => {
    const { server, commands } = await redis(t);
    const nodes = await threeNodes(t, server);
    const channel = KEYS.channel({ kind: 'messages', topic: 'news' });
    const header = { node: 'other', seq: 1, epoch: 'other', first: 7 };
    const whole = writeEnvelope('m', header, [Buffer.from([0x81, 2, 0x68, 0x69]), Buffer.from([0x81, 0])]);
    const foreign = [
      ...Array.from({ length: whole.length }, (_, end) => whole.subarray(0, end)),
      Buffer.from('{"hello":"world"}'),
      writeEnvelope('c', { ...header, epoch: undefined, first: 0 }, [Buffer.from('probe 1')]),
    ];
    const before = nodes.map(({ owner }) => owner.delivered.length);
    for (const bytes of foreign) {
      await commands.call('PUBLISH', channel, bytes);
      await commands.call('PUBLISH', KEYS.control, bytes);
    }
    for (const { owner } of nodes)
      await until('the reports', () => owner.faults.length >= foreign.length * 2 - 4);
    await allLive(nodes);
    nodes.forEach(({ owner }, at) => {
      assert.equal(owner.delivered.length, before[at]! + 3);
      assert.ok(
        owner.faults.every((error) => (error as Error & { code: string }).code === 'ERR_ENGINE_MESSAGE'),
      );
      assert.deepEqual(owner.losses, []);
    });
    assert.ok(nodes.every((node) => eventsOf(node, 'down') === 0));
  });

  for (const kind of CLIENTS) {
    const { name } = kind;
    const engine = (port: number, options = {}): Engine =>
      redisEngine({ client: kind.client(port), ...options });
    const started = async (host: EngineHost & { readonly engine: Engine }): Promise<void> =>
      host.engine.start(host);

    test(`SC-03 ${name}: of two nodes with one id the second is refused until the first has stopped`, async (t) => {
      const { server } = await redis(t);
      const [one, two] = [hostOf(engine(server.port), 'same'), hostOf(engine(server.port), 'same')];
      await started(one);
      await started(two);
      assert.equal((await one.engine.beat(bytesOf('one'), 30_000)).length, 1);
      await assert.rejects(two.engine.beat(bytesOf('two'), 30_000), /another node with the id same is alive/);
      await one.engine.beat(bytesOf('one'), 30_000);
      await one.engine.stop(1_000);
      assert.equal((await two.engine.beat(bytesOf('two'), 30_000)).length, 1);
      await two.engine.stop(1_000);
      await assert.rejects(two.engine.beat(bytesOf('two'), 30_000), { code: 'ERR_ENGINE_DOWN' });
    });

    test(`SC-03 ${name}: nodes with different settings refuse to start together`, async (t) => {
      const { server } = await redis(t);
      const one = hostOf(engine(server.port));
      const two = hostOf(engine(server.port, { trustPersistence: true }));
      await started(one);
      await assert.rejects(started(two), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_ENGINE_REFUSED');
        assert.match(
          error.message,
          /trustPersistence=false.*trustPersistence=true.*hawser:config|hawser:config.*trustPersistence/,
        );
        return true;
      });
      assert.throws(() => one.engine.start(one), { code: 'ERR_STATE' });
      await one.engine.stop(1_000);
      await two.engine.stop(1_000);
    });

    test(`SC-03 ${name}: a server before 6.2 is refused with a sentence that names what to use`, async (t) => {
      const { server } = await redis(t);
      const proxy = await proxyTo(t, server.port, (chunk) =>
        Buffer.from(chunk.toString('latin1').replace(/redis_version:\d\.\d/, 'redis_version:6.0'), 'latin1'),
      );
      const host = hostOf(engine(proxy.port));
      await assert.rejects(started(host), /Redis 6\.0\.\d+; use Redis 6\.2 or later, or Valkey/);
      assert.equal(host.connections, 0);
    });

    test(`SC-03 ${name}: start waits for Redis, and stop ends the wait`, async (t) => {
      const { server } = await redis(t);
      await server.kill();
      const [waits, stops] = [hostOf(engine(server.port)), hostOf(engine(server.port))];
      const start = started(waits);
      const stopped = started(stops);
      await until('the report', () => waits.disconnections === 1 && stops.disconnections === 1);
      await stops.engine.stop(1_000);
      await stopped;
      await server.run();
      await start;
      assert.deepEqual([waits.connections, waits.disconnections, stops.connections], [1, 1, 0]);
      await waits.engine.stop(1_000);
    });

    test(`SC-03 ${name}: a replica, and a server out of memory, do not take publishes`, async (t) => {
      const { server, commands } = await redis(t);
      const node = hostOf(engine(server.port));
      await started(node);
      await commands.call('CONFIG', 'SET', 'maxmemory', '1');
      await assert.rejects(node.store('news', ['a']), { code: 'ERR_ENGINE_REFUSED' });
      await commands.call('CONFIG', 'SET', 'maxmemory', '0');
      await node.store('news', ['b']);
      await commands.call('REPLICAOF', '127.0.0.1', '1');
      await assert.rejects(node.store('news', ['c']), { code: 'ERR_ENGINE_DOWN' });
      assert.equal(node.disconnections, 1);
      await commands.call('REPLICAOF', 'NO', 'ONE');
      await until('the reconnect', () => node.connections === 2);
      await node.store('news', ['d']);
      await node.engine.stop(1_000);
    });

    test(`SC-03 ${name}: members above 1,000 are read in steps, up to the maximum`, async (t) => {
      const { server } = await redis(t);
      const node = hostOf(engine(server.port));
      await started(node);
      for (let chunk = 0; chunk < 30; chunk++)
        await node.engine.enter(
          'news',
          new Map(Array.from({ length: 64 }, (_, at) => [`m ${chunk} ${at}`, bytesOf(`${chunk * 64 + at}`)])),
        );
      const { count, entries } = await node.engine.members('news', 5_000);
      assert.deepEqual([count, entries!.size], [1_920, 1_920]);
      assert.equal(Buffer.from(entries!.get('m 29 63')!).toString(), '1919');
      assert.deepEqual(await node.engine.members('news', 1_500), { count: 1_920 });
      await node.engine.stop(1_000);
    });
  }

  test('SC-03 the client of the application stays open, and an engine that lost its connection uses it again', async (t) => {
    const { server, commands } = await redis(t);
    const client = new ioredis.module!({ port: server.port, host: '127.0.0.1', keyPrefix: 'app:' });
    t.after(() => client.disconnect());
    const node = hostOf(redisEngine({ client }));
    await node.engine.start(node);
    await node.store('news', ['a']);
    assert.deepEqual(
      ((await commands.call('KEYS', 'app:*')) as string[]).length,
      0,
      'keyPrefix of the client does not apply',
    );
    await node.engine.stop(1_000);
    assert.equal(await client.call('PING'), 'PONG');
    assert.equal(client.status, 'ready');
  });

  test('SC-03 one warning if Redis may evict keys', async (t) => {
    const { server, commands } = await redis(t);
    const shown: string[] = [];
    const collect = (warning: Error & { code?: string }): unknown =>
      warning.code === 'HAWSER_ENGINE' && shown.push(warning.message);
    process.on('warning', collect);
    t.after(() => process.off('warning', collect));
    await commands.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const node = hostOf(redisEngine({ client: CLIENTS[0]!.client(server.port) }));
    await node.engine.start(node);
    node.engine.reconnect(new Error('the test says so'));
    await until('the reconnect', () => node.connections === 2);
    await eventLoopTurns(2);
    assert.equal(shown.length, 1);
    assert.match(shown[0]!, /maxmemory-policy allkeys-lru.*set noeviction or volatile-ttl/);
    await node.engine.stop(1_000);
  });
});
