import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, quantile } from '../../bench/statistics.ts';

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

test('PF: a quantile of no values throws', () => {
  assert.throws(() => median([]), RangeError);
});
