import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyBars } from '../../src/load/latency-bars.ts';
import { LatencyHistogram } from '../../src/load/latency-histogram.ts';
import { Tally } from '../../src/load/tally.ts';
import { Timeline, type TimelinePoint } from '../../src/load/timeline.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const rounded = (points: readonly TimelinePoint[]): unknown[] =>
  points.map(({ atMs, ratePerSecond, p50Ms, p99Ms }) => [
    atMs,
    ratePerSecond,
    p50Ms === null ? null : Math.round(p50Ms),
    p99Ms === null ? null : Math.round(p99Ms),
  ]);

test('CM-08: a timeline has rate and latency of each interval by itself, and none where nothing came', () => {
  const clock = new VirtualClock();
  const tally = new Tally();
  const answer = (latencyMs: number): void => {
    tally.count(1, clock.now());
    tally.latency.record(latencyMs);
  };
  tally.begin();
  answer(1);
  tally.begin();
  const timeline = new Timeline(tally, clock, 100);
  for (let i = 0; i < 5; i++) answer(10);
  clock.advance(100);
  clock.advance(100);
  for (let i = 0; i < 98; i++) answer(20);
  answer(300);
  answer(300);
  clock.advance(100);
  answer(1);
  clock.advance(40);
  assert.deepEqual(rounded(timeline.end()), [
    [100, 50, 10, 10],
    [200, 0, null, null],
    [300, 1_000, 20, 300],
  ]);
  clock.advance(1_000);
  assert.equal(timeline.end().length, 4, 'after the end no timer reads; the caller may');
});

test('CM-08: a timeline skips no time when its timer is late, and has no interval of a few ms', () => {
  const clock = new VirtualClock();
  const tally = new Tally();
  tally.begin();
  // The first timer runs 170 ms late, as behind a long task.
  let late = 0;
  const timeline = new Timeline(
    tally,
    {
      now: () => clock.now() + late,
      wallNow: () => clock.wallNow(),
      clearTimer: (timer) => clock.clearTimer(timer),
      setTimer: (callback, ms) => clock.setTimer(callback, ms),
    },
    100,
  );
  late = 190;
  tally.count(29, clock.now());
  clock.advance(100);
  clock.advance(200);
  assert.deepEqual(rounded(timeline.end()), [
    [290, 100, null, null],
    [400, 0, null, null],
    [490, 0, null, null],
  ]);
});

test('CM-08: a difference of two histograms has what was recorded in between', () => {
  const histogram = new LatencyHistogram();
  histogram.record(5, 10);
  const before = histogram.copy();
  assert.equal(histogram.since(before).count, 0);
  histogram.record(1, 3);
  histogram.record(5);
  const since = histogram.since(before);
  assert.deepEqual([since.count, Math.round(since.quantileMs(0.5)), Math.round(since.maxMs)], [4, 1, 5]);
});

test('CM-08: latency bars are as fine as fits, without gaps, and count every duration once', () => {
  for (const [values, most] of [
    [[1], 5],
    [[1.01, 1.9], 14],
    [[0.05, 0.2, 0.21, 3, 200], 14],
    [[0, 0.000_1, 200_000], 14],
    [Array.from({ length: 1_000 }, (_, i) => 1.01 ** i), 24],
  ] as const) {
    const histogram = new LatencyHistogram();
    for (const value of values) histogram.record(value);
    const bars = latencyBars(histogram.toData(), most);
    assert.ok(bars.length <= most && bars.length > 0, `${bars.length} bars`);
    assert.equal(
      bars.reduce((sum, { count }) => sum + count, 0),
      values.length,
    );
    for (const [i, bar] of bars.entries()) if (i > 0) assert.equal(bar.fromMs, bars[i - 1]!.toMs);
    assert.ok(bars[0]!.count > 0 && bars.at(-1)!.count > 0);
  }
  assert.deepEqual(latencyBars(new LatencyHistogram().toData(), 10), []);
});
