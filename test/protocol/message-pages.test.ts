import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FACT, type ProtocolConnection } from '../../src/protocol/connection.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { PeerError } from '../../src/protocol/errors.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { PAGE_BYTES, roomFor } from '../../src/protocol/message-pages.ts';
import { binary, continuation, ping, text } from '../../src/testing/frames.ts';
import { coreWith, SILENT } from './cores.ts';

const limits = { maxMessageBytes: 100_000, maxFrameBytes: 100_000, maxFragments: 100, maxPendingPongs: 16 };
const core = (memory = new ProtocolMemory(), role: Role = 'server') =>
  coreWith({ role, memory, sink: SILENT, limits });

/** Takes the binary messages that the core has, at most `most`. */
function take(from: ProtocolConnection, most = Number.POSITIVE_INFINITY): Buffer[] {
  const messages: Buffer[] = [];
  while (messages.length < most) {
    const fact = from.next();
    if (fact === FACT.NONE) return messages;
    assert.notEqual(fact, FACT.FAILURE, from.failure?.message);
    if (fact !== FACT.MESSAGE) continue;
    if (from.isText) from.takeText();
    else messages.push(from.takeBytes()!);
  }
  return messages;
}

function read(by: ProtocolConnection, ...frames: readonly Buffer[]): Buffer[] {
  by.receive(Buffer.concat(frames));
  return take(by);
}

const pagesOf = (messages: readonly Buffer[]): number[] =>
  [...new Set(messages.map(({ buffer }) => buffer))].map(({ byteLength }) => byteLength);

const each = (sizes: readonly number[], options = {}): Buffer[] =>
  sizes.map((size, at) => binary(Buffer.alloc(size, at + 1), options));

const up = (a: number, b: number): number => a - b;

for (const [what, sizes, pages] of [
  ['one message', [65], [8 + 72]],
  ['one message of the largest size', [4_096], [8 + 4_096]],
  ['messages that V8 keeps on its heap', [0, 1, 64], [0, 1, 64]],
  ['a larger message', [4_097], [4_097]],
  ['16 messages of 128 B', Array.from({ length: 16 }, () => 128), [8 + 16 * 128]],
  ['16 messages of 1 KiB', Array.from({ length: 16 }, () => 1_024), [PAGE_BYTES]],
  ['17 messages of 1 KiB', Array.from({ length: 17 }, () => 1_024), [PAGE_BYTES, 8 + 1_024]],
  ['messages of all sizes', [65, 3, 200, 5_000, 126, 4_096], [8 + 72 + 200 + 128 + 4_096, 3, 5_000]],
  ['messages behind a very large one', [66, 70_000, 67], [8 + 72, 70_000, 8 + 72]],
] as const) {
  for (const role of ['server', 'client'] as const) {
    test(`TO-05 ${role}: ${what} of one read: pages hold nothing else, and no more than they need`, () => {
      const messages = read(core(undefined, role), ...each(sizes, role === 'client' ? { mask: false } : {}));
      assert.deepEqual(
        messages.map(({ length }) => length),
        sizes,
      );
      const memories = [...new Set(messages.map(({ buffer }) => buffer as ArrayBuffer))];
      // What V8 keeps on its heap has no memory of its own before it is asked for.
      assert.deepEqual(memories.map(({ byteLength }) => byteLength).sort(up), [...pages].sort(up));
      for (const memory of memories) {
        const rest = Buffer.from(memory.slice(0));
        for (const message of messages)
          if (message.buffer === memory)
            rest.fill(0, message.byteOffset, message.byteOffset + message.length);
        assert.ok(
          rest.every((byte) => byte === 0),
          'what no message covers is zero',
        );
      }
      for (const [at, message] of messages.entries()) {
        assert.ok(message.every((byte) => byte === at + 1));
        assert.equal(message.byteOffset % 8, 0);
        const isPaged = message.length > 64 && message.length <= 4_096;
        assert.equal(message.byteOffset > 0, isPaged, 'whether it is in a page depends on its size alone');
      }
    });
  }
}

test('TO-05: messages of two connections, and of two reads, never share a page', () => {
  const memory = new ProtocolMemory();
  const [one, other] = [core(memory), core(memory)];
  const frames = each([100, 100]);
  const messages = [one, other, one].flatMap((by) => read(by, ...frames));
  assert.deepEqual(pagesOf(messages), [8 + 208, 8 + 208, 8 + 208]);
});

for (const isFailed of [false, true]) {
  test(`TO-05: a connection that receives${isFailed ? ' and fails' : ''} while another delivers has pages of its own`, () => {
    const memory = new ProtocolMemory();
    const [one, other] = [core(memory), core(memory)];
    one.receive(Buffer.concat(each([100, 100, 100])));
    const [before] = take(one, 1);
    other.receive(Buffer.concat(each([100, 100, 100])));
    const [inside] = take(other, 1);
    if (isFailed) other.fail(new PeerError('ERR_INTERNAL'));
    const after = take(one);
    assert.equal(new Set([before, inside, after[0]].map((message) => message!.buffer)).size, 3);
    assert.equal(after[0]!.buffer, after[1]!.buffer);
    for (const [at, message] of [before!, ...after].entries())
      assert.ok(message.every((byte) => byte === at + 1));
  });
}

for (const [what, between] of [
  ['text', text('x'.repeat(3_000))],
  ['a ping', ping('x')],
  ['a fragment', Buffer.concat([binary('a', { fin: false }), continuation('b')])],
] as const) {
  test(`TO-05: ${what} between binary messages takes no room in their page`, () => {
    const [first, ...rest] = read(core(), ...each([100]), between, ...each([100, 100]));
    assert.equal(first!.buffer.byteLength, 8 + 104);
    assert.equal(rest.at(-1)!.buffer.byteLength, 8 + 208);
  });
}

test('TO-05: messages that stayed unread while the driver stopped share no page', () => {
  const by = core();
  by.receive(Buffer.concat(each([100, 200, 300, 400])));
  const first = take(by, 2);
  by.keepUnread();
  const last = take(by);
  assert.deepEqual(pagesOf(first), [8 + 104 + 200 + 304 + 400]);
  assert.deepEqual(pagesOf(last), [8 + 304, 8 + 400]);
  for (const [at, message] of [...first, ...last].entries())
    assert.ok(message.every((byte) => byte === at + 1));
});

test('TO-05: a page that the application has detached is not used for the next message', () => {
  const by = core();
  by.receive(Buffer.concat(each([100, 200, 300])));
  const [first] = take(by, 1);
  const { buffer } = first!;
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  assert.equal(first!.length, 0);
  const rest = take(by);
  assert.deepEqual(
    rest.map((message) => [message.length, message.every((byte) => byte === message.length / 100)]),
    [
      [200, true],
      [300, true],
    ],
  );
});

test('TO-05: messages that are received as streams have memory of their own', () => {
  const by = core();
  by.passParts();
  for (const message of read(by, ...each([100, 200])))
    assert.deepEqual([message.byteOffset, message.buffer.byteLength], [0, message.length]);
});

const most = 16_384;
for (const [what, wire, maskBytes, mostBytes, room] of [
  ['nothing', Buffer.alloc(0), 4, most, 0],
  ['whole frames', Buffer.concat(each([65, 66])), 4, most, 72 + 72],
  ['frames without a mask', Buffer.concat(each([65, 126], { mask: false })), 0, most, 72 + 128],
  ['a frame that is cut', Buffer.concat(each([65, 66])).subarray(0, -1), 4, most, 72],
  [
    'a header that is cut',
    Buffer.concat([...each([65]), binary(Buffer.alloc(200)).subarray(0, 3)]),
    4,
    most,
    72,
  ],
  ['small and large messages between', Buffer.concat(each([65, 1, 64, 5_000, 66])), 4, most, 144],
  ['more than there is room for', Buffer.concat(each([100, 200, 300])), 4, 104 + 200, 304],
  [
    'a compressed frame',
    Buffer.concat([...each([65]), binary(Buffer.alloc(65), { rsv1: true })]),
    4,
    most,
    72,
  ],
  ['a first fragment', Buffer.concat([...each([65]), binary(Buffer.alloc(65), { fin: false })]), 4, most, 72],
] as const) {
  test(`TO-05: the room for ${what} is ${room} bytes`, () => {
    assert.equal(roomFor(wire, 0, wire.length, maskBytes, mostBytes), room);
  });
}
