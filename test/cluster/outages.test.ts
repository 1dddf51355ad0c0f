import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { type HubEngine, TopicHub } from '../../fuzz/topic-hub.ts';
import type { Batch, Engine, Published } from '../../src/cluster/engine.ts';
import { ENTRY_HEAD_BYTES } from '../../src/cluster/envelope.ts';
import { EngineError } from '../../src/protocol/errors.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import type { Relayed } from '../../src/server/groups/topic-node.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { jobs, offsetsOf, resume, RULE, TestNode } from './recorded.ts';

function pair(settings: object = {}): { hub: TopicHub; a: TestNode; b: TestNode; engines: HubEngine[] } {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const node = (seed: number): TestNode =>
    new TestNode({ clock, engine: hub.engine(), random: seededRandom(seed), ...settings });
  return { hub, a: node(1), b: node(2), engines: hub.engines };
}

/** The results that have come. */
function collect(promises: readonly Promise<Relayed>[]): Relayed[] {
  const results: Relayed[] = [];
  for (const promise of promises) void promise.then((result) => results.push(result));
  return results;
}

test('SC-07 while the engine is down messages wait at most 10 s, 10,000 messages and 8 MiB; then the oldest fail', async () => {
  const { a, engines } = pair();
  engines[0]!.cut();
  const results = collect(Array.from({ length: 10_001 }, () => a.publish('news', 'x')));
  await jobs();
  const [full] = results;
  assert.ok(results.length === 1 && full?.ok === false);
  assert.deepEqual([(full.error as EngineError).code, full.outcome], ['ERR_ENGINE_DOWN', 'not-published']);
  void a.publish('news', 'x'.repeat(1_000_000));
  for (let i = 0; i < 8; i++) void a.publish('news', 'x'.repeat(1_000_000));
  await jobs();
  assert.equal(results.length, 10_001);
  await a.pass(9_000);
  engines[0]!.connect();
  await a.pass(500, 5);
  assert.equal(results.length, 10_001, 'what was young enough was published');
});

test('SC-07 a message that waits for 10 s fails; one whose answer is lost has an unknown outcome', async () => {
  const { hub, a, engines } = pair();
  hub.faults.stalled = true;
  const sent = collect([a.publish('news', 'sent')]);
  await a.pass(100);
  engines[0]!.cut();
  const waits = collect([a.publish('news', 'waits')]);
  await a.pass(9_000);
  assert.deepEqual([sent.length, waits.length], [0, 0]);
  await a.pass(2_000);
  assert.deepEqual([sent[0]!.ok, waits[0]!.ok], [false, false]);
  assert.deepEqual(
    [sent[0], waits[0]].map((result) => result!.ok || result!.outcome),
    ['unknown', 'not-published'],
  );
});

test('SC-07 without history a failed message may have reached local subscribers: the outcome is unknown', async () => {
  const { a, engines } = pair({ history: [] });
  engines[0]!.cut();
  const results = collect([a.publish('news', 'x')]);
  await a.pass(11_000);
  assert.equal(results[0]!.ok || results[0]!.outcome, 'unknown');
});

test('SC-07 a batch that the engine refuses fails alone; one that it answers with an error is sent again', async () => {
  const { hub, a, engines } = pair();
  const engine = engines[0]!;
  const publish = engine.publish.bind(engine);
  const errors = [
    new EngineError('ERR_ENGINE_REFUSED'),
    new EngineError('ERR_ENGINE_DOWN'),
    new Error('broken'),
  ];
  const seen: [number, boolean][] = [];
  engine.publish = (batch: Batch): Promise<Published | undefined> => {
    seen.push([batch.seq, batch.again]);
    const error = errors.shift();
    if (error !== undefined && error.message === 'broken') throw error;
    return error === undefined ? publish(batch) : Promise.reject(error);
  };
  const first = a.publish('news', 'refused');
  await jobs();
  const second = a.publish('news', 'again');
  await a.pass(1_000, 5);
  assert.deepEqual(seen, [
    [1, false],
    [2, false],
    [2, true],
    [2, true],
  ]);
  assert.equal((await first).ok, false);
  assert.deepEqual([(await second).ok, hub.stored.get('news')!.top], [true, 1]);
});

test('SC-07 messages of 200 topics in one turn are all sent, although at most 64 batches are in flight', async () => {
  const { hub, a } = pair();
  const alone = new TestNode();
  for (const node of [a, alone]) {
    const results = collect(Array.from({ length: 200 }, (_, at) => node.publish(`topic ${at}`, 'x')));
    await node.pass(1_000, 5);
    assert.equal(results.filter(({ ok }) => ok).length, 200);
  }
  assert.equal(hub.stored.size, 200);
});

for (const [title, isJoined, engineMax, longest] of [
  ['maxMessageBytes of the server', true, undefined, 50],
  ['a lower limit of the broker', true, 40 + ENTRY_HEAD_BYTES, 40],
  ['a higher limit of the broker', true, 60 + ENTRY_HEAD_BYTES, 50],
  ['none, without other servers', false, undefined, 100_000],
] as const)
  test(`SC-07 local subscribers get no message that is refused as too large; its limit is ${title}`, async () => {
    const clock = new VirtualClock();
    const engine: Engine | undefined = isJoined ? new TopicHub(clock, prng(1)).engine() : undefined;
    if (engine !== undefined) Object.assign(engine, { maxEntryBytes: engineMax });
    const one = new TestNode({ clock, engine, history: [], maxMessageBytes: 50 });
    await one.pass(100, 5);
    for (const length of [longest, longest + ENTRY_HEAD_BYTES + 1]) {
      const message = new PreparedMessage('x'.repeat(length));
      const results = collect([one.node.publish('news', message, undefined, undefined)]);
      await one.pass(100, 5);
      const { ok } = results[0]!;
      assert.deepEqual(
        [ok, one.node.fits(message, undefined)],
        Array(2).fill(length === longest || !isJoined),
      );
    }
  });

test('SC-07 a message over the limits is refused, and none is published after stop', async () => {
  const { a } = pair({ history: [{ ...RULE, maxBytes: 100 }], maxMessageBytes: 50 });
  const large = await a.publish('news', 'x'.repeat(120));
  assert.deepEqual(
    [large.ok, !large.ok && [(large.error as EngineError).code, large.outcome]],
    [false, ['ERR_ENGINE_REFUSED', 'not-published']],
  );
  const stopped = a.node.stop(100);
  await a.pass(500, 10);
  await stopped;
  await a.node.stop(100);
  const late = await a.publish('news', 'x');
  assert.equal(late.ok, false);
});

test('HI-05 arrivals that are lost are found by the next arrival, by the own echo, and by comparing positions', async () => {
  const { hub, a, b } = pair();
  a.node.subscribe('news');
  b.node.subscribe('news');
  await a.pass(100, 5);
  hub.faults.drop = 1;
  void b.publish('news', '1');
  await a.pass(100, 5);
  hub.faults.drop = 0;
  void b.publish('news', '2');
  await a.pass(100, 5);
  assert.deepEqual(offsetsOf(a.owner.delivered), [1, 2], 'the gap was filled at the next arrival');
  hub.faults.drop = 1;
  const result = b.publish('news', '3');
  await a.pass(1_800);
  assert.deepEqual(
    (await result).ok && offsetsOf(b.owner.delivered),
    [1, 2, 3],
    'the own message was missed',
  );
  assert.deepEqual(offsetsOf(a.owner.delivered), [1, 2]);
  await a.pass(21_000);
  assert.deepEqual(offsetsOf(a.owner.delivered), [1, 2, 3], 'positions were compared');
  assert.deepEqual([a.owner.losses, b.owner.losses], [[], []]);
});

test('HI-05 what is gone is announced once: lost, with the position before what is left', async () => {
  const { hub, a, b, engines } = pair({ history: [{ ...RULE, maxMessages: 3 }] });
  a.node.subscribe('news');
  await a.pass(100, 5);
  engines[0]!.cut();
  assert.deepEqual(a.owner.events, ['down the engine cannot be reached: cut']);
  for (let i = 1; i <= 5; i++) void b.publish('news', `${i}`);
  a.clock.advance(0.4);
  await a.pass(1_000, 10);
  engines[0]!.connect();
  await a.pass(100, 5);
  const { epoch } = hub.stored.get('news')!;
  assert.deepEqual(a.owner.losses, [{ topic: 'news', position: { epoch, offset: 2 } }]);
  assert.deepEqual(offsetsOf(a.owner.delivered), [3, 4, 5]);
  assert.deepEqual(a.owner.events.slice(1), ['up 1000 1'], 'whole milliseconds');
  hub.restart(false);
  for (const engine of engines) engine.connect();
  await a.pass(100, 5);
  assert.equal(a.owner.losses.length, 2);
  assert.equal(a.owner.losses[1]!.position.offset, 0);
});

test('HI-05 a history that was rewound within its epoch is announced, too', async () => {
  const { hub, a } = pair();
  a.node.subscribe('news');
  await a.pass(50, 5);
  for (let i = 1; i <= 5; i++) void a.publish('news', `${i}`);
  await a.pass(50, 5);
  const stored = hub.stored.get('news')!;
  stored.entries.length = 2;
  stored.top = 2;
  await a.pass(21_000);
  assert.deepEqual(a.owner.losses, [{ topic: 'news', position: { epoch: stored.epoch, offset: 0 } }]);
  assert.deepEqual(offsetsOf(a.owner.delivered), [1, 2, 3, 4, 5, 1, 2]);
});

test('SC-10 a node that hears nothing sends itself a probe, and reconnects if it does not come back', async () => {
  const { hub, a, engines } = pair();
  a.node.subscribe('news');
  await a.pass(30_000);
  assert.equal(engines[0]!.reconnects, 0, 'probes come back');
  hub.faults.drop = 1;
  await a.pass(20_000);
  assert.ok(engines[0]!.reconnects >= 1);
  assert.equal(engines[1]!.reconnects, 0, 'a node without interest expects nothing');
  assert.match(a.owner.events[0]!, /^down/);
});

test('SC-04 interest ends 10 s after the last subscriber, and a client that is back before finds the topic live', async () => {
  const { hub, a, engines } = pair();
  const calls: string[] = [];
  const interest = engines[0]!.interest.bind(engines[0]);
  engines[0]!.interest = (add, remove) => {
    calls.push(`+${add.map(({ topic }) => topic).join()} -${remove.map(({ topic }) => topic).join()}`);
    return interest(add, remove);
  };
  for (const topic of ['a', 'b', 'c']) a.node.subscribe(topic);
  await a.pass(100, 5);
  assert.deepEqual(calls, ['+a,b,c -'], 'one call a turn');
  for (const topic of ['a', 'b']) a.node.unsubscribe(topic);
  await a.pass(9_000);
  const { reads } = hub;
  a.node.subscribe('a');
  await a.pass(5_000);
  assert.deepEqual(calls.slice(1), ['+ -b']);
  assert.equal(hub.reads, reads);
});

test('SC-05 without history other nodes get messages in order, and no node its own', async () => {
  const { a, b } = pair({ history: [] });
  for (const { node } of [a, b]) node.subscribe('news');
  await a.pass(50, 5);
  const except = new Set(['c1', 'c2']);
  const results = collect([
    a.node.publish('news', new PreparedMessage('1'), except, {}),
    a.publish('news', '2'),
  ]);
  await a.pass(50, 5);
  assert.deepEqual([a.owner.texts, b.owner.texts], [[], ['1', '2']]);
  assert.deepEqual(b.owner.delivered[0]!.except, except);
  assert.deepEqual(results, [
    { ok: true, position: undefined, delivery: undefined },
    { ok: true, position: undefined, delivery: undefined },
  ]);
  b.node.unsubscribe('news');
  void a.publish('news', '3');
  await a.pass(50, 5);
  assert.equal(b.owner.texts.length, 2);
});

test('SC-06 invalid arrivals, entries, answers and control messages are reported and dropped', async () => {
  const { hub, a, engines } = pair();
  a.node.subscribe('news');
  await a.pass(50, 5);
  const channel = { kind: 'messages', topic: 'news' } as const;
  const known = hub.stored.get('news')!.epoch;
  a.node.deliver(channel, { node: 'n', seq: 1, epoch: 'not an epoch', first: 1 }, []);
  a.node.deliver(channel, { node: 'n', seq: 1, epoch: known, first: 0 }, []);
  a.node.control(Buffer.from('unknown'));
  assert.equal(a.owner.faults.length, 3);
  const good = new PreparedMessage('good').frame;
  a.node.deliver(channel, { node: 'n', seq: 1, epoch: known, first: 1 }, [Buffer.from('bad'), good]);
  assert.deepEqual([a.owner.texts, a.owner.faults.length], [['good'], 4]);
  engines[0]!.read = () => Promise.resolve({ epoch: known, top: 9, first: 1, entries: [] });
  a.node.deliver(channel, { node: 'n', seq: 2, epoch: known, first: 9 }, [good]);
  await a.pass(50, 5);
  assert.match(a.owner.faults[4]!.message, /a read of epoch/);
});

test('HI-04 a resume without an engine fails after the deadline as unavailable; a position rejects', async () => {
  const { a, engines } = pair();
  engines[0]!.cut();
  const waiting = resume(a, 'news', undefined);
  await assert.rejects(a.node.position('news'), { code: 'ERR_ENGINE_DOWN' });
  await a.pass(6_000);
  assert.deepEqual([waiting.answer!.failure, waiting.answer!.retryAfterMs], ['unavailable', undefined]);
});
