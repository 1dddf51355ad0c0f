import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { Engine } from '../../../src/cluster/index.ts';
import { workerEngine } from '../../../src/cluster/index.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import type { EngineError } from '../../../src/protocol/errors.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { jobs, offsetsOf, resume, TestNode } from '../recorded.ts';
import { MemoryMachine, type MemoryWorker } from './memory.ts';

const PRESENCE = [{ match: '*', maxMembers: 1_000, graceMs: 0 }];

const nodeIn = (machine: MemoryMachine, worker: MemoryWorker, engine: Engine = worker.engine()): TestNode =>
  new TestNode({ clock: machine.clock, random: systemRandom, engine, presence: PRESENCE });

/** Two workers with a node each, which the hub has greeted. */
async function twoNodes() {
  const machine = new MemoryMachine();
  const [one, two] = [machine.worker(), machine.worker()];
  const [a, b] = [nodeIn(machine, one), nodeIn(machine, two)];
  await a.pass(500);
  return { machine, one, two, a, b };
}

test('SC-02 workerEngine outside of a worker is refused, with the fix', () => {
  assert.throws(() => workerEngine(), { code: 'ERR_STATE', message: /startWorkers\(\{ script \}\)/ });
  assert.throws(() => workerEngine({ prefix: 'a b' }), { code: 'ERR_OPTION', message: /prefix is "a b"/ });
  assert.throws(() => workerEngine({ scope: 'a' } as never), { code: 'ERR_OPTION', message: /scope/ });
});

test('SC-02 a worker without a hub says so after the deadline, and works when the hub comes', async () => {
  const machine = new MemoryMachine();
  const worker = machine.worker();
  const late: (() => void)[] = [];
  const { member } = worker;
  const received = member.received.bind(member);
  member.received = (message) => void late.push(() => received(message));
  const node = nodeIn(machine, worker);
  await node.pass(5_000);
  assert.match(node.owner.events[0]!, /^down .*joinWorkers\(worker\)/);
  member.received = received;
  for (const call of late) call();
  await node.pass(500);
  assert.match(node.owner.events[1]!, /^up /);
  assert.equal((await node.publish('t', 'x')).ok, true);
});

test('SC-02 SC-05 nodes of two workers share order, histories and members; another prefix sees nothing', async () => {
  const machine = new MemoryMachine();
  const [one, two] = [machine.worker(), machine.worker()];
  const nodes = [nodeIn(machine, one), nodeIn(machine, two), nodeIn(machine, two, two.engine('other'))];
  await nodes[0]!.pass(500);
  for (const node of nodes) resume(node, 't', undefined);
  await nodes[0]!.pass(500);
  await Promise.all([nodes[0]!.publish('t', 'a'), nodes[1]!.publish('t', 'b'), nodes[0]!.publish('t', 'c')]);
  await nodes[0]!.pass(500);
  assert.deepEqual([...nodes[0]!.owner.texts].sort(), ['a', 'b', 'c']);
  assert.deepEqual(nodes[0]!.owner.texts, nodes[1]!.owner.texts);
  assert.deepEqual(offsetsOf(nodes[1]!.owner.delivered), [1, 2, 3]);
  assert.deepEqual(nodes[2]!.owner.texts, []);
  nodes[0]!.node.enter('t', 'c1', 'anna', null);
  await nodes[0]!.pass(500);
  assert.equal((await nodes[1]!.node.members('t')).count, 1);
  assert.equal((await nodes[2]!.node.members('t')).count, 0);
});

test('SC-02 the interest and the members of a worker that is killed are removed at once', async () => {
  const { machine, one, a, b } = await twoNodes();
  resume(a, 't', undefined);
  a.node.enter('t', 'c1', 'anna', null);
  b.node.watch('t');
  await a.pass(500);
  assert.equal((await b.node.members('t')).count, 1);
  one.kill();
  await b.pass(10, 10);
  assert.ok(b.owner.events.includes('leave t anna'), b.owner.events.join());
  assert.equal((await b.node.members('t')).count, 0);
  // The members of the topic, which the other node watches.
  assert.equal(machine.hub.topics.channelCount, 1);
  const before = one.fromHub;
  await b.publish('t', 'x');
  assert.equal(one.fromHub, before, 'nothing is sent to it');
});

test('SC-02 a worker that reads nothing for 10 s is killed; others go on, and its clients resume there', async () => {
  const { one, a, b } = await twoNodes();
  resume(a, 't', undefined);
  resume(b, 't', undefined);
  await a.pass(500);
  await b.publish('t', 'first');
  await b.pass(250);
  const { position } = a.owner.delivered[0]!;
  one.isStopped = true;
  const published: unknown[] = [];
  for (let i = 0; i < 30; i++) {
    b.publish('t', `${i}`).then(
      (relayed) => published.push(relayed.ok),
      () => undefined,
    );
    await b.pass(500);
  }
  assert.equal(one.isKilled, true);
  assert.equal(published.length, 30);
  assert.ok(published.every((ok) => ok === true));
  const back = resume(b, 't', position);
  await b.pass(500);
  assert.deepEqual([back.answer!.result!.recovered, back.answer!.result!.missed.length], [true, 30]);
});

test('SC-02 a worker that stands still for less than 10 s gets everything, once and in order', async () => {
  const { one, a, b } = await twoNodes();
  resume(a, 't', undefined);
  await a.pass(500);
  one.isStopped = true;
  for (let i = 0; i < 90; i++) {
    void b.publish('t', `${i}`);
    await b.pass(50, 50);
  }
  one.resume();
  await a.pass(1_000);
  assert.equal(one.isKilled, false);
  assert.deepEqual(
    a.owner.texts,
    Array.from({ length: 90 }, (_, i) => `${i}`),
  );
});

test('SC-02 HI-05 what a slow worker has no room for is dropped, and the worker reads it again', async () => {
  const { one, a, b } = await twoNodes();
  resume(a, 't', undefined);
  await a.pass(500);
  one.isStopped = true;
  const size = 200_000;
  for (let i = 0; i < 60; i++) {
    void b.publish('t', `${i}`.padEnd(size, '.'));
    await b.pass(50, 50);
  }
  one.resume();
  await a.pass(2_000);
  assert.equal(one.isKilled, false);
  assert.ok(a.owner.events.some((event) => event.startsWith('down') && event.includes('too slowly')));
  assert.ok(a.owner.events.some((event) => event.startsWith('up')));
  // The history holds 1 MiB: five messages. The loss is told before what follows it.
  assert.equal(a.owner.losses.length, 1);
  const offsets = offsetsOf(a.owner.delivered);
  assert.equal(offsets.at(-1), 60);
  assert.deepEqual(offsets.slice(-5), [56, 57, 58, 59, 60]);
});

test('SC-02 a full hub drops the messages of the topics published to least recently', async () => {
  const machine = new MemoryMachine({ maxHistoryBytes: 1_048_576 });
  const a = nodeIn(machine, machine.worker());
  await a.pass(500);
  for (let i = 0; i < 40; i++) assert.equal((await a.publish(`t${i}`, 'x'.repeat(50_000))).ok, true);
  assert.ok(machine.hub.topics.historyBytes <= 1_048_576);
  const first = resume(a, 't0', undefined);
  const last = resume(a, 't39', undefined);
  await a.pass(500);
  assert.equal(first.answer!.result!.position.offset >= 0, true);
  assert.equal(last.answer!.result!.position.offset, 1);
  const back = resume(a, 't0', { epoch: 'other', offset: 0 });
  await a.pass(500);
  assert.equal(back.answer!.result!.recovered, false);
});

for (const [what, send, code, reason] of [
  [
    'is of another version',
    ({ member }: MemoryWorker) => member.received({ version: 2, isAdvanced: true }),
    'ERR_ENGINE_REFUSED',
    /another version of Hawser than the hub \(2, not 1\)/,
  ],
  [
    'sends a broken parcel',
    ({ member }: MemoryWorker) => member.received(Buffer.from('x')),
    'ERR_ENGINE_MESSAGE',
    /it has no head/,
  ],
  ...['unknown', 'constructor', '__proto__'].map(
    (kind) =>
      [
        `asks for '${kind}'`,
        ({ link }: MemoryWorker) => link.push(JSON.stringify([kind, 1, 9])),
        'ERR_ENGINE_MESSAGE',
        new RegExp(`asked for '${kind}', which the hub does not know`),
      ] as const,
  ),
  [
    'sends arguments that do not fit',
    ({ link }: MemoryWorker) => link.push('["interest",1,9,null]'),
    'ERR_ENGINE_MESSAGE',
    /sent an invalid 'interest'/,
  ],
] as const)
  test(`SC-02 SC-06 a worker that ${what} is killed, with the reason, and the others work on`, async () => {
    const { one, a, b } = await twoNodes();
    send(one);
    await a.pass(500);
    assert.equal(one.isKilled, true);
    assert.equal((one.error as EngineError).code, code);
    assert.match(one.error!.message, reason);
    resume(b, 't', undefined);
    await b.pass(500);
    assert.equal((await b.publish('t', 'still')).ok, true);
    await b.pass(500);
    assert.deepEqual(b.owner.texts, ['still']);
  });

test('SC-02 two nodes with one id: the second is refused', async () => {
  const machine = new MemoryMachine();
  const random = (): ReturnType<typeof seededRandom> => seededRandom(7);
  const nodes = [machine.worker(), machine.worker()].map(
    (worker) => new TestNode({ clock: machine.clock, random: random(), engine: worker.engine() }),
  );
  await nodes[0]!.pass(11_000);
  assert.ok(nodes[1]!.owner.faults.some(({ message }) => message.includes('another node with the id')));
  assert.deepEqual(nodes[0]!.owner.faults, []);
  const stopped = nodes[1]!.node.stop(100);
  await nodes[0]!.pass(500);
  await stopped;
  const third = nodeIn(machine, machine.worker());
  await third.pass(500);
  const ids = (await third.node.others.nodes()).map(({ id }) => id);
  assert.deepEqual(ids.sort(), [nodes[0]!.node.nodeId, third.node.nodeId].sort(), 'the first is still known');
});

for (const [what, snapshots] of [
  ['rejects', () => Promise.reject(new Error('as a test'))],
  [
    'throws',
    () => {
      throw new Error('as a test');
    },
  ],
  ['returns what is no JSON', () => Promise.resolve([1n] as never)],
  ['is missing', undefined],
] as const)
  test(`SC-02 LG-06 the other servers of a worker have snapshots if that of one server ${what}`, async () => {
    const { machine, one, a } = await twoNodes();
    const server = { metrics: () => '', shutdown: () => Promise.resolve() };
    one.link.serve(snapshots === undefined ? server : { ...server, snapshots });
    one.link.serve({ ...server, snapshots: () => Promise.resolve(['of the other'] as never) });
    const asked = machine.hub.snapshots([], 1_000);
    await a.pass(500);
    assert.deepEqual((await asked).get(one.member.port.id), [['of the other']]);
    assert.equal(one.isKilled, false);
  });

test('SC-02 64 topics published in one turn are one IPC message to the hub, and one to a subscriber', async () => {
  const { one, two, a, b } = await twoNodes();
  const topics = Array.from({ length: 64 }, (_, at) => `t${at}`);
  for (const topic of topics) resume(b, topic, undefined);
  await b.pass(1_000);
  const [toHub, fromHub] = [one.toHub, two.fromHub];
  for (const topic of topics) void a.publish(topic, 'x');
  await jobs();
  assert.deepEqual([one.toHub - toHub, two.fromHub - fromHub], [1, 1]);
  assert.equal(b.owner.texts.length, 64);
});
