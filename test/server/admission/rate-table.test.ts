import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_RATE_ENTRIES, RateTable } from '../../../src/server/admission/rate-table.ts';

test('LM-05 the bound is 100,000 entries', () => {
  assert.equal(MAX_RATE_ENTRIES, 100_000);
});

test('RL-04 every key has its own bucket', () => {
  const table = new RateTable(2, 2, 60_000);
  for (const key of ['a', '__proto__', 'constructor']) {
    assert.deepEqual(
      [1, 2, 3].map(() => table.take(key, 0)),
      [true, true, false],
    );
  }
  assert.equal(table.size, 3);
  assert.equal(table.take('a', 30_000), true);
  assert.equal(table.take('a', 30_000), false);
});

test('LM-05 a full table evicts a full bucket first, wherever it is', () => {
  for (const full of [0, 1, 2]) {
    const table = new RateTable(60, 60, 60_000, 3);
    const keys = ['a', 'b', 'c'];
    // one token a second: after a second the one that gave a single token is full again
    keys.forEach((key, i) => {
      for (let taken = 0; taken < (i === full ? 1 : 60); taken++) assert.equal(table.take(key, 0), true);
    });
    table.take('new', 1000);
    assert.equal(table.size, 3);
    for (const key of keys.filter((_, i) => i !== full)) {
      assert.deepEqual(
        [1, 2].map(() => table.take(key, 1000)),
        [true, false],
        `${key} was kept`,
      );
    }
  }
});

test('LM-05 without a full bucket the table evicts the one closest to full', () => {
  const table = new RateTable(1, 3, 60_000, 3);
  const takes = { a: 3, b: 1, c: 2 };
  for (const [key, count] of Object.entries(takes)) for (let i = 0; i < count; i++) table.take(key, 0);
  assert.equal(table.take('d', 1), true);
  assert.equal(table.size, 3);
  assert.equal(table.take('a', 1), false, 'a is kept');
  assert.deepEqual(
    [1, 2].map(() => table.take('c', 1)),
    [true, false],
    'c is kept',
  );
});

test('LM-05 new keys evict full buckets', () => {
  const table = new RateTable(60, 1, 60_000);
  for (let i = 0; i < 1000; i++) table.take(`early ${i}`, i);
  for (let i = 0; i < 1000; i++) table.take(`late ${i}`, 100_000 + i * 1000);
  assert.ok(table.size < 10, `${table.size} are left`);
});

test('LM-05 the table stays within its bound for any number of keys', () => {
  const table = new RateTable(1, 1, 60_000, 50);
  for (let i = 0; i < 2000; i++) assert.equal(table.take(`address ${i}`, i), true);
  assert.equal(table.size, 50);
});
