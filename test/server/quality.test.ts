import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { FULL_QUALITY } from '../../src/options/live-settings.ts';
import type { ServerOptions } from '../../src/options/resolve-server-options.ts';
import { eventLoopTurns, seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { serving } from '../engine/serving.ts';

function qualityOf(t: TestContext, options: ServerOptions) {
  const clock = new VirtualClock();
  const served = serving(t, new Engine({ clock, random: seededRandom(1) }), options);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(100);
      await eventLoopTurns(4);
    }
  };
  return { ...served, pass };
}

test('CF-03: with a larger interval factor open connections get fewer pings; at full quality they get as many as before', async (t) => {
  const { core, join, pass } = qualityOf(t, { pingIntervalMs: 2_000, pongTimeoutMs: 1_000 });
  for (let at = 0; at < 5; at++) await join();
  const pingsIn = async (ms: number): Promise<number> => {
    const before = core.counters.pingsSent;
    await pass(ms);
    return core.counters.pingsSent - before;
  };
  await pass(2_000);
  assert.equal(await pingsIn(8_000), 20);
  core.setQuality({ intervalFactor: 4, highWaterMarkFactor: 1, compresses: true });
  await pass(2_000);
  assert.equal(await pingsIn(8_000), 5);
  core.setQuality(FULL_QUALITY);
  assert.equal(await pingsIn(2_000), 5, 'the interval of before does not have to end first');
});

test('CF-03: the idle timeout is stretched, and shortened again for connections that wait already', async (t) => {
  const { core, join, pass } = qualityOf(t, { heartbeat: false, idleTimeoutMs: 2_000 });
  core.setQuality({ ...FULL_QUALITY, intervalFactor: 2 });
  const { server } = await join();
  await pass(3_000);
  assert.equal(server.state, 'open');
  core.setQuality(FULL_QUALITY);
  await pass(200);
  assert.equal((await server.closed).cause, 'idle-timeout');
});

test('CF-03: without compression for newcomers, connections that compress go on', async (t) => {
  const { core, join } = qualityOf(t, { perMessageDeflate: true, textAs: 'string' });
  const clientOptions = { perMessageDeflate: true };
  const before = await join(clientOptions);
  core.setQuality({ ...FULL_QUALITY, compresses: false });
  const during = await join(clientOptions);
  assert.deepEqual([before.server.extensions === '', during.server.extensions], [false, '']);
  const long = 'compressible '.repeat(1_000);
  for (const { client, server } of [before, during]) {
    const arrived = new Promise((resolve) => client.once('message', resolve));
    server.send(long);
    assert.equal(await arrived, long);
  }
  core.setQuality(FULL_QUALITY);
  assert.notEqual((await join(clientOptions)).server.extensions, '');
});

test('CF-03: the high-water mark of open connections falls, and rises again', async (t) => {
  const { core, join } = qualityOf(t, { highWaterMarkBytes: 10_000 });
  const { server } = await join();
  assert.equal(server.send('x'.repeat(6_000)), true);
  await eventLoopTurns(4);
  core.setQuality({ ...FULL_QUALITY, highWaterMarkFactor: 0.5 });
  assert.equal(server.send('x'.repeat(6_000)), false);
  await server.drained();
  core.setQuality(FULL_QUALITY);
  assert.equal(server.send('x'.repeat(6_000)), true);
});
