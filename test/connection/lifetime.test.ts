import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/engine/random.ts';
import { close, eventLoopTurns } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

const HOUR_MS = 3_600_000;
/** Silence and random numbers that are all the same. */
const quiet = (fraction: number) =>
  ({
    heartbeat: false,
    idleTimeoutMs: false,
    maxLifetimeMs: HOUR_MS,
    random: { ...systemRandom, fraction: () => fraction },
  }) as const;

for (const { fraction, endsMs } of [
  { fraction: 0, endsMs: 0.9 * HOUR_MS },
  { fraction: 0.5, endsMs: HOUR_MS },
  { fraction: 1, endsMs: 3_960_000 },
]) {
  test(`TO-03: at the random number ${fraction} a connection gets a warning, then Close 1001, after ${endsMs / HOUR_MS} hours`, async (t) => {
    const { clock, join, pass, closes } = live(t, quiet(fraction));
    const { raw, connection } = await join();
    const warnings: unknown[] = [];
    connection.on('expiring', (why) => void warnings.push([why, Math.round(clock.now() / 1_000)]));
    connection.on('error', () => assert.fail('the end of a lifetime is no error'));
    await pass(endsMs - 1_000, 2_000);
    assert.equal(connection.state, 'open');
    assert.deepEqual(warnings, [['lifetime', Math.round((endsMs - 30_000) / 1_000)]]);
    await pass(2_000, 500);
    const { opcode, payload } = await raw.nextFrame();
    assert.deepEqual(
      [opcode, payload.readUInt16BE(), payload.toString('utf8', 2)],
      [8, 1001, 'maximum lifetime reached'],
    );
    raw.send(close(1001));
    raw.end();
    const { cause, wasClean, initiator, error } = await connection.closed;
    assert.deepEqual([cause, wasClean, initiator, error], ['lifetime', true, 'local', undefined]);
    assert.equal(closes.length, 1);
  });
}

test('TO-03: a lifetime below expiryWarningMs is announced at once', async (t) => {
  const { join, pass } = live(t, { ...quiet(0.5), maxLifetimeMs: 5_000 });
  const { connection } = await join();
  const warnings: unknown[] = [];
  connection.on('expiring', (why) => void warnings.push(why));
  await pass(500);
  assert.deepEqual([warnings, connection.state], [['lifetime'], 'open']);
  await pass(5_000, 500);
  assert.notEqual(connection.state, 'open');
  assert.deepEqual(warnings, ['lifetime']);
});

test('TO-03: expiresAt moves credentials, not the end of the lifetime', async (t) => {
  const { clock, join, pass, closes } = live(t, { ...quiet(0.5), maxLifetimeMs: 100_000 });
  const { raw, connection } = await join();
  connection.on('expiring', (why) => {
    if (why === 'credentials') connection.expiresAt = clock.wallNow() + HOUR_MS;
  });
  connection.expiresAt = clock.wallNow() + 40_000;
  await pass(90_000, 1_000);
  assert.equal(connection.state, 'open');
  await pass(20_000, 1_000);
  raw.send(close(1001));
  raw.end();
  await connection.closed;
  assert.equal(closes[0]!.cause, 'lifetime');
});

test('TO-03 TO-02: a connection that its expiring listener closes leaves no deadline', async (t) => {
  const { clock, join, pass } = live(t, { ...quiet(0.5), maxLifetimeMs: 40_000 });
  const { connection } = await join();
  connection.on('expiring', () => connection.terminate());
  await pass(11_000, 1_000);
  await connection.closed;
  await eventLoopTurns(2);
  assert.equal(clock.pendingTimers, 0);
});
