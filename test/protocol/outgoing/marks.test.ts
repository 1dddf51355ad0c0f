import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { PLAN } from '../../../src/protocol/extensions/extension.ts';
import { DEFAULT_LIMITS } from '../../../src/protocol/limits.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import { coreWith, inflatingWith } from '../cores.ts';

/** An outbox on a wire that takes what the test says. */
function outbox() {
  const wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
  const box = new Outbox(wire, DEFAULT_LIMITS, new ProtocolMemory());
  const log: string[] = [];
  const mark = (name: string): void =>
    box.mark((wasDropped) => log.push(wasDropped ? `${name} dropped` : name));
  /** Writes everything; the wire keeps the last `keptBytes`. */
  const write = (keptBytes = 0): void => {
    while (box.take().length > 0);
    wire.bufferedBytes = keptBytes;
    wire.blocked = keptBytes > 0;
    box.settle();
  };
  return { box, wire, log, mark, write };
}

test('CD-01: a mark is called when the kernel has taken everything before it, in order', () => {
  const { box, log, mark, write } = outbox();
  mark('nothing before');
  box.text('one');
  mark('one');
  box.data(OPCODE.BINARY, Buffer.alloc(20_000));
  mark('two');
  box.settle();
  // No byte was written, but nothing was accepted before the first mark.
  assert.deepEqual(log, ['nothing before']);
  write(20_004);
  assert.deepEqual(log, ['nothing before', 'one']);
  write(1);
  assert.deepEqual(log, ['nothing before', 'one']);
  write();
  assert.deepEqual(log, ['nothing before', 'one', 'two']);
});

test('CD-01: a pong that overtakes a message does not count for its mark', () => {
  const { box, wire, log, mark, write } = outbox();
  box.data(OPCODE.BINARY, Buffer.alloc(300));
  write(304);
  box.data(OPCODE.BINARY, Buffer.alloc(300));
  mark('before the pong');
  box.control(OPCODE.PONG, Buffer.alloc(100));
  box.data(OPCODE.BINARY, Buffer.alloc(300));
  mark('after the pong');
  wire.blocked = false;
  wire.bufferedBytes = 0;
  while (box.take().length > 0);
  // The pong and 250 bytes of the first message were taken.
  wire.bufferedBytes = 54 + 304;
  box.settle();
  assert.deepEqual(log, []);
  wire.bufferedBytes = 304;
  box.settle();
  assert.deepEqual(log, ['before the pong']);
  write();
  assert.deepEqual(log, ['before the pong', 'after the pong']);
});

test('CD-01: marks of dropped messages are called as dropped', () => {
  const { box, wire, log, mark, write } = outbox();
  box.text('sent');
  mark('sent');
  write(6);
  wire.blocked = true;
  box.text('dropped');
  mark('queued');
  box.dropWaiting();
  assert.deepEqual(log, ['queued dropped']);
  box.text('last');
  mark('last');
  box.clear();
  assert.deepEqual(log, ['queued dropped', 'sent dropped', 'last dropped']);
});

test('CD-01: marks behind a message that is being encoded wait for it', () => {
  const held: (() => void)[] = [];
  const { extensions, owner } = inflatingWith(() => assert.fail('nothing is inflated'));
  const [deflate] = extensions;
  const encoder = {
    plan: (data: string | Uint8Array) => (data.length > 3 ? PLAN.LATER : PLAN.SKIP),
    encode: () => assert.fail('encodes later only'),
    encodeLater: (input: Uint8Array, done: (output: Uint8Array | undefined) => void) =>
      void held.push(() => done(input)),
    reset() {},
    close() {},
  };
  const core = coreWith({
    extensions: [{ ...deflate!, reservedBit: 0x40, encoder: () => encoder }],
    owner,
  });
  const log: string[] = [];
  const mark = (name: string): void =>
    core.outbox.mark((wasDropped) => log.push(wasDropped ? `${name} dropped` : name));
  core.text('a');
  mark('a');
  core.text('encoded');
  mark('encoded');
  core.text('b');
  mark('b');
  while (core.take().length > 0);
  core.outbox.settle();
  assert.deepEqual(log, ['a']);
  held.shift()!();
  while (core.take().length > 0);
  core.outbox.settle();
  assert.deepEqual(log, ['a', 'encoded', 'b']);
  core.text('again');
  mark('again');
  core.outbox.clear();
  assert.deepEqual(log, ['a', 'encoded', 'b', 'again dropped']);
});
