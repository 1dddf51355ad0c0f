import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import {
  close,
  type FrameExtras,
  type FrameFields,
  frame,
  ping,
  pong,
  type RawClient,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { opener, WAYS, named, type Way } from './hostile-peers.ts';

/** Reads frames until a Close. @returns Its code, or 1005 without one. */
async function closeCodeOf(raw: RawClient): Promise<number> {
  for (;;) {
    const { opcode, payload } = await raw.nextFrame();
    if (opcode === 8) return payload.length === 0 ? 1005 : payload.readUInt16BE(0);
  }
}

/** A peer of the given role writes with or without a mask. */
const maskOf = ({ role }: Way): FrameExtras => (role === 'server' ? {} : { mask: false });
type Bytes = (mask: FrameExtras) => Buffer;
const deflated = (data: Uint8Array): Buffer => deflateRawSync(data, { finishFlush: 2 }).subarray(0, -4);
const built =
  (fields: FrameFields): Bytes =>
  (mask) =>
    frame({ ...fields, ...mask });
const compressed = (payload: Uint8Array): Bytes => built({ opcode: 2, rsv1: true, payload });
const all =
  (...frames: Bytes[]): Bytes =>
  (mask) =>
    Buffer.concat(frames.map((bytes) => bytes(mask)));
const start = (payload: string | Uint8Array = 'a'): Bytes => built({ opcode: 1, fin: false, payload });
const more = (payload: string | Uint8Array = 'a', fin = false): Bytes => built({ opcode: 0, fin, payload });
const times = (count: number, bytes: Bytes): Bytes => all(...Array.from({ length: count }, () => bytes));

interface Attack {
  readonly row: string;
  readonly what: string;
  readonly bytes: Bytes;
  readonly options?: object;
  /** Code of the Close that answers it. */
  readonly code: number;
}

const ATTACKS: readonly Attack[] = [
  ...([16, 64] as const).map((lengthForm) => ({
    row: 'SE-13',
    what: `a length of 5 in ${lengthForm} bits`,
    bytes: built({ opcode: 2, payload: 'abcde', lengthForm }),
    code: 1002,
  })),
  ...[126n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map((announcedLength) => ({
    row: 'SE-13',
    what: `a frame that announces ${announcedLength} bytes, over a limit of 125`,
    bytes: built({ opcode: 2, announcedLength }),
    options: { maxPayload: 125 },
    code: 1009,
  })),
  ...['a', ''].map((payload) => ({
    row: 'SE-14',
    what: `one fragment over the limit, of ${payload.length} bytes each`,
    bytes: all(start(payload), times(16, more(payload))),
    options: { maxFragments: 16 },
    code: 1008,
  })),
  {
    row: 'SE-15',
    what: 'fragments of one byte over the limit together',
    bytes: all(start('123456'), more('78901', true)),
    options: { maxPayload: 10 },
    code: 1009,
  },
  {
    row: 'SE-15',
    what: 'a message of one byte over the limit after inflation',
    bytes: compressed(deflated(Buffer.alloc(101))),
    options: { maxPayload: 100 },
    code: 1009,
  },
  { row: 'SE-16', what: 'a fragmented ping', bytes: built({ opcode: 9, fin: false }), code: 1002 },
  { row: 'SE-16', what: 'a ping with RSV1', bytes: built({ opcode: 9, rsv1: true }), code: 1002 },
  {
    row: 'SE-16',
    what: 'a ping of 126 bytes',
    bytes: built({ opcode: 9, announcedLength: 126 }),
    code: 1002,
  },
  {
    row: 'SE-16',
    what: 'a fragmented Close in a message',
    bytes: all(start(), built({ opcode: 8, fin: false })),
    code: 1002,
  },
  { row: 'SE-16', what: 'a Close of one byte', bytes: built({ opcode: 8, payload: '\x03' }), code: 1002 },
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535].map((closeCode) => ({
    row: 'SE-16',
    what: `a Close with code ${closeCode}`,
    bytes: (mask: FrameExtras) => close(closeCode, '', mask),
    code: 1002,
  })),
  {
    row: 'SE-16',
    what: 'a reason that is not UTF-8',
    bytes: (mask) => close(1000, Buffer.of(0xff), mask),
    code: 1007,
  },
  {
    row: 'SE-17',
    what: 'a frame with the masking of the other role',
    bytes: ({ mask }) => text('a', mask === false ? {} : { mask: false }),
    code: 1002,
  },
  ...(['eda080', 'c080', 'f4908080', '80', 'ff'] as const).map((bad) => ({
    row: 'SE-18',
    what: `the bytes ${bad} inside an unfinished frame`,
    bytes: built({ opcode: 1, announcedLength: 100, payload: Buffer.from(`61${bad}`, 'hex') }),
    code: 1007,
  })),
  {
    row: 'SE-18',
    what: 'a code point that the next fragment breaks',
    bytes: all(start(Buffer.of(0xe2, 0x82)), more('a')),
    code: 1007,
  },
  {
    row: 'SE-18',
    what: 'a compressed text that is not UTF-8',
    bytes: built({ opcode: 1, rsv1: true, payload: deflated(Buffer.of(0x61, 0xff)) }),
    code: 1007,
  },
  ...[100_000, 10_000_000].map((size) => ({
    row: 'SE-20',
    what: `${size} bytes deflated, over a limit of 1,000`,
    bytes: compressed(deflated(Buffer.alloc(size))),
    options: { maxPayload: 1_000 },
    code: 1009,
  })),
  {
    row: 'SE-21',
    what: 'RSV1 on a continuation',
    bytes: all(start(), built({ opcode: 0, rsv1: true })),
    code: 1002,
  },
  {
    row: 'SE-21',
    what: 'RSV1 that was not negotiated',
    bytes: compressed(deflated(Buffer.from('a'))),
    options: { perMessageDeflate: false },
    code: 1002,
  },
  ...(
    [
      ['a block of an invalid type', '0700'],
      ['garbage after a final block', 'f348cdc9c90700ffff'],
      ['an empty compressed payload', ''],
    ] as const
  ).map(([what, digits]) => ({
    row: 'SE-21',
    what,
    bytes: compressed(Buffer.from(digits, 'hex')),
    code: 1007,
  })),
];

for (const way of WAYS) {
  for (const { row, what, bytes, options, code } of ATTACKS) {
    test(`${row} GN-07 CD-01: ${named(way)}: ${what} is answered with ${code}, and ends only its connection`, async (t) => {
      const open = await opener(t, way, options);
      const bystander = await open();
      const { raw, socket, messages } = await open();
      raw.send(bytes(maskOf(way)));
      assert.equal(await closeCodeOf(raw), code);
      raw.stream.end();
      await waitUntil(() => socket.readyState === 3);
      assert.deepEqual(messages, []);
      bystander.raw.send(text('alive', maskOf(way)));
      assert.equal((await bystander.raw.nextFrame()).payload.toString(), 'alive');
    });
  }

  test(`SE-12 CD-01: ${named(way)}: every first byte, in two pieces, is delivered, answered or refused`, async (t) => {
    const open = await opener(t, way, { perMessageDeflate: false });
    const mask = maskOf(way);
    for (let first = 0; first < 256; first++) {
      const { raw, socket, messages } = await open();
      const bytes = frame({ opcode: 0, ...mask });
      bytes[0] = first;
      raw.send(bytes.subarray(0, 1));
      await new Promise<void>((resolve) => void setImmediate(resolve));
      raw.send(Buffer.concat([bytes.subarray(1), ping('mark', mask)]));
      const opcode = first & 15;
      const isFinal = first >= 128;
      const isKnown = [1, 2].includes(opcode) || (isFinal && [8, 9, 10].includes(opcode));
      const answers: number[] = [];
      if ((first & 0x70) !== 0 || !isKnown || opcode === 8) {
        assert.equal(await closeCodeOf(raw), opcode === 8 && isKnown && (first & 0x70) === 0 ? 1005 : 1002);
        raw.stream.end();
        await waitUntil(() => socket.readyState === 3);
      } else {
        for (let at: number | undefined; at !== 10 || answers.length < (opcode === 9 ? 2 : 1); ) {
          const answer = await raw.nextFrame();
          at = answer.opcode;
          if (at === 10) answers.push(answer.payload.length);
        }
        assert.deepEqual(answers, opcode === 9 ? [0, 4] : [4]);
        socket.terminate();
      }
      assert.equal(
        messages.length,
        isFinal && [1, 2].includes(opcode) && (first & 0x70) === 0 ? 1 : 0,
        `${first}`,
      );
    }
  });

  test(`SE-15 SE-18 CD-01: ${named(way)}: messages of exactly the limit and characters over fragments arrive`, async (t) => {
    const open = await opener(t, way, { maxPayload: 10, maxFragments: 4 });
    const { raw, messages } = await open();
    const mask = maskOf(way);
    raw.send(all(start('12345'), more('67890', true), compressed(deflated(Buffer.alloc(10, 'z'))))(mask));
    raw.send(all(start(Buffer.of(0xe2)), more(Buffer.of(0x82)), more(''), more(Buffer.of(0xac), true))(mask));
    await waitUntil(() => messages.length === 3);
    assert.deepEqual(messages, ['1234567890', 'zzzzzzzzzz', '\xe2\x82\xac']);
  });

  test(`SE-16 CD-01: ${named(way)}: after a Close nothing is delivered or answered`, async (t) => {
    const open = await opener(t, way);
    const { raw, socket, messages } = await open();
    const mask = maskOf(way);
    raw.send(Buffer.concat([close(4000, 'end', mask), text('late', mask), ping('late', mask)]));
    const [code] = (await once(socket, 'close')) as [number];
    assert.deepEqual([code, messages], [4000, []]);
    assert.equal(await closeCodeOf(raw), 4000);
    assert.equal(raw.received.length, 0);
  });

  test(`SE-19 CD-01: ${named(way)}: floods of pings from a peer that does not read, and of pongs, stay bounded`, async (t) => {
    const open = await opener(t, way, { maxPendingAutoPongs: 60 });
    const { raw, socket, messages } = await open();
    const mask = maskOf(way);
    raw.stream.pause();
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => ping('x'.repeat(125), mask)));
    let pings = 0;
    socket.on('ping', () => pings++);
    for (let i = 0; i < 100; i++) raw.send(flood);
    await waitUntil(() => pings === 100_000, { deadlineMs: 30_000 });
    // What the kernel has not taken: a run of pongs that was handed over, and 60 that wait.
    assert.ok(socket.bufferedAmount < 1_000_000, `${socket.bufferedAmount} bytes`);
    raw.send(Buffer.concat(Array.from({ length: 10_000 }, () => pong('y', mask))));
    raw.send(text('alive', mask));
    await waitUntil(() => messages.length === 1);
    socket.terminate();
    await waitUntil(() => socket.readyState === 3);
  });
}

class Longer extends Uint8Array {
  override get length(): number {
    return 1_000;
  }
}
const lying = (name: string, value: unknown): Uint8Array =>
  Object.defineProperty(Uint8Array.of(1, 2), name, { value });
const shared = new Uint8Array(new SharedArrayBuffer(2));
shared.set([1, 2]);
const transferred = (): ArrayBuffer => {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
};

/** What is sent, and the bytes that arrive. */
const SENT: readonly (readonly [what: string, data: unknown, bytes: readonly number[]])[] = [
  ['a number', 12, [0x31, 0x32]],
  ['a typed array of two bytes per element', Uint16Array.of(0x0201), [1, 2]],
  ['a view on the middle of a buffer', Uint8Array.of(0, 1, 2, 3).subarray(1, 3), [1, 2]],
  ['a DataView', new DataView(Uint8Array.of(0, 1, 2, 3).buffer, 1, 2), [1, 2]],
  ['shared memory', shared, [1, 2]],
  ['an array', [1, 2], [1, 2]],
  ['an object with a length', { length: 2, 0: 1, 1: 2 }, [1, 2]],
  ['a view with a false length', lying('length', 1_000), [1, 2]],
  ['a view with a false length above 16 KiB', lying('length', 100_000), [1, 2]],
  ['a view with a false byteLength', lying('byteLength', 1_000), [1, 2]],
  ['a view whose class has a false length', new Longer(Uint8Array.of(1, 2).buffer), [1, 2]],
];

for (const way of WAYS) {
  test(`SE-22 CD-01: ${named(way)}: send and ping send exactly the bytes of what they get, or throw`, async (t) => {
    const open = await opener(t, way, { perMessageDeflate: false });
    const { raw, socket } = await open();
    for (const [what, data, bytes] of SENT) {
      for (const call of ['send', 'ping'] as const) {
        socket[call](data);
        assert.deepEqual([...(await raw.nextFrame()).payload], bytes, `${call} of ${what}`);
      }
    }
    for (const data of [transferred(), Symbol('s'), true, {}, () => undefined]) {
      assert.throws(() => socket.send(data), TypeError);
      // A function is the callback of a ping.
      if (typeof data !== 'function') assert.throws(() => socket.ping(data), TypeError);
    }
    for (const code of ['1000', 1000.5, {}, null, -1, 1005, Number.NaN])
      assert.throws(() => socket.close(code as number), TypeError);
    assert.throws(() => socket.close(1000, { length: 2 } as unknown as string), TypeError);
    assert.throws(() => socket.close(1000, 'x'.repeat(124)), RangeError);
    socket.send('alive');
    assert.equal((await raw.nextFrame()).payload.toString(), 'alive');
    socket.terminate();
  });
}
