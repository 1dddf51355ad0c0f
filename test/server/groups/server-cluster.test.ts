import assert from 'node:assert/strict';
import { once } from 'node:events';
import process from 'node:process';
import { test } from 'node:test';
import type { EngineHost, ServerControl } from '../../../src/cluster/engine.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { idleEngine } from '../../cluster/hawser-v1/fake-node.ts';
import { live, nextText } from '../live.ts';

test('SC-09 without the option cluster, the calls concern this server alone', async (t) => {
  for (const options of [{}, { history: { match: 'news' } }, { name: 'one' }]) {
    const { server, join } = live(t, options);
    const { cluster } = server;
    assert.equal(server.cluster, cluster);
    assert.match(cluster.nodeId, /^[\w-]{16}$/);
    assert.equal(cluster.state, 'alone');
    const peer = await join();
    peer.connection.subscribe('room');
    const own = [cluster.nodeId];
    assert.deepEqual(await cluster.subscriberCount('room'), { value: 1, answered: own, missing: [] });
    const [node, ...others] = await cluster.nodes();
    assert.deepEqual(
      [node!.id, node!.pid, node!.name, others],
      [cluster.nodeId, process.pid, 'name' in options ? 'one' : undefined, []],
    );
    const sent = await cluster.broadcast('hello');
    assert.deepEqual(sent, {
      value: { ok: true, delivery: { sent: 1, skipped: 0, failed: 0 } },
      answered: own,
      missing: [],
    });
    assert.equal(await nextText(peer.raw), 'hello');
    const { value, missing } = await cluster.stats();
    assert.deepEqual([value.nodes.length, value.nodes[0]!.id, missing], [1, cluster.nodeId, []]);
    const { pid, uptimeMs, topics, ...numbers } = Object.fromEntries(
      Object.entries(value.nodes[0]!).filter(([, member]) => typeof member === 'number'),
    );
    assert.deepEqual([pid, uptimeMs, topics], [process.pid, server.stats().uptimeMs, 1]);
    assert.deepEqual({ ...value.totals }, numbers, 'every other number has a sum');
    assert.equal(numbers['subscriptions'], 1);
    assert.deepEqual([value.nodes[0]!.ready, value.nodes[0]!.reasons], [true, []]);
    const gone = await cluster.disconnect(peer.connection.id);
    assert.deepEqual(gone, { value: true, answered: own, missing: [] });
    assert.equal((await peer.raw.nextFrame()).payload.readUInt16BE(), 1000);
    assert.equal((await cluster.disconnect('unknown-id')).value, false);
    peer.raw[Symbol.dispose]();
    await eventLoopTurns(3);
  }
});

test('GN-05 SC-09 calls to all servers refuse wrong, unknown and surplus arguments, and name them', async () => {
  const server = new WebSocketServer();
  const cluster = server.cluster as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const callback = (): void => {};
  for (const [name, args, code, says] of [
    ['subscriberCount', [], 'ERR_ARGUMENT', /^a topic must be a string/],
    ['subscriberCount', [''], 'ERR_ARGUMENT', /^a topic must not be empty/],
    [
      'subscriberCount',
      ['t', callback],
      'ERR_ARGUMENT',
      /^server\.cluster\.subscriberCount takes no callback; await/,
    ],
    [
      'subscriberCount',
      ['t', { deadlineMs: 0 }],
      'ERR_OPTION',
      /deadlineMs is 0; it must be a whole number from 1/,
    ],
    [
      'subscriberCount',
      ['t', { deadline: 5 }],
      'ERR_OPTION',
      /server\.cluster\.subscriberCount has no option deadline.*nearest is deadlineMs/,
    ],
    [
      'subscriberCount',
      ['t', { signal: {} }],
      'ERR_OPTION',
      /signal is an object; it must be an AbortSignal/,
    ],
    ['subscriberCount', ['t', null], 'ERR_ARGUMENT', /options is null/],
    ['subscriberCount', ['t', {}, 5], 'ERR_ARGUMENT', /takes no such argument as 5/],
    [
      'disconnect',
      [],
      'ERR_ARGUMENT',
      /^server\.cluster\.disconnect: connectionId is undefined; it must be the id of a connection/,
    ],
    ['disconnect', [''], 'ERR_ARGUMENT', /connectionId is ""/],
    ['disconnect', [{ id: 'x' }], 'ERR_ARGUMENT', /connectionId is an object/],
    ['disconnect', ['x', { code: 1008 }], 'ERR_OPTION', /no option code/],
    ['broadcast', [], 'ERR_ARGUMENT', /payload|undefined/],
    ['broadcast', [5], 'ERR_ARGUMENT', /./],
    ['broadcast', ['x', { except: [] }], 'ERR_OPTION', /no option except/],
    ['stats', [5], 'ERR_ARGUMENT', /options is 5/],
    ['stats', [{}, 5], 'ERR_ARGUMENT', /takes no such argument as 5/],
    ['nodes', [{}], 'ERR_ARGUMENT', /^server\.cluster\.nodes takes no such argument/],
  ] as const)
    await assert.rejects(
      async () => cluster[name]!(...args),
      (error: Error & { code: string }) => {
        assert.deepEqual([error.name, error.code], ['MisuseError', code], `${name} ${args.length}`);
        assert.match(error.message, says);
        return true;
      },
    );
  const reason = new Error('enough');
  for (const [name, ...args] of [
    ['subscriberCount', 't'],
    ['disconnect', 'x'],
    ['broadcast', 'x'],
    ['stats'],
  ] as const)
    await assert.rejects(cluster[name]!(...args, { signal: AbortSignal.abort(reason) }), reason);
});

test('SC-09 a broadcast that the engine does not take is not published only if no connection has it', async (t) => {
  const { server, join, pass } = live(t, { cluster: idleEngine });
  // Loads the node.
  await server.cluster.nodes();
  const outcome = async (): Promise<unknown> => {
    const sent = server.cluster.broadcast('x', { deadlineMs: 5 });
    await pass(10);
    const { value } = await sent;
    return !value.ok && value.outcome;
  };
  assert.equal(await outcome(), 'not-published');
  await join();
  assert.equal(await outcome(), 'unknown');
});

test('SC-01 of its server, an engine gets the methods of ServerControl, and nothing else', async (t) => {
  let control: ServerControl | undefined;
  const start = async (host: EngineHost): Promise<void> => void (control = host.server);
  const { server, join, pass } = live(t, { cluster: { ...idleEngine, start } });
  await join();
  assert.deepEqual(Object.keys(control!), ['metrics', 'snapshots', 'shutdown']);
  assert.match(control!.metrics(), /^hawser_connections_total 1$/m);
  const closed = once(server, 'closed');
  const done = control!.shutdown(1);
  await pass(10);
  await Promise.all([done, closed]);
});

test('SC-09 the node id is one for the whole life of a server, and new for each', () => {
  const [one, other] = [new WebSocketServer(), new WebSocketServer()];
  assert.equal(one.cluster.nodeId, one.cluster.nodeId);
  assert.notEqual(one.cluster.nodeId, other.cluster.nodeId);
});
