import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MisuseError, timingSafeEqualText } from '../../src/index.ts';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

const QUIET = { heartbeat: false, idleTimeoutMs: false } as const;

test('AU-05: expiring credentials cause a warning, then Close 1008, in time', async (t) => {
  const { server, clock, join, pass, closes } = live(t, {
    ...QUIET,
    upgrade: () => ({ expiresAt: clock.wallNow() + 90_000 }),
  });
  const log: [string, number][] = [];
  server.on('connection', (connection) => {
    connection.on('expiring', () => void log.push(['expiring', clock.now()]));
  });
  const { raw, connection } = await join();
  assert.equal(connection.expiresAt?.getTime(), clock.wallNow() + 90_000);
  await pass(100_000, 500);
  const { opcode, payload } = await raw.nextFrame();
  assert.deepEqual(
    [opcode, payload.readUInt16BE(), payload.toString('utf8', 2)],
    [8, 1008, 'credentials expired'],
  );
  assert.equal(log.length, 1);
  assert.ok(log[0]![1] >= 60_000 && log[0]![1] <= 61_000, `warned after ${log[0]![1]} ms`);
  assert.deepEqual(
    closes.map(({ cause }) => cause),
    ['expired'],
  );
});

test('AU-05: a later expiresAt refreshes, undefined removes it, and each expiry has its warning', async (t) => {
  const { clock, join, pass } = live(t, QUIET);
  const { connection } = await join();
  let warnings = 0;
  connection.on('expiring', () => {
    warnings++;
    connection.expiresAt = new Date(clock.wallNow() + 60_000);
  });
  connection.expiresAt = clock.wallNow() + 40_000;
  await pass(100_000, 500);
  assert.equal(connection.state, 'open');
  assert.equal(warnings, 4, 'after 10 s, and then every 30 s');
  connection.expiresAt = undefined;
  assert.equal(connection.expiresAt, undefined);
  await pass(100_000, 1_000);
  assert.equal(connection.state, 'open');
});

test('AU-05: setting the wall clock forward expires credentials within a minute, setting it back extends them', async (t) => {
  const { clock, join, pass } = live(t, QUIET);
  const [early, late] = [(await join()).connection, (await join()).connection];
  early.expiresAt = clock.wallNow() + 3_600_000;
  late.expiresAt = clock.wallNow() + 40_000;
  clock.setWall(clock.wallNow() - 7_200_000);
  await pass(100_000, 1_000);
  assert.equal(late.state, 'open');
  clock.setWall(clock.wallNow() + 7_200_000 + 3_600_000);
  await pass(61_000, 1_000);
  assert.notEqual(early.state, 'open');
  assert.notEqual(late.state, 'open');
});

test('AU-05: a connection closed in its expiring listener leaves no deadline', async (t) => {
  const { clock, join } = live(t, QUIET);
  const { connection } = await join();
  connection.on('expiring', () => connection.terminate());
  connection.expiresAt = clock.wallNow() + 10_000;
  clock.advance(100);
  await connection.closed;
  await eventLoopTurns(2);
  connection.expiresAt = clock.wallNow() + 10_000;
  assert.equal(clock.pendingTimers, 0);
});

for (const value of ['tomorrow', Number.NaN, Infinity, new Date('never'), null, {}]) {
  test(`AU-05 ER-03: expiresAt cannot be ${JSON.stringify(value)}`, async (t) => {
    const { join } = live(t);
    const { connection } = await join();
    assert.throws(() => {
      connection.expiresAt = value as Date;
    }, MisuseError);
    assert.equal(connection.expiresAt, undefined);
    assert.equal(connection.state, 'open');
  });
}

test('AU-07: timingSafeEqualText compares whole strings', () => {
  for (const [a, b, same] of [
    ['', '', true],
    ['secret', 'secret', true],
    ['secret', 'secreT', false],
    ['secret', 'secre', false],
    ['é', 'e\u0301', false],
    ['\ud800', '\ud801', false],
  ] as const) {
    assert.equal(timingSafeEqualText(a, b), same, JSON.stringify([a, b]));
  }
});
