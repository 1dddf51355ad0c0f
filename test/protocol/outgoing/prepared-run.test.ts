import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import { PreparedRun } from '../../../src/protocol/outgoing/prepared-run.ts';
import { readFrames } from '../../../src/testing/index.ts';

const messages = (...sizes: readonly number[]): PreparedMessage[] =>
  sizes.map((size) => new PreparedMessage('x'.repeat(size)));

test('HI-08 a run joins small frames to chunks of at most 65,536 bytes, and does not copy large ones', () => {
  const cases: [sizes: number[], chunks: number[]][] = [
    [[], []],
    [[5], [7]],
    [[5, 6, 200], [7 + 8 + 204]],
    [Array<number>(100).fill(996), [65_000, 35_000]],
    [
      [5, 20_000, 6, 7],
      [7, 20_004, 17],
    ],
    [
      [16_380, 16_379, 16_379],
      [16_384, 2 * 16_383],
    ],
  ];
  for (const [sizes, chunks] of cases) {
    const all = messages(...sizes);
    const run = new PreparedRun(all);
    assert.deepEqual(
      run.chunks.map(({ length }) => length),
      chunks,
    );
    assert.equal(run.chunks, run.chunks, 'put together once');
    assert.ok(Buffer.concat(run.chunks).equals(Buffer.concat(all.map(({ frame }) => frame))));
    assert.equal(
      run.bytes,
      chunks.reduce((sum, bytes) => sum + bytes, 0),
    );
  }
  const [large, small] = messages(20_000, 5);
  assert.deepEqual(
    new PreparedRun([large!, small!]).chunks.map((chunk, at) => chunk === [large, small][at]!.frame),
    [true, true],
  );
});

test('BP-05 while the socket is blocked, the messages of a run are dropped one by one', () => {
  const wire = { blocked: true, bufferedBytes: 0, needsCopies: false };
  const outbox = new Outbox(wire, { maxPendingPongs: 8 }, new ProtocolMemory());
  const run = new PreparedRun(['one', 'two', 'three'.repeat(50)].map((text) => new PreparedMessage(text)));
  outbox.run(run);
  outbox.run(run);
  assert.equal(outbox.dropOldest(), 5);
  wire.blocked = false;
  const left = readFrames(Buffer.concat([...outbox.take()])).map(({ payload }) =>
    payload.toString().slice(0, 5),
  );
  assert.deepEqual(left, ['two', 'three', 'one', 'two', 'three']);
  outbox.run(run);
  assert.equal(outbox.dropWaiting(), 3);
});
