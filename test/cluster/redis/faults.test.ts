import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import type { Relayed } from '../../../src/server/groups/topic-node.ts';
import { offsetsOf, resume, type TestNode, textOf } from '../recorded.ts';
import { type Commands, ioredis, nodeRedis } from './clients.ts';
import { allLive, eventsOf, liveNode, numbered, redis, threeNodes, until } from './live.ts';
import { noRedis } from './server.ts';

const skip = noRedis || ioredis.skip || nodeRedis.skip;

const topOf = (result: Relayed): { epoch: string; offset: number } => {
  assert.ok(result.ok, `not published: ${String(!result.ok && result.error)}`);
  return result.position!;
};

/** Every node has the same messages, each once and without a gap. */
async function agree(nodes: readonly TestNode[], top: number): Promise<void> {
  for (const node of nodes) {
    await until('the last message', () => (offsetsOf(node.owner.delivered).at(-1) ?? 0) >= top);
    const offsets = offsetsOf(node.owner.delivered);
    assert.deepEqual(
      offsets,
      offsets.map((_, at) => offsets[0]! + at),
      'without gap and repetition',
    );
    assert.deepEqual(node.owner.losses, []);
  }
  const from = Math.max(...nodes.map(({ owner }) => owner.delivered[0]!.position!.offset));
  for (const node of nodes) assert.deepEqual(numbered(node, from), numbered(nodes[0]!, from));
}

/** Publishes until it is told to stop, four messages at a time. @returns Stops, and returns the results by text. */
function traffic(nodes: readonly TestNode[]): () => Promise<Map<string, Relayed>> {
  const results = new Map<string, Relayed>();
  const state = { goes: true };
  const lanes = nodes.flatMap((node, at) =>
    [0, 1, 2, 3].map(async (lane) => {
      for (let i = 0; state.goes; i++) {
        const text = `${at}.${lane}.${i}`;
        results.set(text, await node.publish('news', text));
      }
    }),
  );
  return async () => {
    state.goes = false;
    await Promise.all(lanes);
    return results;
  };
}

/** Every message that was published is there once, and nothing else. */
function publishedOnce(node: TestNode, results: ReadonlyMap<string, Relayed>): void {
  const texts = node.owner.texts.filter((text) => !text.startsWith('hello'));
  assert.deepEqual([...texts].sort(), [...results.keys()].sort());
  for (const [text, result] of results) topOf(result.ok ? result : assert.fail(`${text} failed`));
}

const PRESENCE = { match: 'room', maxMembers: 10, graceMs: 100 };

/** Waits until Redis itself has members with these keys, and no other. */
async function untilStored(commands: Commands, keys: readonly string[]): Promise<void> {
  let found: unknown;
  let isReading = false;
  const read = async (): Promise<void> => {
    isReading = true;
    const names = (await commands.call('KEYS', '*room*')) as string[];
    const fields = await Promise.all(names.map((name) => commands.call('HKEYS', name) as Promise<string[]>));
    found = fields.flat().map((field) => field.slice(field.indexOf(' ') + 1));
    isReading = false;
  };
  await until(`the members ${keys.join()}`, () => {
    if (!isReading) void read().catch(() => (isReading = false));
    return JSON.stringify(found) === JSON.stringify(keys);
  });
}

describe('faults', { skip, concurrency: 4 }, () => {
  test('SC-03 a node is killed while it publishes: others miss nothing, and its clients resume there', async (t) => {
    const { server } = await redis(t);
    const nodes = [liveNode(t, server), liveNode(t, server)] as const;
    for (const { node } of nodes) node.subscribe('news');
    await allLive(nodes);
    const child = spawn(process.execPath, [join(import.meta.dirname, 'node-child.js'), `${server.port}`]);
    const exited = once(child, 'exit');
    const { owner } = nodes[0];
    await until(
      'messages of the child',
      () => owner.texts.filter((text) => text.startsWith('child')).length > 100,
    );
    process.kill(child.pid!, 'SIGKILL');
    await exited;
    const top = topOf(await nodes[1].publish('news', 'end')).offset;
    await agree(nodes, top);
    const ofChild = owner.texts.filter((text) => text.startsWith('child'));
    assert.deepEqual(
      ofChild,
      ofChild.map((_, at) => `child ${at + 1}`),
    );
    const since = owner.delivered.find((message) => textOf(message) === 'child 50')!.position!;
    const resumed = resume(nodes[1], 'news', since);
    await until('the answer', () => resumed.answer !== undefined);
    const { recovered, missed } = resumed.answer!.result!;
    assert.equal(recovered, true);
    assert.deepEqual(missed.map(textOf), owner.texts.slice(owner.texts.indexOf('child 50') + 1));
  });

  test('SC-05 Redis closes all connections 20 times: no message is lost, doubled or out of order', async (t) => {
    const { server, commands } = await redis(t);
    const nodes = await threeNodes(t, server);
    const stop = traffic(nodes);
    for (let cut = 1; cut <= 20; cut++) {
      const before = nodes.map(({ owner }) => owner.delivered.length);
      await until('traffic', () => nodes.every(({ owner }, at) => owner.delivered.length > before[at]! + 20));
      await commands.cutAll();
      await until(`cut ${cut}`, () => nodes.every((node) => eventsOf(node, 'down') >= cut));
      await until(`the reconnect ${cut}`, () => nodes.every((node) => node.node.state === 'up'));
    }
    const results = await stop();
    await agree(nodes, topOf(await nodes[0].publish('news', 'hello')).offset);
    for (const node of nodes) publishedOnce(node, results);
  });

  test('SC-07 Redis stalls for less than the deadline: publishes wait, and no connection ends', async (t) => {
    const { server } = await redis(t);
    const nodes = await threeNodes(t, server);
    const connections = eventsOf(nodes[0], 'down');
    await server.pause();
    const waits = Promise.all(nodes.map((node, at) => node.publish('news', `stalled ${at}`)));
    let settled = false;
    void waits.then(() => (settled = true));
    await eventLoopTurns(100);
    assert.equal(settled, false);
    server.resume();
    const top = Math.max(...(await waits).map((result) => topOf(result).offset));
    await agree(nodes, top);
    assert.equal(eventsOf(nodes[0], 'down'), connections);
  });

  test('SC-07 Redis stalls beyond the deadline: engineDown once, and what was in flight is stored once', async (t) => {
    const { server } = await redis(t);
    const nodes = await threeNodes(t, server, { deadlineMs: 400 });
    const downs = nodes.map((node) => eventsOf(node, 'down'));
    await server.pause();
    const waits = Promise.all(nodes.map((node, at) => node.publish('news', `stalled ${at}`)));
    await until('engineDown', () => nodes.every((node, at) => eventsOf(node, 'down') === downs[at]! + 1));
    server.resume();
    const top = Math.max(...(await waits).map((result) => topOf(result).offset));
    await agree(nodes, top);
    assert.deepEqual(nodes[0].owner.texts.filter((text) => text.startsWith('stalled')).sort(), [
      'stalled 0',
      'stalled 1',
      'stalled 2',
    ]);
  });

  test('HI-03 Redis is killed and comes back empty: every topic gets lost once, then the new epoch from 1', async (t) => {
    const { server } = await redis(t);
    const nodes = await threeNodes(t, server);
    const old = nodes[0].owner.delivered[0]!.position!;
    await server.kill();
    await until('engineDown', () => nodes.every((node) => node.node.state === 'down'));
    const waits = nodes[0].publish('news', 'first of the new epoch');
    await server.run();
    const { epoch } = topOf(await waits);
    assert.notEqual(epoch, old.epoch);
    for (const { owner } of nodes) {
      await until('the message', () => owner.texts.at(-1) === 'first of the new epoch');
      assert.deepEqual(owner.losses, [{ topic: 'news', position: { epoch, offset: 0 } }]);
      assert.deepEqual(owner.delivered.at(-1)!.position, { epoch, offset: 1 });
    }
    const resumed = resume(nodes[1], 'news', old);
    await until('the answer', () => resumed.answer !== undefined);
    assert.equal(resumed.answer!.result!.recovered, false);
  });

  test('HI-03 Redis restarts from an old snapshot: no offset is used twice, and every node gets lost once', async (t) => {
    const { server, commands } = await redis(t);
    const nodes = await threeNodes(t, server);
    await commands.call('SAVE');
    server.keepSnapshot();
    const after = topOf(await nodes[0].publish('news', 'not in the snapshot'));
    await agree(nodes, after.offset);
    await server.kill();
    server.restoreSnapshot();
    await server.run();
    const waits = nodes[1].publish('news', 'after the restart');
    const { epoch } = topOf(await waits);
    assert.notEqual(epoch, after.epoch);
    for (const { owner } of nodes) {
      await until('the message', () => owner.texts.at(-1) === 'after the restart');
      assert.equal(owner.losses.length, 1);
    }
    const resumed = resume(nodes[2], 'news', after);
    await until('the answer', () => resumed.answer !== undefined);
    assert.equal(resumed.answer!.result!.recovered, false);
  });

  for (const trustPersistence of [true, false])
    test(`HI-03 Redis restarts with appendfsync always: clients ${trustPersistence ? 'notice nothing with' : 'get lost without'} trustPersistence`, async (t) => {
      const { server } = await redis(t, '--appendonly', 'yes', '--appendfsync', 'always');
      const nodes = await threeNodes(t, server, { trustPersistence });
      const stop = traffic(nodes);
      const before = nodes[0].owner.delivered.length;
      await until('traffic', () => nodes[0].owner.delivered.length > before + 50);
      await server.kill();
      await until('engineDown', () => nodes.every((node) => node.node.state === 'down'));
      await server.run();
      await until('engineUp', () => nodes.every((node) => node.node.state === 'up'));
      const results = await stop();
      const top = topOf(await nodes[0].publish('news', 'hello'));
      if (trustPersistence) {
        await agree(nodes, top.offset);
        publishedOnce(nodes[0], results);
        return;
      }
      for (const { owner } of nodes) {
        await until('the end', () => owner.delivered.at(-1)!.position!.offset === top.offset);
        assert.equal(owner.losses.length, 1);
      }
    });

  test('SC-03 SCRIPT FLUSH under load stops no node, and nothing is lost or doubled', async (t) => {
    const { server, commands } = await redis(t);
    const nodes = await threeNodes(t, server);
    const stop = traffic(nodes);
    for (let flush = 0; flush < 10; flush++) {
      const before = nodes[0].owner.delivered.length;
      await commands.call('SCRIPT', 'FLUSH');
      await until('traffic', () => nodes[0].owner.delivered.length > before + 30);
    }
    const results = await stop();
    await agree(nodes, topOf(await nodes[0].publish('news', 'hello')).offset);
    for (const node of nodes) publishedOnce(node, results);
    assert.ok(nodes.every((node) => eventsOf(node, 'down') === 0 && node.owner.faults.length === 0));
  });

  test('HI-07 a leave that Redis never got is repeated after the restart', async (t) => {
    const { server, commands } = await redis(t, '--appendonly', 'yes', '--appendfsync', 'always');
    const { node } = liveNode(t, server, { presence: [PRESENCE] });
    await until('the connection', () => node.state === 'up');
    node.enter('room', 'c1', 'ann', null);
    assert.equal((await node.members('room')).count, 1);
    await server.pause();
    node.leave('room', 'c1');
    await eventLoopTurns(5);
    await server.kill();
    await until('engineDown', () => node.state === 'down');
    await server.run();
    await untilStored(commands, []);
    await until('engineUp', () => node.state === 'up');
    assert.equal((await node.members('room')).count, 0);
  });

  test('HI-07 a member that Redis refuses for want of memory is repeated without a reconnect', async (t) => {
    const { server, commands } = await redis(t);
    const { node, owner } = liveNode(t, server, { presence: [PRESENCE] });
    await until('the connection', () => node.state === 'up');
    node.enter('room', 'c1', 'ann', null);
    await untilStored(commands, ['ann']);
    await commands.call('CONFIG', 'SET', 'maxmemory', '1');
    node.enter('room', 'c2', 'bob', null);
    await until('the refusal', () => owner.faults.length > 0);
    await commands.call('CONFIG', 'SET', 'maxmemory', '0');
    await untilStored(commands, ['ann', 'bob']);
    assert.deepEqual(
      (await node.members('room')).members?.map(({ key }) => key),
      ['ann', 'bob'],
    );
    assert.ok(!owner.events.some((event) => event.startsWith('down')));
  });

  test('SC-03 FLUSHALL while nodes are connected: the run is set again, and every node gets lost once', async (t) => {
    const { server, commands } = await redis(t);
    const nodes = await threeNodes(t, server);
    await commands.call('FLUSHALL');
    const { epoch } = topOf(await nodes[0].publish('news', 'after'));
    for (const { owner } of nodes) {
      await until('the message', () => owner.texts.at(-1) === 'after');
      assert.deepEqual(owner.losses, [{ topic: 'news', position: { epoch, offset: 0 } }]);
    }
  });
});
