import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { driverOf } from '../../src/connection/connection.ts';
import { addTopic } from '../../src/connection/topic-set.ts';
import { Engine } from '../../src/engine/engine.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import type { LogFields } from '../../src/index.ts';
import { eventLoopTurns, VirtualClock } from '../../src/testing/index.ts';
import { serving } from '../engine/serving.ts';

function checked(t: TestContext, options: ServerOptions = {}) {
  const clock = new VirtualClock();
  const warned: LogFields[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields: LogFields) => void warned.push(fields),
    error: () => undefined,
  };
  return { ...serving(t, new Engine({ clock }), { clock, logger, ...options }), clock, warned };
}

test('RG-08: a healthy server has nothing to repair, at any time of its life', async (t) => {
  const { core, join } = checked(t);
  assert.deepEqual(core.selfCheck.run(), { connections: 0, subscriptions: 0, repaired: [] });
  const ends = await Promise.all([join(), join(), join()]);
  for (const { server } of ends) server.subscribe('news');
  ends[0].server.send(Buffer.alloc(100_000));
  ends[1].client.send('unread');
  assert.deepEqual(core.selfCheck.run(), { connections: 3, subscriptions: 3, repaired: [] });
  await eventLoopTurns(5);
  ends[2].server.close();
  assert.deepEqual(core.selfCheck.run().repaired, []);
  ends[2].server.terminate();
  assert.deepEqual(core.selfCheck.run().repaired, []);
  await ends[2].server.closed;
  assert.deepEqual(core.selfCheck.run(), { connections: 2, subscriptions: 2, repaired: [] });
});

test('RG-08: a closed connection that is still listed is removed, from its topics, too', async (t) => {
  const { core, join, warned } = checked(t);
  const [first] = await Promise.all([join(), join()]);
  const driver = driverOf(first.server);
  first.server.terminate();
  await first.server.closed;
  core.registry.add(driver);
  core.groups.topics.subscribe(driver, 'news');
  const { repaired } = core.selfCheck.run();
  assert.deepEqual(repaired, [
    { kind: 'connection', name: driver.id, detail: 'it is closed, but was still listed' },
  ]);
  assert.equal(core.registry.has(driver.id), false);
  assert.equal(core.groups.topics.size, 0);
  assert.deepEqual(
    warned,
    [{ ...repaired[0] }].map(({ kind, name, detail }) => ({ kind, name, detail })),
  );
  assert.deepEqual(core.selfCheck.run().repaired, []);
});

test('RG-08: a connection whose socket is destroyed without a report is closed, but not at the first sight', async (t) => {
  const { core, join, clock } = checked(t);
  const { server } = await join();
  const { link } = driverOf(server);
  Object.defineProperty(link.transport, 'destroyed', { value: true });
  assert.deepEqual(core.selfCheck.run().repaired, []);
  clock.advance(1_000);
  const { repaired } = core.selfCheck.run();
  assert.deepEqual(repaired, [
    { kind: 'socket', name: server.id, detail: 'its socket is destroyed, but the connection was open' },
  ]);
  assert.equal(server.state, 'closed');
  assert.equal(core.registry.size, 0);
});

test('RG-08: subscriptions that only one side knows are ended', async (t) => {
  const { core, join } = checked(t);
  const [here, gone] = await Promise.all([join(), join()]);
  const [driver, stale] = [driverOf(here.server), driverOf(gone.server)];
  here.server.subscribe('news');
  gone.server.terminate();
  await gone.server.closed;
  core.groups.topics.get('news')!.add(stale);
  addTopic(driver.topicSet!, 'ghost');
  const { repaired } = core.selfCheck.run();
  assert.deepEqual(
    repaired.map(({ kind, name }) => `${kind} ${name}`),
    ['subscription news', 'subscription ghost', 'counter subscriptions'],
  );
  assert.deepEqual([...core.groups.topics.subscribers('news')], [driver]);
  assert.deepEqual([...here.server.topics], ['news']);
  assert.equal(core.groups.topics.subscriptions, 1);
  assert.deepEqual(core.selfCheck.run().repaired, []);
});

test('RG-08: counters that differ from what they count are set', async (t) => {
  const { core, join } = checked(t);
  await join();
  core.counters.heldBytes += 5;
  core.counters.opened();
  const { repaired } = core.selfCheck.run();
  assert.deepEqual(
    repaired.map(({ name, detail }) => `${name}: ${detail}`),
    ['connections: it was 2 instead of 1', 'heldBytes: it was 5 instead of 0'],
  );
  assert.equal(core.stats('stream').bytes.buffered, 0);
});

test('RG-08: debugChecks checks every 5 minutes while there are connections, and not without it', async (t) => {
  for (const debugChecks of [true, false]) {
    const { core, join, clock, warned } = checked(t, { debugChecks, heartbeat: false, idleTimeoutMs: false });
    const { server } = await join();
    for (const rounds of [1, 2]) {
      core.counters.heldBytes += 1;
      for (let seconds = 0; seconds < 301; seconds++) clock.advance(1_000);
      assert.equal(warned.length, debugChecks ? rounds : 0);
    }
    server.terminate();
    await server.closed;
    assert.equal(core.selfCheck.deadlineSlot, -1);
    core.counters.heldBytes = 0;
  }
});

test('RG-08 EV-01: selfCheck and memoryReport are methods of a server', async () => {
  await using server = new WebSocketServer();
  assert.deepEqual(server.selfCheck(), { connections: 0, subscriptions: 0, repaired: [] });
  assert.deepEqual(server.memoryReport().connections, []);
});
