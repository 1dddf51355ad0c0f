import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Job, JobQueue } from '../../../src/engine/zlib/job-queue.ts';

/** Jobs that record their start and end on command. */
function jobs(count: number): {
  readonly all: Job[];
  readonly begun: number[];
  readonly end: (index: number) => void;
} {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const all = Array.from({ length: count }, (_, index) => ({
    start: (finished: () => void) => {
      begun.push(index);
      ends[index] = finished;
    },
    failed: () => {},
  }));
  return { all, begun, end: (index) => ends[index]!() };
}

test('PD-09 jobs start in order, up to the limit at a time; when one ends, the next one starts', () => {
  const queue = new JobQueue(2);
  const { all, begun, end } = jobs(5);
  for (const job of all) queue.add(job);
  assert.deepEqual(begun, [0, 1]);
  assert.deepEqual([queue.running, queue.waiting], [2, 3]);
  end(1);
  assert.deepEqual(begun, [0, 1, 2]);
  end(0);
  end(2);
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  end(3);
  end(4);
  assert.deepEqual([queue.running, queue.waiting], [0, 0]);
});

test('PD-09 a queued job can be cancelled and never starts; a running job cannot', () => {
  const queue = new JobQueue(1);
  const { all, begun, end } = jobs(3);
  for (const job of all) queue.add(job);
  assert.equal(queue.cancel(all[1]!), true);
  assert.equal(queue.cancel(all[1]!), false);
  assert.equal(queue.cancel(all[0]!), false);
  end(0);
  assert.deepEqual(begun, [0, 2]);
  end(2);
  assert.equal(queue.running, 0);
});

test('PD-09 a job whose start throws gets the error in a later turn, and the next job starts', async () => {
  const queue = new JobQueue(1);
  const failures: string[] = [];
  const { all, begun, end } = jobs(2);
  const broken = (name: string, alsoFinishes: boolean): Job => ({
    start: (finished) => {
      if (alsoFinishes) finished();
      throw new Error(name);
    },
    failed: (error) => {
      failures.push((error as Error).message);
      throw new Error('once more');
    },
  });
  for (const job of [broken('a', false), broken('b', true), ...all]) queue.add(job);
  assert.deepEqual(failures, []);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual([failures, begun], [['a', 'b'], [0]]);
  assert.deepEqual([queue.running, queue.waiting], [1, 1]);
  end(0);
  end(1);
  assert.deepEqual([begun, queue.running, queue.waiting], [[0, 1], 0, 0]);
});
