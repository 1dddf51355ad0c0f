import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../src/connection/token-bucket.ts';

test('RL-01 a bucket starts full, at any time, and holds its burst', () => {
  for (const startMs of [0, 0.25, 1e12, -5]) {
    const bucket = new TokenBucket(10, 3);
    assert.equal(bucket.waitMs(3, startMs), 0);
    assert.deepEqual(
      [1, 1, 1, 1].map((count) => bucket.take(count, startMs)),
      [true, true, true, false],
    );
    assert.equal(bucket.waitMs(3, startMs), 300);
  }
});

test('RL-01 a bucket fills evenly, up to its burst', () => {
  const bucket = new TokenBucket(4, 2);
  assert.equal(bucket.take(2, 0), true);
  assert.equal(bucket.take(1, 249), false);
  assert.equal(bucket.take(1, 250), true);
  assert.equal(bucket.waitMs(2, 250), 500);
  assert.equal(bucket.take(2, 1e9), true);
  assert.equal(bucket.take(1, 1e9), false);
});

test('RL-02 a full bucket accepts more than its burst and is then in debt', () => {
  const bucket = new TokenBucket(100, 50);
  assert.equal(bucket.waitMs(500, 0), 0);
  assert.equal(bucket.take(500, 0), true);
  assert.equal(bucket.take(1, 4509), false);
  assert.equal(bucket.waitMs(1, 0), bucket.waitMs(1, 4509), 'time does not run backwards');
  assert.equal(bucket.take(1, 4510), true);
  assert.equal(bucket.take(500, 4510), false, 'the next large one waits until it is full again');
  assert.equal(bucket.waitMs(500, 4510), 500);
});

test('RL-03 take succeeds exactly after waitMs', () => {
  const cases = fc.record({
    rate: fc.integer({ min: 1, max: 5000 }),
    burst: fc.integer({ min: 1, max: 100 }),
    periodMs: fc.constantFrom(1000, 60_000),
    count: fc.integer({ min: 1, max: 200 }),
    startMs: fc.integer({ min: 0, max: 1e9 }),
  });
  fc.assert(
    fc.property(cases, ({ rate, burst, periodMs, count, startMs }) => {
      const make = () => {
        const bucket = new TokenBucket(rate, burst, periodMs);
        assert.equal(bucket.take(burst, startMs), true);
        return bucket;
      };
      const bucket = make();
      const waitMs = bucket.waitMs(count, startMs);
      assert.ok(waitMs > 0);
      assert.equal(make().take(count, startMs + waitMs), true);
      assert.equal(make().take(count, startMs + waitMs - 1), false);
    }),
  );
});

test('RL-01 frequent calls cause no rounding: the bucket equals one filled millisecond by millisecond', () => {
  const step = fc.record({
    passMs: fc.double({ min: 0, max: 40, noNaN: true }),
    count: fc.integer({ min: 0, max: 12 }),
    onlyLook: fc.boolean(),
  });
  const cases = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 10 }), fc.array(step));
  fc.assert(
    fc.property(cases, ([rate, burst, steps]) => {
      const bucket = new TokenBucket(rate, burst);
      let nowMs = 0;
      let filledMs = 0;
      let thousandths = burst * 1000;
      for (const { passMs, count, onlyLook } of steps) {
        nowMs += passMs;
        for (; filledMs < Math.floor(nowMs); filledMs++)
          thousandths = Math.min(burst * 1000, thousandths + rate);
        const missing = Math.min(count, burst) * 1000 - thousandths;
        assert.equal(bucket.waitMs(count, nowMs), Math.max(0, Math.ceil(missing / rate)));
        const isEnough = thousandths >= Math.min(count, burst) * 1000;
        if (onlyLook) continue;
        assert.equal(bucket.take(count, nowMs), isEnough);
        if (isEnough) thousandths -= count * 1000;
      }
    }),
  );
});

test('RL-01 takeExactly refuses more tokens than the bucket has, and then takes none', () => {
  const bucket = new TokenBucket(10, 3);
  assert.deepEqual(
    [4, 3, 1].map((count) => bucket.takeExactly(count, 0)),
    [false, true, false],
  );
  assert.deepEqual([bucket.takeExactly(2, 199), bucket.takeExactly(2, 200)], [false, true]);
  assert.equal(bucket.takeExactly(0, 200), true);
});

test('RL-01 fillBeyond adds tokens above the burst once, until they are used', () => {
  const bucket = new TokenBucket(10, 3);
  bucket.fillBeyond(5_000);
  assert.equal(bucket.takeExactly(4, 5_000), false, 'a new bucket is full, and no more');
  assert.equal(bucket.takeExactly(3, 5_000), true);
  bucket.fillBeyond(6_000);
  bucket.fillBeyond(6_000);
  assert.equal(bucket.waitMs(3, 9_000), 0);
  assert.deepEqual([bucket.takeExactly(11, 9_000), bucket.takeExactly(10, 9_000)], [false, true]);
  assert.equal(bucket.takeExactly(1, 9_000), false);
  assert.deepEqual([bucket.takeExactly(4, 99_000), bucket.takeExactly(3, 99_000)], [false, true]);
});
