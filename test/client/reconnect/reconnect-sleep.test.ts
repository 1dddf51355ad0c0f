import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { accepting, scriptedServer } from '../live.ts';
import { boat } from './reconnecting.ts';

test('RC-05: after a sleep the client drops a connection whose server does not answer, and connects again', async (t) => {
  // This server accepts connections but never answers a ping.
  const { url, requests } = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  const { client, clock, next } = boat(t, url, { pongTimeoutMs: 2_000 });
  await next('open');
  clock.setWall(clock.wallNow() + 3_600_000);
  const state = (): string => client.state;
  for (let passed = 0; state() === 'open' && passed < 10_000; passed += 50) {
    clock.advance(50);
    await eventLoopTurns(1);
  }
  const { close } = await next('down');
  assert.deepEqual([close?.cause, close?.code], ['ping-timeout', 1006]);
  assert.ok(clock.now() <= 7_200, `found after ${clock.now()} ms, with pings 30 s apart`);
  clock.advance((await next('retry')).delayMs);
  await next('open');
  assert.equal(requests.length, 2);
});

test('RC-05 HB-02: without a sleep the heartbeat detects a dead connection', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  const { client, clock, next } = boat(t, url);
  await next('open');
  const state = (): string => client.state;
  for (let passed = 0; state() === 'open' && passed < 60_000; passed += 200) {
    clock.advance(200);
    await eventLoopTurns(1);
  }
  assert.equal((await next('down')).close?.cause, 'ping-timeout');
  await next('retry');
  clock.advance(1_000); // the time in which the old socket may still flush
});
