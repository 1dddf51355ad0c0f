import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { defaultEngine } from '../../../src/engine/engine.ts';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { agreement } from '../../../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../../../src/protocol/deflate/per-message-deflate.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../../src/options/resolve-options.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { EncodingOutbox } from '../../../src/protocol/outgoing/encoding-outbox.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import { readFrames, type DecodedFrame } from '../../../src/testing/index.ts';

const LIMITS = { maxPendingPongs: 4, highWaterMarkBytes: 50_000 };
type Source = string | Uint8Array;

/** Sends as connections do. */
function send(outbox: Outbox, opcode: number, payload: Source, compress?: boolean): void {
  if (typeof payload === 'string') {
    outbox.text(payload, compress);
    return;
  }
  const frame = outbox.framed(opcode, payload);
  if (frame === undefined) outbox.data(opcode, payload, compress, payload);
  else outbox.shared(frame);
}

class Recipient {
  readonly wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
  readonly outbox: Outbox;
  /** What was sent: opcode and bytes at that time. */
  readonly sent: string[] = [];
  readonly chunks: Uint8Array[] = [];
  dropped = 0;
  isClosed = false;

  constructor(kind: string, memory: ProtocolMemory) {
    let key = 1;
    if (kind === 'masked') this.outbox = new Outbox(this.wire, LIMITS, memory, () => key++);
    else if (kind === 'plain') this.outbox = new Outbox(this.wire, LIMITS, memory);
    else {
      const direction = { contextTakeover: false, windowBits: 15 };
      const settings = { ...DEFAULT_DEFLATE_SETTINGS, thresholdBytes: 100, asyncThresholdBytes: 1_000_000 };
      const deflate = new PerMessageDeflate(
        'server',
        agreement(direction, direction),
        settings,
        defaultEngine.zlib,
      );
      const owner = { send: () => {}, failed: (error: unknown) => assert.fail(String(error)) };
      this.outbox = new EncodingOutbox(this.wire, LIMITS, memory, undefined, [deflate], owner);
    }
  }

  send(opcode: number, payload: Source, compress?: boolean): void {
    if (this.isClosed) return;
    const used = typeof payload === 'string' ? OPCODE.TEXT : opcode;
    this.sent.push(`${used} ${Buffer.from(payload as string).toString('latin1')}`);
    send(this.outbox, opcode, payload, compress);
  }

  /** Takes what the wire accepts. Chunks of the kernel are copies of the bytes at that time. */
  take(): void {
    for (let some = this.outbox.take(); some.length > 0; some = this.outbox.take())
      this.chunks.push(...some.map((chunk) => Buffer.from(chunk)));
  }

  drop(all: boolean): void {
    this.dropped += all ? this.outbox.dropWaiting() : this.outbox.dropOldest() > 0 ? 1 : 0;
  }

  close(): void {
    this.take();
    this.outbox.clear();
    this.isClosed = true;
  }

  /** @throws AssertionError If a message that arrived is not what was sent. */
  check(): void {
    this.wire.blocked = false;
    if (!this.isClosed) this.take();
    const arrived = readFrames(Buffer.concat(this.chunks)).map(shown);
    if (this.dropped === 0 && !this.isClosed) {
      assert.deepEqual(arrived, this.sent);
      return;
    }
    if (!this.isClosed) assert.equal(arrived.length, this.sent.length - this.dropped);
    let at = 0;
    for (const message of arrived) {
      while (at < this.sent.length && this.sent[at] !== message) at++;
      assert.ok(at < this.sent.length, 'a message that no caller sent, or in another order');
      at++;
    }
  }
}

function shown({ opcode, rsv1, payload }: DecodedFrame): string {
  const bytes = rsv1
    ? inflateRawSync(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: 2 })
    : payload;
  return `${opcode} ${bytes.toString('latin1')}`;
}

const KINDS = ['plain', 'plain', 'plain', 'plain', 'masked', 'deflate', 'deflate'];
const SIZES = [0, 1, 5, 126, 300, 5_000, 16_384];
const to = fc.nat(KINDS.length - 1);
const payload = fc.nat(SIZES.length * 2 - 1);
const opcode = fc.constantFrom(OPCODE.BINARY, OPCODE.TEXT);
const write = fc.record({ payload: fc.nat(SIZES.length - 1), at: fc.nat(16_383), value: fc.nat(127) });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ is: fc.constant('loop' as const), payload, opcode, write, after: to, skip: to }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ is: fc.constant('send' as const), to, payload, opcode, compress: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('write' as const), write }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('ping' as const), to }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('take' as const), to }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('block' as const), to, blocked: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('drop' as const), to, all: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('deliver' as const), to }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('close' as const), to: fc.constantFrom(0, 4, 5) }) },
);

test('FB-10: whatever is sent, written and dropped in between, each recipient gets the bytes of its call', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const memory = new ProtocolMemory();
      const recipients = KINDS.map((kind) => new Recipient(kind, memory));
      const buffers = SIZES.map((size, at) => Buffer.alloc(size, at + 65));
      const sources: Source[] = [
        ...buffers,
        ...SIZES.map((size, at) =>
          'aé€'
            .slice(at % 3)
            .repeat(size)
            .slice(0, size),
        ),
      ];
      const put = ({ payload: which, at, value }: { payload: number; at: number; value: number }): void => {
        const buffer = buffers[which]!;
        if (buffer.length > 0 && buffer.length < 16_384) buffer[at % buffer.length] = value;
      };
      for (const one of steps) {
        if (one.is === 'loop') {
          for (const [at, recipient] of recipients.entries()) {
            if (at !== one.skip) recipient.send(one.opcode, sources[one.payload]!);
            if (at === one.after) put(one.write);
          }
        } else if (one.is === 'send')
          recipients[one.to]!.send(one.opcode, sources[one.payload]!, one.compress);
        else if (one.is === 'write') put(one.write);
        else if (one.is === 'take') recipients[one.to]!.take();
        else if (one.is === 'block') recipients[one.to]!.wire.blocked = one.blocked;
        else if (one.is === 'drop') recipients[one.to]!.drop(one.all);
        else if (one.is === 'close') recipients[one.to]!.close();
        else if (one.is === 'deliver') memory.repeated.delivers(recipients[one.to]!.outbox);
        else if (one.is === 'turn') {
          memory.repeated.forget();
          for (const recipient of recipients) recipient.take();
        }
      }
      for (const recipient of recipients) recipient.check();
    }),
    { numRuns: 400 },
  );
});

/** Takes everything of one outbox. */
const taken = (outbox: Outbox): Uint8Array[] => {
  const chunks: Uint8Array[] = [];
  for (let some = outbox.take(); some.length > 0; some = outbox.take()) chunks.push(...some);
  return chunks;
};

for (const [what, source] of [
  ['a text', 'é'.repeat(200)],
  ['a long text', 'x'.repeat(40_000)],
  ['a buffer', Buffer.alloc(1_000, 7)],
  ['a large buffer', Buffer.alloc(10_000, 7)],
] as const) {
  test(`FB-10: from the second connection on, all share the frame of ${what}`, () => {
    const memory = new ProtocolMemory();
    const outboxes = Array.from({ length: 4 }, () => new Recipient('plain', memory).outbox);
    for (const outbox of outboxes) send(outbox, OPCODE.BINARY, source);
    const chunks = outboxes.map(taken);
    assert.deepEqual(
      chunks.map(({ length }) => length),
      [1, 1, 1, 1],
    );
    const [first, second, third, fourth] = chunks.map(([chunk]) => chunk);
    assert.deepEqual(first, Buffer.from(second!));
    assert.notEqual(first, second);
    assert.ok(second === third && second === fourth);
    assert.deepEqual(
      readFrames(second as Buffer).map(({ payload: bytes }) => bytes),
      [Buffer.from(source as string)],
    );
  });
}

test('FB-10: a payload that one connection sends repeatedly is packed, and large bytes are not copied', () => {
  const memory = new ProtocolMemory();
  const [one, other] = [new Recipient('plain', memory).outbox, new Recipient('plain', memory).outbox];
  for (let i = 0; i < 3; i++) send(one, OPCODE.TEXT, 'text');
  assert.equal(one.queuedBytes, 18);
  const large = Buffer.alloc(20_000);
  send(one, OPCODE.BINARY, large);
  send(other, OPCODE.BINARY, large);
  assert.equal(taken(other).at(-1)!.buffer, large.buffer);
});

test('FB-10: large bytes get one header for all connections, and another one for another opcode', () => {
  const memory = new ProtocolMemory();
  const outboxes = Array.from({ length: 4 }, () => new Recipient('plain', memory).outbox);
  const large = Buffer.alloc(20_000, 7);
  for (const [at, outbox] of outboxes.entries())
    send(outbox, at < 3 ? OPCODE.BINARY : OPCODE.TEXT, Buffer.from(large));
  const [apart, , , text] = outboxes.map(taken);
  assert.notEqual(apart![0], text![0]);
  for (const [at, outbox] of outboxes.entries()) send(outbox, at < 3 ? OPCODE.BINARY : OPCODE.TEXT, large);
  const [first, second, third, fourth] = outboxes.map(taken);
  assert.ok(first![0] === second![0] && first![0] === third![0] && first![0] !== fourth![0]);
  assert.equal(fourth![0]![0], 0x80 | OPCODE.TEXT);
  send(outboxes[0]!, OPCODE.BINARY, large);
  memory.repeated.forget();
  send(outboxes[1]!, OPCODE.BINARY, large);
  assert.notEqual(taken(outboxes[0]!)[0], taken(outboxes[1]!)[0]);
});

test('FB-10: large bytes that were copied, because their memory can change its size, are sent as they were at each call', () => {
  const memory = new ProtocolMemory();
  const outboxes = Array.from({ length: 3 }, () => new Recipient('plain', memory).outbox);
  const source = Buffer.alloc(20_000);
  const arrived: number[] = [];
  for (const [at, outbox] of outboxes.entries()) {
    source.fill(at);
    outbox.data(OPCODE.BINARY, Uint8Array.from(source), false, source);
  }
  for (const outbox of outboxes) arrived.push(readFrames(Buffer.concat(taken(outbox)))[0]!.payload[19_999]!);
  assert.deepEqual(arrived, [0, 1, 2]);
});

test('FB-10: of large bytes that are detached between two sends, no connection gets others', () => {
  const memory = new ProtocolMemory();
  const [one, other] = Array.from({ length: 2 }, () => new Recipient('plain', memory).outbox);
  const bytes = new Uint8Array(20_000);
  one!.data(OPCODE.BINARY, new Uint8Array(bytes.buffer), false, bytes);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  const next = new Uint8Array(20_000).fill(1);
  other!.data(OPCODE.BINARY, next, false, bytes);
  assert.deepEqual(taken(one!), []);
  assert.equal(one!.lostPayload, 'whole');
  assert.equal(readFrames(Buffer.concat(taken(other!)))[0]!.payload[19_999], 1);
});

for (const [what, source] of [
  ['a text', 'x'.repeat(200)],
  ['a buffer', Buffer.alloc(1_000, 7)],
] as const) {
  test(`FB-10: an echo of ${what} is packed, and a relay of it to others shares one frame`, () => {
    const memory = new ProtocolMemory();
    const [sender, second, third, fourth] = Array.from(
      { length: 4 },
      () => new Recipient('plain', memory).outbox,
    );
    memory.repeated.delivers(sender!);
    send(sender!, OPCODE.BINARY, source);
    send(second!, OPCODE.BINARY, source);
    send(sender!, OPCODE.BINARY, source);
    send(third!, OPCODE.BINARY, source);
    send(fourth!, OPCODE.BINARY, source);
    const [twice, packed, ...shared] = [sender!, second!, third!, fourth!].map((outbox) => taken(outbox)[0]!);
    assert.equal(twice!.length, 2 * packed!.length);
    assert.ok(shared[0] === shared[1] && shared[0] !== packed);
    memory.repeated.forget();
    send(second!, OPCODE.BINARY, source);
    send(sender!, OPCODE.BINARY, source);
    send(third!, OPCODE.BINARY, source);
    assert.equal(taken(sender!)[0], taken(third!)[0]);
  });
}

test('FB-10: views that are no bytes, and empty ones, are framed for each connection', () => {
  const memory = new ProtocolMemory();
  const outboxes = Array.from({ length: 3 }, () => new Recipient('plain', memory).outbox);
  for (const source of [new Uint16Array([1, 2]), new Uint8Array(0)])
    for (const outbox of outboxes) {
      assert.equal(outbox.framed(OPCODE.BINARY, source), undefined);
      outbox.data(OPCODE.BINARY, new Uint8Array(source.buffer), undefined, source);
    }
  for (const outbox of outboxes)
    assert.deepEqual(
      readFrames(Buffer.concat(taken(outbox))).map(({ payload: { length } }) => length),
      [4, 0],
    );
});

test('FB-10: the payload is forgotten at the end of the turn', () => {
  const memory = new ProtocolMemory();
  const [one, second, third] = Array.from({ length: 3 }, () => new Recipient('plain', memory).outbox);
  const bytes = Buffer.alloc(500, 1);
  send(one!, OPCODE.BINARY, bytes);
  send(second!, OPCODE.BINARY, bytes);
  assert.notEqual(third!.framed(OPCODE.BINARY, bytes), undefined);
  memory.repeated.forget();
  assert.equal(one!.framed(OPCODE.BINARY, bytes), undefined);
});
