import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LoadLevel, LoadSignals } from '../../src/index.ts';
import type { Priority } from '../../src/options/priority.ts';
import { close, text } from '../../src/testing/index.ts';
import { IDLE } from '../observe/load-control/signals.ts';
import { live } from './live.ts';

const RATIOS: Readonly<Record<LoadLevel, number>> = { normal: 0, elevated: 0.8, critical: 0.95 };

/** A server at a level, a peer with a priority, and the times at which its messages arrive. */
async function paced(t: TestContext, priority: Priority, options = {}) {
  let cpuRatio = 0;
  const served = live(t, {
    loadControl: { probe: (): LoadSignals => ({ ...IDLE, cpuRatio }), shed: false },
    idleTimeoutMs: false,
    heartbeat: false,
    ...options,
  });
  const { server, clock, join } = served;
  const arrivals: number[] = [];
  server.on('message', () => void arrivals.push(clock.now()));
  const peer = await join();
  peer.connection.priority = priority;
  return {
    ...served,
    ...peer,
    arrivals,
    /** From the next sample on; to fall takes three samples a step. */
    setLevel: async (level: LoadLevel) => {
      cpuRatio = RATIOS[level];
      for (let samples = 0; server.stats().load!.level !== level && samples < 6; samples++)
        await served.pass(1_000);
      assert.equal(server.stats().load!.level, level);
    },
  };
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, at) => time - times[at]!);

const ROWS: readonly (readonly [LoadLevel, Priority, delayMs: number])[] = [
  ['normal', 'low', 0],
  ['elevated', 'critical', 0],
  ['elevated', 'high', 0],
  ['elevated', 'normal', 50],
  ['elevated', 'low', 100],
  ['critical', 'critical', 0],
  ['critical', 'high', 0],
  ['critical', 'normal', 250],
  ['critical', 'low', 500],
];
for (const [level, priority, delayMs] of ROWS) {
  test(`LC-06 at ${level}, messages of a sender with priority ${priority} are ${delayMs} ms apart`, async (t) => {
    const { setLevel, raw, arrivals, pass } = await paced(t, priority);
    await setLevel(level);
    for (let i = 0; i < 4; i++) raw.send(text('x'));
    await pass(2_000, 10);
    assert.equal(arrivals.length, 4);
    // Deadlines are kept to 50 ms.
    for (const gapMs of gaps(arrivals)) {
      assert.ok(gapMs >= delayMs, `${gapMs}`);
      assert.ok(gapMs <= (delayMs === 0 ? 0 : delayMs + 50), `${gapMs}`);
    }
  });
}

test('LC-06 without quality, and without load control, no message waits', async (t) => {
  for (const loadControl of [
    false,
    { quality: false, shed: false, probe: () => ({ ...IDLE, cpuRatio: 0.95 }) },
  ]) {
    const { server, raw, arrivals, pass } = await paced(t, 'low', { loadControl });
    await pass(1_000);
    assert.equal(server.stats().load?.level, loadControl === false ? undefined : 'critical');
    for (let i = 0; i < 4; i++) raw.send(text('x'));
    await pass(50, 10);
    assert.deepEqual(gaps(arrivals), [0, 0, 0]);
  }
});

test('LC-06 back at normal, messages that arrived meanwhile come at once', async (t) => {
  const { setLevel, server, raw, arrivals, pass } = await paced(t, 'low');
  let before = 0;
  server.on('pressure', () => (before = arrivals.length));
  await setLevel('critical');
  raw.send(text('x'));
  await pass(50);
  for (let i = 0; i < 80; i++) raw.send(text('x'));
  await setLevel('normal');
  assert.ok(before < 70, `${before}`);
  await pass(600);
  assert.equal(arrivals.length, 81);
  assert.ok(gaps(arrivals.slice(-10)).every((gapMs) => gapMs === 0));
});

test('LC-06 a sender that waits is not idle, answers no ping, and is not taken for dead', async (t) => {
  const { setLevel, raw, connection, arrivals, pass } = await paced(t, 'low', {
    heartbeat: true,
    pingIntervalMs: 1_000,
    pongTimeoutMs: 400,
    idleTimeoutMs: 3_000,
  });
  await setLevel('critical');
  for (let i = 0; i < 40; i++) raw.send(text('x'));
  await pass(19_000);
  assert.ok(arrivals.length >= 34 && arrivals.length < 40, `${arrivals.length}`);
  assert.equal(connection.state, 'open');
});

test('LC-06 a sender that closes and ends meanwhile loses no message', async (t) => {
  const { setLevel, raw, connection, arrivals, pass } = await paced(t, 'low');
  await setLevel('critical');
  for (let i = 0; i < 5; i++) raw.send(text('x'));
  raw.send(close(1000));
  raw.end();
  await pass(3_000);
  assert.equal(arrivals.length, 5);
  assert.equal((await connection.closed).code, 1000);
});

test('LC-06 the delay applies besides a rate limit that throttles', async (t) => {
  const { setLevel, raw, arrivals, pass } = await paced(t, 'normal', {
    rateLimit: { messagesPerSecond: 1, burstMessages: 2, action: 'throttle' },
  });
  await setLevel('critical');
  for (let i = 0; i < 3; i++) raw.send(text('x'));
  await pass(3_000, 10);
  const [first, second] = gaps(arrivals);
  assert.ok(first! >= 250 && first! <= 300, `${first}`);
  assert.ok(second! >= 700, `${second}`);
});

test('LC-06 at elevated and critical new connections do not compress, and buffers are smaller', async (t) => {
  const { setLevel, server, join, pass } = await paced(t, 'normal', {
    // A critical server admits it, after half a second.
    upgrade: () => ({ priority: 'high' }),
    perMessageDeflate: true,
    highWaterMarkBytes: 40_000,
  });
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  const seen = [];
  for (const level of ['normal', 'elevated', 'critical', 'normal'] as const) {
    await setLevel(level);
    const joining = join(offer);
    await pass(600);
    const { connection } = await joining;
    const mark = [10_001, 20_001, 40_001].find((bytes) => {
      const mayGoOn = connection.send(Buffer.alloc(bytes), { compress: false });
      return !mayGoOn;
    });
    seen.push([level, connection.extensions !== '', mark]);
    connection.terminate();
  }
  assert.equal(server.stats().load!.level, 'normal');
  assert.deepEqual(seen, [
    ['normal', true, 40_001],
    ['elevated', false, 20_001],
    ['critical', false, 10_001],
    ['normal', true, 40_001],
  ]);
});
