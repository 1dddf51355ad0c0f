import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FACT } from '../../src/protocol/connection.ts';
import { bufferView, buffersBy, setBytes, zeroedBuffer } from '../../src/protocol/buffer-view.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { simd, simdMemory } from '../../src/protocol/simd.ts';
import { PayloadStage } from '../../src/protocol/payload-stage.ts';
import { binary, text } from '../../src/testing/frames.ts';
import { coreWith, SILENT } from './cores.ts';

/** The sizes around each threshold of copying and masking. */
const SIZES = [
  0, 1, 7, 8, 9, 15, 16, 31, 40, 41, 63, 64, 65, 126, 128, 1_024, 2_047, 2_048, 2_049, 4_096, 4_097,
];
const limits = { maxMessageBytes: 100_000, maxFrameBytes: 100_000, maxFragments: 100, maxPendingPongs: 16 };
const FAST = simdMemory ?? Buffer.alloc(65_536);
const offset = simd === undefined ? -1 : FAST.byteOffset;

/** Each byte depends on the message and on its position. */
const pattern = (size: number, message: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + message * 31 + (at >> 8)) & 255));

test('TO-05: a staged payload has exactly its bytes, at any position and size, and leaves them unchanged', () => {
  const stage = new PayloadStage();
  for (const start of [0, 1, 5, 16]) {
    for (const [message, size] of SIZES.entries()) {
      FAST.fill(0x5a, 0, 8_192);
      pattern(size, message).copy(FAST, start);
      const before = Buffer.from(FAST.subarray(0, 8_192));
      for (const from of [offset, -1]) {
        const view = stage.view(FAST, start, start + size, from);
        assert.equal(view.length, size);
        assert.ok(pattern(size, message).equals(view), `${size} bytes at ${start}`);
        assert.ok(before.equals(FAST.subarray(0, 8_192)));
      }
    }
  }
});

test('TO-05: kept messages of all sizes, between texts and from several connections, keep their own bytes', () => {
  const memory = new ProtocolMemory();
  const cores = [0, 1, 2].map(() => coreWith({ role: 'server', memory, sink: SILENT, limits }));
  const kept: { readonly bytes: Buffer; readonly expected: Buffer }[] = [];
  for (let round = 0; round < 3; round++) {
    for (const [at, core] of cores.entries()) {
      const expected = SIZES.map((size, message) => pattern(size, at * 1_000 + round * 100 + message));
      const said = SIZES.map((size, message) => `ä${'x'.repeat(size)}${message}`);
      const frames = Buffer.concat(
        expected.flatMap((payload, message) => [binary(payload), text(said[message])]),
      );
      // In SIMD memory, as the engine reads, and in ordinary memory, as streams read.
      const chunk = round === 1 ? Buffer.from(frames) : FAST.subarray(0, frames.length);
      frames.copy(chunk);
      core.receive(chunk);
      let taken = 0;
      let texts = 0;
      for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
        assert.equal(fact, FACT.MESSAGE, core.failure?.message);
        if (core.isText) assert.equal(core.takeText(), said[texts++]);
        else kept.push({ bytes: core.takeBytes()!, expected: expected[taken++]! });
      }
      assert.deepEqual([taken, texts], [SIZES.length, SIZES.length]);
      chunk.fill(0);
    }
  }
  for (const { bytes, expected } of kept)
    assert.ok(expected.equals(bytes), `a message of ${expected.length} bytes`);
});

test('TO-05: a handler that writes to all memory of a message changes no message that follows', () => {
  const core = coreWith({ role: 'server', sink: SILENT, limits });
  const expected = SIZES.map((size, message) => pattern(size, message));
  const frames = Buffer.concat(expected.map((payload) => binary(payload)));
  const chunk = FAST.subarray(0, frames.length);
  frames.copy(chunk);
  core.receive(chunk);
  for (const payload of expected) {
    assert.equal(core.next(), FACT.MESSAGE);
    const message = core.takeBytes()!;
    assert.ok(payload.equals(message));
    new Uint8Array(message.buffer).fill(255);
  }
});

/** A class with the prototype of buffers whose constructor does something else. */
const pretending = (make: () => object): unknown =>
  Object.assign(
    function () {
      return make();
    },
    { prototype: Buffer.prototype },
  );

for (const [name, { view, zeroed }] of [
  ['of this runtime', { view: bufferView, zeroed: zeroedBuffer }],
  ['without a class for them', buffersBy(undefined)],
  ['with the deprecated class', buffersBy(Buffer)],
  ['with another class', buffersBy(Uint8Array)],
  [
    'with a class that refuses its arguments',
    buffersBy(
      pretending(() => {
        throw new TypeError('refused');
      }),
    ),
  ],
  ['with a class that ignores where a view begins', buffersBy(pretending(() => Buffer.alloc(4)))],
  [
    'with a class that ignores the length of a view',
    buffersBy(pretending(() => Buffer.from(new ArrayBuffer(8), 2))),
  ],
] as const)
  test(`TO-05: views and new memory are Buffers, as those of Node: ${name}`, () => {
    const memory = new ArrayBuffer(16);
    const viewed = view(memory, 4, 8);
    setBytes(viewed, Uint8Array.of(1, 2), 3);
    assert.deepEqual([...new Uint8Array(memory)], [0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0]);
    for (const made of [viewed, zeroed(8)]) {
      assert.ok(Buffer.isBuffer(made));
      assert.equal(Object.getPrototypeOf(made), Buffer.prototype);
      assert.equal(made.length, 8);
    }
    assert.deepEqual(zeroed(3), Buffer.alloc(3));
  });
