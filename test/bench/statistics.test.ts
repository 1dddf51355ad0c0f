import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CELLS } from '../../bench/cells.ts';
import { markdown, rowOf } from '../../bench/report.ts';
import type { CellResult, Sample } from '../../bench/runner.ts';
import { median, pairedRatio, quantile } from '../../bench/statistics.ts';

const QUANTILES: readonly (readonly [values: readonly number[], share: number, expected: number])[] = [
  [[5], 0, 5],
  [[5], 0.5, 5],
  [[5], 1, 5],
  [[1, 2], 0.5, 1.5],
  [[3, 1, 2], 0.5, 2],
  [[10, 9, 1, 2], 0.5, 5.5],
  [[0, 10, 20, 30, 40], 0.25, 10],
  [[0, 10, 20, 30, 40], 0.9, 36],
  [[2, 10, 1], 1, 10],
];
for (const [values, share, expected] of QUANTILES) {
  test(`PF: quantile ${share} of ${values.join(', ')} is ${expected}`, () => {
    const before = [...values];
    assert.equal(quantile(values, share), expected);
    assert.deepEqual(values, before);
  });
}

test('PF: there is no quantile of nothing, and no ratio of sides of different length', () => {
  assert.throws(() => median([]), RangeError);
  assert.throws(() => pairedRatio([1, 2], [1]), RangeError);
});

test('PF: a slow moment that hits both sides of a pair does not change the ratio', () => {
  const { median: middle, low, high } = pairedRatio([200, 20, 200], [100, 10, 100]);
  assert.deepEqual([middle, low, high], [2, 2, 2]);
});

const sample = (messagesPerSecond: number, cpuMicrosPerMessage: number): Sample => ({
  messagesPerSecond,
  cpuMicrosPerMessage,
  latencyMicros: [],
});
const result = (name: string, ours: Sample, theirs: Sample): CellResult => ({
  cell: { ...CELLS[0]!, name },
  samples: { hawser: [ours], ws: [theirs] },
});

test('PF: the report has the worst cell on top, and names those that are lost', () => {
  const rows = [
    result('even', sample(100, 10), sample(100, 10)),
    result('won', sample(300, 5), sample(100, 15)),
    result('lost', sample(90, 20), sample(100, 10)),
  ].map(rowOf);
  assert.deepEqual(
    rows.map(({ rateRatio, cpuRatio }) => [rateRatio.median, cpuRatio.median]),
    [
      [1, 1],
      [3, 3],
      [0.9, 0.5],
    ],
  );
  const text = markdown(rows, {
    date: '2020-01-01',
    node: '20.0.0',
    cpu: 'a CPU',
    cores: 2,
    pinned: true,
    versions: { hawser: '1', ws: '2' },
    rounds: 1,
    windowMs: 100,
  });
  assert.ok(text.indexOf('| lost |') < text.indexOf('| even |'));
  assert.ok(text.indexOf('| even |') < text.indexOf('| won |'));
  assert.match(text, /Behind ws, in rate or CPU time: lost\.\n/);
});

test('PF: the cells are those that were promised', () => {
  const names = new Set(CELLS.map(({ name }) => name));
  assert.equal(names.size, CELLS.length);
  for (const size of ['16 B', '1 KiB', '64 KiB'])
    for (const connections of [1, 64])
      for (const pipeline of [1, 16])
        assert.ok(names.has(`echo ${size}, ${connections} conn., pipeline ${pipeline}`));
  for (const recipients of ['100', '1,000'])
    assert.ok([...names].some((name) => name.startsWith('fan-out') && name.includes(`to ${recipients},`)));
});
