import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mask, maskAt, nonAscii, readKey, simdOffset, writeKey } from '../../src/protocol/mask.ts';
import { simd, simdMemory } from '../../src/protocol/simd.ts';
import { decodeUtf8 } from '../../src/protocol/utf8-decoder.ts';
import { hex } from '../../src/testing/frames.ts';

/** Follows the definition in §5.3. */
const masked = (bytes: Uint8Array, key: Uint8Array, at: number): Buffer =>
  Buffer.from(Array.from(bytes, (byte, i) => byte ^ key[(at + i) % 4]!));

/** Bytes around the payload; masking must not change them. */
const AROUND = 0x5a;
/** SIMD memory, on machines that have SIMD. */
const FAST = (simdMemory ?? Buffer.alloc(1_024)).subarray(-1_024);

function check(payload: Uint8Array, keyBytes: Uint8Array, offset: number, at: number): void {
  const bytes = offset + payload.length + 9;
  checkIn(Buffer.alloc(bytes), payload, keyBytes, offset, at);
  checkIn(FAST.subarray(0, bytes), payload, keyBytes, offset, at);
}

function checkIn(
  memory: Buffer,
  payload: Uint8Array,
  keyBytes: Uint8Array,
  offset: number,
  at: number,
): void {
  memory.fill(AROUND);
  memory.set(payload, offset);
  const end = offset + payload.length;
  const result = mask(memory, offset, end, readKey(keyBytes, 0), at);
  const right = masked(payload, keyBytes, at);
  assert.deepEqual(memory.subarray(offset, end), right);
  assert.ok([...memory.subarray(0, offset), ...memory.subarray(end)].every((byte) => byte === AROUND));
  const isAscii = right.every((byte) => byte < 0x80);
  assert.equal(result === 0, isAscii, 'what it says of ASCII');
  assert.equal(nonAscii(memory, offset, end) === 0, isAscii);
  assert.deepEqual(memory.subarray(offset, end), right, 'looking changes nothing');
}

test('MK-02: this machine has SIMD, so both implementations of masking are tested', () => {
  assert.ok(simd !== undefined && FAST.buffer === simd.buffer);
});

test('MK-01 §5.7: Hello is masked with 37 FA 21 3D as in the RFC', () => {
  const bytes = Buffer.from('Hello');
  mask(bytes, 0, 5, readKey(hex('37 fa 21 3d'), 0), 0);
  assert.deepEqual(bytes, hex('7f 9f 4d 51 58'));
});

test('MK-01: every alignment, length up to 70 and position gives the naive result', () => {
  const key = hex('81 02 f3 04');
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length <= 70; length++) {
      const payload = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
      for (let at = 0; at < 5; at++) check(payload, key, offset, at);
    }
  }
});

test('MK-01: SIMD code gives the naive result at every length and alignment, with short payloads too', () => {
  const key = hex('81 02 f3 04');
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length <= 150; length++) {
      // The last byte alone is not ASCII, or none is.
      for (const last of [0x80, 0]) {
        const right = Buffer.alloc(length, 0x41);
        if (length > 0) right[length - 1]! |= last;
        FAST.fill(AROUND);
        masked(right, key, 0).copy(FAST, offset);
        const end = offset + length;
        const result = maskAt(simdOffset(FAST), FAST, offset, end, readKey(key, 0), 0);
        assert.deepEqual(FAST.subarray(offset, end), right);
        assert.ok([...FAST.subarray(0, offset), ...FAST.subarray(end)].every((byte) => byte === AROUND));
        assert.equal(result === 0, length === 0 || last === 0, `ASCII, ${length} bytes`);
      }
    }
  }
});

test('MK-01: any payload, key, alignment and position gives the naive result', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat({ max: 15 }),
      fc.nat({ max: 2 ** 31 }),
      check,
    ),
    { numRuns: 500 },
  );
});

test('MK-01: one byte that is not ASCII is detected at every position', () => {
  const key = hex('a1 b2 c3 d4');
  for (const length of [1, 31, 32, 33, 64, 67]) {
    for (let offset = 0; offset < 4; offset++) {
      check(masked(Buffer.alloc(length, 0x7f), key, 1), key, offset, 1);
      for (let at = 0; at < length; at++) {
        const text = Buffer.alloc(length, 0x20);
        text[at] = 0x80;
        check(masked(text, key, 3), key, offset, 3);
      }
    }
  }
});

test('MK-01: long payloads in ordinary memory are masked by way of SIMD memory, in pieces', () => {
  const key = hex('81 02 f3 04');
  for (const length of [1_023, 1_024, 1_025, 16_383, 16_384, 16_385, 32_768, 40_001]) {
    for (const [offset, at] of [
      [0, 0],
      [3, 0],
      [1, 2],
      [4, 7],
    ] as const) {
      for (const place of [undefined, 0, length >> 1, length - 1]) {
        const text = Buffer.alloc(length, 0x20);
        if (place !== undefined) text[place] = 0x80;
        checkIn(Buffer.alloc(offset + length + 9), masked(text, key, at), key, offset, at);
      }
    }
  }
});

test('MK-01 UT-02: masking and decoding use the same memory in turns, and neither changes the result of the other', () => {
  const key = readKey(hex('81 02 f3 04'), 0);
  const text = 'aé漢🙂'.repeat(9_000);
  const bytes = Buffer.from(text);
  for (let turn = 0; turn < 2; turn++) {
    mask(bytes, 0, bytes.length, key, 0);
    mask(bytes, 0, bytes.length, key, 0);
    assert.equal(decodeUtf8(bytes, 0, bytes.length), text);
  }
});

test('MK-01 FP-01: the key position carries over every cut', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 5 }),
      (payload, key, places) => {
        const bytes = Buffer.from(payload);
        const cuts = [
          0,
          ...places.filter((place) => place < bytes.length).sort((a, b) => a - b),
          bytes.length,
        ];
        for (const [i, start] of cuts.slice(0, -1).entries()) {
          mask(bytes, start, cuts[i + 1]!, readKey(key, 0), start);
        }
        assert.deepEqual(bytes, masked(payload, key, 0));
      },
    ),
  );
});

test('§5.3: masking twice restores the payload', () => {
  const bytes = Buffer.from('κόσμε, '.repeat(20));
  const before = Buffer.from(bytes);
  const key = readKey(hex('ff 00 80 7f'), 0);
  mask(bytes, 3, bytes.length, key, 7);
  assert.notDeepEqual(bytes, before);
  mask(bytes, 3, bytes.length, key, 7);
  assert.deepEqual(bytes, before);
});

test('§5.2: a key is read and written as its 4 bytes in order', () => {
  for (const digits of ['00 00 00 00', '37 fa 21 3d', '80 00 00 00', '00 00 00 80', 'ff ff ff ff']) {
    const written = Buffer.alloc(6, AROUND);
    writeKey(written, 1, readKey(Buffer.concat([Buffer.of(9), hex(digits)]), 1));
    assert.deepEqual(written, Buffer.concat([Buffer.of(AROUND), hex(digits), Buffer.of(AROUND)]));
  }
});

test('UT-02: ASCII is detected in unmasked bytes, in SIMD and ordinary memory, by words and by bytes', () => {
  for (const memory of [Buffer.alloc(400), FAST.subarray(0, 400)]) {
    for (const length of [0, 1, 15, 31, 32, 63, 64, 65, 300]) {
      for (const start of [0, 1, 3]) {
        memory.fill(0x80).fill(0x7f, start, start + length);
        assert.equal(nonAscii(memory, start, start + length), 0, `${length} from ${start}`);
        for (const at of [0, length >> 1, length - 1].filter((place) => place >= 0 && place < length)) {
          memory[start + at] = 0x80;
          assert.notEqual(nonAscii(memory, start, start + length), 0, `${at} of ${length} from ${start}`);
          memory[start + at] = 0x7f;
        }
      }
    }
  }
});
