import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { MisuseError } from '../../../src/protocol/errors.ts';
import {
  buildFrame,
  checkControlPayload,
  headerBytes,
  writeFrame,
  writeTextFrame,
} from '../../../src/protocol/outgoing/frame-builder.ts';
import { frame, readFrame } from '../../../src/testing/index.ts';

const KEY_BYTES = Buffer.of(0x37, 0xfa, 0x21, 0x3d);
/** The form that `mask` takes: the first byte is the lowest. */
const KEY = KEY_BYTES.readInt32LE();
const ROLES = [
  { role: 'server', key: undefined, mask: false as const },
  { role: 'client', key: KEY, mask: KEY_BYTES },
];
const LENGTHS = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 200_000];

for (const { role, key, mask } of ROLES) {
  for (const length of LENGTHS) {
    test(`FB-01 TS-03 §5.2: a ${role}'s frame of ${length} bytes has the shortest length form, in every way to build it`, () => {
      const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0x7f));
      const expected = frame({ opcode: OPCODE.BINARY, payload, mask });
      assert.equal(headerBytes(length, key), expected.length - length);
      assert.equal(Buffer.compare(buildFrame(OPCODE.BINARY, payload, key), expected), 0);
      const target = Buffer.alloc(expected.length + 6, 0xee);
      assert.equal(writeFrame(target, 3, OPCODE.BINARY, payload, key), 3 + expected.length);
      assert.equal(Buffer.compare(target.subarray(3, -3), expected), 0);
      assert.deepEqual([...target.subarray(0, 3), ...target.subarray(-3)], Array(6).fill(0xee));
    });
  }

  // UTF-8 at least as long as UTF-16, on both sides of each length form: the header may be longer than guessed.
  for (const char of ['x', 'é', '€', '😀', '\ud800', '\udc00']) {
    test(`FB-01 CT-02 §5.6: a ${role}'s text of ${JSON.stringify(char)} in every length is sent complete`, () => {
      for (const units of [
        0, 1, 20, 41, 42, 43, 61, 62, 63, 64, 100, 124, 125, 126, 127, 21_845, 21_846, 32_767, 32_768, 65_535,
        65_536,
      ]) {
        const text = char.repeat(Math.ceil(units / char.length));
        const payload = Buffer.from(text, 'utf8');
        const expected = frame({ opcode: OPCODE.TEXT, payload, mask });
        const target = Buffer.alloc(text.length * 3 + 14 + 5, 0xee);
        const end = writeTextFrame(target, 5, OPCODE.TEXT, text, key);
        assert.equal(end - 5, expected.length, `${text.length} units`);
        assert.equal(Buffer.compare(target.subarray(5, end), expected), 0, `${text.length} units`);
        assert.equal(Buffer.compare(buildFrame(OPCODE.TEXT, text, key), expected), 0);
        assert.deepEqual([...target.subarray(0, 5)], Array(5).fill(0xee));
      }
    });
  }
}

test('MK-03 §5.3: building a masked frame does not change the payload', () => {
  const payload = Buffer.from('Hello');
  buildFrame(OPCODE.TEXT, payload, KEY);
  writeFrame(Buffer.alloc(64), 0, OPCODE.TEXT, payload, KEY);
  assert.equal(payload.toString(), 'Hello');
});

test('§5.7: the builder produces the example frames', () => {
  assert.equal(buildFrame(OPCODE.TEXT, 'Hello', undefined).toString('hex'), '810548656c6c6f');
  assert.equal(buildFrame(OPCODE.TEXT, 'Hello', KEY).toString('hex'), '818537fa213d7f9f4d5158');
  assert.equal(buildFrame(OPCODE.PING, 'Hello', undefined).toString('hex'), '890548656c6c6f');
  assert.equal(
    buildFrame(OPCODE.BINARY, Buffer.alloc(256), undefined).subarray(0, 4).toString('hex'),
    '827e0100',
  );
  assert.equal(
    buildFrame(OPCODE.BINARY, Buffer.alloc(65_536), undefined).subarray(0, 10).toString('hex'),
    '827f0000000000010000',
  );
});

test('FB-01: the parser reads frames that the builder produces', () => {
  const built = buildFrame(OPCODE.TEXT, 'Grüße', KEY);
  const read = readFrame(built);
  assert.deepEqual([read?.payload.toString(), read?.end, read?.fin], ['Grüße', built.length, true]);
});

test('CT-01 §5.5: a control frame carries at most 125 bytes', () => {
  checkControlPayload(Buffer.alloc(125));
  assert.throws(
    () => checkControlPayload(Buffer.alloc(126)),
    (error) => error instanceof MisuseError && /126/.test(error.message),
  );
});
