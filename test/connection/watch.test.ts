import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONNECTION_OPTIONS } from '../../src/connection/resolve-options.ts';
import { Watch } from '../../src/connection/watch.ts';
import { eventLoopTurns, ping, text } from '../../src/testing/index.ts';
import { closeCode, live } from '../server/live.ts';

const SETTINGS = { ...DEFAULT_CONNECTION_OPTIONS, heartbeat: false, idleTimeoutMs: 40_000 };

for (const { what, begin, dueMs, verdict } of [
  {
    what: 'a peer that takes nothing',
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
  test(`CL-09: ${what} is said once, and then not due again`, () => {
    const watch = new Watch(SETTINGS, 0, 0);
    begin(watch);
    assert.equal(watch.deadlineMs(), dueMs);
    assert.equal(watch.tick(dueMs - 1), undefined);
    assert.equal(watch.tick(dueMs), verdict);
    assert.equal(watch.tick(dueMs), undefined);
    assert.ok(watch.deadlineMs() > dueMs);
  });
}

test('CL-09: once closing has begun, only its own end counts, whatever comes meanwhile', async (t) => {
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
