import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterWatch } from '../../../src/observe/admin/cluster-watch.ts';
import type { ServerCluster } from '../../../src/server/groups/server-cluster.ts';
import type { ClusterCallOptions, NodeStats } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { INFO, jobs, madeStats } from '../../cluster/recorded.ts';
import { administered } from './admin-live.ts';

/** A cluster whose answers a test gives. */
function watching() {
  const clock = new VirtualClock();
  const asked: {
    readonly options: ClusterCallOptions;
    answer(stats: readonly NodeStats[], missing: readonly string[]): Promise<void>;
  }[] = [];
  const cluster: Pick<ServerCluster, 'nodeId' | 'state' | 'nodes' | 'stats'> = {
    nodeId: 'b',
    state: 'up',
    nodes: () => Promise.resolve(['b', 'a', 'd'].map((id) => ({ ...INFO, id, host: `vm-${id}` }))),
    stats: (options = {}) =>
      new Promise((resolve) => {
        asked.push({
          options,
          answer: async (nodes, missing) => {
            resolve({ value: { nodes, totals: {} as never }, answered: [], missing });
            await jobs();
          },
        });
      }),
  };
  return { clock, asked, watch: new ClusterWatch(cluster as ServerCluster, clock) };
}

test('LG-06 SC-09: while there are viewers the servers are asked every 2 seconds, one question at a time', async () => {
  const { clock, asked, watch } = watching();
  assert.deepEqual(watch.read(), { nodeId: 'b', state: 'up', nodes: null, totals: null });
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000);
    watch.read();
  }
  assert.deepEqual(
    asked.map(({ options }) => options),
    [{ deadlineMs: 1_500 }],
    'the first question is open',
  );
  await asked[0]!.answer([madeStats('b')], []);
  for (let second = 0; second < 4; second++) {
    watch.read();
    await asked.at(-1)!.answer([madeStats('b')], []);
    clock.advance(1_000);
  }
  assert.equal(asked.length, 3);
});

test('LG-06 SC-09: rates are differences of answers, sums are those of servers that answered', async () => {
  const { clock, asked, watch } = watching();
  watch.read();
  const first = ['b', 'c'].map((id) => madeStats(id, { host: `vm-${id}` }));
  await asked[0]!.answer(first, ['a', 'd']);
  const { nodes, totals } = watch.read();
  assert.deepEqual(
    nodes!.map(({ id, host, load }) => [id, host, load?.receivedPerSecond, load?.sentPerSecond]),
    [
      ['b', 'vm-b', 10, 20],
      ['a', 'vm-a', undefined, undefined],
      ['c', 'vm-c', 10, 20],
      ['d', 'vm-d', undefined, undefined],
    ],
    'this server first; the rates since the start',
  );
  assert.deepEqual(totals, {
    nodes: 4,
    answered: 2,
    connections: 20,
    receivedPerSecond: 20,
    sentPerSecond: 40,
    bytesBuffered: 200,
  });
  clock.advance(2_000);
  watch.read();
  await asked[1]!.answer(
    [
      madeStats('b', { uptimeMs: 62_000, messagesReceived: 700 }),
      madeStats('c', { uptimeMs: 100, messagesReceived: 1, ready: false, reasons: ['full'] }),
    ],
    ['unknown'],
  );
  const later = watch.read().nodes!;
  assert.deepEqual(
    later.map(({ id, load }) => [id, load?.receivedPerSecond, load?.ready]),
    [
      ['b', 50, true],
      ['unknown', undefined, undefined],
      ['c', 0, false],
    ],
  );
});

test('LG-06 SC-09: the last viewer ends the questions, and a late answer is ignored', async () => {
  const { clock, asked, watch } = watching();
  watch.read();
  watch.rest();
  await asked[0]!.answer([madeStats('b')], []);
  assert.deepEqual(watch.read().nodes, null);
  assert.equal(asked.length, 2, 'the next viewer gets fresh numbers');
  await asked[1]!.answer([madeStats('b')], []);
  clock.advance(60_000);
  assert.equal(asked.length, 2, 'nothing is asked by itself');
});

test('MT-03 SC-09: /stats?cluster=1 has the statistics of all servers', async (t) => {
  const { ask, server } = await administered(t);
  const { status, body } = await ask('/stats?cluster=1');
  const { value, answered, missing } = JSON.parse(body) as Awaited<ReturnType<ServerCluster['stats']>>;
  assert.deepEqual([status, answered, missing], [200, [server.cluster.nodeId], []]);
  assert.deepEqual([value.nodes.length, value.totals.connections], [1, 0]);
  assert.deepEqual((await ask('/stats?cluster=yes')).status, 400);
  assert.equal((JSON.parse((await ask('/stats')).body) as { transport: string }).transport, 'handle');
});

test('LG-06 SC-09: a server on its own shows itself', async (t) => {
  const { watch, server } = await administered(t, {}, { name: 'one' });
  const { when, viewer } = await watch();
  const { cluster } = await when(({ cluster: { nodes } }) => nodes !== null);
  assert.deepEqual(
    [
      cluster.state,
      cluster.nodeId,
      cluster.nodes!.map(({ id, name, pid, load }) => [id, name, pid, load!.ready]),
    ],
    ['alone', server.cluster.nodeId, [[server.cluster.nodeId, 'one', process.pid, true]]],
  );
  viewer.terminate();
  await viewer.closed;
});
