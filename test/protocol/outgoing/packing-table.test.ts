import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACKING_BYTES, PackingTable } from '../../../src/protocol/outgoing/packing-table.ts';

const owner = () => {
  const runs: Buffer[] = [];
  return { runs, packed: (run: Buffer) => void runs.push(run) };
};

test('TS-09: room that was reserved and never used leaves nothing to take or to move out', () => {
  const table = new PackingTable();
  const [first, second] = [owner(), owner()];
  assert.equal(table.reserve(first, 10), 0);
  assert.equal(table.take(first), undefined);
  table.reserve(first, 10);
  assert.equal(table.reserve(second, 10), 0);
  assert.deepEqual(first.runs, []);
});

test('TS-09: another owner, or a full table, moves the frames back to their owner', () => {
  const table = new PackingTable();
  const [first, second] = [owner(), owner()];
  table.reserve(first, 2);
  table.bytes.write('ab', 0, 'latin1');
  table.commit(2);
  assert.equal(table.reserve(first, PACKING_BYTES - 1), 0);
  assert.deepEqual(first.runs, [Buffer.from('ab')]);
  table.bytes.write('cd', 0, 'latin1');
  table.commit(2);
  assert.equal(table.reserve(second, 1), 0);
  assert.deepEqual(first.runs, [Buffer.from('ab'), Buffer.from('cd')]);
  assert.equal(table.take(first), undefined);
});

/** Packs `text` for a new owner, and lends it. */
function lent(table: PackingTable, text: string): Buffer {
  const one = owner();
  const at = table.reserve(one, text.length);
  table.commit(at + table.bytes.write(text, at, 'latin1'));
  return table.lend(one)!;
}

test('TS-09: frames that were lent stay unchanged while their memory is locked', () => {
  const table = new PackingTable();
  const first = table.reserve(owner(), 1) === 0 ? table.bytes : undefined;
  const run = lent(table, 'ab');
  assert.equal(run.buffer, first?.buffer);
  assert.equal(table.lock(Buffer.from('ab')), undefined, 'another run');
  const locked = table.lock(run)!;
  assert.equal(table.lock(run), undefined, 'locked already');
  assert.equal(lent(table, 'cd').toString(), 'cd');
  assert.equal(run.toString(), 'ab');
  table.unlock(locked);
  // The last lent run may still be in use, so its memory stays the current one until more frames are packed.
  assert.notEqual(table.bytes, locked.bytes);
});

test('TS-09: an unlocked first memory is used again with the next frames, after lent ones and beside locked memories', () => {
  const table = new PackingTable();
  const locked = table.lock(lent(table, 'ab'))!;
  const second = table.lock(lent(table, 'cd'))!;
  lent(table, 'ef');
  table.unlock(locked);
  lent(table, 'gh');
  assert.equal(table.bytes, locked.bytes);
  table.unlock(second);
  lent(table, 'ij');
  assert.equal(table.bytes, locked.bytes);
});

test('TS-09: with three locked memories, owners get copies', () => {
  const table = new PackingTable();
  const runs = ['ab', 'cd', 'ef'].map((text) => lent(table, text));
  const [, , last] = runs as [Buffer, Buffer, Buffer];
  assert.equal(table.lock(runs[0]), undefined, 'not lent last');
  const locked = [table.lock(last)!];
  for (const text of ['gh', 'ij']) locked.push(table.lock(lent(table, text))!);
  const copy = lent(table, 'kl');
  assert.equal(table.lock(copy), undefined);
  lent(table, 'mn');
  assert.equal(copy.toString(), 'kl');
  for (const memory of locked) table.unlock(memory);
  assert.notEqual(table.lock(lent(table, 'op')), undefined);
});

test('TS-09: nothing is lent to another owner, or for room that was never used', () => {
  const table = new PackingTable();
  const [first, second] = [owner(), owner()];
  table.reserve(first, 2);
  assert.equal(table.lend(second), undefined);
  assert.equal(table.lend(first), undefined);
});
