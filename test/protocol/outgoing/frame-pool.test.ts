import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FramePool } from '../../../src/protocol/outgoing/frame-pool.ts';

const BYTES = 16_388;

/** A frame that is delivered to so many recipients. */
function delivered(pool: FramePool, recipients: number, bytes = BYTES): Buffer {
  const frame = pool.frame(bytes);
  pool.delivered(frame, recipients);
  return frame;
}

/** Whether the next frame is in the memory of `frame`. */
const isReused = (pool: FramePool, frame: Buffer): boolean => pool.frame(BYTES).buffer === frame.buffer;

test('FB-10: memory of a frame is used again once each recipient has written it, alone or with other chunks', () => {
  const pool = new FramePool();
  const frame = delivered(pool, 3);
  pool.written(frame);
  pool.written([Buffer.alloc(1), frame, Buffer.alloc(1)]);
  assert.equal(pool.isLent, true);
  pool.written(frame);
  assert.equal(pool.isLent, false);
  const next = pool.frame(BYTES - 1);
  assert.equal(next.buffer, frame.buffer);
  assert.equal(next.length, BYTES - 1);
  assert.notEqual(next, frame, 'each frame has an object of its own');
});

test('FB-10: recipients may write a frame before their number is known', () => {
  const pool = new FramePool();
  const frame = pool.frame(BYTES);
  pool.written(frame);
  pool.written(frame);
  assert.equal(isReused(pool, frame), false);
  pool.delivered(frame, 3);
  assert.equal(isReused(pool, frame), false);
  pool.written(frame);
  assert.equal(isReused(pool, frame), true);
});

test('FB-10: a frame without recipients leaves its memory at once', () => {
  const pool = new FramePool();
  assert.equal(isReused(pool, delivered(pool, 0)), true);
});

test('FB-10: a part of a frame, a copy of it and a view of the same bytes are no complete write', () => {
  const pool = new FramePool();
  const frame = delivered(pool, 1);
  for (const other of [frame.subarray(0, 10), frame.subarray(10), Buffer.from(frame), frame.subarray()])
    pool.written(other);
  assert.equal(isReused(pool, frame), false);
  pool.written(frame);
  assert.equal(isReused(pool, frame), true);
});

test('FB-10: a write of an earlier frame does not count for the next one in the same memory', () => {
  const pool = new FramePool();
  const before = delivered(pool, 1);
  pool.written(before);
  const frame = delivered(pool, 1);
  assert.equal(frame.buffer, before.buffer);
  pool.written(before);
  assert.equal(isReused(pool, frame), false);
});

test('FB-10: forgotten frames keep their memory, whatever is written later', () => {
  const pool = new FramePool();
  const frames = [delivered(pool, 1), pool.frame(BYTES)];
  pool.forget();
  assert.equal(pool.isLent, false);
  for (const frame of frames) {
    pool.written(frame);
    pool.delivered(frame, 1);
    pool.written(frame);
  }
  const next = [pool.frame(BYTES), pool.frame(BYTES)];
  for (const frame of frames) assert.ok(next.every(({ buffer }) => buffer !== frame.buffer));
  pool.forget();
  pool.forget();
});

test('FB-10: frames of one turn have memory of their own, and the oldest of many keeps it', () => {
  const pool = new FramePool();
  const frames = Array.from({ length: 9 }, () => delivered(pool, 1));
  assert.equal(new Set(frames.map(({ buffer }) => buffer)).size, 9);
  pool.written(frames);
  const reused = new Set(Array.from({ length: 9 }, () => pool.frame(BYTES).buffer));
  assert.equal(reused.has(frames[0]!.buffer), false);
  for (const { buffer } of frames.slice(1)) assert.equal(reused.has(buffer), true);
});

test('FB-10: small and very large frames have memory of their own', () => {
  const pool = new FramePool();
  for (const bytes of [1_023, 65_547]) {
    const frame = delivered(pool, 1, bytes);
    pool.written(frame);
    assert.equal(frame.buffer.byteLength, bytes);
    assert.notEqual(pool.frame(bytes).buffer, frame.buffer);
  }
  assert.equal(pool.isLent, false);
});

test('FB-10: the pool adapts to larger frames, and keeps 256 KiB at most', () => {
  const pool = new FramePool();
  const small = delivered(pool, 0, 2_000);
  const large = pool.frame(BYTES);
  assert.notEqual(large.buffer, small.buffer);
  pool.delivered(large, 0);
  assert.equal(pool.frame(2_000).buffer, large.buffer);
  pool.forget();
  const frames = Array.from({ length: 6 }, () => delivered(pool, 1, 65_000));
  pool.written(frames);
  const next = new Set(Array.from({ length: 6 }, () => pool.frame(65_000).buffer));
  assert.equal(frames.filter(({ buffer }) => next.has(buffer)).length, 4);
});
