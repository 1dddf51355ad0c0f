import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Connection } from '../../src/connection/connection.ts';
import { defaultEngine, Engine } from '../../src/engine/engine.ts';
import { simdMemory } from '../../src/protocol/simd.ts';
import { eventLoopTurns, seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { serving } from './serving.ts';

const nextMessage = async (connection: Connection): Promise<unknown> =>
  (await once(connection, 'message'))[0];

test('HB-08: an engine has one deadline queue for a clock, and no other engine has the same', () => {
  const [engine, other] = [new Engine(), new Engine()];
  const clock = new VirtualClock();
  assert.equal(engine.deadlinesOf(clock), engine.deadlinesOf(clock));
  assert.notEqual(engine.deadlinesOf(clock), engine.deadlinesOf(new VirtualClock()));
  assert.notEqual(engine.deadlinesOf(clock), other.deadlinesOf(clock));
});

test('TS-09: an engine drops the joined run at the end of each slice of its flush queue', async () => {
  const { joinedRun, flushQueue } = new Engine();
  const frames = [Buffer.from('ab'), Buffer.from('cde')];
  const run = joinedRun.join(frames);
  assert.equal(joinedRun.join(frames), run);
  flushQueue.schedule({ flushScheduled: false, flush: () => {}, failed: () => {} });
  await eventLoopTurns(1);
  assert.notEqual(joinedRun.join(frames), run);
});

test('MK-02: the buffers of an engine do not overlap; those of the default one lie where masking is fastest', () => {
  for (const engine of [defaultEngine, new Engine()]) {
    const [packed, read] = [engine.packingTable.bytes, engine.readMemory.bytes];
    assert.deepEqual([packed.length, read.length], [65_536, 196_608]);
    const isFast = engine === defaultEngine && simdMemory !== undefined;
    for (const { buffer } of [packed, read]) assert.equal(buffer === simdMemory?.buffer, isFast);
    packed.fill(1);
    read.fill(2);
    assert.ok(packed.every((byte) => byte === 1));
  }
});

test('an engine makes one object of a class, and hands it itself', () => {
  class Part {
    readonly engine: Engine;
    constructor(engine: Engine) {
      this.engine = engine;
    }
  }
  const [engine, other] = [new Engine(), new Engine()];
  assert.equal(engine.part(Part), engine.part(Part));
  assert.notEqual(engine.part(Part), other.part(Part));
  assert.equal(engine.part(Part).engine, engine);
});

test('TS-01: a server and a client take clock, random numbers and memory budget from their engine', async (t) => {
  const clock = new VirtualClock();
  const engine = new Engine({ clock, random: seededRandom(1) });
  const { core, join } = serving(t, engine);
  assert.equal(core.options.clock, clock);
  assert.equal(core.options.random, engine.random);
  assert.equal(core.options.memoryBudget, engine.memoryBudget);
  const { client, server } = await join();
  assert.equal(client.connectedAt.getTime(), clock.wallNow());
  assert.equal(server.connectedAt.getTime(), clock.wallNow());
  assert.ok(engine.deadlinesOf(clock).size > 0);
});

test('TS-09: a blocked flush queue stops the connections of its engine, and no others', async (t) => {
  const [blocked, free] = [new Engine(), new Engine()];
  const stuck = await serving(t, blocked).join();
  const fine = await serving(t, free).join();
  t.mock.method(blocked.flushQueue, 'schedule', () => undefined);
  let arrived = 0;
  stuck.client.on('message', () => void arrived++);
  stuck.server.send('held');
  const received = nextMessage(fine.client);
  fine.server.send('through');
  assert.equal(await received, 'through');
  await eventLoopTurns(20);
  assert.equal(arrived, 0);
});

test('PD-09: compressions that hang stop the connections of their engine, and no others', async (t) => {
  const [stuck, free] = [new Engine(), new Engine()];
  const options = { perMessageDeflate: { asyncThresholdBytes: 1_000 } };
  for (let job = 0; job < 4; job++) stuck.zlib.jobs.add({ start: () => undefined, failed: () => undefined });
  const [held, fine] = [
    await serving(t, stuck, options).join(options),
    await serving(t, free, options).join(options),
  ];
  const message = 'hawser '.repeat(1_000);
  let arrived = 0;
  held.client.on('message', () => void arrived++);
  held.server.send(message);
  const received = nextMessage(fine.client);
  fine.server.send(message);
  assert.equal(await received, message);
  assert.deepEqual([stuck.zlib.jobs.running, stuck.zlib.jobs.waiting, arrived], [4, 1, 0]);
  assert.deepEqual([free.zlib.jobs.running, free.zlib.jobs.waiting], [0, 0]);
});
