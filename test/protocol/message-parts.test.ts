import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { deflateRawSync, constants } from 'node:zlib';
import { defaultEngine } from '../../src/engine/engine.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../src/options/resolve-options.ts';
import { agreement } from '../../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../../src/protocol/deflate/per-message-deflate.ts';
import { FACT, type ProtocolConnection, type ProtocolOptions } from '../../src/protocol/connection.ts';
import { byteByByte, everyCut } from '../../src/testing/cuts.ts';
import { binary, close, continuation, frame, ping, text } from '../../src/testing/frames.ts';
import { eventLoopTurns, waitUntil } from '../../src/testing/index.ts';
import { LIMITS } from '../vectors/row.ts';
import { coreWith } from './cores.ts';

/** What a core reports: whole messages and joined parts are `text` or `binary`, with the number of parts. */
class Reader {
  readonly seen: string[] = [];
  readonly sizes: number[][] = [];
  #parts: Buffer[] = [];

  read(core: ProtocolConnection): void {
    for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) this.#fact(core, fact);
  }

  #fact(core: ProtocolConnection, fact: number): void {
    const kind = core.isText ? 'text' : 'binary';
    if (fact === FACT.MESSAGE) this.seen.push(`${kind} ${core.takeBytes()!.toString()}`);
    else if (fact === FACT.PART || fact === FACT.LAST_PART) {
      const part = core.takePart();
      if (fact === FACT.PART) assert.notEqual(part.length, 0);
      this.#parts.push(part);
      if (fact === FACT.PART) return;
      this.seen.push(`${kind} ${Buffer.concat(this.#parts).toString()}`);
      this.sizes.push(this.#parts.map(({ length }) => length));
      this.#parts = [];
    } else if (fact === FACT.FAILURE) this.seen.push(core.failure!.code);
    else this.seen.push(fact === FACT.PING ? 'ping' : fact === FACT.CLOSE ? 'close' : 'pong');
  }
}

const reading = (chunks: readonly Buffer[], options: ProtocolOptions = {}): Reader => {
  const core = coreWith(options);
  core.passParts();
  const reader = new Reader();
  for (const chunk of chunks) {
    core.receive(Buffer.from(chunk));
    reader.read(core);
    core.keepUnread();
  }
  return reader;
};

const MESSAGES = Buffer.concat([
  text('small'),
  text('añ', { fin: false }),
  continuation('', { fin: false }),
  ping('in between'),
  continuation('€\u{1f600}'),
  binary(Buffer.alloc(200, 'b')),
  binary('', { fin: false }),
  continuation('', { fin: false }),
  continuation(''),
  text(''),
  close(1000),
]);
const SEEN = [
  'text small',
  'ping',
  'text añ€\u{1f600}',
  `binary ${'b'.repeat(200)}`,
  'binary ',
  'text ',
  'close',
];

test('FR-10 FR-04: parts join to the messages, whole, byte by byte and at every cut', () => {
  assert.deepEqual(reading([MESSAGES]).seen, SEEN);
  assert.deepEqual(reading(byteByByte(MESSAGES)).seen, SEEN);
  for (const pieces of everyCut(MESSAGES)) assert.deepEqual(reading(pieces).seen, SEEN);
});

test('FR-10: whole frames remain messages; a frame that is cut, and each fragment, is passed on as it arrives', () => {
  assert.deepEqual(reading([MESSAGES]).sizes, [[3, 7], [0]]);
  const long = binary(Buffer.alloc(10, 'x'));
  assert.deepEqual(reading([long.subarray(0, 9), long.subarray(9, 10), long.subarray(10)]).sizes, [
    [3, 1, 6],
  ]);
});

test('FR-10 FR-09: parts belong to the caller, and the core holds nothing of the message', () => {
  const core = coreWith();
  core.passParts();
  const bytes = binary(Buffer.alloc(1_000, 'x'), { fin: false });
  core.receive(bytes);
  assert.equal(core.next(), FACT.PART);
  const part = core.takePart();
  bytes.fill(0);
  assert.deepEqual(part, Buffer.alloc(1_000, 'x'));
  assert.equal(part.buffer.byteLength, 1_000);
  assert.equal(core.next(), FACT.NONE);
  assert.deepEqual(
    [core.heldBytes, core.countedBytes, core.unfinished, core.messagesReceived],
    [0, 0, true, 0],
  );
  core.receive(continuation(''));
  assert.equal(core.next(), FACT.LAST_PART);
  assert.deepEqual([core.isText, core.takePart().length, core.messagesReceived], [false, 0, 1]);
  assert.equal(core.next(), FACT.NONE);
  assert.equal(core.unfinished, false);
});

test('FR-10: a message that began before passParts stays one message; the next one comes in parts', () => {
  const core = coreWith();
  const reader = new Reader();
  const pieces = [
    text('one ', { fin: false }),
    continuation('message'),
    text('two', { fin: false }),
    continuation(''),
  ];
  for (const [at, piece] of pieces.entries()) {
    core.receive(piece);
    reader.read(core);
    if (at === 0) core.passParts();
  }
  assert.deepEqual(reader.seen, ['text one message', 'text two']);
  assert.deepEqual(reader.sizes, [[3, 0]]);
});

test('FR-10 UT-01 §8.1: text in parts fails at its first impossible byte, across parts and at the end', () => {
  const rows: readonly (readonly [chunks: readonly Buffer[], parts: number, reason: RegExp])[] = [
    [[text(Buffer.from('61ff', 'hex'), { fin: false })], 0, /byte 1 of 2 received so far, in 61 ff/],
    [
      [
        text(Buffer.from('ab'), { fin: false }),
        continuation(Buffer.from('e282', 'hex'), { fin: false }),
        continuation(Buffer.from('41', 'hex')),
      ],
      2,
      /byte 4 of 5 received so far, in 41/,
    ],
    [[text(Buffer.from('eda0', 'hex'), { fin: false })], 0, /byte 1 of 2/],
    [
      [text('a', { fin: false }), continuation(Buffer.from('e282', 'hex'))],
      1,
      /ends inside a code point, after 3 bytes/,
    ],
    [
      [text(Buffer.from('e282', 'hex'), { fin: false }), continuation('')],
      1,
      /ends inside a code point, after 2 bytes/,
    ],
  ];
  for (const [chunks, parts, reason] of rows) {
    const core = coreWith();
    core.passParts();
    let seen = 0;
    let fact: number = FACT.NONE;
    for (const chunk of chunks) {
      core.receive(chunk);
      for (fact = core.next(); fact === FACT.PART; fact = core.next()) {
        core.takePart();
        seen++;
      }
    }
    assert.equal(fact, FACT.FAILURE);
    assert.equal(core.failure?.code, 'ERR_UTF8');
    assert.match(core.failure.message, reason);
    assert.equal(seen, parts);
  }
});

test('FR-10 FR-05 FR-06 SE-15: the limits count the whole message', () => {
  const limits = { ...LIMITS, maxMessageBytes: 10, maxFrameBytes: 10, maxFragments: 4 };
  const part = (bytes: number): Buffer => continuation(Buffer.alloc(bytes), { fin: false });
  const first = binary(Buffer.alloc(4), { fin: false });
  const rows: readonly (readonly [chunks: readonly Buffer[], seen: readonly string[]])[] = [
    [[first, continuation(Buffer.alloc(6))], [`binary ${'\0'.repeat(10)}`]],
    [[first, part(6), part(1)], ['ERR_MESSAGE_TOO_BIG']],
    [[first, part(0), part(0), part(0), part(0)], ['ERR_TOO_MANY_FRAGMENTS']],
    [[binary(Buffer.alloc(11))], ['ERR_MESSAGE_TOO_BIG']],
  ];
  for (const [chunks, seen] of rows) assert.deepEqual(reading(chunks, { limits }).seen, seen);
});

const DIRECTION = { contextTakeover: false, windowBits: 15 };

/** A server core with zlib. */
function inflating(maxMessageBytes: number, asyncThresholdBytes = 131_072, reader = new Reader()) {
  const settings = { ...DEFAULT_DEFLATE_SETTINGS, asyncThresholdBytes };
  const core: ProtocolConnection = coreWith({
    limits: { ...LIMITS, maxMessageBytes, maxFrameBytes: maxMessageBytes },
    extensions: [
      new PerMessageDeflate('server', agreement(DIRECTION, DIRECTION), settings, defaultEngine.zlib),
    ],
    owner: {
      send() {},
      readMore: () => reader.read(core),
      failed: (error) => assert.fail(String(error)),
    },
  });
  core.passParts();
  return { core, reader };
}

const deflated = (payload: Buffer | string): Buffer =>
  deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

/** A compressed message in fragments of `size` bytes. */
function compressed(isText: boolean, payload: Buffer | string, size: number): Buffer[] {
  const bytes = deflated(payload);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const opcode = at > 0 ? 0 : isText ? 1 : 2;
    const fin = at + size >= bytes.length;
    frames.push(frame({ opcode, rsv1: at === 0, fin, payload: bytes.subarray(at, at + size) }));
  }
  return frames;
}

test('FR-10 PD-12: compressed messages come in parts of at most 64 KiB, at once and on the thread pool', async () => {
  const words = 'añ€\u{1f600} '.repeat(30_000);
  for (const threshold of [1_048_576, 1]) {
    for (const size of [100, 1_000_000]) {
      const { core, reader } = inflating(1_048_576, threshold);
      const messages = [...compressed(true, words, size), text('plain'), ...compressed(false, words, size)];
      for (const message of [...messages, ping('last')]) {
        core.receive(message);
        reader.read(core);
        core.keepUnread();
        if (core.blocked) await waitUntil(() => !core.blocked);
      }
      await waitUntil(() => !core.decoding);
      await eventLoopTurns(1);
      assert.deepEqual(
        reader.seen.filter((each) => each !== 'ping'),
        [`text ${words}`, 'text plain', `binary ${words}`],
      );
      for (const parts of reader.sizes) {
        assert.ok(parts.length > 5);
        assert.ok(Math.max(...parts) <= 65_536, `${Math.max(...parts)}`);
      }
      assert.equal(core.heldBytes, 0);
    }
  }
});

test('FR-10 PD-12 UT-01: a compressed message in parts fails over its limit, for bytes that are not UTF-8 and for broken input', async () => {
  const rows: readonly (readonly [payload: Buffer, isText: boolean, cut: number, code: string])[] = [
    [Buffer.alloc(200_000), false, 0, 'ERR_MESSAGE_TOO_BIG'],
    [Buffer.concat([Buffer.alloc(70_000, 'a'), Buffer.of(0xff)]), true, 0, 'ERR_UTF8'],
    [Buffer.concat([Buffer.alloc(70_000, 'a'), Buffer.of(0xe2, 0x82)]), true, 0, 'ERR_UTF8'],
    [Buffer.from('hello hello hello'), true, 4, 'ERR_INFLATE'],
  ];
  for (const threshold of [131_072, 1]) {
    for (const [payload, isText, cut, code] of rows) {
      const { core, reader } = inflating(150_000, threshold);
      const bytes = deflated(payload);
      core.receive(
        frame({ opcode: isText ? 1 : 2, rsv1: true, payload: bytes.subarray(0, bytes.length - cut) }),
      );
      reader.read(core);
      await waitUntil(() => core.failure !== undefined);
      assert.deepEqual(reader.seen, [code]);
    }
  }
});

test('FR-10: parts that were decoded and not taken count, and are dropped when the transport ends', () => {
  const { core } = inflating(1_048_576);
  core.receive(frame({ opcode: 2, rsv1: true, fin: false, payload: deflated(Buffer.alloc(100_000)) }));
  assert.equal(core.next(), FACT.PART);
  assert.equal(core.takePart().length, 65_536);
  assert.ok(core.heldBytes >= 100_000 - 65_536, `${core.heldBytes}`);
  assert.ok(core.countedBytes >= core.heldBytes);
  core.transportEnded();
  assert.deepEqual([core.next(), core.heldBytes], [FACT.NONE, 0]);
});
