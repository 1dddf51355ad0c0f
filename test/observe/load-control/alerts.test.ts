import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadAlert, LoadSignals } from '../../../src/index.ts';
import { type AlertCounters, Alerts } from '../../../src/observe/load-control/alerts.ts';
import { Histogram } from '../../../src/observe/metrics/histogram.ts';
import { bucketsOf } from '../../../src/observe/metrics/metric-table.ts';
import { type AlertSettings, DEFAULT_ALERTS } from '../../../src/options/load-control-options.ts';
import { signals } from './signals.ts';

const MINUTE_MS = 60_000;
const WALL_MS = Date.UTC(2026, 0, 1);

/** Alerts, and a second that passes with each call of `sample`. */
function sampled(settings: Partial<AlertSettings> = {}) {
  const told: LoadAlert[] = [];
  const alerts = new Alerts({ ...DEFAULT_ALERTS, ...settings }, (alert) => void told.push(alert));
  const handler = new Histogram(bucketsOf('handler_seconds'));
  const counted = { received: 0, handlerErrors: 0, internalErrors: 0, hasMeter: true };
  let nowMs = 0;
  const counters = (): AlertCounters => ({
    messages: {
      received: counted.received,
      sent: 0,
      dropped: 0,
      ...(counted.hasMeter ? { handlerSeconds: handler.read() } : {}),
    },
    errorsByCode: { ERR_HANDLER: counted.handlerErrors, ERR_INTERNAL: counted.internalErrors },
  });
  return {
    alerts,
    told,
    counted,
    handler,
    /** Samples for a time. @returns What was told meanwhile: name, raised, second. */
    pass: (ms: number, given: Partial<LoadSignals> = {}, each = (): void => undefined) => {
      const before = told.length;
      const at: string[] = [];
      for (let left = ms; left > 0; left -= 1_000) {
        each();
        nowMs += 1_000;
        const known = told.length;
        alerts.sampled(signals(given), nowMs, WALL_MS + nowMs, counters);
        for (const { name, raised } of told.slice(known))
          at.push(`${name} ${raised ? 'raised' : 'cleared'} ${nowMs / 1_000}`);
      }
      return { at, told: told.slice(before) };
    },
  };
}

const LASTING = [
  ['connectionsRatio', 'connectionsRatio', 0.8, 300],
  ['cpuRatio', 'cpuRatio', 0.8, 180],
  ['memoryRatio', 'heapRatio', 0.9, 180],
  ['memoryRatio', 'rssRatio', 0.9, 180],
] as const;
for (const [name, signal, threshold, seconds] of LASTING) {
  test(`LC-08 ${name} is raised once after ${seconds} s of ${signal} above ${threshold}, and cleared once`, () => {
    const { pass, alerts } = sampled();
    const above = { [signal]: threshold + 0.05 };
    assert.deepEqual(pass(10_000, { [signal]: threshold }).at, []);
    // Up to the sample that is `seconds` after the first one above.
    const { at, told } = pass(seconds * 1_000 + 1_000, above);
    assert.deepEqual(at, [`${name} raised ${10 + 1 + seconds}`]);
    assert.deepEqual(told, [
      { name, raised: true, value: threshold + 0.05, threshold, since: new Date(WALL_MS + 11_000) },
    ]);
    assert.deepEqual(alerts.raised, [name]);
    assert.deepEqual(pass(seconds * 3_000, above).at, []);
    const cleared = pass(5_000, { [signal]: threshold });
    assert.deepEqual(cleared.told, [
      { name, raised: false, value: threshold, threshold, since: new Date(WALL_MS + 11_000) },
    ]);
    assert.deepEqual(alerts.raised, []);
    assert.deepEqual(pass(seconds * 1_000 + 1_000, above).at.length, 1);
  });

  test(`LC-08 a moment of ${signal} at ${threshold} begins the time of ${name} again`, () => {
    const { pass } = sampled();
    const above = { [signal]: threshold + 0.01 };
    assert.deepEqual(pass(seconds * 1_000, above).at, []);
    assert.deepEqual(pass(1_000, { [signal]: threshold }).at, []);
    assert.deepEqual(pass(seconds * 1_000, above).at, []);
    assert.deepEqual(pass(1_000, above).at, [`${name} raised ${2 * seconds + 2}`]);
  });
}

test('LC-08 false switches an alert off, and a number replaces its threshold', () => {
  const { pass } = sampled({ cpuRatio: false, memoryRatio: 0.5 });
  assert.deepEqual(pass(300_000, { cpuRatio: 5, heapRatio: 0.6 }).at, ['memoryRatio raised 181']);
});

test('CF-03 LC-08 an alert that is switched off at run time is cleared once, and is not raised again', () => {
  const { alerts, told, pass } = sampled();
  const above = { cpuRatio: 5, heapRatio: 1 };
  pass(181_000, above);
  assert.deepEqual(alerts.raised, ['cpuRatio', 'memoryRatio']);
  told.length = 0;
  for (let times = 0; times < 2; times++) alerts.configure({ ...DEFAULT_ALERTS, cpuRatio: false });
  assert.deepEqual(told, [
    { name: 'cpuRatio', raised: false, value: 0, threshold: 0.8, since: new Date(WALL_MS + 1_000) },
  ]);
  assert.deepEqual(alerts.raised, ['memoryRatio']);
  assert.deepEqual(pass(300_000, above).at, []);
  alerts.configure(DEFAULT_ALERTS);
  assert.deepEqual(pass(181_000, above).at, ['cpuRatio raised 662']);
});

test('LC-08 errorRatio compares the failed handlers of each minute with its messages', () => {
  const { pass, counted } = sampled();
  pass(1_000); // The first sample begins the first minute.
  const rows = [
    [1_000, 10, 0, [], '1 % is not above 1 %'],
    [100, 4, 0, [], 'four errors are too few to judge'],
    [1_000, 11, 0, ['errorRatio raised 181'], 'more than 1 % for a minute'],
    [1_000, 20, 0, [], 'told already'],
    [0, 20, 0, ['errorRatio cleared 301'], 'no message to compare with'],
    [1_000, 0, 500, ['errorRatio raised 361'], 'faults of the library count, too'],
    [1_000, 0, 0, ['errorRatio cleared 421'], 'no error'],
  ] as const;
  for (const [received, errors, internal, at, what] of rows) {
    counted.received += received;
    counted.handlerErrors += errors;
    counted.internalErrors += internal;
    assert.deepEqual(pass(MINUTE_MS).at, at, what);
  }
});

test('LC-08 handlerTimeRatio compares the p95 of two minutes with the usual one of the hour before', () => {
  const { pass, handler } = sampled();
  const at = (seconds: number) => (): void => {
    for (let i = 0; i < 5; i++) handler.add(seconds);
  };
  pass(1_000);
  assert.deepEqual(pass(70 * MINUTE_MS, {}, at(0.002)).at, []);
  const begin = 70 * 60 + 1;
  const slow = pass(20 * MINUTE_MS, {}, at(0.04));
  assert.deepEqual(slow.at, [`handlerTimeRatio raised ${begin + 120}`], 'the slow minutes are not usual');
  const [alert] = slow.told;
  assert.ok(alert!.value > 1.5);
  assert.deepEqual(alert!.since, new Date(WALL_MS + begin * 1_000));
  assert.deepEqual(pass(3 * MINUTE_MS, {}, at(0.002)).at, [`handlerTimeRatio cleared ${begin + 21 * 60}`]);
});

test('LC-08 a handler time that stays high is the usual one after half an hour', () => {
  const { pass, handler } = sampled();
  const at = (seconds: number) => (): void => handler.add(seconds);
  pass(60 * MINUTE_MS, {}, at(0.002));
  const { at: told } = pass(60 * MINUTE_MS, {}, at(0.04));
  assert.deepEqual(
    told.map((text) => text.split(' ')[1]),
    ['raised', 'cleared'],
  );
});

test('LC-08 handlerTimeRatio needs the meter, and five minutes with enough measurements', () => {
  const without = sampled();
  without.counted.hasMeter = false;
  assert.deepEqual(without.pass(10 * MINUTE_MS, {}, () => without.handler.add(4)).at, []);
  const young = sampled();
  young.pass(4 * MINUTE_MS, {}, () => young.handler.add(0.001));
  assert.deepEqual(young.pass(MINUTE_MS, {}, () => young.handler.add(4)).at, []);
  const few = sampled();
  few.pass(10 * MINUTE_MS, {}, () => few.handler.add(0.001));
  const quiet = few.pass(4 * MINUTE_MS, {}, () => {
    if (few.handler.read().count < 610) few.handler.add(4);
  });
  assert.deepEqual(quiet.at, []);
});

test('LC-08 a p95 above the last bucket counts as its bound', () => {
  const { pass, handler } = sampled();
  pass(10 * MINUTE_MS, {}, () => handler.add(0.001));
  const { told } = pass(4 * MINUTE_MS, {}, () => handler.add(60));
  assert.equal(told.length, 1);
  assert.ok(told[0]!.value > 1_000 && told[0]!.value < 10_000, `${told[0]!.value}`);
});
