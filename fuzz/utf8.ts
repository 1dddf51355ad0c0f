import assert from 'node:assert/strict';
import { findInvalidUtf8, Utf8Validator } from '../src/protocol/utf8.ts';
import { simdMemory } from '../src/protocol/simd.ts';
import { decodeIfUtf8 } from '../src/protocol/utf8-decoder.ts';
import { type Prng, prng } from './prng.ts';
import { firstImpossibleByte, isText, textIn } from './utf8-model.ts';

/** Ranges of code points: one for each encoding form of UTF-8, and the boundaries that have rules of their own. */
const RANGES = [
  [0x00, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xfff],
  [0x1000, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x3ffff],
  [0x40000, 0xfffff],
  [0x100000, 0x10ffff],
] as const;

/** Byte sequences of every invalid class (§8.1, RFC 3629 §4). */
const BROKEN = [
  [0x80],
  [0xbf],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xc3],
  [0xe0, 0x9f, 0xbf],
  [0xe2, 0x82],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x9f, 0x98],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xfe],
  [0xff],
] as const;

/** UTF-8 of at most, and nearly, `bytes` bytes. Contains a fault with the given probability. */
export function nearlyText(random: Prng, bytes: number, brokenRatio: number): Buffer {
  const asciiRatio = random.pick([0, 0.5, 0.98, 1]);
  const parts: Buffer[] = [];
  let left = bytes;
  while (left > 0) {
    const [from, to] = random.bool(asciiRatio) ? RANGES[0] : random.pick(RANGES);
    const point = random.bool(0.2) ? random.pick([from, to]) : from + random.int(to - from + 1);
    const part = Buffer.from(String.fromCodePoint(point), 'utf8');
    parts.push(part.length <= left ? part : Buffer.alloc(left, 'x'));
    left -= part.length;
  }
  const text = Buffer.concat(parts);
  if (!random.bool(brokenRatio) || text.length === 0) return text;
  const broken = Buffer.from(random.pick(BROKEN));
  broken.copy(text, random.int(text.length));
  return text;
}

/** Memory in which the SIMD code decodes texts in place: the read buffer, whose contents last for one read. */
const fast = (simdMemory ?? Buffer.alloc(4_096)).subarray(-4_096);

/**
 * Feeds text to the validator in pieces, and to the decoder as a whole. Invariants:
 * - For every cut, the validator fails at exactly the first byte after which no continuation is valid.
 * - The validator reports a boundary between code points exactly when the bytes so far are valid.
 * - The decoder agrees with the platform's decoder, whatever the position of the text and the bytes around it.
 * @throws Error that names seed and iteration, with the bytes in hex.
 */
export function fuzzUtf8(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const size = random.int(random.pick([6, 30, 120, 600]));
    const bytes = random.bool(0.05) ? random.bytes(size) : nearlyText(random, size, 0.5);
    try {
      check(bytes, [bytes]);
      check(bytes, random.cut(bytes, 1 + random.int(8)));
      checkDecoder(bytes, random);
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}: ${bytes.toString('hex')}`, { cause: error });
    }
  }
}

function check(bytes: Buffer, pieces: readonly Buffer[]): void {
  const impossible = firstImpossibleByte(bytes);
  const validator = new Utf8Validator();
  let received = 0;
  for (const piece of pieces) {
    // Other bytes surround the text, as they surround a payload in a read.
    const memory = Buffer.concat([Buffer.of(0xff), piece, Buffer.of(0x80)]);
    const bad = validator.receive(memory, 1, 1 + piece.length);
    if (bad >= 0) {
      assert.equal(received + bad - 1, impossible, 'first impossible byte');
      return;
    }
    received += piece.length;
    assert.equal(validator.atBoundary, isText(bytes.subarray(0, received)), 'between code points');
  }
  assert.equal(impossible, -1, 'nothing noticed');
  assert.equal(findInvalidUtf8(bytes), isText(bytes) ? -1 : bytes.length, 'all at once');
}

function checkDecoder(bytes: Buffer, random: Prng): void {
  const text = textIn(bytes);
  const start = random.int(64);
  const end = start + bytes.length;
  for (const memory of [fast, Buffer.alloc(end + 64)]) {
    memory.fill(random.pick([0x00, 0x80, 0xbf, 0xc3, 0xe2, 0xf0]), 0, end + 64);
    memory.set(bytes, start);
    assert.equal(decodeIfUtf8(memory, start, end), text, 'decoded');
  }
}
