import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SleepWatch } from '../../../src/client/reconnect/sleep-watch.ts';
import { DeadlineQueue } from '../../../src/engine/deadlines.ts';
import { eventLoopTurns, pong } from '../../../src/testing/index.ts';
import { live } from '../../server/live.ts';

const PONG_TIMEOUT_MS = 2_000;

/** A connection with a sleep watch and without a heartbeat, so every ping is one of the watch. */
async function watched(t: Parameters<typeof live>[0], isReading: () => boolean = () => true) {
  const { join, clock, pass, closes } = live(t, { heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  const watch = new SleepWatch(connection, new DeadlineQueue(clock), PONG_TIMEOUT_MS, isReading);
  t.after(() => watch.stop());
  connection.on('close', () => watch.stop());
  /** Advances wall time only, as a sleeping machine does. */
  const sleep = (ms: number): void => clock.setWall(clock.wallNow() + ms);
  return { raw, connection, clock, pass, closes, sleep };
}

test('RC-05: without a sleep the watch sends no ping', async (t) => {
  const { raw, pass } = await watched(t);
  await pass(60_000);
  assert.equal(raw.received.length, 0);
});

test('RC-05: after a sleep the watch pings the server; an answer keeps the connection', async (t) => {
  const { raw, connection, pass, sleep } = await watched(t);
  sleep(60_000);
  await pass(5_100);
  assert.equal((await raw.nextFrame()).opcode, 9);
  raw.send(pong());
  await pass(20_000);
  assert.equal(connection.state, 'open');
  assert.equal(raw.received.length, 0, 'one sleep, one ping');
});

test('RC-05: after a sleep a connection without an answer is dead', async (t) => {
  const { pass, closes, sleep } = await watched(t);
  sleep(60_000);
  await pass(5_100 + PONG_TIMEOUT_MS + 100);
  const [info] = closes;
  assert.deepEqual([info?.code, info?.cause], [1006, 'ping-timeout']);
});

test('RC-05: the watch also pings after the process was suspended while the monotonic clock continued', async (t) => {
  const { raw, clock, pass } = await watched(t);
  clock.stall(30_000);
  clock.advance(0);
  await pass(5_200);
  assert.equal((await raw.nextFrame()).opcode, 9);
  raw.send(pong());
  await pass(PONG_TIMEOUT_MS);
});

test('RC-05: a wall clock that is set back, or a little forward, does not count as a sleep', async (t) => {
  const { raw, pass, sleep } = await watched(t);
  sleep(-3_600_000);
  await pass(10_000);
  sleep(4_000);
  await pass(10_000);
  assert.equal(raw.received.length, 0);
});

test('RC-05: a second sleep while a ping is pending restarts the timeout of the ping', async (t) => {
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

test('HB-07 RC-05: a client that does not read does not judge the silence of the server', async (t) => {
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
