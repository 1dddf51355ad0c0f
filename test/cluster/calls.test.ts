import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { type HubEngine, TopicHub } from '../../fuzz/topic-hub.ts';
import { MAX_OPEN } from '../../src/cluster/requests.ts';
import { MAX_ANSWER_BYTES } from '../../src/cluster/request-messages.ts';
import { buildFrame } from '../../src/protocol/outgoing/frame-builder.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import type { EngineError } from '../../src/protocol/errors.ts';
import type { CallLimits, OtherAnswers } from '../../src/server/groups/cluster-calls.ts';
import type { Relayed } from '../../src/server/groups/topic-node.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { jobs, madeStats, TestNode } from './recorded.ts';

const TWO_SECONDS: CallLimits = { deadlineMs: 2_000, signal: undefined };

interface Cluster {
  readonly hub: TopicHub;
  readonly nodes: readonly TestNode[];
  /** Makes a node ignore what others ask, as if its event loop were blocked. */
  readonly hang: (at: number) => void;
  readonly pass: (ms: number) => Promise<void>;
}

/** Nodes on one broker that have seen each other. */
async function cluster(count: number): Promise<Cluster> {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const nodes = Array.from(
    { length: count },
    (_, at) =>
      new TestNode({
        clock,
        engine: hub.engine(),
        random: seededRandom(at + 1),
        history: [],
        nodeId: `node${at}`,
      }),
  );
  const pass = (ms: number): Promise<void> => nodes[0]!.pass(ms, 10);
  await pass(100);
  const hang = (at: number): void => {
    nodes[at]!.node.control = () => {};
  };
  return { hub, nodes, hang, pass };
}

/** What a promise has come to. */
function settled<Value>(promise: Promise<Value>): { value?: Value; error?: unknown } {
  const result: { value?: Value; error?: unknown } = {};
  promise.then(
    (value) => {
      result.value = value;
    },
    (error: unknown) => {
      result.error = error;
    },
  );
  return result;
}

const plain = ({ values, missing }: OtherAnswers<unknown>): unknown => [Object.fromEntries(values), missing];
const text = (words: string): Uint8Array => new PreparedMessage(words).frame;

test('SC-09 a question goes to all other nodes, and ends with the last answer', async () => {
  const { nodes, pass } = await cluster(3);
  nodes.forEach(({ owner }, at) => {
    owner.local.subscribers = 10 ** at;
  });
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(50);
  assert.deepEqual(plain(asked.value!), [{ node1: 10, node2: 100 }, []]);
  const stats = settled(nodes[2]!.node.others.ask('stats', '', TWO_SECONDS));
  await pass(50);
  assert.deepEqual(
    [...stats.value!.values],
    ['node0', 'node1'].map((id) => [id, madeStats(id)]),
  );
  for (const { owner } of nodes) assert.deepEqual(owner.faults, []);
});

test('SC-09 a node that hangs is missing at the deadline, and the other answers count', async () => {
  const { nodes, hang, pass } = await cluster(3);
  hang(2);
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(1_990);
  assert.deepEqual(asked, {});
  await pass(20);
  assert.deepEqual(plain(asked.value!), [{ node1: 1 }, ['node2']]);
});

test('SC-09 a question that the engine lost is asked again at half of the deadline, of nodes that did not answer', async () => {
  const { hub, nodes, pass } = await cluster(3);
  const engine = hub.engines[0]!;
  const tell = engine.tell.bind(engine);
  const told: unknown[] = [];
  engine.tell = (to, bytes) => {
    told.push(to);
    // The first one reaches one node only.
    return tell(to === 'all' ? { node: 'node1' } : to, bytes);
  };
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(990);
  assert.deepEqual([told, asked], [['all'], {}]);
  await pass(60);
  assert.deepEqual(
    [told, plain(asked.value!)],
    [
      ['all', { node: 'node2' }],
      [{ node1: 1, node2: 1 }, []],
    ],
  );
});

test('SC-09 a question that the engine failed to send is sent at half of the deadline', async () => {
  const { hub, nodes, pass } = await cluster(2);
  const engine = hub.engines[0]!;
  const tell = engine.tell.bind(engine);
  engine.tell = () => Promise.reject(new Error('as a test'));
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(500);
  engine.tell = tell;
  await pass(490);
  assert.deepEqual(asked, {});
  await pass(60);
  assert.deepEqual(plain(asked.value!), [{ node1: 1 }, []]);
  assert.deepEqual(
    nodes[0]!.owner.faults.map(({ message }) => message),
    ['as a test'],
  );
});

test('SC-09 SC-08 a node that died is missing until its entry expires; one that stopped is not', async () => {
  const { hub, nodes, hang, pass } = await cluster(3);
  hang(1);
  hub.nodes.delete('node2');
  const dying = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  // It dies while the question is on its way.
  await nodes[1]!.node.stop(0);
  await pass(2_010);
  assert.deepEqual(dying.value!.missing, ['node1']);
  await pass(30_000);
  const later = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  await pass(50);
  assert.deepEqual([[...later.value!.values.keys()], later.value!.missing], [['node2'], []]);
});

test('SC-09 the answer of a node that is younger than the last beat counts, and the next question awaits it', async () => {
  const { hub, nodes, pass } = await cluster(2);
  const young = new TestNode({
    clock: hub.clock,
    engine: hub.engine(),
    random: seededRandom(9),
    nodeId: 'young',
  });
  await pass(50);
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(50);
  assert.equal(asked.value!.missing.length, 0);
  young.node.control = () => {};
  await pass(1_000);
  const again = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(2_010);
  assert.deepEqual(plain(again.value!), [{ node1: 1 }, ['young']]);
});

test('SC-09 many questions cause one beat', async () => {
  const { hub, nodes, pass } = await cluster(2);
  await pass(2_000);
  let beats = 0;
  const engine = hub.engines[0]!;
  const beat = engine.beat.bind(engine);
  engine.beat = (info, ttlMs) => {
    beats++;
    return beat(info, ttlMs);
  };
  for (let i = 0; i < 50; i++) void nodes[0]!.node.others.ask('stats', '', TWO_SECONDS);
  await pass(50);
  void nodes[0]!.node.others.ask('stats', '', TWO_SECONDS);
  await pass(50);
  assert.equal(beats, 1);
});

test('SC-09 disconnect ends with the first node that has the connection, without the others', async () => {
  const { nodes, hang, pass } = await cluster(3);
  nodes[1]!.owner.local.connections.add('c1');
  hang(2);
  const found = settled(nodes[0]!.node.others.ask('disconnect', 'c1', TWO_SECONDS));
  await pass(50);
  assert.deepEqual(plain(found.value!), [{ node1: true }, []]);
  assert.equal(nodes[1]!.owner.local.connections.size, 0);
  const unknown = settled(nodes[0]!.node.others.ask('disconnect', 'c1', TWO_SECONDS));
  await pass(2_010);
  assert.deepEqual(plain(unknown.value!), [{ node1: false }, ['node2']]);
});

test('SC-09 an aborted signal rejects with its reason, and later answers are ignored', async () => {
  const { nodes, hang, pass } = await cluster(2);
  hang(1);
  const reason = new Error('enough');
  const controller = new AbortController();
  const limits = { deadlineMs: 2_000, signal: controller.signal };
  const [asked, sent] = [
    settled(nodes[0]!.node.others.ask('stats', '', limits)),
    settled(nodes[0]!.node.others.broadcast(text('hello'), limits)),
  ];
  controller.abort(reason);
  await jobs();
  assert.deepEqual([asked.error, sent.error], [reason, reason]);
  await pass(3_000);
  assert.deepEqual(nodes[0]!.owner.faults, []);
  const other = new AbortController();
  const { signal } = other;
  for (const deadlineMs of [1, 40]) {
    void nodes[1]!.node.others.ask('stats', '', { deadlineMs, signal });
    void nodes[1]!.node.others.broadcast(text('hello'), { deadlineMs, signal });
  }
  assert.equal(getEventListeners(signal, 'abort').length, 4);
  await pass(50);
  assert.equal(getEventListeners(signal, 'abort').length, 0, 'a call that has ended leaves the signal alone');
  const late = settled(nodes[0]!.node.others.ask('stats', '', limits));
  const unsent = settled(nodes[0]!.node.others.broadcast(text('hello'), limits));
  await jobs();
  assert.deepEqual([late.error, unsent.error], [reason, reason]);
});

test('SC-09 at most 100 questions are open: the next one gets no answers, at once', async () => {
  const { nodes, hang, pass } = await cluster(2);
  hang(1);
  const all = Array.from({ length: MAX_OPEN }, () =>
    settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS)),
  );
  const over = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  await jobs();
  assert.deepEqual(plain(over.value!), [{}, ['node1']]);
  await pass(1_900);
  assert.ok(all.every(({ value }) => value === undefined));
  await pass(110);
  assert.ok(all.every(({ value }) => value?.missing[0] === 'node1'));
  const next = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  await jobs();
  assert.equal(next.value, undefined, 'there is room again');
});

test('SC-09 a question that is asked while the engine is away waits for it, and is asked again after a disconnect', async () => {
  const { hub, nodes, pass } = await cluster(2);
  const engine = hub.engines[0] as HubEngine;
  engine.cut();
  assert.equal(nodes[0]!.node.state, 'down');
  const early = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(500);
  assert.deepEqual(early, {});
  engine.connect();
  await pass(50);
  assert.deepEqual(plain(early.value!), [{ node1: 1 }, []]);

  // The answer is lost with the connection.
  const control = nodes[0]!.node.control.bind(nodes[0]!.node);
  nodes[0]!.node.control = () => {};
  const asked = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(50);
  engine.cut();
  nodes[0]!.node.control = control;
  engine.connect();
  await pass(50);
  assert.deepEqual(plain(asked.value!), [{ node1: 1 }, []]);

  engine.cut();
  const never = settled(nodes[0]!.node.others.ask('subscriber-count', 'news', TWO_SECONDS));
  await pass(2_010);
  assert.deepEqual(plain(never.value!), [{}, ['node1']]);
});

test('SC-09 SC-12 a node that stops ends its calls, and asks nothing afterwards', async () => {
  const { nodes, hang, hub } = await cluster(2);
  hang(1);
  hub.faults.stalled = true;
  const asked = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  const sent = settled(nodes[0]!.node.others.broadcast(text('hello'), TWO_SECONDS));
  void nodes[0]!.node.stop(0);
  await jobs();
  assert.deepEqual(plain(asked.value!), [{}, ['node1']]);
  assert.equal(sent.value!.ok, false);
  const late = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  const unsent = settled(nodes[0]!.node.others.broadcast(text('hello'), TWO_SECONDS));
  await jobs();
  assert.deepEqual(plain(late.value!), [{}, ['node1']]);
  assert.deepEqual(outcomeOf(unsent.value!), ['ERR_ENGINE_DOWN', 'not-published']);
});

test('SC-09 an answer over 64 KiB is not sent: the node says that it failed, and is missing at once', async () => {
  const { nodes, pass } = await cluster(2);
  const long = madeStats('node1', { reasons: ['x'.repeat(MAX_ANSWER_BYTES)] });
  nodes[1]!.owner.local.stats = () => long;
  const asked = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  await pass(50);
  assert.deepEqual(plain(asked.value!), [{}, ['node1']]);
  nodes[1]!.owner.local.stats = () => {
    throw new Error('a fault of the server');
  };
  const failing = settled(nodes[0]!.node.others.ask('stats', '', TWO_SECONDS));
  await pass(50);
  assert.deepEqual(plain(failing.value!), [{}, ['node1']]);
  assert.deepEqual(
    nodes.map(({ owner }) => owner.faults.map(({ message }) => message)),
    [[], ['a fault of the server']],
  );
});

const outcomeOf = (relayed: Relayed): unknown =>
  relayed.ok ? 'ok' : [(relayed.error as EngineError).code, relayed.outcome];

test('SC-09 broadcasts reach all other nodes in their order, also those that waited for the engine', async () => {
  const { hub, nodes, pass } = await cluster(3);
  const engine = hub.engines[0] as HubEngine;
  engine.cut();
  const results = ['a', 'b'].map((word) => settled(nodes[0]!.node.others.broadcast(text(word), TWO_SECONDS)));
  await pass(100);
  engine.connect();
  results.push(settled(nodes[0]!.node.others.broadcast(text('c'), TWO_SECONDS)));
  await pass(100);
  assert.deepEqual(
    results.map(({ value }) => outcomeOf(value!)),
    ['ok', 'ok', 'ok'],
  );
  assert.deepEqual(
    nodes.map(({ owner }) => owner.local.broadcasts),
    [[], ['a', 'b', 'c'], ['a', 'b', 'c']],
  );
});

test('SC-09 a broadcast that the engine does not take says so', async () => {
  const { hub, nodes, pass } = await cluster(2);
  const one = nodes[0]!.node.others;
  const large = settled(
    one.broadcast(buildFrame(2, Buffer.alloc(1_048_576 + 4_200), undefined), TWO_SECONDS),
  );
  hub.faults.stalled = true;
  const slow = settled(one.broadcast(text('slow'), TWO_SECONDS));
  await pass(2_010);
  (hub.engines[0] as HubEngine).cut();
  const late = settled(one.broadcast(text('late'), TWO_SECONDS));
  const mebibyte = buildFrame(2, Buffer.alloc(1_048_576), undefined);
  const many = Array.from({ length: 8 }, () => settled(one.broadcast(mebibyte, TWO_SECONDS)));
  await jobs();
  assert.deepEqual(outcomeOf(many[7]!.value!), ['ERR_ENGINE_FULL', 'not-published']);
  assert.equal(many[6]!.value, undefined);
  await pass(2_010);
  assert.deepEqual(
    [large, slow, late].map(({ value }) => outcomeOf(value!)),
    [
      ['ERR_ENGINE_REFUSED', 'not-published'],
      ['ERR_ENGINE_DOWN', 'unknown'],
      ['ERR_ENGINE_DOWN', 'not-published'],
    ],
  );
});

test('SC-09 SC-08 nodes() has what each node says of itself; an entry that another program wrote has empty values', async () => {
  const { hub, nodes, pass } = await cluster(2);
  hub.nodes.set('foreign', { info: Buffer.from('no JSON'), untilMs: Infinity });
  hub.nodes.set('not a name!', { info: Buffer.from('{}'), untilMs: Infinity });
  await pass(1_500);
  const list = settled(nodes[0]!.node.others.nodes());
  await pass(50);
  const { host, pid, version, name, since } = nodes[1]!.owner.local.info;
  assert.deepEqual(list.value, [
    { id: 'node0', name, host, pid, version, since },
    { id: 'node1', name, host, pid, version, since },
    { id: 'foreign', name: undefined, host: '', pid: 0, version: '', since: new Date(0) },
  ]);
});
