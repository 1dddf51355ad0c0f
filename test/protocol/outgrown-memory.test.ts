import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FACT, type ProtocolConnection } from '../../src/protocol/connection.ts';
import { OutgrownMemory } from '../../src/protocol/outgrown-memory.ts';
import { binary, continuation } from '../../src/testing/frames.ts';
import { coreWith, SILENT } from './cores.ts';

const KIB = 1_024;

for (const [wanted, given] of [
  [256, 256],
  [65_535, 65_535],
  [65_536, 65_536],
  [98_303, 65_536],
  [98_304, 98_304],
  [384 * KIB, 384 * KIB],
  [400_000, 384 * KIB],
  [4_000_000, 3_072 * KIB],
] as const) {
  test(`FP-12: a request for ${wanted} bytes gives memory of ${given}, at least two thirds`, () => {
    assert.equal(new OutgrownMemory().roomFor(wanted).length, given);
    assert.ok(given >= (wanted * 2) / 3);
  });
}

test('FP-12: pooled memory is found by its size, and the pool holds at most 2 MiB', () => {
  const buffers: Buffer[] = Array.from({ length: 5 }, () => Buffer.allocUnsafeSlow(512 * KIB));
  const outgrown = new OutgrownMemory();
  for (const buffer of buffers) outgrown.keep(buffer);
  assert.ok(!buffers.includes(new OutgrownMemory().roomFor(512 * KIB)));
  assert.ok(!buffers.includes(outgrown.roomFor(256 * KIB)));
  const found = Array.from({ length: 5 }, () => outgrown.roomFor(512 * KIB));
  assert.deepEqual(
    found.map((buffer) => buffers.includes(buffer)),
    [true, true, true, true, false],
  );
  const small: Buffer = Buffer.allocUnsafeSlow(32 * KIB);
  outgrown.keep(small);
  assert.notEqual(outgrown.roomFor(32 * KIB), small);
});

/** Cuts a wire into reads of one size and parses them. */
function* messagesFrom(
  core: ProtocolConnection,
  wire: Buffer,
  readBytes: number,
): Generator<Buffer | undefined> {
  for (let at = 0; at < wire.length; at += readBytes) {
    core.receive(Buffer.from(wire.subarray(at, at + readBytes)));
    for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
      assert.equal(fact, FACT.MESSAGE, core.failure?.message);
      yield core.takeBytes()!;
    }
    yield undefined;
  }
}

test('TO-05 FP-12: delivered messages do not change while other messages of known and unknown length grow', () => {
  const half = (fill: number) => Buffer.alloc(350_000, fill);
  const wires = Array.from({ length: 24 }, (_, i) => {
    const fill = i + 1;
    if (i % 3 === 0) return binary(Buffer.concat([half(fill), half(fill)]));
    const last = i % 3 === 1 ? half(fill) : Buffer.alloc(0);
    return Buffer.concat([binary(half(fill), { fin: false }), continuation(last)]);
  });
  // Six at a time, so that memory outgrown by one message is used by another.
  const delivered: Buffer[][] = wires.map(() => []);
  for (let first = 0; first < wires.length; first += 6) {
    const reading = wires.slice(first, first + 6).map((wire, i) => {
      const core = coreWith({ sink: SILENT });
      return { got: delivered[first + i]!, pieces: messagesFrom(core, wire, 100_000 + i * 1_000) };
    });
    for (let open = reading.length; open > 0; ) {
      open = 0;
      for (const { got, pieces } of reading) {
        const { value, done } = pieces.next();
        if (done !== true) open++;
        if (value !== undefined) got.push(value as Buffer);
      }
    }
  }
  const memories = new Set(delivered.flat().map((message) => message.buffer));
  assert.equal(memories.size, wires.length);
  for (const [i, messages] of delivered.entries()) {
    assert.equal(messages.length, 1);
    const [message] = messages;
    assert.equal(message!.length, i % 3 === 2 ? 350_000 : 700_000);
    assert.equal(message!.buffer.byteLength, message!.length);
    assert.ok(message!.every((byte) => byte === i + 1));
  }
});
