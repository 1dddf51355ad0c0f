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
