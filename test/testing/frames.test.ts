import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import * as build from '../../src/testing/frames.ts';
import { everyCut } from '../../src/testing/cuts.ts';
import { readFrame, readFrames } from '../../src/testing/read-frames.ts';

const { frame, hex } = build;
const zeros = (bytes: number) => '00 '.repeat(bytes);

const ROWS: [string, Buffer, string][] = [
  ['§5.7 unmasked text', build.text('Hello', { mask: false }), '81 05 48 65 6c 6c 6f'],
  ['§5.7 masked text', build.text('Hello'), '81 85 37 fa 21 3d 7f 9f 4d 51 58'],
  ['§5.7 first fragment', build.text('Hel', { mask: false, fin: false }), '01 03 48 65 6c'],
  ['§5.7 last fragment', build.continuation('lo', { mask: false }), '80 02 6c 6f'],
  ['§5.7 ping', build.ping('Hello', { mask: false }), '89 05 48 65 6c 6c 6f'],
  ['§5.7 masked pong', build.pong('Hello'), '8a 85 37 fa 21 3d 7f 9f 4d 51 58'],
  ['§5.7 256 bytes', build.binary(Buffer.alloc(256), { mask: false }), `82 7e 0100 ${zeros(256)}`],
  [
    '§5.7 64 KiB',
    build.binary(Buffer.alloc(65_536), { mask: false }),
    `82 7f 0000000000010000 ${zeros(65_536)}`,
  ],
  ['§5.3 another key', build.text('Hello', { mask: hex('12 34 56 78') }), '81 85 12 34 56 78 5a 51 3a 14 7d'],
  ['§5.2 125 bytes', build.binary(Buffer.alloc(125), { mask: false }), `82 7d ${zeros(125)}`],
  ['§5.2 126 bytes', build.binary(Buffer.alloc(126), { mask: false }), `82 7e 007e ${zeros(126)}`],
  ['§5.2 65535 bytes', build.binary(Buffer.alloc(65_535), { mask: false }), `82 7e ffff ${zeros(65_535)}`],
  ['§5.2 all reserved bits', frame({ rsv1: true, rsv2: true, rsv3: true, opcode: 15, mask: false }), 'ff 00'],
  [
    '§5.2 each reserved bit',
    Buffer.concat([1, 2, 3].map((n) => frame({ [`rsv${n}`]: true, opcode: 1, mask: false }))),
    'c1 00 a1 00 91 00',
  ],
  ['§5.5 fragmented ping', build.ping('', { fin: false, mask: false }), '09 00'],
  ['§5.2 5 bytes in 16 bits', build.text('Hello', { mask: false, lengthForm: 16 }), '81 7e 0005 48656c6c6f'],
  [
    '§5.2 5 bytes in 64 bits',
    build.text('Hello', { mask: false, lengthForm: 64 }),
    '81 7f 0000000000000005 48656c6c6f',
  ],
  [
    '§5.2 2^63 bytes claimed',
    build.binary('', { mask: false, announcedLength: 1n << 63n }),
    '82 7f 8000000000000000',
  ],
  [
    '§5.2 2^64-1 bytes claimed',
    build.binary('', { announcedLength: (1n << 64n) - 1n }),
    '82 ff ffffffffffffffff 37fa213d',
  ],
  ['§5.2 fewer bytes claimed', build.binary('abc', { mask: false, announcedLength: 1 }), '82 01 61 62 63'],
  ['§5.5.1 empty close', build.close(), '88 80 37 fa 21 3d'],
  ['§5.5.1 close 1000', build.close(1000, '', { mask: false }), '88 02 03 e8'],
  ['§5.5.1 close with reason', build.close(1001, 'bye', { mask: false }), '88 05 03 e9 62 79 65'],
  ['§7.4 close 65535, bad UTF-8', build.close(65_535, hex('ff'), { mask: false }), '88 03 ff ff ff'],
  ['§5.5.1 one byte of body', frame({ opcode: 8, payload: hex('03'), mask: false }), '88 01 03'],
  ['§8.1 text that is not UTF-8', build.text(hex('c3 28'), { mask: false }), '81 02 c3 28'],
];
for (const [rule, built, wire] of ROWS) {
  test(`TK-01 ${rule} is built byte for byte`, () => {
    assert.equal(built.toString('hex'), wire.replaceAll(' ', ''));
  });
}

test('TK-01 hex accepts both cases and white space', () => {
  assert.deepEqual(hex(' 0aFF\n\t37 '), Buffer.of(0x0a, 0xff, 0x37));
  assert.deepEqual(hex(''), Buffer.alloc(0));
});

test('TK-01 frame changes neither the payload nor the key of the caller', () => {
  const payload = Buffer.from('Hello');
  const mask = hex('01 02 03 04');
  build.binary(payload, { mask }).fill(0);
  assert.equal(payload.toString(), 'Hello');
  assert.equal(mask.toString('hex'), '01020304');
});

const MISUSES: [string, () => unknown][] = [
  ['an odd number of hex digits', () => hex('8')],
  ['a letter that is not a hex digit', () => hex('0g')],
  ['opcode 16', () => frame({ opcode: 16 })],
  ['opcode -1', () => frame({ opcode: -1 })],
  ['opcode 1.5', () => frame({ opcode: 1.5 })],
  ['a key of 3 bytes', () => frame({ opcode: 1, mask: hex('010203') })],
  ['126 bytes in 7 bits', () => frame({ opcode: 1, lengthForm: 7, announcedLength: 126 })],
  ['65536 bytes in 16 bits', () => frame({ opcode: 1, lengthForm: 16, announcedLength: 65_536 })],
  ['2^64 bytes', () => frame({ opcode: 1, announcedLength: 1n << 64n })],
  ['-1 bytes', () => frame({ opcode: 1, announcedLength: -1 })],
  ['1.5 bytes', () => frame({ opcode: 1, announcedLength: 1.5 })],
  ['2^53 bytes as a number', () => frame({ opcode: 1, announcedLength: 2 ** 53 })],
  ['close code 65536', () => build.close(65_536)],
  ['close code -1', () => build.close(-1)],
];
for (const [what, misuse] of MISUSES) {
  test(`TK-01 frame refuses ${what}`, () => {
    assert.throws(misuse, { name: 'MisuseError', code: 'ERR_ARGUMENT' });
  });
}

const KEY = hex('37 fa 21 3d');
test('TK-01 readFrames returns all fields of each frame, and does not change the bytes', () => {
  const wire = Buffer.concat([
    build.text('Hé', { fin: false }),
    build.continuation('!', { mask: false, rsv2: true }),
  ]);
  const before = wire.toString('hex');
  const rest = { rsv1: false, rsv3: false };
  assert.deepEqual(readFrames(wire, { wholeOnly: true }), [
    {
      ...rest,
      fin: false,
      rsv2: false,
      opcode: 1,
      mask: KEY,
      lengthForm: 7,
      payload: Buffer.from('Hé'),
      start: 0,
      end: 9,
    },
    {
      ...rest,
      fin: true,
      rsv2: true,
      opcode: 0,
      mask: false,
      lengthForm: 7,
      payload: Buffer.from('!'),
      start: 9,
      end: 12,
    },
  ]);
  assert.equal(wire.toString('hex'), before);
});

test('TK-01 readFrame returns undefined for an incomplete frame, and reads the frame at an offset', () => {
  for (const lengthForm of ['minimal', 16, 64] as const) {
    const whole = build.binary('abc', { lengthForm });
    for (const [head] of everyCut(whole)) assert.equal(readFrame(head), undefined);
    const second = readFrame(Buffer.concat([Buffer.alloc(5), whole]), 5);
    assert.equal(second?.end, whole.length + 5);
    assert.equal(second.payload.toString(), 'abc');
  }
  assert.equal(readFrame(Buffer.alloc(0)), undefined);
  assert.equal(readFrame(build.binary('', { announcedLength: (1n << 64n) - 1n })), undefined);
});

test('TK-01 bytes after the last complete frame are ignored, or refused with wholeOnly', () => {
  const wire = Buffer.concat([build.ping('a'), hex('81 05 48')]);
  assert.equal(readFrames(wire).length, 1);
  assert.throws(() => readFrames(wire, { wholeOnly: true }), {
    name: 'MisuseError',
    message: /3 bytes after 1 complete frames .*810548/,
  });
});

test('TK-01 property: a built frame is read back with the same fields', () => {
  const fields = fc.record({
    fin: fc.boolean(),
    rsv1: fc.boolean(),
    rsv2: fc.boolean(),
    rsv3: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    mask: fc.oneof(fc.constant(false as const), fc.uint8Array({ minLength: 4, maxLength: 4 })),
    payload: fc.oneof(fc.uint8Array({ maxLength: 125 }), fc.uint8Array({ minLength: 126, maxLength: 300 })),
    lengthForm: fc.constantFrom('minimal' as const, 16 as const, 64 as const),
  });
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 6 }), (list) => {
      const read = readFrames(Buffer.concat(list.map((one) => frame(one))), { wholeOnly: true });
      assert.equal(read.length, list.length);
      for (const [i, one] of list.entries()) {
        const { start, end, lengthForm, mask, payload, ...bits } = read[i]!;
        const { lengthForm: form, mask: key, payload: bytes, ...expected } = one;
        assert.deepEqual(bits, expected);
        assert.deepEqual(payload, Buffer.from(bytes));
        assert.deepEqual(mask, key === false ? false : Buffer.from(key));
        assert.equal(lengthForm, form === 'minimal' ? (bytes.length < 126 ? 7 : 16) : form);
        assert.equal(start, i === 0 ? 0 : read[i - 1]!.end);
        assert.ok(end > start);
      }
    }),
  );
});

test('GN-05 frame accepts a result of readFrame', () => {
  const bytes = build.text('Hello', { rsv1: true });
  const [read] = readFrames(bytes);
  assert.deepEqual(frame(read!), bytes);
});
