import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OfflineQueue, type UnsentMessage } from '../../../src/client/reconnect/offline-queue.ts';
import type { Payload } from '../../../src/index.ts';
import { ENTRY_BYTES } from '../../../src/protocol/limits.ts';
import type { OfflineQueueSettings } from '../../../src/options/retry-options.ts';
import { NODE_PAYLOADS } from '../../../src/client/reconnect/reconnect-outbox.ts';

function queueOf(settings: Partial<OfflineQueueSettings> = {}) {
  const unsent: UnsentMessage[] = [];
  const queue = new OfflineQueue(
    { maxBytes: 1_000, maxMessages: 3, ttlMs: 1_000, ...settings },
    (message) => void unsent.push(message),
    NODE_PAYLOADS,
  );
  const flushed = (nowMs: number, most = Number.POSITIVE_INFINITY): Payload[] => {
    const sent: Payload[] = [];
    queue.flush(nowMs, (payload) => sent.push(payload) < most);
    return sent;
  };
  return { queue, unsent, flushed };
}

test('RC-04: queued messages are flushed in order, and bytes are copied', () => {
  const { queue, flushed } = queueOf();
  const bytes = Buffer.from('abc');
  assert.equal(queue.push('one', undefined, 0), true);
  assert.equal(queue.push(bytes, undefined, 0), true);
  bytes.fill(0);
  assert.deepEqual([queue.size, queue.bytes], [2, 6 + 2 * ENTRY_BYTES]);
  assert.deepEqual(flushed(0), ['one', Buffer.from('abc')]);
  assert.deepEqual([queue.size, queue.bytes], [0, 0]);
});

test('RC-04: a flush stops when the connection is full, and the next one continues there', () => {
  const { queue, flushed } = queueOf();
  for (const text of ['1', '2', '3']) queue.push(text, undefined, 0);
  assert.deepEqual(flushed(0, 2), ['1', '2']);
  assert.equal(queue.push('4', undefined, 0), true);
  assert.deepEqual(flushed(0), ['3', '4']);
});

test('RC-04: a message over maxBytes, counted as UTF-8, is refused and reported as unsent', () => {
  const { queue, unsent } = queueOf({ maxBytes: 10 + ENTRY_BYTES });
  assert.equal(queue.push('ä'.repeat(5), undefined, 0), true);
  assert.equal(queue.push('x', undefined, 0), false);
  assert.equal(queue.push('', undefined, 0), false, 'an empty message counts, too');
  queue.drop();
  unsent.length = 2;
  assert.deepEqual(unsent, [
    { bytes: 1, why: 'full' },
    { bytes: 0, why: 'full' },
  ]);
});

test('RC-04: a message over maxMessages is refused and reported as unsent', () => {
  const { queue, unsent } = queueOf();
  for (const accepted of [true, true, true, false]) assert.equal(queue.push('', undefined, 0), accepted);
  assert.deepEqual(unsent, [{ bytes: 0, why: 'full' }]);
});

test('RC-04: a message queued for longer than ttlMs is dropped and makes room', () => {
  const { queue, unsent, flushed } = queueOf();
  queue.push('old', undefined, 0);
  queue.push('young', undefined, 500);
  queue.push('younger', undefined, 900);
  assert.equal(queue.push('newest', undefined, 1_001), true);
  assert.deepEqual(unsent, [{ bytes: 3, why: 'expired' }]);
  assert.deepEqual(flushed(1_500), ['young', 'younger', 'newest']);
});

test('RC-04: drop() reports every queued message as unsent', () => {
  const { queue, unsent } = queueOf();
  queue.push('a', undefined, 0);
  queue.push('bc', undefined, 0);
  queue.drop();
  assert.deepEqual(unsent, [
    { bytes: 1, why: 'offline' },
    { bytes: 2, why: 'offline' },
  ]);
  assert.deepEqual([queue.size, queue.bytes], [0, 0]);
});

test('RC-04: data that cannot be sent is misuse, also while offline', () => {
  const { queue } = queueOf();
  assert.throws(() => queue.push(7 as never, undefined, 0), { code: 'ERR_ARGUMENT' });
  assert.throws(() => queue.push(Buffer.of(0xff), { binary: false }, 0), { code: 'ERR_ARGUMENT' });
  assert.equal(queue.size, 0);
});

test('RC-04: after hundreds of pushes and flushes the queue is empty', () => {
  const { queue, flushed } = queueOf({ maxMessages: 1_000 });
  for (let round = 0; round < 300; round++) {
    queue.push(String(round), undefined, 0);
    queue.push(String(round), undefined, 0);
    if (round % 3 === 0) assert.equal(flushed(0, 1).length, 1);
    else if (round % 7 === 0) flushed(0);
  }
  flushed(0);
  assert.deepEqual([queue.size, queue.bytes], [0, 0]);
});
