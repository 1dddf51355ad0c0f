import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { type Flushable, FlushQueue } from '../../src/engine/flush-queue.ts';

/** Items that record their name when they are written. */
function open() {
  const seen: string[] = [];
  const item = (name: string, flush: () => void = () => {}): Flushable => ({
    flushScheduled: false,
    flush: () => {
      seen.push(name);
      flush();
    },
    failed: (error) => void seen.push(`${name} failed: ${(error as Error).message}`),
  });
  return { queue: new FlushQueue(), seen, item };
}

const boom = (): never => {
  throw new Error('boom');
};

test('TS-09: items are written once, in order, in the turn after they were scheduled', async () => {
  const { queue, seen, item } = open();
  const [a, b] = [item('a'), item('b')];
  for (const each of [a, b, a]) queue.schedule(each);
  assert.deepEqual(seen, []);
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['a', 'b']);
  queue.schedule(b);
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['a', 'b', 'b']);
});

test('GN-03: an item that throws gets the error; the others are written in the same turn, and later', async () => {
  const { queue, seen, item } = open();
  const items = [item('a'), item('b', boom), item('c'), item('d', boom), item('e')];
  for (const each of items) queue.schedule(each);
  await eventLoopTurns(1);
  const once = ['a', 'b', 'b failed: boom', 'c', 'd', 'd failed: boom', 'e'];
  assert.deepEqual(seen, once);
  for (const each of items) queue.schedule(each);
  await eventLoopTurns(1);
  assert.deepEqual(seen, [...once, ...once]);
});

test('GN-03: an item that throws in its error handler, or a slice callback that throws, stops no other item', async () => {
  const { queue, seen, item } = open();
  queue.onSliceEnd(boom);
  queue.onSliceEnd(() => void seen.push('end of slice'));
  queue.schedule({ flushScheduled: false, flush: boom, failed: boom });
  queue.schedule(item('a'));
  await eventLoopTurns(1);
  queue.schedule(item('b'));
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['a', 'end of slice', 'b', 'end of slice']);
});

test('TS-09: an item that is scheduled while the queue writes is written in the slice after it', async () => {
  const { queue, seen, item } = open();
  const late = item('late');
  const again: Flushable = item('again', () => {
    queue.schedule(late);
    if (seen.filter((name) => name === 'again').length < 2) queue.schedule(again);
  });
  queue.schedule(again);
  queue.schedule(item('b'));
  await eventLoopTurns(3);
  assert.deepEqual(seen, ['again', 'b', 'late', 'again', 'late']);
});

test('TS-09: more items than a slice takes are written over several turns, also after some that throw', async () => {
  const { queue, seen, item } = open();
  let slices = 0;
  queue.onSliceEnd(() => void slices++);
  for (let i = 0; i < 1_200; i++) queue.schedule(item(`${i}`, i % 100 === 7 ? boom : undefined));
  await eventLoopTurns(1);
  assert.ok(seen.length < 1_200, 'one slice does not take them all');
  while (!seen.includes('1199')) await eventLoopTurns(1);
  assert.deepEqual(
    seen.filter((name) => !name.includes('failed')),
    Array.from({ length: 1_200 }, (_, i) => `${i}`),
  );
  assert.ok(slices >= 3);
});
