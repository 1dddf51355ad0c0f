import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { test, type TestContext } from 'node:test';
import {
  type LoadAlert,
  type LoadControlOptions,
  type LoadSignals,
  MemoryBudget,
  type PressureInfo,
  type ServerOptions,
  WebSocketError,
  WebSocketServer,
} from '../../src/index.ts';
import { CHANNELS } from '../../src/observe/index.ts';
import { eventLoopTurns, text, VirtualClock } from '../../src/testing/index.ts';
import { IDLE } from '../observe/load-control/signals.ts';
import { scrape } from '../observe/metrics/scrape.ts';
import { live } from './live.ts';

/** A server with load control whose probe returns what the test sets, and what the server tells of it. */
function controlled(t: TestContext, loadControl: LoadControlOptions = {}, options: ServerOptions = {}) {
  const load: { signals: unknown } = { signals: IDLE };
  const lines: string[] = [];
  const pressures: PressureInfo[] = [];
  const alerts: LoadAlert[] = [];
  const write = (level: string) => (fields: object, text: string) =>
    void lines.push(`${level} ${text} ${JSON.stringify(fields)}`);
  const served = live(t, {
    loadControl: { probe: () => load.signals as LoadSignals, ...loadControl },
    logger: { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') },
    ...options,
  });
  const { server } = served;
  server.on('pressure', (info) => void pressures.push(info));
  server.on('alert', (alert) => void alerts.push(alert));
  return {
    ...served,
    lines,
    pressures,
    alerts,
    /** The next samples find these signals. */
    set: (signals: Partial<LoadSignals> = {}) => (load.signals = { ...IDLE, ...signals }),
    setRaw: (signals: unknown) => (load.signals = signals),
  };
}

test('LC-01 a sample is taken each sampleIntervalMs from the first connection on, until the server is shut down', async (t) => {
  const { server, clock, join } = controlled(t, { sampleIntervalMs: 250 });
  assert.equal(clock.pendingTimers, 0);
  clock.advance(10_000);
  assert.deepEqual(server.stats().load?.history, []);
  await join();
  clock.advance(249);
  assert.equal(server.stats().load?.history.length, 0);
  clock.advance(1);
  assert.equal(server.stats().load?.history.length, 1);
  clock.advance(500);
  assert.equal(server.stats().load?.history.length, 3);
});

test('LC-01 a server that listens, or is attached, samples; one that was shut down does not begin', async () => {
  const clock = new VirtualClock();
  const server = new WebSocketServer({
    clock,
    loadControl: true,
    pingIntervalMs: 2 ** 31 - 1,
    idleTimeoutMs: false,
  });
  await server.listen(0, '127.0.0.1');
  clock.advance(1_000);
  assert.equal(server.stats().load?.history.length, 1);
  await server.shutdown();
  assert.equal(clock.pendingTimers, 0);
  assert.equal(server.stats().load?.history.length, 1);
});

test('PF-14 LC-01 without the option there is no timer, no statistic and no metric', async (t) => {
  const { server, clock } = live(t);
  assert.equal(clock.pendingTimers, 0);
  assert.ok(!('load' in server.stats()));
  assert.ok(!server.metrics().includes('hawser_load_'));
});

test('LC-01 connections and memory budget are signals of the server itself', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 1_000_000 });
  const { server, clock, join } = controlled(
    t,
    { probe: () => ({ cpuRatio: 0.25 }) },
    {
      maxConnections: 8,
      memoryBudget,
    },
  );
  const { connection, raw } = await join();
  await join();
  connection.pause();
  raw.send(text('x'.repeat(50_000)));
  await eventLoopTurns(5);
  clock.advance(1_000);
  const { signals } = server.stats().load!;
  assert.equal(signals.connectionsRatio, 0.25);
  assert.equal(signals.cpuRatio, 0.25, 'the probe replaces this one only');
  assert.equal(signals.budgetRatio, memoryBudget.usedBytes / 1_000_000);
  assert.ok(signals.budgetRatio >= 0.05);
  assert.ok(signals.heapRatio > 0 && signals.heapRatio < 1, 'measured');
  assert.ok(signals.rssRatio > 0 && signals.rssRatio < 1, 'measured');
  connection.terminate();
});

test('LC-02 LG-02 each change of the level is told once: event, log line, metric, statistic, channel', async (t) => {
  const published: unknown[] = [];
  const listener = (message: unknown): void => void published.push(message);
  channel(CHANNELS.loadLevel).subscribe(listener);
  t.after(() => channel(CHANNELS.loadLevel).unsubscribe(listener));
  const { server, clock, join, set, lines, pressures } = controlled(t);
  await join();
  const seen: unknown[] = [];
  const step = (signals: Partial<LoadSignals>, samples = 1): void => {
    set(signals);
    for (let i = 0; i < samples; i++) clock.advance(1_000);
    const { load } = server.stats();
    const metrics = scrape(server);
    seen.push([load!.level, metrics.get('hawser_load_level')]);
    assert.equal(
      metrics.get('hawser_load_pressure_ratio{signal="eventLoopDelayMs"}'),
      (signals.eventLoopDelayMs ?? 0) / 50,
    );
  };
  step({});
  step({ eventLoopDelayMs: 12.3456 });
  step({ eventLoopDelayMs: 75, cpuRatio: 0.95 });
  step({}, 2);
  step({}, 1);
  step({}, 3);
  assert.deepEqual(seen, [
    ['normal', 0],
    ['elevated', 1],
    ['critical', 2],
    ['critical', 2],
    ['elevated', 1],
    ['normal', 0],
  ]);
  assert.deepEqual(
    pressures.map(({ level, previous, causes }) => [previous, level, causes]),
    [
      ['normal', 'elevated', ['eventLoopDelayMs']],
      ['elevated', 'critical', ['eventLoopDelayMs', 'cpuRatio']],
      ['critical', 'elevated', ['eventLoopDelayMs', 'cpuRatio']],
      ['elevated', 'normal', []],
    ],
  );
  assert.deepEqual(pressures[0]!.signals, { ...IDLE, eventLoopDelayMs: 12.3456 });
  assert.deepEqual(published, pressures);
  const rest =
    '"loopUtilization":0,"heapRatio":0,"rssRatio":0,"cpuRatio":0,"budgetRatio":0,"connectionsRatio":0';
  assert.deepEqual(
    lines.filter((line) => line.includes(' load ')),
    [
      `warn load rose {"level":"elevated","previous":"normal","causes":"eventLoopDelayMs","eventLoopDelayMs":12.346,${rest}}`,
      `warn load rose {"level":"critical","previous":"elevated","causes":"eventLoopDelayMs cpuRatio","eventLoopDelayMs":75,${rest.replace('"cpuRatio":0', '"cpuRatio":0.95')}}`,
      `info load fell {"level":"elevated","previous":"critical","causes":"eventLoopDelayMs cpuRatio","eventLoopDelayMs":0,${rest}}`,
      `info load fell {"level":"normal","previous":"elevated","causes":"","eventLoopDelayMs":0,${rest}}`,
    ],
  );
});

test('LC-02 stats() has the last ten samples, the pressure, and how long the level has lasted', async (t) => {
  const { server, clock, join, set } = controlled(t, { heapRatio: false });
  await join();
  for (let i = 1; i <= 13; i++) {
    set({ cpuRatio: i / 20, heapRatio: 1 });
    clock.advance(1_000);
  }
  const { load } = server.stats();
  assert.ok(load !== undefined);
  assert.deepEqual(
    load.history.map(({ signals }) => signals.cpuRatio),
    [4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((i) => i / 20),
  );
  assert.equal(load.history.at(-1)!.atMs, clock.wallNow());
  assert.deepEqual(load.history.at(-1)!.signals, load.signals);
  assert.equal(load.level, 'normal');
  assert.equal(load.levelForMs, 13_000);
  assert.ok(!('heapRatio' in load.pressure));
  assert.equal(load.pressure.cpuRatio, 13 / 20 / 0.9);
  set({ cpuRatio: 0.9 });
  clock.advance(1_500);
  assert.deepEqual([server.stats().load!.level, server.stats().load!.levelForMs], ['critical', 500]);
});

const BAD_PROBES: readonly (readonly [what: string, returned: unknown, message: RegExp])[] = [
  ['a number', 5, /probe returned 5; it must return an object such as/],
  ['undefined', undefined, /probe returned undefined; /],
  ['a promise', Promise.resolve({ cpuRatio: 1 }), /probe returned a promise; /],
  [
    'an unknown signal',
    { cpuRatoi: 1 },
    /probe returned the unknown signal cpuRatoi; the nearest is cpuRatio$/,
  ],
  ['a name like no signal', { x: 1 }, /probe returned the unknown signal x; signals are eventLoopDelayMs, /],
  ['NaN', { heapRatio: Number.NaN }, /probe returned heapRatio NaN; it must be a finite number from 0 up$/],
  ['Infinity', { heapRatio: Infinity }, /probe returned heapRatio Infinity; /],
  ['a negative number', { heapRatio: -0.1 }, /probe returned heapRatio -0\.1; /],
  ['text', { heapRatio: '0.5' }, /probe returned heapRatio "0\.5"; /],
];
for (const [what, returned, message] of BAD_PROBES) {
  test(`LC-01 a probe that returns ${what} is reported once, and its sample counts as the one before`, async (t) => {
    const { server, clock, join, set, setRaw, errors, pressures } = controlled(t);
    await join();
    set({ heapRatio: 0.9 });
    clock.advance(1_000);
    setRaw(returned);
    clock.advance(5_000);
    assert.equal(server.stats().load!.level, 'critical', 'the last sample still counts');
    assert.equal(server.stats().load!.history.length, 6);
    const [error, ...more] = errors.splice(0);
    assert.deepEqual(more, []);
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.code, 'ERR_HANDLER');
    assert.match((error.cause as Error).message, message);
    set();
    clock.advance(6_000);
    assert.deepEqual(
      pressures.map(({ level }) => level),
      ['critical', 'elevated', 'normal'],
    );
  });
}

test('LC-01 a probe that throws is reported once, and never ends the process', async (t) => {
  let calls = 0;
  const { server, clock, join, errors } = controlled(t, {
    probe: () => {
      calls++;
      throw new Error('no such file');
    },
  });
  await join();
  clock.advance(3_000);
  assert.equal(calls, 3);
  assert.equal(server.stats().load!.level, 'normal');
  assert.deepEqual(
    errors.splice(0).map(({ cause }) => (cause as Error).message),
    ['no such file'],
  );
});

test('LC-01 undefined signals of a probe count as left out', async (t) => {
  const { server, clock, join } = controlled(t, { probe: () => ({ ...IDLE, cpuRatio: undefined as never }) });
  await join();
  clock.advance(1_000);
  assert.ok(server.stats().load!.signals.cpuRatio >= 0);
});

test('LC-02 a listener of pressure that throws is reported, and sampling goes on', async (t) => {
  const { server, clock, join, set, errors } = controlled(t);
  server.on('pressure', () => {
    throw new Error('oops');
  });
  await join();
  set({ cpuRatio: 0.8 });
  clock.advance(1_000);
  set({ cpuRatio: 1 });
  clock.advance(1_000);
  assert.equal(errors.splice(0).length, 2);
  assert.equal(server.stats().load!.level, 'critical');
});

test('LC-08 alerts are events, log lines and part of stats()', async (t) => {
  const { server, clock, join, set, alerts, lines } = controlled(
    t,
    {},
    { idleTimeoutMs: false, heartbeat: false },
  );
  await join();
  set({ cpuRatio: 0.85 });
  clock.advance(181_000);
  assert.deepEqual(server.stats().load!.alerts, ['cpuRatio']);
  set();
  clock.advance(1_000);
  assert.deepEqual(server.stats().load!.alerts, []);
  assert.deepEqual(
    alerts.map(({ name, raised, value, threshold }) => [name, raised, value, threshold]),
    [
      ['cpuRatio', true, 0.85, 0.8],
      ['cpuRatio', false, 0, 0.8],
    ],
  );
  const since = alerts[0]!.since.toISOString();
  assert.deepEqual(
    lines.filter((line) => line.includes(' alert ')),
    [
      `warn alert raised {"alert":"cpuRatio","value":0.85,"threshold":0.8,"since":"${since}"}`,
      `info alert cleared {"alert":"cpuRatio","value":0,"threshold":0.8,"since":"${since}"}`,
    ],
  );
});

test('LC-08 without the group alerts nothing is raised', async (t) => {
  const { server, clock, join, set, alerts } = controlled(
    t,
    { alerts: false },
    { idleTimeoutMs: false, heartbeat: false },
  );
  await join();
  set({ cpuRatio: 5 });
  clock.advance(1_000_000);
  assert.deepEqual([alerts, server.stats().load!.alerts], [[], []]);
});

test('CF-03 LC-01 thresholds change at run time: the next sample is compared with the new ones', async (t) => {
  const probe = (): LoadSignals => ({ ...IDLE, cpuRatio: 0.5 });
  const { server, clock, pressures, join } = controlled(t, { probe });
  await join();
  clock.advance(1_000);
  assert.deepEqual(pressures, []);
  server.configure({ loadControl: { probe, cpuRatio: [0.4, 0.9] } });
  clock.advance(1_000);
  server.configure({ loadControl: { probe } });
  clock.advance(3_000);
  assert.deepEqual(
    pressures.map(({ level, causes }) => [level, causes]),
    [
      ['elevated', ['cpuRatio']],
      ['normal', []],
    ],
  );
});

test('CF-03 LC-01 a new sampleIntervalMs begins at once, unless the server does not sample', async (t) => {
  const probe = (): LoadSignals => IDLE;
  const { server, clock, join } = controlled(t, { probe, sampleIntervalMs: 60_000 });
  server.configure({ loadControl: { probe, sampleIntervalMs: 50_000 } });
  assert.equal(clock.pendingTimers, 0);
  await join();
  const samplesAfter = (ms: number): number => {
    clock.advance(ms);
    return server.stats().load!.history.length;
  };
  assert.equal(samplesAfter(1_000), 0);
  server.configure({ loadControl: { probe, sampleIntervalMs: 100 } });
  assert.equal(samplesAfter(200), 2);
  server.configure({ loadControl: { probe, sampleIntervalMs: 100, cpuRatio: false } });
  assert.equal(samplesAfter(100), 3);
});

test('CF-03 what load control made at the start cannot change, and it cannot be switched on or off', async (t) => {
  const probe = (): LoadSignals => IDLE;
  const { server } = controlled(t, { probe });
  const without = live(t).server;
  for (const [given, loadControl, what] of [
    [server, false, 'loadControl cannot be switched off'],
    [without, {}, 'loadControl cannot be switched on'],
    [server, {}, 'loadControl.probe cannot change'],
    [server, { probe, quality: false }, 'loadControl.quality cannot change'],
    [server, { probe, shed: false }, 'loadControl.shed cannot change'],
    [server, { probe, breaker: { trials: 2 } }, 'loadControl.breaker cannot change'],
    [server, { probe, alerts: false }, 'loadControl.alerts cannot change'],
  ] as const)
    assert.throws(
      () => given.configure({ maxConnections: 5, loadControl }),
      new RegExp(`${what.replace('.', '\\.')} while the server runs: start a second server`),
    );
  assert.deepEqual(server.configure({ maxConnections: 10_000, loadControl: { probe } }), []);
  server.configure({ loadControl: { probe, alerts: { cpuRatio: 0.5 } } });
  assert.deepEqual(without.configure({ loadControl: false }), []);
});
