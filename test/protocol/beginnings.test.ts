import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Beginnings } from '../../src/protocol/beginnings.ts';

test('PF-08: every length gives a view of the start of the buffer; a length used twice in a row is cached', () => {
  const memory = Buffer.alloc(1_024, 7);
  const beginnings = new Beginnings(memory);
  for (const length of [0, 1, 63, 64, 64, 128, 128, 64, 1_024]) {
    const view = beginnings.view(length);
    assert.equal(view.length, length);
    assert.equal(view.buffer, memory.buffer);
    assert.equal(view.byteOffset, memory.byteOffset);
  }
  const kept = [100, 100, 100, 100].map((length) => beginnings.view(length));
  assert.equal(kept[1], kept[2]);
  // One view of another length in the same slot does not evict the cached view.
  assert.equal(beginnings.view(164).length, 164);
  assert.equal(beginnings.view(100), kept[3]);
});

test('PF-08: alternating lengths are not cached', () => {
  const beginnings = new Beginnings(Buffer.alloc(16));
  const [a, b, c, d] = [8, 9, 8, 9].map((length) => beginnings.view(length));
  assert.notEqual(a, c);
  assert.notEqual(b, d);
});
