import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { type Reader, ReadTurns } from '../../src/engine/read-turns.ts';

function open() {
  const seen: string[] = [];
  const reader = (name: string, readOn: () => void = () => {}): Reader => ({
    readOn: () => {
      seen.push(name);
      readOn();
    },
    failed: (error) => void seen.push(`${name} failed: ${(error as Error).message}`),
  });
  return { turns: new ReadTurns(), seen, reader };
}

test('TS-09: all readers that yielded in one turn continue in the next turn, in order', async () => {
  const { turns, seen, reader } = open();
  for (const name of ['a', 'b', 'c']) turns.add(reader(name));
  assert.deepEqual(seen, []);
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('TS-09: a reader that yields again while it continues waits for the following turn', async () => {
  const { turns, seen, reader } = open();
  const again: Reader = reader('again', () => {
    if (seen.length < 2) turns.add(again);
  });
  turns.add(again);
  turns.add(reader('b'));
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['again', 'b']);
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['again', 'b', 'again']);
});

test('GN-03: a reader that throws gets the error, and the others continue in the same turn', async () => {
  const { turns, seen, reader } = open();
  const boom = (): never => {
    throw new Error('boom');
  };
  turns.add(reader('a'));
  turns.add(reader('b', boom));
  turns.add({ readOn: boom, failed: boom });
  turns.add(reader('c'));
  await eventLoopTurns(1);
  turns.add(reader('d'));
  await eventLoopTurns(1);
  assert.deepEqual(seen, ['a', 'b', 'b failed: boom', 'c', 'd']);
});
