import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Point, slopeOf } from '../../../bench/soak/flatness.ts';
import { flat, flatnessOf } from '../../../bench/soak/judge.ts';
import { seededRandom } from '../../../src/testing/index.ts';

const random = seededRandom(1);
/** One point every ten seconds. */
const points = (count: number, value: (minute: number) => number): Point[] =>
  Array.from({ length: count }, (_, at) => ({ atMs: at * 10_000, value: value(at / 6) }));

test('PF-04: the slope of a straight line is exact, and has no error', () => {
  const slope = slopeOf(points(180, (minute) => 1_000 + 7 * minute))!;
  assert.ok(Math.abs(slope.perMinute - 7) < 1e-9 && slope.error < 1e-6);
  assert.equal(slope.blocks, 20);
});

test('PF-04: the interval of the slope of noise contains 0, and a drift above the noise does not', () => {
  const noise = (): number => 500 * (random.fraction() - 0.5);
  const still = slopeOf(points(180, noise))!;
  assert.ok(Math.abs(still.perMinute) < still.error);
  const drift = slopeOf(points(180, (minute) => noise() + 50 * minute))!;
  assert.ok(drift.perMinute - drift.error > 25 && drift.perMinute + drift.error < 75);
});

test('PF-04: a slow wave has a larger error than noise of the same size', () => {
  const wave = slopeOf(points(180, (minute) => 250 * Math.sin(minute / 3)))!;
  const noise = slopeOf(points(180, () => 250 * Math.sin(random.fraction() * 7)))!;
  assert.ok(wave.error > noise.error);
});

test('PF-04: too few points have no slope', () => {
  assert.equal(slopeOf(points(5, () => 1)), undefined);
  assert.equal(slopeOf([]), undefined);
});

test('PF-04: memory that grows fails a long run, and no run below ten minutes is judged', () => {
  const server = (rssBytes: number) => ({ rssBytes }) as never;
  const recording = (bytesPerMinute: number) => ({
    samples: points(360, (minute) => 1e8 + bytesPerMinute * minute).map(({ atMs, value }) => ({
      atMs,
      server: server(value),
      cpuShare: null,
      open: 0,
      ratePerSecond: 0,
      p50Ms: null,
      p99Ms: null,
    })),
    marks: [],
    live: points(60, () => 1e7),
  });
  const judged = (bytesPerMinute: number, durationMs: number) =>
    flat(flatnessOf(recording(bytesPerMinute), 0, 3_600_000), durationMs).map(({ isMet }) => isMet);
  assert.deepEqual(judged(0, 3_600_000), [true, true]);
  assert.deepEqual(judged(100_000, 3_600_000), [false, true]);
  assert.deepEqual(judged(100_000, 500_000), []);
});
