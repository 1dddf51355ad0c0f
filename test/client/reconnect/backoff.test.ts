import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Backoff,
  drawDelayMs,
  LEAST_DELAY_MS,
  longestDelayMs,
} from '../../../src/client/reconnect/backoff.ts';
import { seededRandom } from '../../../src/testing/index.ts';

const SETTINGS = {
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  maxFirstDelayMs: 5_000,
  stableAfterMs: 10_000,
  maxAttempts: false,
} as const;

test('RC-02: the upper bound of the delay doubles from 1 s to 30 s; the first one after a lost server is 5 s', () => {
  const longest = (spread: boolean) =>
    [1, 2, 3, 4, 5, 6, 7, 100, 10_000].map((attempt) => longestDelayMs(SETTINGS, attempt, spread));
  assert.deepEqual(longest(false), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  assert.deepEqual(longest(true), [5_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
});

for (const [longestMs, fraction, lowerBoundMs, delayMs] of [
  [1_000, 0, 0, 100],
  [1_000, 0.5, 0, 550],
  [1_000, 0.999_999, 0, 1_000],
  [30_000, 0, 0, 100],
  [1, 0.9, 0, 100],
  [100, 0.9, 0, 100],
  [1_000, 0, 7_000, 7_100],
  [1_000, 0.5, 7_000, 7_550],
  [1_000, 0, 86_400_001, 86_400_100],
  [2_147_483_647, 0.999, 86_400_000, 2_147_483_647],
] as const) {
  test(`RC-02: a delay up to ${longestMs} ms at ${fraction}, not before ${lowerBoundMs}, is ${delayMs} ms`, () => {
    assert.equal(drawDelayMs(longestMs, fraction, lowerBoundMs), delayMs);
  });
}

test('RC-02: every delay is within its bounds and grows with the random fraction', () => {
  const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60_000 }),
      fraction,
      fraction,
      fc.nat(86_400_000),
      (longestMs, a, b, bound) => {
        const [less, more] = [
          drawDelayMs(longestMs, Math.min(a, b), bound),
          drawDelayMs(longestMs, Math.max(a, b), bound),
        ];
        assert.ok(less >= bound + LEAST_DELAY_MS && less <= more);
        assert.ok(more <= bound + Math.max(LEAST_DELAY_MS, longestMs));
      },
    ),
  );
});

test('RC-02: delays of many clients are distributed uniformly', () => {
  const random = seededRandom(1);
  const tenths = Array.from({ length: 10 }, () => 0);
  const draws = 20_000;
  for (let i = 0; i < draws; i++) {
    const delayMs = drawDelayMs(5_000, random.fraction());
    tenths[Math.min(9, Math.floor(((delayMs - 100) / 4_900) * 10))]!++;
  }
  const expected = draws / 10;
  const chiSquare = tenths.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // Chi-square with 9 degrees of freedom: one fair sample in a thousand exceeds 27.9. The sample is seeded and always the same.
  assert.ok(chiSquare < 27.9, `${chiSquare}: ${tenths.join(' ')}`);
});

test('RC-02: only a connection that lasted long enough resets the count of attempts', () => {
  const backoff = new Backoff(SETTINGS);
  const next = () => backoff.next(false, 0.5)?.attempt;
  assert.deepEqual([next(), next()], [1, 2]);
  backoff.opened(1_000);
  assert.equal(backoff.lost(10_999), false);
  assert.equal(next(), 3);
  backoff.opened(20_000);
  assert.equal(backoff.lost(30_000), true);
  assert.equal(next(), 1);
  assert.equal(backoff.lost(99_999), false, 'no connection was open in between');
  assert.equal(next(), 2);
});

test('RC-02: maxAttempts counts consecutive attempts', () => {
  const backoff = new Backoff({ ...SETTINGS, maxAttempts: 2 });
  assert.deepEqual(backoff.next(true, 0.5), { attempt: 1, delayMs: 2_550 });
  assert.deepEqual(backoff.next(true, 0.5), { attempt: 2, delayMs: 1_050 });
  assert.equal(backoff.next(true, 0.5), undefined);
  backoff.opened(0);
  backoff.lost(10_000);
  assert.deepEqual(backoff.next(false, 0), { attempt: 1, delayMs: 100 });
});
