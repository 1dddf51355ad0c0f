import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONNECTION_OPTIONS } from '../../src/options/resolve-options.ts';
import { Watch } from '../../src/connection/watch.ts';
import { eventLoopTurns, ping, text } from '../../src/testing/index.ts';
import { closeCode, live } from '../server/live.ts';

const SETTINGS = { ...DEFAULT_CONNECTION_OPTIONS, heartbeat: false, idleTimeoutMs: 40_000 };

for (const { what, begin, dueMs, verdict } of [
  {
    what: 'a peer that accepts no bytes',
    begin: (watch: Watch) => watch.writing(false, 0),
    dueMs: SETTINGS.writeTimeoutMs,
    verdict: 'ERR_WRITE_TIMEOUT',
  },
  {
    what: 'an unfinished message',
    begin: (watch: Watch) => watch.unfinished(1, 0),
    dueMs: SETTINGS.messageTimeoutMs,
    verdict: 'ERR_MESSAGE_TIMEOUT',
  },
  { what: 'silence', begin: () => {}, dueMs: 40_000, verdict: 'ERR_IDLE_TIMEOUT' },
  {
    what: 'a closing handshake',
    begin: (watch: Watch) => watch.closing(0),
    dueMs: SETTINGS.closeTimeoutMs,
    verdict: 'ERR_CLOSE_TIMEOUT',
  },
]) {
  test(`CL-09: ${what} is reported once`, () => {
    const watch = new Watch(SETTINGS, 0, 0);
    begin(watch);
    assert.equal(watch.deadlineMs(), dueMs);
    assert.equal(watch.tick(dueMs - 1), undefined);
    assert.equal(watch.tick(dueMs), verdict);
    assert.equal(watch.tick(dueMs), undefined);
    assert.ok(watch.deadlineMs() > dueMs);
  });
}

test('CD-01: infinite timeouts for messages and writes never pass', () => {
  const never = { writeTimeoutMs: Number.POSITIVE_INFINITY, messageTimeoutMs: Number.POSITIVE_INFINITY };
  const watch = new Watch({ ...SETTINGS, ...never, idleTimeoutMs: false }, 0, 0);
  watch.writing(false, 0);
  watch.unfinished(1, 0);
  assert.equal(watch.deadlineMs(), Number.POSITIVE_INFINITY);
  assert.equal(watch.tick(Number.MAX_SAFE_INTEGER), undefined);
  watch.closing(0);
  assert.equal(watch.deadlineMs(), SETTINGS.closeTimeoutMs);
});

test('CL-09: once closing has begun, only the close deadline applies', async (t) => {
  const { join, pass, closes } = live(t, {
    heartbeat: false,
    idleTimeoutMs: 31_000,
    messageTimeoutMs: 1_000,
    closeTimeoutMs: 60_000,
  });
  const { raw, connection } = await join();
  connection.close(4000);
  assert.equal(await closeCode(raw), 4000);
  raw.send(ping('still here'));
  raw.send(text('never finished', { fin: false }));
  await pass(59_000, 500);
  assert.equal(connection.state, 'closing');
  await pass(1_500, 500);
  await eventLoopTurns(2);
  assert.deepEqual(
    closes.map(({ cause, sentCode }) => [cause, sentCode]),
    [['close-timeout', 4000]],
  );
});

test('FR-07 HB-07: time without reading moves the message and idle deadlines only', () => {
  const watch = new Watch({ ...SETTINGS, messageTimeoutMs: 30_000, writeTimeoutMs: 90_000 }, 0, 0);
  watch.unfinished(1, 1_000);
  watch.writing(false, 1_000);
  watch.stoppedReading(11_000);
  watch.stoppedReading(15_000);
  assert.equal(watch.deadlineMs(), 91_000, 'while we do not read, only writing counts');
  assert.equal(watch.tick(60_000), undefined);
  watch.resumedReading(61_000);
  watch.resumedReading(70_000);
  assert.equal(watch.deadlineMs(), 81_000, 'the message has 20 s left, as before');
  assert.equal(watch.tick(80_999), undefined);
  assert.equal(watch.tick(81_000), 'ERR_MESSAGE_TIMEOUT');
  assert.equal(watch.deadlineMs(), 90_000, 'idle: 40 s, and the 50 s in which we did not read');
  assert.equal(watch.tick(89_999), undefined);
  assert.equal(watch.tick(90_000), 'ERR_IDLE_TIMEOUT');
  assert.equal(watch.tick(91_000), 'ERR_WRITE_TIMEOUT');
});

test('FR-07: an unfinished message keeps its deadline, and the next message gets a new one', () => {
  const watch = new Watch({ ...SETTINGS, idleTimeoutMs: false, messageTimeoutMs: 30_000 }, 0, 0);
  watch.unfinished(1, 0);
  watch.unfinished(1, 20_000);
  assert.equal(watch.deadlineMs(), 30_000);
  watch.unfinished(2, 25_000);
  assert.equal(watch.deadlineMs(), 55_000);
  watch.finished();
  assert.equal(watch.deadlineMs(), Infinity);
  watch.unfinished(2, 60_000);
  assert.equal(watch.deadlineMs(), 90_000, 'a message may begin twice under one number');
});

test('BP-07: the write deadline moves when the kernel accepts bytes, and not otherwise', () => {
  const watch = new Watch({ ...SETTINGS, idleTimeoutMs: false, writeTimeoutMs: 10_000 }, 0, 0);
  watch.writing(true, 0);
  watch.writing(false, 5_000);
  assert.equal(watch.deadlineMs(), 10_000);
  watch.writing(true, 6_000);
  assert.equal(watch.deadlineMs(), 16_000);
  watch.written();
  assert.equal(watch.deadlineMs(), Infinity);
});

test('CL-09: closeWithin takes the shorter of two deadlines, and later messages have no deadline', () => {
  const watch = new Watch({ ...SETTINGS, closeTimeoutMs: 5_000 }, 0, 0);
  watch.closing(1_000);
  watch.closing(3_000);
  assert.equal(watch.deadlineMs(), 6_000, 'the first beginning counts');
  watch.closeWithin(1_000, 2_000);
  assert.equal(watch.deadlineMs(), 3_000);
  watch.closeWithin(9_000, 2_000);
  assert.equal(watch.deadlineMs(), 3_000);
  watch.received(2_500);
  watch.unfinished(1, 2_500);
  watch.stoppedReading(2_600);
  watch.resumedReading(2_900);
  assert.equal(watch.deadlineMs(), 3_000);
  assert.equal(watch.tick(3_000), 'ERR_CLOSE_TIMEOUT');
  assert.equal(watch.deadlineMs(), Infinity);
});

test('HB-07: an unanswered ping gets its full timeout again after a time without reading', () => {
  const watch = new Watch(
    { ...SETTINGS, heartbeat: true, idleTimeoutMs: false, pingIntervalMs: 20_000, pongTimeoutMs: 10_000 },
    0,
    1,
  );
  assert.equal(watch.tick(20_000), 'ping');
  watch.stoppedReading(25_000);
  watch.resumedReading(60_000);
  assert.equal(watch.tick(60_000), undefined);
  assert.equal(watch.deadlineMs(), 70_000);
});

test('CL-09: closing ends a throttle', () => {
  const watch = new Watch({ ...SETTINGS, closeTimeoutMs: 5_000 }, 0, 0);
  watch.throttle(1_000);
  watch.closing(500);
  assert.equal(watch.tick(1_000), undefined);
  assert.equal(watch.deadlineMs(), 5_500);
});
