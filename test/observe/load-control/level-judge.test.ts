import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LevelJudge, pressureOf } from '../../../src/observe/load-control/level-judge.ts';
import { LOAD_SIGNALS } from '../../../src/observe/load-control/signals.ts';
import { DEFAULT_LOAD_CONTROL } from '../../../src/options/load-control-options.ts';
import { signals } from './signals.ts';

/** N, E and C for the level after each value of `heapRatio`, whose thresholds are 0.75 and 0.85. */
const levelsOf = (values: readonly number[], judge = new LevelJudge(DEFAULT_LOAD_CONTROL)): string =>
  values.map((heapRatio) => judge.take(signals({ heapRatio }))[0]!.toUpperCase()).join('');

const ROWS: readonly (readonly [what: string, values: readonly number[], levels: string])[] = [
  ['stays normal below the first threshold', [0, 0.7, 0.749, 0.749], 'NNNN'],
  ['rises at once, from the threshold on', [0.75, 0.85, 0.9], 'ECC'],
  ['rises by two steps at once', [0, 0.85], 'NC'],
  ['falls after three calm samples', [0.8, 0.6, 0.6, 0.6, 0.6], 'EEENN'],
  ['falls by one step at a time', [0.9, 0, 0, 0, 0, 0, 0], 'CCCEEEN'],
  ['a sample that is not calm begins the count again', [0.8, 0.6, 0.6, 0.68, 0.6, 0.6, 0.6], 'EEEEEEN'],
  ['0.9 × the threshold is not calm', [0.8, 0.675, 0.675, 0.675, 0.675], 'EEEEE'],
  ['below 0.9 × the threshold is calm', [0.8, 0.674, 0.674, 0.674], 'EEEN'],
  ['falls to elevated and stays there', [0.9, 0.76, 0.76, 0.76, 0.76, 0.76, 0.76, 0.76], 'CCCEEEEE'],
  ['rises again from elevated', [0.9, 0.7, 0.7, 0.7, 0.9, 0], 'CCCECC'],
  ['a rise begins the count again', [0.8, 0, 0, 0.9, 0, 0, 0], 'EEECCCE'],
];
for (const [what, values, levels] of ROWS) {
  test(`LC-02 the level ${what}`, () => {
    assert.equal(levelsOf(values), levels);
  });
}

for (const name of LOAD_SIGNALS) {
  test(`LC-01 LC-02 ${name} alone makes the level elevated and critical`, () => {
    const thresholds = DEFAULT_LOAD_CONTROL[name];
    assert.ok(thresholds !== false);
    const judge = new LevelJudge(DEFAULT_LOAD_CONTROL);
    const [elevated, critical] = thresholds;
    assert.equal(judge.take(signals({ [name]: elevated * 0.99 })), 'normal');
    assert.deepEqual(judge.causes, []);
    assert.equal(judge.take(signals({ [name]: elevated })), 'elevated');
    assert.equal(judge.take(signals({ [name]: critical })), 'critical');
    assert.deepEqual(judge.causes, [name]);
    const without = new LevelJudge({ ...DEFAULT_LOAD_CONTROL, [name]: false });
    assert.equal(without.take(signals({ [name]: critical * 10 })), 'normal');
  });
}

test('LC-02 the level is that of the worst signal, and falls when every signal that reached it is calm', () => {
  const judge = new LevelJudge(DEFAULT_LOAD_CONTROL);
  assert.equal(judge.take(signals({ heapRatio: 0.8, cpuRatio: 0.95 })), 'critical');
  assert.deepEqual(judge.causes, ['cpuRatio']);
  for (const level of ['critical', 'critical', 'elevated', 'elevated', 'elevated', 'elevated'])
    assert.equal(judge.take(signals({ heapRatio: 0.8 })), level);
  assert.deepEqual(judge.causes, ['heapRatio', 'cpuRatio']);
  for (const level of ['elevated', 'elevated', 'normal']) assert.equal(judge.take(signals()), level);
});

test('LC-02 a signal just below a threshold that it never reached does not hold the level', () => {
  const judge = new LevelJudge(DEFAULT_LOAD_CONTROL);
  assert.equal(judge.take(signals({ rssRatio: 0.74, eventLoopDelayMs: 20 })), 'elevated');
  for (const level of ['elevated', 'elevated', 'normal'])
    assert.equal(judge.take(signals({ rssRatio: 0.74 })), level);
});

test('LC-01 the pressure of a signal is its value divided by its critical threshold', () => {
  const thresholds = { ...DEFAULT_LOAD_CONTROL, rssRatio: false } as const;
  const { heapRatio, eventLoopDelayMs, ...others } = pressureOf(
    signals({ heapRatio: 0.425, eventLoopDelayMs: 100, rssRatio: 1 }),
    thresholds,
  );
  assert.deepEqual([heapRatio, eventLoopDelayMs], [0.5, 2]);
  assert.deepEqual(others, { loopUtilization: 0, cpuRatio: 0, budgetRatio: 0, connectionsRatio: 0 });
});
