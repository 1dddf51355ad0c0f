import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../../src/protocol/heartbeat.ts';

const SETTINGS = { pingIntervalMs: 30_000, pongTimeoutMs: 10_000, maxMissedPongs: 2 };

test('HB-01 HB-02: a ping, another when it is not answered in time, and then the peer is dead', () => {
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

test('HB-02: any byte is an answer, and the next ping is an interval after the last', () => {
  const heartbeat = new Heartbeat(SETTINGS, 0);
  assert.equal(heartbeat.tick(0), 'ping');
  assert.equal(heartbeat.tick(10_000), 'ping');
  heartbeat.heard();
  assert.equal(heartbeat.suspect, false);
  assert.equal(heartbeat.deadlineMs(), 40_000);
  assert.equal(heartbeat.tick(40_000), 'ping');
  assert.equal(heartbeat.suspect, false);
});

test('HB-07: while we do not read, silence proves nothing: an open ping has its time again, a due one is due now', () => {
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
