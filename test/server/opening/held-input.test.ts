import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget } from '../../../src/index.ts';
import { HeldInput } from '../../../src/server/opening/held-input.ts';

function held(maxBytes: number, budgetBytes = 1_000_000) {
  const counters = { heldBytes: 0 };
  const memoryBudget = new MemoryBudget({ maxBytes: budgetBytes });
  let sheds = 0;
  const memoryShed = (): void => void sheds++;
  const host = { options: { memoryBudget }, counters, memoryShed };
  const input: HeldInput = new HeldInput(host, maxBytes, () => input.release());
  return { input, counters, memoryBudget, sheds: () => sheds };
}

test('GN-07 input that arrives byte by byte is held in one allocation, which counts in full', () => {
  const { input, counters, memoryBudget } = held(1_000);
  const seen = new Set<ArrayBufferLike>();
  for (let i = 0; i < 1_000; i++) {
    assert.equal(input.append(Uint8Array.of(i)), true);
    seen.add(input.bytes.buffer);
    assert.equal(memoryBudget.usedBytes, input.bytes.buffer.byteLength);
  }
  assert.ok(seen.size <= 4, `${seen.size} allocations`);
  const { bytes } = input;
  assert.deepEqual(
    [...bytes],
    Array.from({ length: 1_000 }, (_, i) => i & 255),
  );
  assert.equal(bytes.buffer.byteLength, 1_000, 'nothing else lies in it');
  assert.equal(counters.heldBytes, 1_000);
  input.release();
  input.release();
  assert.deepEqual([input.length, counters.heldBytes, memoryBudget.usedBytes], [0, 0, 0]);
  assert.equal(bytes.length, 1_000, 'what was handed out stays');
});

test('GN-07 a chunk beyond the expected maximum is held completely', () => {
  const { input } = held(10);
  assert.equal(input.append(new Uint8Array(25)), true);
  assert.equal(input.length, 25);
});

test('GN-07 over the memory budget the input is released', () => {
  const { input, counters, memoryBudget, sheds } = held(10_000, 3_000);
  assert.equal(input.append(new Uint8Array(2_000)), true);
  assert.equal(input.append(new Uint8Array(2_000)), false);
  assert.deepEqual([sheds(), counters.heldBytes, memoryBudget.usedBytes], [1, 0, 0]);
});
