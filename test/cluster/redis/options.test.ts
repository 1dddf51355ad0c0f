import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import { Keys, partitionOf } from '../../../src/cluster/engines/redis/keys.ts';
import { ioredis, nodeRedis } from './clients.ts';

const refused = (options: unknown, message: RegExp): void =>
  assert.throws(
    () => redisEngine(options as never),
    (error: Error & { code: string }) => {
      assert.match(error.message, message);
      assert.match(error.code, /^ERR_(OPTION|ARGUMENT)$/);
      return true;
    },
  );

const nothing = (): void => {};
const LIKE_IOREDIS = { duplicate: nothing, psubscribe: nothing, pipeline: nothing, on: nothing };
const LIKE_REDIS = { duplicate: nothing, pSubscribe: nothing, sendCommand: nothing, on: nothing };

test('SC-03 redisEngine refuses what is not a client, and names what to pass', () => {
  for (const client of [undefined, null, 'redis://localhost', {}, { duplicate: nothing }, nothing])
    refused(
      { client },
      /redisEngine: client is .*must be a client of ioredis 5 or 6 .* or of the package redis 5 or 6/,
    );
  refused({ client: LIKE_IOREDIS }, /install ioredis 5 or 6/);
  refused({ client: LIKE_REDIS }, /install redis 5 or 6/);
  refused({ client: { ...LIKE_IOREDIS, isCluster: true } }, /Redis Cluster, which is not supported/);
  refused({ client: { ...LIKE_REDIS, masters: [] } }, /Redis Cluster, which is not supported/);
  refused({ client: { ...LIKE_REDIS, acquire: nothing } }, /for Sentinel, pass a client of ioredis/);
});

test('SC-03 redisEngine refuses unknown options and wrong values', () => {
  const client = { ...LIKE_IOREDIS, callBuffer: nothing, connect: nothing, disconnect: nothing };
  assert.equal(redisEngine({ client: client as never }).name, 'redis');
  refused(undefined, /options/);
  refused({ client, prefx: 'a' }, /prefx.*prefix/);
  for (const prefix of ['', '{a}', 'a b', 'x'.repeat(65), 1]) refused({ client, prefix }, /prefix is/);
  refused({ client, trustPersistence: 'yes' }, /trustPersistence is "yes"; it must be true or false/);
  refused({ client, deadlineMs: 0 }, /deadlineMs is 0/);
  assert.throws(() => (redisEngine as (...all: unknown[]) => unknown)({ client }, 1), {
    code: 'ERR_ARGUMENT',
  });
});

test('SC-03 clients of Redis Cluster and sentinels are refused', {
  skip: ioredis.skip || nodeRedis.skip,
}, (t) => {
  const cluster = new ioredis.module!.Cluster([{ port: 1 }], { lazyConnect: true });
  t.after(() => cluster.disconnect());
  refused({ client: cluster }, /Redis Cluster/);
  refused({ client: nodeRedis.module!.createCluster({ rootNodes: [{}] }) }, /Redis Cluster/);
  refused(
    {
      client: nodeRedis.module!.createSentinel({ name: 'main', sentinelRootNodes: [{ host: 'a', port: 1 }] }),
    },
    /Sentinel/,
  );
});

test('SC-03 all keys and channels of a topic have one hash tag, spread over 64 partitions', () => {
  const keys = new Keys('hawser');
  for (const topic of ['news', 'ü', '{x}', 'a b', '']) {
    const tag = `hawser:{${partitionOf(topic)}}:`;
    for (const name of [
      ...keys.history(topic),
      keys.lastBatch(topic, 'n'),
      keys.members(topic),
      keys.channel({ kind: 'messages', topic }),
      keys.channel({ kind: 'members', topic }),
    ])
      assert.ok(name.startsWith(tag), name);
  }
  // FNV-1a of 32 bits of "foobar" is 0xbf9cf968, and of "" 0x811c9dc5.
  assert.deepEqual([partitionOf('foobar'), partitionOf('')], [0xbf9cf968 % 64, 0x811c9dc5 % 64]);
  const used = new Set(Array.from({ length: 2_000 }, (_, at) => partitionOf(`room:${at}`)));
  assert.equal(used.size, 64);
  assert.equal(partitionOf('zimmer:ä'), partitionOf('zimmer:ä'));
});
