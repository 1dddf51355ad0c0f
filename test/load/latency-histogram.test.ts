import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '../../src/load/latency-histogram.ts';
import { seededRandom } from '../../src/testing/index.ts';

test('CM-08: all figures of an empty histogram are 0', () => {
  const { count, meanMs, minMs, maxMs, ...rest } = new LatencyHistogram();
  void rest;
  assert.deepEqual([count, meanMs, minMs, maxMs], [0, 0, 0, 0]);
  assert.equal(new LatencyHistogram().quantileMs(0.5), 0);
});

for (const ms of [0, 0.0001, 0.0127, 0.0128, 0.5, 1, 9.99, 1_000, 214_000]) {
  test(`CM-08: ${ms} ms is a quantile of the histogram, within 0.8 % or 0.05 µs`, () => {
    const histogram = new LatencyHistogram();
    // One duration more on each side: otherwise the quantile would be the minimum or the maximum.
    for (const value of [0, ms, 214_748]) histogram.record(value);
    assert.ok(
      Math.abs(histogram.quantileMs(0.5) - ms) <= Math.max(0.008 * ms, 0.000_051),
      String(histogram.quantileMs(0.5)),
    );
  });
}

test('CM-08: quantiles are equal to those of the sorted durations', () => {
  const random = seededRandom(7);
  const durations = Array.from({ length: 20_000 }, () => 10 ** (random.fraction() * 6 - 3));
  const histogram = new LatencyHistogram();
  for (const ms of durations) histogram.record(ms);
  durations.sort((a, b) => a - b);
  for (const share of [0.01, 0.5, 0.75, 0.9, 0.99, 0.999, 1]) {
    const exact = durations[Math.ceil(durations.length * share) - 1]!;
    const found = histogram.quantileMs(share);
    assert.ok(Math.abs(found - exact) <= 0.008 * exact + 0.000_1, `${share}: ${found}, not ${exact}`);
  }
  assert.equal(histogram.maxMs, durations.at(-1));
  assert.equal(histogram.minMs, durations[0]);
});

test('CM-08: one call records many durations; values outside the range count as its limits', () => {
  const histogram = new LatencyHistogram();
  histogram.record(2, 99);
  histogram.record(1e9);
  histogram.record(-1);
  assert.equal(histogram.count, 101);
  assert.ok(Math.abs(histogram.quantileMs(0.5) - 2) < 0.02);
  assert.ok(histogram.quantileMs(1) > 200_000);
});

test('CM-08: histograms of several processes add up, through JSON', () => {
  const [a, b, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
  for (let i = 1; i <= 100; i++) {
    (i % 2 === 0 ? a : b).record(i);
    both.record(i);
  }
  const sum = new LatencyHistogram();
  for (const part of [a, b, new LatencyHistogram()]) sum.add(JSON.parse(JSON.stringify(part.toData())));
  assert.deepEqual(sum.toData(), both.toData());
  assert.deepEqual([sum.minMs, sum.maxMs, sum.meanMs], [1, 100, 50.5]);
  sum.clear();
  assert.deepEqual([sum.count, sum.maxMs, sum.quantileMs(1)], [0, 0, 0]);
});
