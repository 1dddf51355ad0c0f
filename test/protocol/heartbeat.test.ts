import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../../src/protocol/heartbeat.ts';

const SETTINGS = { pingIntervalMs: 30_000, pongTimeoutMs: 10_000, maxMissedPongs: 2 };

test('HB-01 HB-02: a ping without an answer is repeated after the timeout; after the second timeout the peer is dead', () => {
  const heartbeat = new Heartbeat(SETTINGS, 15_000);
  assert.equal(heartbeat.deadlineMs(), 15_000);
  assert.equal(heartbeat.tick(14_999), undefined);
  assert.equal(heartbeat.tick(15_000), 'ping');
  assert.equal(heartbeat.suspect, false);
  assert.equal(heartbeat.deadlineMs(), 25_000);
  assert.equal(heartbeat.tick(24_999), undefined);
  assert.equal(heartbeat.tick(25_000), 'ping');
  assert.equal(heartbeat.suspect, true);
  assert.equal(heartbeat.tick(35_000), 'dead');
});

test('HB-02: any byte answers a ping, and the next ping follows an interval after the last one', () => {
  const heartbeat = new Heartbeat(SETTINGS, 0);
  assert.equal(heartbeat.tick(0), 'ping');
  assert.equal(heartbeat.tick(10_000), 'ping');
  heartbeat.heard();
  assert.equal(heartbeat.suspect, false);
  assert.equal(heartbeat.deadlineMs(), 40_000);
  assert.equal(heartbeat.tick(40_000), 'ping');
  assert.equal(heartbeat.suspect, false);
});

test('HB-07: after a time without reading, an unanswered ping gets its full timeout again, and a due ping is due now', () => {
  const open = new Heartbeat(SETTINGS, 0);
  assert.equal(open.tick(0), 'ping');
  open.excuse(50_000);
  assert.equal(open.tick(59_999), undefined);
  assert.equal(open.tick(60_000), 'ping');

  const due = new Heartbeat(SETTINGS, 1_000);
  due.excuse(500);
  assert.equal(due.deadlineMs(), 1_000, 'one that is not due yet stays');
  due.excuse(50_000);
  assert.equal(due.deadlineMs(), 50_000);
  assert.equal(due.tick(50_000), 'ping');
});
