import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Priority } from '../../../src/index.ts';
import { ShedCandidates, type ShedFacts } from '../../../src/observe/load-control/shed-candidates.ts';

const facts = (priority: Priority, bufferedBytes: number, lastReceivedAgoMs: number): ShedFacts => ({
  priority,
  bufferedBytes,
  lastReceivedAgoMs,
});

function chosen<C extends ShedFacts>(wanted: number, all: readonly C[]): readonly C[] {
  const candidates = new ShedCandidates<C>(wanted);
  for (const each of all) candidates.offer(each);
  return candidates.chosen();
}

/** Two connections: the first is shed before the second. */
const ORDER: readonly (readonly [why: string, first: ShedFacts, second: ShedFacts])[] = [
  ['low before normal', facts('low', 0, 0), facts('normal', 9_999, 9_999)],
  ['normal before high', facts('normal', 0, 0), facts('high', 9_999, 9_999)],
  ['more queued bytes first', facts('low', 2, 0), facts('low', 1, 9_999)],
  ['with equal bytes, the longer silence first', facts('high', 5, 2), facts('high', 5, 1)],
];

for (const [why, first, second] of ORDER) {
  test(`LC-05 the order of shedding: ${why}`, () => {
    assert.deepEqual(chosen(2, [second, first]), [first, second]);
    assert.deepEqual(chosen(1, [second, first]), [first]);
    assert.deepEqual(chosen(1, [first, second]), [first]);
  });
}

test('LC-05 connections of priority critical are never chosen', () => {
  assert.deepEqual(chosen(9, [facts('critical', 9, 9), facts('high', 0, 0), facts('critical', 0, 0)]), [
    facts('high', 0, 0),
  ]);
});

test('LC-05 property: the chosen ones are the first of the sorted list, whatever the order of the offers', () => {
  const one = fc.record({
    priority: fc.constantFrom<Priority>('critical', 'high', 'normal', 'low'),
    bufferedBytes: fc.nat(3),
    lastReceivedAgoMs: fc.nat(3),
  });
  const RANK = { low: 0, normal: 1, high: 2, critical: 3 };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(one, { maxLength: 80 }), (wanted, all) => {
      const sorted = all
        .filter(({ priority }) => priority !== 'critical')
        .sort(
          (a, b) =>
            RANK[a.priority] - RANK[b.priority] ||
            b.bufferedBytes - a.bufferedBytes ||
            b.lastReceivedAgoMs - a.lastReceivedAgoMs,
        );
      assert.deepEqual(chosen(wanted, all), sorted.slice(0, wanted));
    }),
  );
});
