import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SleepWatch } from '../../../src/client/reconnect/sleep-watch.ts';
import { DeadlineQueue } from '../../../src/engine/deadlines.ts';
import { eventLoopTurns, pong } from '../../../src/testing/index.ts';
import { live } from '../../server/live.ts';

const PONG_TIMEOUT_MS = 2_000;

/** A connection that is watched; without a heartbeat, so that every ping is one of the watch. */
async function watched(t: Parameters<typeof live>[0], isReading: () => boolean = () => true) {
  const { join, clock, pass, closes } = live(t, { heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  const watch = new SleepWatch(connection, new DeadlineQueue(clock), PONG_TIMEOUT_MS, isReading);
  t.after(() => watch.stop());
  connection.on('close', () => watch.stop());
  /** Wall time goes on, and nothing else does. */
  const sleep = (ms: number): void => clock.setWall(clock.wallNow() + ms);
  return { raw, connection, clock, pass, closes, sleep };
}

test('RC-05: while time runs as it should nothing is asked', async (t) => {
  const { raw, pass } = await watched(t);
  await pass(60_000);
  assert.equal(raw.received.length, 0);
});

test('RC-05: after a sleep the server is pinged, and who answers stays', async (t) => {
  const { raw, connection, pass, sleep } = await watched(t);
  sleep(60_000);
  await pass(5_100);
  assert.equal((await raw.nextFrame()).opcode, 9);
  raw.send(pong());
  await pass(20_000);
  assert.equal(connection.state, 'open');
  assert.equal(raw.received.length, 0, 'one sleep, one ping');
});

test('RC-05: after a sleep a connection that gives no answer is dead', async (t) => {
  const { pass, closes, sleep } = await watched(t);
  sleep(60_000);
  await pass(5_100 + PONG_TIMEOUT_MS + 100);
  const [info] = closes;
  assert.deepEqual([info?.code, info?.cause], [1006, 'ping-timeout']);
});

test('RC-05: a process that stood still asks, too, where the clock goes on meanwhile', async (t) => {
  const { raw, clock, pass } = await watched(t);
  clock.stall(30_000);
  clock.advance(0);
  await pass(5_200);
  assert.equal((await raw.nextFrame()).opcode, 9);
  raw.send(pong());
  await pass(PONG_TIMEOUT_MS);
});

test('RC-05: a clock set back, or forth by a little, is no sleep', async (t) => {
  const { raw, pass, sleep } = await watched(t);
  sleep(-3_600_000);
  await pass(10_000);
  sleep(4_000);
  await pass(10_000);
  assert.equal(raw.received.length, 0);
});

test('RC-05: a second sleep while the ping is out gives it its whole time again', async (t) => {
  const { raw, connection, pass, sleep } = await watched(t);
  sleep(60_000);
  await pass(5_100);
  sleep(60_000);
  await pass(PONG_TIMEOUT_MS);
  assert.equal(connection.state, 'open');
  raw.send(pong());
  await pass(PONG_TIMEOUT_MS);
  assert.equal(connection.state, 'open');
});

test('HB-07 RC-05: while we do not read, silence proves nothing', async (t) => {
  let reading = false;
  const { raw, connection, pass, sleep } = await watched(t, () => reading);
  sleep(60_000);
  await pass(5_100 + 3 * PONG_TIMEOUT_MS);
  assert.equal(connection.state, 'open');
  reading = true;
  raw.send(pong());
  await eventLoopTurns(3);
  await pass(2 * PONG_TIMEOUT_MS);
  assert.equal(connection.state, 'open');
});
