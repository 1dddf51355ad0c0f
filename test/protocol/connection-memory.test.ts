import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FACT, type ProtocolConnection } from '../../src/protocol/connection.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import type { ProtocolLimits } from '../../src/protocol/limits.ts';
import { binary, continuation, frame, ping, text } from '../../src/testing/frames.ts';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { collectGarbage, NO_COLLECTOR } from '../garbage.ts';
import { LIMITS } from '../vectors/row.ts';
import { coreWith, inflatingWith, SILENT } from './cores.ts';

const KIB = 1_024;

/** Node restores a test's mocks by itself; other runners do not. */
const restoring = (t: TestContext): TestContext => {
  t.after(() => t.mock.restoreAll());
  return t;
};

/** Records the sizes of buffers allocated during a test. Pooled memory must not be allocated at all. */
function watchAllocations(t: TestContext): number[] {
  restoring(t);
  const sizes: number[] = [];
  for (const name of ['allocUnsafeSlow', 'alloc'] as const) {
    const allocate = Buffer[name].bind(Buffer);
    t.mock.method(Buffer, name, (size: number) => {
      sizes.push(size);
      return allocate(size);
    });
  }
  for (const name of ['allocUnsafe', 'concat', 'from'] as const) {
    t.mock.method(Buffer, name, () => assert.fail(`Buffer.${name} while receiving`));
  }
  return sizes;
}

function receiver(limits: Partial<ProtocolLimits> = {}) {
  return coreWith({ limits: { ...LIMITS, ...limits }, sink: SILENT });
}

/** The last message that {@link facts} took. */
let last: string | Buffer;

function facts(core: ProtocolConnection, chunk: Buffer): number[] {
  core.receive(chunk);
  const seen: number[] = [];
  for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
    seen.push(fact);
    if (fact !== FACT.MESSAGE) continue;
    last = core.isText ? core.takeText()! : core.takeBytes()!;
  }
  return seen;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

test('TO-05: a whole frame in one chunk allocates its message, and nothing else', (t) => {
  const chunks = [binary('abc'), binary('', {}), text('Grüße'), text('plain'), ping('x')];
  const sizes = watchAllocations(t);
  const core = receiver();
  for (const chunk of chunks) facts(core, chunk);
  assert.deepEqual(sizes, [3, 0]);
});

test('FP-07 SE-13: a frame header allocates no memory for its payload', (t) => {
  const announced = [
    { wire: frame({ opcode: 2, announcedLength: LIMITS.maxMessageBytes }), is: FACT.NONE },
    { wire: frame({ opcode: 2, announcedLength: LIMITS.maxMessageBytes + 1 }), is: FACT.FAILURE },
    { wire: frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 63n - 1n }), is: FACT.FAILURE },
    { wire: frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 64n - 1n }), is: FACT.FAILURE },
  ];
  const allocate = restoring(t).mock.method(Buffer, 'allocUnsafeSlow');
  for (const { wire, is } of announced) {
    const core = receiver();
    core.receive(wire);
    assert.equal(core.next(), is);
  }
  assert.equal(allocate.mock.callCount(), 0);
});

for (const [what, cut] of [
  ['one byte', 1],
  ['1000 bytes', 1_000],
  ['16 KiB', 16 * KIB],
  ['64 KiB', 64 * KIB],
] as const) {
  for (const fin of [true, false]) {
    test(`FP-12: a frame that arrives in reads of ${what}, ${fin ? 'final' : 'not final'}`, (t) => {
      const payloadBytes = cut === 1 ? 20_000 : 300_000;
      const wire = frame({ opcode: 2, fin, payload: Buffer.alloc(payloadBytes, 7) });
      const chunks: Buffer[] = [];
      for (let at = 0; at < wire.length; at += cut) chunks.push(Buffer.from(wire.subarray(at, at + cut)));
      const sizes = watchAllocations(t);
      const core = receiver();
      for (const chunk of chunks.slice(0, -1)) {
        assert.deepEqual(facts(core, chunk), []);
        const capacity = sizes.at(-1) ?? 0;
        assert.ok(capacity <= 2 * core.heldBytes + 4 * KIB, `${capacity} bytes for ${core.heldBytes}`);
      }
      assert.deepEqual(facts(core, chunks.at(-1)!), fin ? [FACT.MESSAGE] : []);
      assert.ok(sum(sizes) <= 4 * payloadBytes + 4 * KIB, `${sum(sizes)} bytes in all: not linear`);
      if (fin) assert.equal(core.heldBytes, 0);
    });
  }
}

for (const [kind, first] of [
  ['text', text],
  ['binary', binary],
] as const) {
  test(`FR-08 SE-14: 10,000 fragments of one byte of ${kind} hold less than 64 KiB, in linear time`, (t) => {
    const count = 10_000;
    const begin = first('a', { fin: false });
    const rest = Array.from({ length: count - 1 }, () => continuation('a', { fin: false }));
    const end = continuation('');
    const sizes = watchAllocations(t);
    const core = receiver();
    for (const chunk of [begin, ...rest]) {
      facts(core, chunk);
      assert.ok((sizes.at(-1) ?? 0) <= 2 * core.heldBytes + 4 * KIB);
    }
    assert.equal(core.heldBytes, count);
    assert.ok((sizes.at(-1) ?? 0) < 64 * KIB);
    assert.ok(sum(sizes) <= 4 * count + 4 * KIB, `${sum(sizes)} bytes copied to and fro`);
    assert.ok(sizes.length < 30, `${sizes.length} allocations`);
    assert.deepEqual(facts(core, end), [FACT.MESSAGE]);
    assert.equal(last.length, count);
    assert.equal(core.heldBytes, 0);
  });
}

test('FR-06 SE-14: empty fragments use no memory, however many', (t) => {
  const begin = binary('', { fin: false });
  const rest = Array.from({ length: 16_383 }, () => continuation('', { fin: false }));
  const end = continuation('', { fin: false });
  const sizes = watchAllocations(t);
  const core = receiver();
  for (const chunk of [begin, ...rest]) assert.deepEqual(facts(core, chunk), []);
  assert.ok(sum(sizes) <= 4 * KIB, `${sum(sizes)} bytes`);
  t.mock.restoreAll();
  assert.deepEqual(facts(core, end), [FACT.FAILURE]);
  assert.equal(core.failure?.code, 'ERR_TOO_MANY_FRAGMENTS');
});

test('FP-12: of a header cut by a read, only its own bytes are stored', (t) => {
  const cut = text('x'.repeat(200)).subarray(0, 5);
  const sizes = watchAllocations(t);
  const core = receiver();
  assert.deepEqual(facts(core, cut), []);
  assert.ok(core.unfinished);
  assert.ok(sum(sizes) <= 14);
});

test('FP-12: bytes that are not parsed yet are copied into memory of their own size', (t) => {
  const chunks = [text('a'), text('b'), text('c')];
  const pool: number[] = [];
  restoring(t).mock.method(Buffer, 'allocUnsafe', () => assert.fail('pooled memory'));
  const allocate = Buffer.allocUnsafeSlow.bind(Buffer);
  t.mock.method(Buffer, 'allocUnsafeSlow', (size: number) => {
    pool.push(size);
    return allocate(size);
  });
  const core = receiver();
  for (const chunk of chunks) core.receive(chunk);
  assert.equal(core.unreadBytes, 21);
  assert.ok(pool.every((size) => size <= 21));
  assert.deepEqual([core.next(), core.next(), core.next(), core.next()], [1, 1, 1, 0]);
});

const HALF = Buffer.alloc(KIB, 7);
const doubled = inflatingWith(() => ({
  heldBytes: 0,
  write(sink, bytes, start, end, last) {
    sink.decoded(bytes, start, end, false);
    sink.decoded(bytes, start, end, last);
    return true;
  },
  close() {},
}));
const TAKES = {
  text: (core: ProtocolConnection) => core.takeText()?.length,
  bytes: (core: ProtocolConnection) => core.takeBytes()?.length,
  part: (core: ProtocolConnection) => core.takePart().length,
};

for (const { what, input, take, taken, passParts = false, extensions = {} } of [
  {
    what: 'a fragmented binary message',
    input: [binary(HALF, { fin: false }), continuation(HALF)],
    take: 'bytes',
    taken: 2 * KIB,
  },
  {
    what: 'a fragmented text',
    input: [text(HALF, { fin: false }), continuation(HALF)],
    take: 'text',
    taken: 2 * KIB,
  },
  {
    what: 'a fragmented text, taken as bytes',
    input: [text(HALF, { fin: false }), continuation(HALF)],
    take: 'bytes',
    taken: 2 * KIB,
  },
  {
    what: 'a part of a message',
    input: [binary(HALF, { fin: false })],
    take: 'part',
    taken: KIB,
    passParts: true,
  },
  {
    what: 'a message that a decoder has joined',
    input: [frame({ opcode: 2, rsv1: true, payload: HALF })],
    take: 'bytes',
    taken: 2 * KIB,
    extensions: doubled,
  },
] as const)
  for (const isPaused of [false, true])
    test(`TO-05: a connection does not retain ${what}${isPaused ? ' while it is paused' : ''}`, {
      skip: NO_COLLECTOR,
    }, async (t) => {
      const memory = new ProtocolMemory();
      const core = coreWith({ limits: LIMITS, sink: SILENT, memory, ...extensions });
      if (passParts) core.passParts();
      const made: WeakRef<Buffer>[] = [];
      const allocate = Buffer.allocUnsafeSlow.bind(Buffer);
      Buffer.allocUnsafeSlow = (size) => {
        const buffer = allocate(size);
        made.push(new WeakRef(buffer));
        return buffer;
      };
      t.after(() => {
        Buffer.allocUnsafeSlow = allocate;
      });
      const lengths = input.map((wire) => {
        // A paused connection has not finished with its last chunk.
        const chunk = isPaused ? allocate(wire.length) : Buffer.allocUnsafeSlow(wire.length);
        wire.copy(chunk);
        core.receive(chunk);
        return core.next() === FACT.NONE ? 0 : TAKES[take](core);
      });
      assert.equal(lengths.at(-1), taken);
      if (isPaused) memory.reusableBytes.forget();
      else assert.equal(core.next(), FACT.NONE);
      await eventLoopTurns(2);
      collectGarbage();
      assert.ok(made.length > 0);
      assert.deepEqual(
        made.filter((buffer) => buffer.deref() !== undefined).map((buffer) => buffer.deref()!.length),
        [],
      );
      assert.equal(core.phase, 'open');
    });
