import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { type HubEngine, TopicHub } from '../../fuzz/topic-hub.ts';
import type { Channel } from '../../src/cluster/engine.ts';
import type { EngineError } from '../../src/protocol/errors.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { resume, RULE, TestNode } from './recorded.ts';

const PRESENCE = { match: 'room:*', maxMembers: 3, graceMs: 5_000 };

/** Writes down the calls of an engine that change something in the broker. */
function recorded(engine: HubEngine): string[] {
  const calls: string[] = [];
  const interest = engine.interest.bind(engine);
  const leave = engine.leave.bind(engine);
  const publish = engine.publish.bind(engine);
  const beat = engine.beat.bind(engine);
  const stop = engine.stop.bind(engine);
  engine.interest = (add: readonly Channel[], remove: readonly Channel[]) => {
    const words = [
      ...add.map(({ topic }) => `add ${topic}`),
      ...remove.map(({ topic }) => `remove ${topic}`),
    ];
    calls.push(words.join(', '));
    return interest(add, remove);
  };
  engine.leave = (topic, fields) => {
    calls.push(`leave ${topic} ${fields.map((field) => field.split(' ')[1]).join(' ')}`);
    return leave(topic, fields);
  };
  engine.publish = (batch) => {
    calls.push(`publish ${batch.topic} ${batch.entries.length}`);
    return publish(batch);
  };
  engine.beat = (info, ttlMs) => {
    calls.push('beat');
    return beat(info, ttlMs);
  };
  engine.stop = () => {
    calls.push('stop');
    return stop();
  };
  return calls;
}

function pair(): { hub: TopicHub; one: TestNode; other: TestNode; calls: string[] } {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const [one, other] = [1, 2].map(
    (seed) =>
      new TestNode({
        history: [{ ...RULE, match: 'room:*' }],
        presence: [PRESENCE],
        clock,
        engine: hub.engine(),
        random: seededRandom(seed),
      }),
  ) as [TestNode, TestNode];
  return { hub, one, other, calls: recorded(hub.engines[0]!) };
}

test('SC-12 a node that shuts down removes members, then interest, then publishes its queue, then leaves the engine', async () => {
  const { hub, one, other, calls } = pair();
  resume(other, 'room:1', undefined);
  other.node.watch('room:1');
  await one.pass(200, 10);
  resume(one, 'room:1', undefined);
  one.node.enter('room:1', 'c1', 'ann', null);
  one.node.enter('room:1', 'c2', 'bob', null);
  await one.pass(200, 10);
  assert.deepEqual(other.owner.events, ['join room:1 ann 1', 'join room:1 bob 1']);
  calls.length = 0;

  // Bob left in the same turn, and the engine does not know it yet.
  one.node.leave('room:1', 'c2');
  const retired = one.node.retire(2_000);
  await one.pass(100, 10);
  await retired;
  assert.deepEqual(calls, ['leave room:1 ann bob']);
  assert.equal(hub.members.get('room:1')!.size, 0);
  await one.pass(5_000);
  assert.deepEqual(other.owner.events.slice(2).sort(), ['leave room:1 ann', 'leave room:1 bob']);

  // Until the end, topics work, but connections become members no longer and no beat renews the node.
  one.node.enter('room:1', 'c3', 'eve', null);
  one.node.leave('room:1', 'c1');
  const early = one.publish('room:1', 'early');
  await one.pass(15_000);
  assert.ok((await early).ok);
  assert.deepEqual([one.owner.texts, other.owner.texts], [['early'], ['early']]);
  assert.deepEqual(calls.slice(1), ['publish room:1 1']);

  one.node.unsubscribe('room:1');
  hub.faults.stalled = true;
  const late = [one.publish('room:1', 'a')];
  await one.pass(10, 10);
  late.push(one.publish('room:1', 'b'));
  const stopped = one.node.stop(2_000);
  await one.pass(500, 10);
  hub.faults.stalled = false;
  await one.pass(500, 10);
  await stopped;
  assert.ok((await Promise.all(late)).every(({ ok }) => ok));
  await other.pass(200, 10);
  assert.deepEqual(other.owner.texts, ['early', 'a', 'b']);
  assert.deepEqual(calls.slice(2), ['publish room:1 1', 'remove room:1', 'publish room:1 1', 'stop']);
  assert.deepEqual(one.owner.faults, []);
  await other.pass(30_000);
  assert.equal(hub.nodes.size, 2);
  const alive = [...hub.nodes.values()].filter(({ untilMs }) => untilMs > hub.clock.now());
  assert.equal(alive.length, 1, 'the entry of the node has expired');
});

test('SC-12 with a broker that does not answer, each step of the end takes at most the deadline', async () => {
  const { hub, one } = pair();
  resume(one, 'room:1', undefined);
  one.node.enter('room:1', 'c1', 'ann', null);
  await one.pass(200, 10);
  hub.faults.stalled = true;
  const startMs = hub.clock.now();
  const retired = one.node.retire(2_000);
  await one.pass(2_000, 10);
  await retired;
  const unsent = one.publish('room:1', 'a');
  const stopped = one.node.stop(2_000);
  await one.pass(4_000, 10);
  await stopped;
  assert.equal(hub.clock.now() - startMs, 6_000);
  assert.deepEqual(
    { ...(await unsent), error: undefined },
    { ok: false, error: undefined, outcome: 'unknown' },
  );
});

test('PF-14 the queue of a node that is alone has no timer once its messages are published', async () => {
  const one = new TestNode();
  one.node.subscribe('news');
  for (let i = 0; i < 100; i++) void one.publish(`topic ${i}`, 'text');
  void one.publish('news', 'text');
  await one.pass(250);
  // What remains is the timer of the histories' lifetimes.
  assert.deepEqual([one.owner.texts, one.clock.pendingTimers], [['text'], 1]);
});

test('PF-14 the queue of a node without an engine has no timer once its messages have failed', async () => {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const one = new TestNode({ clock, engine: hub.engine() });
  await one.pass(200, 10);
  hub.engines[0]!.cut();
  const result = one.publish('news', 'text');
  await one.pass(20_000);
  assert.equal((await result).ok, false);
  // What remains is the timer of the upkeep.
  assert.equal(clock.pendingTimers, 1);
});

test('SC-12 a publish from the callback of one that the stop has failed fails, too', async () => {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const one = new TestNode({ clock, engine: hub.engine() });
  const again = one.publish('news', 'one').then(() => one.publish('news', 'two'));
  await one.node.stop(0);
  const result = await again;
  assert.ok(!result.ok);
  assert.deepEqual(
    [(result.error as EngineError).code, result.outcome],
    ['ERR_ENGINE_DOWN', 'not-published'],
  );
});
