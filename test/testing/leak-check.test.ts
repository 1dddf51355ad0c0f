import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { leakCheck } from '../../src/testing/leak-check.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { waitForEvent } from '../../src/testing/wait-for.ts';

test('TK-01 leak check: passes if nothing was opened', async () => {
  await leakCheck().assertNothingLeft({ withinMs: 0 });
});

test('TK-01 leak check: resources that were open before are not counted', async () => {
  const timer = setTimeout(() => {}, 60_000);
  await leakCheck().assertNothingLeft({ withinMs: 0 });
  clearTimeout(timer);
});

test('TK-01 leak check: a timer and a server are listed by kind until they are closed', async () => {
  const check = leakCheck();
  const timers = [setTimeout(() => {}, 60_000), setInterval(() => {}, 60_000)];
  const server = createServer().listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening');
  await assert.rejects(check.assertNothingLeft({ withinMs: 0 }), {
    code: 'ERR_ASSERTION',
    message: /^still open after 0 ms: (?=.*\b2 Timeout\b)(?=.*\b1 TCPServerWrap\b)/,
    expected: [],
  });
  for (const timer of timers) clearTimeout(timer);
  await assert.rejects(check.assertNothingLeft({ withinMs: 0 }), { message: /: 1 TCPServerWrap$/ });
  server.close();
  await check.assertNothingLeft();
});

test('TK-01 leak check: both ends of a connection count, and the check waits for their close', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening');
  const check = leakCheck();
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await waitForEvent(server, 'connection');
  await assert.rejects(check.assertNothingLeft({ withinMs: 0 }), { message: /\b2 TCPSocketWrap\b/ });
  const nothingLeft = check.assertNothingLeft();
  socket.destroy();
  await nothingLeft;
  server.close();
});

test('TK-01 leak check: custom counts are checked in addition to those of the process', async () => {
  const clock = new VirtualClock();
  const connections = new Set(['left over']);
  const check = leakCheck({
    counts: { 'virtual timers': () => clock.pendingTimers, connections: () => connections.size },
  });
  const timer = clock.setTimer(() => {}, 10);
  await assert.rejects(check.assertNothingLeft({ withinMs: 0 }), {
    message: 'still open after 0 ms: 1 virtual timers',
    actual: [{ kind: 'virtual timers', count: 1 }],
  });
  clock.clearTimer(timer);
  connections.clear();
  await check.assertNothingLeft({ withinMs: 0 });
});
