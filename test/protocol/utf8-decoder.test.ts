import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { nearlyText } from '../../fuzz/utf8.ts';
import { prng } from '../../fuzz/prng.ts';
import { textIn } from '../../fuzz/utf8-model.ts';
import { simd, simdMemory } from '../../src/protocol/simd.ts';
import { decodeIfUtf8, decodeUtf8 } from '../../src/protocol/utf8-decoder.ts';
import { INVALID_UTF8, VALID_TEXTS } from '../vectors/text.ts';

/** Longest text that SIMD decodes. */
const ROOM_BYTES = 262_144;
const [FAST, ORDINARY] = [(simdMemory ?? Buffer.alloc(8_192)).subarray(-8_192), Buffer.alloc(8_192)];
/** Bytes around a text that could seem to belong to it, or hide that it is cut. */
const AROUND = [0x00, 0x41, 0x80, 0xbf, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
/** Prefixes of every length up to 70 bytes, so that the rest lies before, in and across every block of 16 bytes. */
const BEGINNINGS = Array.from({ length: 71 }, (_, length) =>
  ['x', 'é', '世', '👋'].map((char) => {
    const size = Buffer.byteLength(char);
    return 'x'.repeat(length % size) + char.repeat(length / size);
  }),
).flat();

/** Decodes in SIMD memory and in ordinary memory; neither the text nor the bytes around it may change. */
function check(bytes: Uint8Array, around: number): void {
  const text = textIn(bytes);
  const start = 17 + (bytes.length % 16);
  const end = start + bytes.length;
  for (const memory of [FAST, ORDINARY]) {
    memory.fill(around, 0, end + 100);
    memory.set(bytes, start);
    assert.equal(decodeIfUtf8(memory, start, end), text);
    if (text !== undefined) assert.equal(decodeUtf8(memory, start, end), text);
    assert.deepEqual(memory.subarray(start, end), Buffer.from(bytes));
    for (let i = 0; i < start; i++) assert.equal(memory[i], around);
    for (let i = end; i < end + 100; i++) assert.equal(memory[i], around);
  }
}

test('UT-01: this machine has SIMD, so the SIMD decoder is tested', () => {
  assert.ok(simd !== undefined && FAST.buffer === simd.buffer);
});

for (const text of VALID_TEXTS) {
  test(`UT-01 UT-04: ${JSON.stringify(text)} is decoded at every offset, and refused when cut`, () => {
    const bytes = Buffer.from(text);
    for (const [i, beginning] of BEGINNINGS.entries()) {
      const around = AROUND[i % AROUND.length]!;
      check(Buffer.concat([Buffer.from(beginning), bytes, Buffer.from('!')]), around);
      for (let end = 0; end <= bytes.length; end++) {
        check(Buffer.concat([Buffer.from(beginning), bytes.subarray(0, end)]), around);
      }
    }
  });
}

for (const { what, bytes } of INVALID_UTF8) {
  test(`UT-01 SE-18: ${what} is detected at every position`, () => {
    for (const [i, beginning] of BEGINNINGS.entries()) {
      for (const ending of ['', 'x', 'é', '世界', '👋🏽', 'long enough for another block']) {
        const all = Buffer.concat([Buffer.from(beginning), Buffer.from(bytes), Buffer.from(ending)]);
        assert.equal(textIn(all), undefined);
        check(all, AROUND[i % AROUND.length]!);
      }
    }
  });
}

test('UT-01: every code point except surrogates is decoded unchanged', () => {
  const points: string[] = [];
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point < 0xd800 || point > 0xdfff) points.push(String.fromCodePoint(point));
  }
  // 1,999 is odd, so texts start at every offset of a block.
  for (let at = 0; at < points.length; at += 1_999) {
    const text = points.slice(at, at + 1_999).join('');
    const bytes = Buffer.from(text);
    FAST.set(bytes, at % 16);
    assert.equal(decodeIfUtf8(FAST, at % 16, (at % 16) + bytes.length), text);
    assert.equal(decodeUtf8(bytes, 0, bytes.length), text);
  }
});

test('UT-01: every sequence of one, two, three and four bytes gives the result of the platform', () => {
  // The edges of every range that the rules name.
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
  FAST.fill(0x78);
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const at = 10 + ((first + second) % 16);
      for (const third of first < 0x80 ? [0x80] : edges) {
        for (const fourth of first < 0xf0 ? [0x78] : edges) {
          FAST.writeUInt32BE(((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0, at);
          const text = isUtf8(FAST.subarray(0, 48)) ? FAST.toString('utf8', 0, 48) : undefined;
          if (decodeIfUtf8(FAST, 0, 48) !== text) assert.fail(FAST.toString('hex', 0, 48));
        }
      }
      FAST.fill(0x78, at, at + 4);
    }
  }
});

test('UT-01: texts of the size of the decoder memory, and larger ones, are decoded', () => {
  for (const length of [ROOM_BYTES - 16, ROOM_BYTES - 15, ROOM_BYTES - 1, ROOM_BYTES, ROOM_BYTES + 1]) {
    for (const rest of ['\u00ff', '\u0100', '世', '\u{10ffff}']) {
      const size = Buffer.byteLength(rest);
      for (const text of [
        'x'.repeat(length - size) + rest,
        rest + 'x'.repeat(length - size),
        'x'.repeat(length % size) + rest.repeat(length / size),
      ]) {
        const bytes = Buffer.from(text);
        assert.equal(bytes.length, length);
        assert.ok(decodeIfUtf8(bytes, 0, length) === text);
        assert.ok(decodeUtf8(bytes, 0, length) === text);
        bytes[length - 1] = 0xff;
        assert.equal(decodeIfUtf8(bytes, 0, length), undefined);
      }
    }
  }
  check(Buffer.from('κόσμε, Grüße, 世界, 👋🏽'), 0);
});

test('UT-01 UT-04: valid and nearly valid texts of any length give the result of the platform', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(10, 100, 1_000, 2_100, 6_000),
      fc.constantFrom(0, 0.5),
      fc.constantFrom(...AROUND),
      (seed, most, brokenRatio, around) => {
        const random = prng(seed);
        const bytes = nearlyText(random, random.int(most), brokenRatio);
        check(bytes, around);
      },
    ),
    { numRuns: 1_000 },
  );
});
