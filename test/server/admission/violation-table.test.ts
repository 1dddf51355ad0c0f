import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ViolationTable } from '../../../src/server/admission/violation-table.ts';

const LIMITS = { perMinute: 3, refuseMs: 10_000 };

test('RL-05 an address is refused from its third violation within a minute, for refuseMs', () => {
  const table = new ViolationTable(LIMITS);
  assert.deepEqual(
    [table.add('a', 0), table.add('a', 59_999), table.add('a', 60_000)],
    [false, false, false],
  );
  assert.equal(table.add('b', 60_000), false);
  assert.equal(table.add('a', 60_001), true, 'the violation at 0 is more than a minute old');
  assert.deepEqual([table.refusedForMs('a', 60_001), table.refusedForMs('b', 60_001)], [10_000, 0]);
  assert.deepEqual([table.add('a', 65_000), table.refusedForMs('a', 65_000)], [false, 5_001], 'not extended');
  assert.equal(table.refusedAddresses(70_000), 1);
  assert.deepEqual([table.refusedForMs('a', 70_001), table.refusedAddresses(70_001)], [0, 0]);
  assert.equal(table.add('a', 70_002), false, 'an address begins anew after its refusal');
});

test('RL-05 with perMinute 1 the first violation counts', () => {
  const table = new ViolationTable({ perMinute: 1, refuseMs: 5 });
  assert.deepEqual([table.add('a', 0), table.watchedAddresses], [true, 0]);
});

test('RL-05 both lists are bounded: a full one drops the entry whose time ends next', () => {
  const table = new ViolationTable({ perMinute: 2, refuseMs: 10_000 }, 2);
  for (const [at, key] of ['a', 'b', 'a', 'c', 'd', 'd', 'e', 'e'].entries()) table.add(key, at);
  assert.equal(table.watchedAddresses, 1);
  for (const key of ['z', 'z', 'x', 'y']) table.add(key, 10);
  assert.equal(table.watchedAddresses, 2);
  assert.equal(table.refusedAddresses(10), 2);
  assert.deepEqual(
    ['a', 'd', 'e', 'z'].map((key) => table.refusedForMs(key, 10) > 0),
    [false, false, true, true],
  );
  table.add('late', 100_000);
  assert.deepEqual([table.watchedAddresses, table.refusedAddresses(100_000)], [1, 0]);
});

test('RL-05 property: an address is refused exactly while a plain model says so', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b'), afterMs: fc.integer({ min: 0, max: 30_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new ViolationTable(LIMITS);
      const model = { a: { times: [] as number[], untilMs: 0 }, b: { times: [] as number[], untilMs: 0 } };
      let nowMs = 0;
      for (const { key, afterMs } of steps) {
        nowMs += afterMs;
        const own = model[key];
        const isRefused = nowMs < own.untilMs;
        assert.equal(table.refusedForMs(key, nowMs) > 0, isRefused);
        if (!isRefused) own.times = [...own.times.filter((atMs) => atMs > nowMs - 60_000), nowMs];
        const begins = own.times.length >= LIMITS.perMinute;
        assert.equal(table.add(key, nowMs), begins);
        if (!begins) continue;
        own.times = [];
        own.untilMs = nowMs + LIMITS.refuseMs;
      }
    }),
  );
});
