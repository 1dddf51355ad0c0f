import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateGuard } from '../../src/connection/rate-guard.ts';
import { SharedRates } from '../../src/connection/shared-rates.ts';
import type { RateLimit } from '../../src/options/connection-settings.ts';

const LIMIT: RateLimit = {
  messagesPerSecond: 10,
  burstMessages: 20,
  bytesPerSecond: 1_000,
  burstBytes: 2_000,
  action: 'close',
  closeCode: 1008,
  key: () => 'key',
};

const guardOf = (rates: SharedRates, key: string | undefined, limit = LIMIT): RateGuard => {
  const guard = new RateGuard(limit);
  assert.equal(guard.isWithoutKey, true);
  guard.share(rates, key, 0);
  return guard;
};
const takes = (guard: RateGuard, times: number, nowMs: number): number =>
  Array.from({ length: times }, () => guard.take(nowMs)).filter(Boolean).length;

test('RL-06 connections of one key share one burst, others have their own', () => {
  const rates = new SharedRates(LIMIT);
  const [a, b] = [guardOf(rates, 'ann'), guardOf(rates, 'ann')];
  const [other, own, ownToo] = [guardOf(rates, 'ben'), guardOf(rates, undefined), guardOf(rates, undefined)];
  assert.deepEqual([takes(a, 15, 0), takes(b, 15, 0), takes(other, 25, 0)], [15, 5, 20]);
  assert.deepEqual([takes(own, 25, 0), takes(ownToo, 25, 0)], [20, 20]);
  assert.deepEqual([a.takeBytes(1_500, 0), b.takeBytes(501, 0), b.takeBytes(500, 0)], [true, false, true]);
  assert.deepEqual([takes(b, 5, 200), takes(a, 5, 200)], [2, 0]);
  assert.equal(rates.size, 2, 'connections without a key are not in the table');
});

test('RL-06 a key is remembered after its last connection until its buckets are full', () => {
  const rates = new SharedRates(LIMIT);
  const [a, b] = [guardOf(rates, 'ann'), guardOf(rates, 'ann')];
  takes(a, 20, 0);
  a.ended(0);
  a.ended(0);
  assert.equal(takes(b, 1, 0), 0);
  b.ended(0);
  assert.equal(rates.size, 1);
  assert.equal(takes(guardOf(rates, 'ann'), 5, 0), 0, 'a reconnect does not refill the buckets');
  const fresh = new SharedRates(LIMIT);
  const spent = guardOf(fresh, 'ann');
  takes(spent, 20, 0);
  spent.ended(0);
  const late = new RateGuard(LIMIT);
  late.share(fresh, 'ben', 2_000);
  assert.equal(fresh.size, 1, 'full buckets were dropped');
  late.ended(2_000);
  assert.equal(fresh.size, 0, 'unused buckets are full');
});

test('RL-06 a connection that ended while its key was asked for pays from no shared buckets', () => {
  const rates = new SharedRates(LIMIT);
  const guard = new RateGuard(LIMIT);
  guard.ended(0);
  guard.share(rates, 'ann', 0);
  assert.equal(rates.size, 0);
});

for (const most of [1, 2, 3])
  test(`RL-06 at most ${most} keys are remembered: a new one replaces another one`, () => {
    const rates = new SharedRates(LIMIT, most);
    const keys = Array.from('abcdefgh');
    for (const key of keys) {
      const guard = guardOf(rates, key);
      takes(guard, 20, 0);
      guard.ended(0);
      const again = guardOf(rates, key);
      assert.equal(takes(again, 1, 0), 0, 'the newest one stays');
      again.ended(0);
    }
    assert.equal(rates.size, most);
    assert.equal(keys.filter((key) => takes(guardOf(rates, key), 1, 0) === 0).length, most);
  });

test('RL-06 every remembered key is dropped when its buckets are full, also behind one that fills later', () => {
  const rates = new SharedRates(LIMIT);
  const spend = (key: string, nowMs: number): void => {
    const guard = new RateGuard(LIMIT);
    guard.share(rates, key, nowMs);
    takes(guard, 20, nowMs);
    guard.ended(nowMs);
  };
  for (let at = 0; at < 50; at++) spend(`early ${at}`, 0);
  // Never full again.
  for (let at = 0; at < 50; at++) spend('often', 1_990 + at);
  for (let at = 0; at < 20; at++) new RateGuard(LIMIT).share(rates, 'other', 2_050);
  assert.equal(rates.size, 2);
});

test('RL-06 RL-03: what arrives within the rate while a connection of the key does not read is no burst', () => {
  const rates = new SharedRates(LIMIT);
  const [stopped, reading] = [guardOf(rates, 'ann'), guardOf(rates, 'ann')];
  takes(reading, 20, 0);
  stopped.stoppedReading(0);
  stopped.stoppedReading(0);
  assert.equal(takes(reading, 10, 1_000), 10, 'another connection goes on meanwhile');
  assert.equal(stopped.takeBytes(2_000, 5_000), true);
  stopped.resumedReading(5_000);
  assert.equal(takes(stopped, 100, 5_000), 40, 'five seconds at the rate, without those ten');
  assert.equal(takes(reading, 100, 60_000), 20, 'then buckets fill to their burst again');
});

test('RL-06 a connection that ends while it does not read leaves the buckets of its key as they are', () => {
  const rates = new SharedRates(LIMIT);
  const [gone, stays] = [guardOf(rates, 'ann'), guardOf(rates, 'ann')];
  gone.stoppedReading(0);
  gone.ended(0);
  assert.equal(takes(stays, 100, 60_000), 20);
});
