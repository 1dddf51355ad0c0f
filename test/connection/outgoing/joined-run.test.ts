import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { flushQueue } from '../../../src/engine/flush-queue.ts';
import { joinRun } from '../../../src/connection/outgoing/joined-run.ts';

const frames = (): Buffer[] => [Buffer.from('ab'), Buffer.from('cde')];

test('TS-09: the same frames are joined once in a slice, and their run is dropped at its end', async () => {
  const [a, b] = frames();
  const run = joinRun([a, b]);
  assert.equal(String(run), 'abcde');
  assert.equal(joinRun([a, b]), run);
  assert.notEqual(joinRun([b, a]), run);
  const again = joinRun([a, b]);
  flushQueue.schedule({ flushScheduled: false, flush: () => {}, failed: () => {} });
  await eventLoopTurns(1);
  assert.notEqual(joinRun([a, b]), again);
});

test('TS-09: a run is at most 65,536 bytes, and plain bytes alone', () => {
  assert.equal(joinRun([Buffer.alloc(65_535), Buffer.alloc(1)])?.length, 65_536);
  assert.equal(joinRun([Buffer.alloc(65_536), Buffer.alloc(1)]), undefined);
  assert.equal(joinRun([Buffer.alloc(1), {}]), undefined);
});
