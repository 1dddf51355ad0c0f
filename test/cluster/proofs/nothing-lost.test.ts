import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { prng } from '../../../fuzz/prng.ts';
import { Commands, ioredis, nodeRedis } from '../redis/clients.ts';
import { isArrival, proxyTo } from '../proxy.ts';
import { noRedis, RedisServer } from '../redis/server.ts';
import { until, World, type WorldSettings } from './world.ts';

interface Row {
  readonly title: string;
  readonly settings?: WorldSettings | (() => WorldSettings);
  /** What goes wrong, while messages flow. */
  readonly fault: (world: World, t: TestContext) => Promise<void>;
  /** Announced losses: none, one of each subscription, or some. */
  readonly lost: 'none' | 'each once' | 'some';
}

const AOF = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** Every client moves to another node so often, after each few messages. All resumes are recovered, with far fewer reads. */
async function roam(world: World, t: TestContext, times: number): Promise<void> {
  const before = await Promise.all(world.nodes.map((node) => node.ask()));
  const { resumes } = world.ledger.counts;
  const moves = world.subscribers.map((subscriber, at) => {
    let moved = 0;
    let messages = at;
    subscriber.onMessage = () => {
      if (moved < times && subscriber.isLive && ++messages % 10 === 0) {
        moved++;
        subscriber.move();
      }
    };
    return () => moved === times;
  });
  await until('the moves', () => moves.every((isDone) => isDone()));
  await world.live();
  const after = await Promise.all(world.nodes.map((node) => node.ask()));
  const reads = after.map((report, at) => report.reads - before[at]!.reads);
  const resumed = world.ledger.counts.resumes - resumes;
  t.diagnostic(`${resumed} resumes, reads of the nodes: ${reads.join(' ')}`);
  assert.equal(resumed, world.subscriptions * times);
  assert.ok(reads.reduce((sum, count) => sum + count) < resumed / 2, 'far fewer reads than resumes');
}

/** The arrivals of the first node go through a proxy that swallows a share of them. */
function swallowing(share: number): WorldSettings {
  const random = prng(1);
  return {
    async portFor(server, node, t) {
      if (node !== 0) return server.port;
      const proxy = await proxyTo(t, server.port, (chunk) =>
        isArrival(chunk) && random.bool(share) ? undefined : chunk,
      );
      return proxy.port;
    },
  };
}

const ROWS: readonly Row[] = [
  {
    title: 'SC-03 every node is killed under load, one after the other: its clients resume on the others',
    lost: 'none',
    async fault(world) {
      for (const node of world.nodes) {
        await node.kill();
        await world.progress();
        await node.start();
        await world.live();
      }
    },
  },
  {
    title: 'HI-04 every client moves to another node after each few messages: all resumes are recovered',
    lost: 'none',
    fault: (world, t) => roam(world, t, 20),
  },
  {
    title: 'HI-05 histories are too short for clients that move and for cuts: every hole is announced',
    settings: { history: { maxMessages: 3 } },
    lost: 'some',
    async fault(world) {
      for (let cut = 1; cut <= 5; cut++) {
        for (const subscriber of world.subscribers) subscriber.move();
        await world.published(50);
        await world.commands.cutAll();
        await world.back(cut);
      }
    },
  },
  {
    title: 'SC-05 Redis closes all connections 20 times',
    lost: 'none',
    async fault(world) {
      for (let cut = 1; cut <= 20; cut++) {
        await world.commands.cutAll();
        await world.back(cut);
        await world.progress(5);
      }
    },
  },
  {
    title: 'HI-05 a proxy swallows a third of the arrivals of one node: its gaps are filled',
    settings: () => swallowing(0.3),
    lost: 'none',
    fault: (world) => world.progress(500),
  },
  {
    title: 'HI-04 clients move while one node is behind the others: it reads before it answers',
    settings: () => swallowing(0.9),
    lost: 'none',
    fault: (world, t) => roam(world, t, 10),
  },
  {
    title: 'SC-07 Redis stalls for less than the deadline',
    lost: 'none',
    async fault(world) {
      await world.server.pause();
      // The publishes that were in flight are the only ones.
      const { published } = world.ledger.counts;
      await Promise.all(world.nodes.map((node) => node.ask()));
      world.server.resume();
      await until('publishes', () => world.ledger.counts.published > published);
      assert.ok(world.nodes.every(({ report }) => report.downs === 0));
    },
  },
  {
    title: 'SC-07 Redis stalls beyond the deadline',
    settings: { engine: { deadlineMs: 300 } },
    lost: 'none',
    async fault(world) {
      await world.server.pause();
      await world.down(1);
      world.server.resume();
      await world.back(1);
    },
  },
  {
    title: 'HI-03 Redis is killed with nothing saved: each subscription gets lost once',
    lost: 'each once',
    async fault(world) {
      await world.server.kill();
      await world.down(1);
      await world.server.run();
      await world.back(1);
    },
  },
  {
    title: 'HI-03 Redis restarts from an old snapshot: each subscription gets lost once',
    lost: 'each once',
    async fault(world) {
      await world.commands.call('SAVE');
      world.server.keepSnapshot();
      await world.progress(100);
      await world.server.kill();
      world.server.restoreSnapshot();
      await world.server.run();
      await world.back(1);
    },
  },
  {
    title: 'HI-03 Redis restarts with appendfsync always: each subscription gets lost once',
    settings: { redis: AOF },
    lost: 'each once',
    async fault(world) {
      await world.server.kill();
      await world.server.run();
      await world.back(1);
    },
  },
  {
    title: 'HI-03 Redis restarts with appendfsync always and trustPersistence: clients notice nothing',
    settings: { redis: AOF, engine: { trustPersistence: true } },
    lost: 'none',
    async fault(world) {
      await world.server.kill();
      await world.server.run();
      await world.back(1);
    },
  },
  {
    title: 'SC-03 SCRIPT FLUSH under load, 10 times',
    lost: 'none',
    async fault(world) {
      for (let flush = 0; flush < 10; flush++) {
        await world.commands.call('SCRIPT', 'FLUSH');
        await world.progress(5);
      }
    },
  },
  {
    title:
      'SC-03 Redis is out of memory for a while: publishes are refused, and subscribers keep their position',
    lost: 'none',
    async fault(world) {
      const { counts } = world.ledger;
      await world.commands.call('CONFIG', 'SET', 'maxmemory', '1');
      await until('refused publishes', () => counts.refused > 50);
      // Clients that come back while nothing can be stored are served.
      const { resumes } = counts;
      for (const subscriber of world.subscribers) subscriber.move();
      await until('resumes', () => counts.resumes >= resumes + world.subscriptions);
      await world.commands.call('CONFIG', 'SET', 'maxmemory', '0');
      await world.progress();
    },
  },
];

const settingsOf = ({ settings }: Row): WorldSettings | undefined =>
  typeof settings === 'function' ? settings() : settings;

describe('nothing lost', { skip: noRedis || ioredis.skip || nodeRedis.skip, concurrency: 2 }, () => {
  for (const row of ROWS)
    test(row.title, async (t) => {
      const world = await World.start(t, settingsOf(row));
      await world.live();
      await world.progress();
      await row.fault(world, t);
      await world.live();
      await world.progress();
      await world.settle();
      world.proven(t);
      const { lostAnnounced } = world.ledger.counts;
      if (row.lost === 'some') assert.ok(lostAnnounced > 0);
      else assert.equal(lostAnnounced, row.lost === 'none' ? 0 : world.subscriptions);
    });

  test('HI-03 failover to a replica that lags: each subscription gets lost once', async (t) => {
    const standby = await RedisServer.start();
    const commands = new Commands(standby.port);
    t.after(async () => {
      commands.close();
      await standby.end();
    });
    let isPromoted = false;
    let lags = false;
    let front: Promise<{ readonly port: number }> | undefined;
    const world = await World.start(t, {
      portFor: async (server) => {
        front ??= proxyTo(t, () => (isPromoted ? standby.port : server.port));
        return (await front).port;
      },
    });
    const link = await proxyTo(t, world.server.port, (chunk) => (lags ? undefined : chunk));
    await commands.call('REPLICAOF', '127.0.0.1', `${link.port}`);
    await world.live();
    await world.progress();
    for (let info = ''; !info.includes('master_link_status:up'); )
      info = String(await commands.call('INFO', 'replication'));
    lags = true;
    await world.progress(100);
    await commands.call('REPLICAOF', 'NO', 'ONE');
    isPromoted = true;
    await world.server.kill();
    await world.back(1);
    await world.progress();
    await world.settle();
    world.proven(t);
    assert.equal(world.ledger.counts.lostAnnounced, world.subscriptions);
    // The replica had histories of the old run, and none of their epochs goes on.
    assert.ok(world.ledger.counts.recovered === 0);
  });

  test('SC-10 a node reads so slowly that Redis closes its subscriber: its gaps are filled', async (t) => {
    let slow: Socket | undefined;
    const world = await World.start(t, {
      redis: ['--client-output-buffer-limit', 'pubsub', '256kb', '0', '0'],
      // One second of traffic is more than the default of 1 MiB.
      history: { maxBytes: 64 * 1_048_576 },
      padBytes: 16_384,
      portFor: async (server, node) => {
        if (node !== 0) return server.port;
        const proxy = await proxyTo(t, server.port, (chunk, far) => {
          if (isArrival(chunk) && slow === undefined) (slow = far).pause();
          return chunk;
        });
        return proxy.port;
      },
    });
    const subscribers = async (): Promise<number> =>
      String(await world.commands.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split(' laddr=').length - 1;
    await world.live();
    await world.published();
    while ((await subscribers()) === world.nodes.length) await world.published(1);
    slow!.resume();
    await until('the cut', () => world.nodes[0]!.report.downs === 1);
    await until('the engine', () => world.nodes[0]!.report.isUp);
    await world.progress();
    await world.settle();
    world.proven(t);
    assert.deepEqual([world.ledger.counts.lostAnnounced, world.nodes[1]!.report.downs], [0, 0]);
  });

  test('SC-03 Redis is missing at the start: clients try again until it is there', async (t) => {
    const world = await World.start(t, { startsWithoutRedis: true, engine: { deadlineMs: 300 } });
    await world.down(1);
    assert.equal(world.ledger.counts.published, 0);
    await world.server.run();
    await world.live();
    await world.progress();
    await world.settle();
    world.proven(t);
    assert.equal(world.ledger.counts.lostAnnounced, 0);
  });
});
