import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { TopicHub } from '../../fuzz/topic-hub.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { jobs, TestNode } from './recorded.ts';

const PRESENCE = { match: 'room:*', maxMembers: 3, graceMs: 5_000 };

test('HI-07 alone: members by key, with a count of connections; join and leave once, after the grace time', async () => {
  const one = new TestNode({ history: [], presence: [PRESENCE] });
  const { node, owner } = one;
  assert.deepEqual([node.hasPresence('room:1'), node.hasPresence('news')], [true, false]);
  node.enter('room:1', 'c0', 'early', null);
  assert.deepEqual(
    (await node.members('room:1')).members?.map(({ key }) => key),
    ['early'],
  );
  node.watch('room:1');
  await jobs();
  node.enter('room:1', 'c1', 'ann', { color: 'red' });
  node.enter('room:1', 'c2', 'ann', { color: 'blue' });
  await jobs();
  assert.deepEqual(owner.events, ['join room:1 ann 2'], 'who was there before is no event');
  const { count, members } = await node.members('room:1');
  assert.equal(count, 2);
  assert.deepEqual(members![1], {
    key: 'ann',
    info: { color: 'blue' },
    since: new Date(one.clock.wallNow()),
    connections: 2,
  });
  node.leave('room:1', 'c1');
  node.leave('room:1', 'c2');
  await one.pass(4_000);
  node.enter('room:1', 'c3', 'ann', null);
  await one.pass(10_000);
  assert.deepEqual(owner.events, ['join room:1 ann 2'], 'a quick return is neither a leave nor a join');
  node.leave('room:1', 'c3');
  await one.pass(5_000);
  assert.deepEqual(owner.events, ['join room:1 ann 2', 'leave room:1 ann']);
  node.leave('room:1', 'unknown');
  node.enter('news', 'c1', 'ann', null);
  assert.deepEqual(await node.members('news'), { count: 0, members: [] });
  node.unwatch('room:1');
  await one.pass(11_000);
  node.enter('room:1', 'c4', 'bob', null);
  await one.pass(1_000);
  assert.equal(owner.events.length, 2);
  assert.deepEqual(owner.faults, []);
});

test('HI-07 a connection that enters with another key leaves the first; one that comes and goes in a turn is no event', async () => {
  const { node, owner } = new TestNode({ history: [], presence: [PRESENCE] });
  node.watch('room:1');
  await jobs();
  node.enter('room:1', 'c1', 'ann', null);
  node.leave('room:1', 'c1');
  node.enter('room:1', 'c2', 'bob', null);
  node.enter('room:1', 'c2', 'eve', null);
  await jobs();
  assert.deepEqual(owner.events, ['join room:1 eve 1']);
  assert.throws(() => node.enter('room:1', 'c3', 'x'.repeat(129), null), { code: 'ERR_ARGUMENT' });
  assert.throws(() => node.enter('room:1', 'c3', 'k', 'x'.repeat(1_025)), { code: 'ERR_ARGUMENT' });
  assert.throws(() => node.enter('room:1', 'c3', 'k', 1n), { code: 'ERR_ARGUMENT' });
});

test('HI-07 beyond maxMembers only the count is known', async () => {
  const one = new TestNode({ history: [], presence: [PRESENCE] });
  const { node, owner } = one;
  node.watch('room:1');
  await jobs();
  for (const key of ['a', 'b', 'c', 'd']) node.enter('room:1', key, key, null);
  await jobs();
  assert.equal(owner.events.at(-1), 'count room:1 4');
  assert.deepEqual(await node.members('room:1'), { count: 4 });
  node.enter('room:1', 'e', 'e', null);
  await one.pass(1_000);
  assert.equal(owner.events.at(-1), 'count room:1 5');
  for (const key of ['a', 'b', 'c']) node.leave('room:1', key);
  await one.pass(1_000);
  assert.equal(owner.events.at(-1), 'count room:1 2 d e', 'the owner gets the members that it missed');
  assert.deepEqual(
    (await node.members('room:1')).members?.map(({ key }) => key),
    ['d', 'e'],
  );
});

function cluster(): { hub: TopicHub; nodes: TestNode[] } {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const nodes = [1, 2].map(
    (seed) =>
      new TestNode({
        history: [],
        presence: [PRESENCE],
        clock,
        engine: hub.engine(),
        random: seededRandom(seed),
      }),
  );
  return { hub, nodes };
}

test('HI-07 a node sees members of another node; those of a dead node leave after its entry and the grace time', async () => {
  const { hub, nodes } = cluster();
  const [first, second] = nodes as [TestNode, TestNode];
  first.node.watch('room:1');
  await first.pass(100, 10);
  second.node.enter('room:1', 'c1', 'ann', null);
  first.node.enter('room:1', 'c9', 'ann', null);
  second.node.enter('room:1', 'c2', 'bob', null);
  await first.pass(100, 10);
  assert.deepEqual(first.owner.events.sort(), ['join room:1 ann 1', 'join room:1 bob 1']);
  assert.deepEqual(
    (await asked(first, () => first.node.members('room:1'))).members
      ?.map(({ key, connections }) => [key, connections])
      .sort(),
    [
      ['ann', 2],
      ['bob', 1],
    ],
  );
  // Killed: nothing is removed, and no beat renews its entry.
  void hub.engines[1]!.stop();
  await first.pass(20_000);
  assert.equal(first.owner.events.length, 2);
  // The entry expires 30 s after the last beat, and the other node sees that at its own next beat.
  await first.pass(20_500 + PRESENCE.graceMs);
  assert.deepEqual(first.owner.events.slice(2), ['leave room:1 bob']);
  assert.deepEqual(
    [...hub.members.get('room:1')!.keys()].length,
    1,
    'the dead members were removed from the engine',
  );
});

test('HI-07 after a cut of the engine views agree again', async () => {
  const { hub, nodes } = cluster();
  const [first, second] = nodes as [TestNode, TestNode];
  first.node.watch('room:1');
  second.node.enter('room:1', 'c1', 'ann', null);
  await first.pass(100, 10);
  for (const engine of hub.engines) engine.cut();
  hub.members.clear();
  second.node.leave('room:1', 'c1');
  second.node.enter('room:1', 'c2', 'bob', null);
  await assert.rejects(second.node.members('room:1'), { code: 'ERR_ENGINE_DOWN' });
  for (const engine of hub.engines) engine.connect();
  await first.pass(6_000);
  assert.deepEqual(
    first.owner.events.filter((event) => !event.startsWith('down') && !event.startsWith('up')).sort(),
    ['join room:1 bob 1', 'leave room:1 ann'],
  );
  const stopped = second.node.stop(1_000);
  await first.pass(6_000);
  await stopped;
  assert.equal(first.owner.events.at(-1), 'leave room:1 bob', 'a node that stops removes its members');
});

test('HI-07 a leave that a cut of the engine loses is repeated after the reconnect', async () => {
  for (const isInFlight of [true, false]) {
    const { hub, nodes } = cluster();
    const [first, second] = nodes as [TestNode, TestNode];
    const engine = hub.engines[1]!;
    second.node.enter('room:1', 'c1', 'ann', null);
    await first.pass(100, 10);
    if (isInFlight) {
      const refusing = refuse(engine);
      second.node.leave('room:1', 'c1');
      await jobs();
      refusing.end();
      engine.cut();
    } else {
      engine.cut();
      second.node.leave('room:1', 'c1');
      await jobs();
    }
    engine.connect();
    await first.pass(100, 10);
    assert.deepEqual(hub.members.get('room:1')!.size, 0, `in flight: ${isInFlight}`);
  }
});

test('HI-07 changes that the engine refuses are repeated with a backoff, in their last state', async () => {
  const { hub, nodes } = cluster();
  const [first, second] = nodes as [TestNode, TestNode];
  const engine = hub.engines[1]!;
  second.node.enter('room:1', 'c1', 'ann', null);
  second.node.enter('room:2', 'c3', 'eve', null);
  await first.pass(100, 10);
  const refusing = refuse(engine);
  second.node.enter('room:1', 'c2', 'bob', null);
  second.node.leave('room:2', 'c3');
  second.node.leave('room:1', 'c1');
  await first.pass(5_000);
  second.node.enter('room:2', 'c4', 'zoe', null);
  await first.pass(60_000);
  const { calls } = refusing;
  assert.ok(calls > 8 && calls < 100, `${calls} calls`);
  assert.ok(second.owner.faults.length < calls);
  refusing.end();
  second.node.enter('room:2', 'c5', 'zoe', null);
  await first.pass(11_000);
  const list = await asked(first, () => first.node.members('room:1'));
  assert.deepEqual(
    list.members?.map(({ key }) => key),
    ['bob'],
  );
  const { members } = await asked(first, () => first.node.members('room:2'));
  assert.deepEqual(
    members?.map(({ key, connections }) => [key, connections]),
    [['zoe', 2]],
  );
});

test('HI-07 a node that stops removes a member whose leave failed, and repeats nothing later', async () => {
  const { hub, nodes } = cluster();
  const [first, second] = nodes as [TestNode, TestNode];
  const engine = hub.engines[1]!;
  second.node.enter('room:1', 'c1', 'ann', null);
  await first.pass(100, 10);
  const refusing = refuse(engine);
  second.node.leave('room:1', 'c1');
  await jobs();
  refusing.end();
  const stopped = second.node.stop(1_000);
  await first.pass(2_000);
  await stopped;
  assert.equal(hub.members.get('room:1')!.size, 0);
  await asked(first, () => first.node.stop(1_000));
  assert.equal(first.clock.pendingTimers, 0);
});

/** Lets an engine refuse changes of members until `end`. */
function refuse(engine: object): { calls: number; end(): void } {
  const refusing = {
    calls: 0,
    end: () => void (Reflect.deleteProperty(engine, 'enter') && Reflect.deleteProperty(engine, 'leave')),
  };
  const call = (): Promise<never> => {
    refusing.calls++;
    return Promise.reject(new Error('refused'));
  };
  Object.assign(engine, { enter: call, leave: call });
  return refusing;
}

/** Awaits a call while time passes. */
async function asked<Result>(node: TestNode, call: () => Promise<Result>): Promise<Result> {
  const result = call();
  await node.pass(50, 5);
  return result;
}
