import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstImpossibleByte, isText } from '../../fuzz/utf8-model.ts';
import { findInvalidUtf8, Utf8Validator } from '../../src/protocol/utf8.ts';
import { byteByByte, everyCut } from '../../src/testing/cuts.ts';
import { INVALID_UTF8, VALID_TEXTS } from '../vectors/text.ts';

/** The position at which the validator fails; otherwise `'between'` or `'inside'` a code point. */
function verdict(pieces: readonly Uint8Array[]): number | 'between' | 'inside' {
  const validator = new Utf8Validator();
  let before = 0;
  for (const piece of pieces) {
    const bad = validator.receive(piece, 0, piece.length);
    if (bad >= 0) return before + bad;
    before += piece.length;
  }
  return validator.atBoundary ? 'between' : 'inside';
}

function everyCutting(bytes: Uint8Array): number | 'between' | 'inside' {
  const whole = verdict([bytes]);
  assert.equal(verdict(byteByByte(bytes)), whole, 'byte by byte');
  for (const pieces of everyCut(bytes)) assert.equal(verdict(pieces), whole, 'cut in two');
  return whole;
}

/** Long enough for the platform's own check, before and after the text. */
const PADS = ['', 'x', '‖', 'long enough for a check by the platform itself, '.repeat(2), '世'.repeat(40)];

for (const text of VALID_TEXTS) {
  test(`UT-01 UT-02: ${JSON.stringify(text)} is valid at every cut`, () => {
    for (const pad of PADS) {
      const bytes = Buffer.from(pad + text + pad);
      assert.equal(everyCutting(bytes), 'between');
      assert.equal(findInvalidUtf8(bytes), -1);
    }
  });
}

for (const { what, bytes, provedBy } of INVALID_UTF8) {
  test(`UT-01 UT-03 SE-18: ${what} fails at byte ${provedBy}, at every cut`, () => {
    for (const before of PADS) {
      for (const after of PADS) {
        const all = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
        const at = Buffer.byteLength(before) + provedBy - 1;
        assert.equal(everyCutting(all), at);
        assert.equal(findInvalidUtf8(all), at);
      }
    }
  });
}

test('UT-03: a text that ends inside a code point is distinguished from a whole text', () => {
  for (const text of VALID_TEXTS) {
    const bytes = Buffer.from(text);
    for (let end = 0; end <= bytes.length; end++) {
      const beginning = bytes.subarray(0, end);
      assert.equal(everyCutting(beginning), isText(beginning) ? 'between' : 'inside');
      assert.equal(findInvalidUtf8(beginning), isText(beginning) ? -1 : end);
    }
  }
});

test('UT-01: every sequence of one, two and three bytes gives the result of the platform', () => {
  // Third bytes at the edges of every range that the rules name.
  const thirds = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      // No third byte changes what the first two decide. The model is slow.
      const decided = firstImpossibleByte(Uint8Array.of(first, second));
      for (const third of first < 0x80 ? [0x80] : thirds) {
        const bytes = Uint8Array.of(first, second, third);
        const impossible = decided >= 0 ? decided : firstImpossibleByte(bytes);
        const found = verdict([bytes]);
        if ((typeof found === 'number' ? found : -1) !== impossible)
          assert.fail(`${Buffer.from(bytes).toString('hex')}: ${found}, the platform: ${impossible}`);
      }
    }
  }
});

test('UT-01 UT-02: any bytes at any cuts give the result of the platform', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 120 }).map((text) => Buffer.from(text)),
    fc
      .tuple(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.uint8Array({ maxLength: 3 }), fc.string())
      .map(([before, odd, after]) => Buffer.concat([Buffer.from(before), odd, Buffer.from(after)])),
  );
  fc.assert(
    fc.property(bytes, fc.array(fc.nat({ max: 150 }), { maxLength: 4 }), (all, places) => {
      const cuts = [...places.filter((place) => place <= all.length).sort((a, b) => a - b), all.length];
      const pieces = cuts.map((end, i) => all.subarray(i === 0 ? 0 : cuts[i - 1], end));
      const found = verdict(pieces);
      assert.equal(typeof found === 'number' ? found : -1, firstImpossibleByte(all));
      if (typeof found !== 'number') assert.equal(found === 'between', isText(all));
    }),
    { numRuns: 1_000 },
  );
});
