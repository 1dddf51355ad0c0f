import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import { readFrames } from '../../../src/testing/index.ts';

const MAX_PENDING_PONGS = 2;
const LARGE_BYTES = 20_000;

/** An outbox whose wire takes `room` bytes at a time, and is blocked on demand. */
function outboxWith(room = 1_000_000) {
  const wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
  const limits = { maxPendingPongs: MAX_PENDING_PONGS, highWaterMarkBytes: room };
  const outbox = new Outbox(wire, limits, new ProtocolMemory());
  const chunks: Uint8Array[] = [];
  return {
    outbox,
    wire,
    /** One call of `take`. @returns Its bytes. */
    take: () => {
      const taken = outbox.take();
      chunks.push(...taken);
      return taken.reduce((bytes, { length }) => bytes + length, 0);
    },
    frames: () => {
      for (let some = outbox.take(); some.length > 0; some = outbox.take()) chunks.push(...some);
      return readFrames(Buffer.concat(chunks)).map(({ opcode, payload }) => `${opcode} ${payload.length}`);
    },
  };
}

/** Takes the memory of `bytes` away, as `postMessage` with a transfer list does. */
const detach = (bytes: Uint8Array<ArrayBuffer>): void =>
  void structuredClone(bytes, { transfer: [bytes.buffer] });

test('BP-05: the oldest small message is dropped from the block of a blocked wire', () => {
  const { outbox, wire } = outboxWith();
  wire.blocked = true;
  outbox.text('one');
  outbox.text('two');
  assert.deepEqual([outbox.dropOldest(), outbox.waitingBytes], [5, 5]);
  assert.deepEqual([outbox.dropOldest(), outbox.dropOldest()], [5, 0]);
});

test('BP-05: behind a message of which a part was written, the oldest small message of the block is dropped', () => {
  const { outbox, wire, take, frames } = outboxWith(5_000);
  outbox.data(OPCODE.BINARY, new Uint8Array(LARGE_BYTES));
  assert.equal(take(), 5_000);
  wire.blocked = true;
  outbox.text('one');
  outbox.text('three');
  assert.equal(outbox.dropOldest(), 5);
  wire.blocked = false;
  assert.deepEqual(frames(), [`2 ${LARGE_BYTES}`, '1 5']);
});

for (const [what, send] of [
  [
    'copied',
    (outbox: Outbox) =>
      outbox.shared(Buffer.concat([Buffer.from([0x82, 126, 0x4e, 0x20]), Buffer.alloc(LARGE_BYTES)])),
  ],
  ['uncopied', (outbox: Outbox) => outbox.data(OPCODE.BINARY, new Uint8Array(LARGE_BYTES))],
] as const) {
  test(`BP-05: a ${what} message of which a part was written is not dropped, and is written to its end`, () => {
    const { outbox, take, frames } = outboxWith(5_000);
    send(outbox);
    outbox.text('one');
    outbox.data(OPCODE.BINARY, new Uint8Array(LARGE_BYTES));
    assert.equal(take(), 5_000);
    assert.equal(outbox.dropOldest(), 5);
    outbox.control(OPCODE.PING, Buffer.from('p'));
    assert.equal(outbox.dropWaiting(), 1);
    assert.equal(outbox.dropOldest(), 0);
    assert.deepEqual(frames(), [`2 ${LARGE_BYTES}`]);
    assert.deepEqual([outbox.waitingBytes, outbox.bufferedBytes], [0, 0]);
  });
}

test('FB-03: a payload that is detached before it is written stops the outbox until everything is dropped', () => {
  const { outbox, take, frames } = outboxWith();
  const bytes = new Uint8Array(LARGE_BYTES);
  outbox.text('before');
  outbox.data(OPCODE.BINARY, bytes);
  outbox.text('after');
  detach(bytes);
  assert.equal(take(), 8);
  assert.deepEqual([outbox.lostPayload, take()], ['whole', 0]);
  assert.equal(outbox.dropWaiting(), 2);
  assert.equal(outbox.lostPayload, undefined);
  outbox.text('again');
  assert.deepEqual(frames(), ['1 6', '1 5']);
});

test('FB-03: a payload that is detached after a part of it was written cannot be dropped', () => {
  const { outbox, take } = outboxWith(5_000);
  const bytes = new Uint8Array(LARGE_BYTES);
  outbox.data(OPCODE.BINARY, bytes);
  assert.equal(take(), 5_000);
  detach(bytes);
  assert.equal(take(), 0);
  assert.equal(outbox.lostPayload, 'begun');
  outbox.dropWaiting();
  assert.deepEqual([outbox.lostPayload, take()], ['begun', 0]);
});

test('§5.5.3: pings stay queued over the limit of pongs, and leave before anything else', () => {
  const { outbox, wire, frames } = outboxWith();
  for (const letter of 'abc') outbox.control(OPCODE.PING, Buffer.from(letter));
  wire.blocked = true;
  outbox.control(OPCODE.PING, Buffer.from('d'));
  outbox.control(OPCODE.PONG, Buffer.from('e'));
  wire.blocked = false;
  assert.deepEqual(frames(), ['9 1', '9 1', '9 1', '9 1', '10 1']);
});
