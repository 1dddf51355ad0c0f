import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { byteByByte, everyCut, randomCuts } from '../../src/testing/cuts.ts';

const bytes = Buffer.from('0123456789');
const shown = (pieces: readonly Buffer[]) => pieces.map(String).join('|');

test('TK-02 everyCut: one cut between each two bytes, in order', () => {
  assert.deepEqual([...everyCut(Buffer.from('abcd'))].map(shown), ['a|bcd', 'ab|cd', 'abc|d']);
  assert.deepEqual([...everyCut(Buffer.from('a'))], []);
  assert.deepEqual([...everyCut(Buffer.alloc(0))], []);
});

test('TK-02 byteByByte: one piece per byte', () => {
  assert.equal(shown(byteByByte(Buffer.from('abc'))), 'a|b|c');
  assert.deepEqual(byteByByte(Buffer.alloc(0)), []);
});

test('TK-02 randomCuts: the requested number, all bytes, no empty pieces, the same for the same seed', () => {
  const cuttings = [...randomCuts(bytes, 1, 200)];
  assert.equal(cuttings.length, 200);
  for (const pieces of cuttings) {
    assert.equal(Buffer.concat(pieces).toString(), '0123456789');
    assert.ok(pieces.every((piece) => piece.length > 0));
  }
  assert.deepEqual([...randomCuts(bytes, 1, 200)].map(shown), cuttings.map(shown));
  assert.notDeepEqual([...randomCuts(bytes, 2, 200)].map(shown), cuttings.map(shown));
});

test('TK-02 randomCuts: from one piece to one piece per byte, and a cut at every place', () => {
  const cuttings = [...randomCuts(bytes, 5, 500)];
  const counts = new Set(cuttings.map((pieces) => pieces.length));
  assert.ok(counts.has(1) && counts.has(bytes.length), String([...counts]));
  const places = new Set<number>();
  for (const pieces of cuttings)
    for (let i = 0, at = 0; i < pieces.length - 1; i++) places.add((at += pieces[i]!.length));
  assert.equal(places.size, bytes.length - 1);
  assert.deepEqual([...randomCuts(Buffer.alloc(0), 1, 2)], [[], []]);
});

test('TK-02 pieces are copies: overwriting one changes neither the bytes nor the next cutting', () => {
  const source = Buffer.from('abcdef');
  const cuttings = [...everyCut(source), byteByByte(source), ...randomCuts(source, 1, 3)];
  for (const pieces of cuttings) {
    assert.equal(Buffer.concat(pieces).toString(), 'abcdef');
    for (const piece of pieces) piece.fill(0);
  }
  assert.equal(source.toString(), 'abcdef');
});

for (const count of [-1, 1.5, Number.NaN]) {
  test(`TK-02 ${count} is not a valid number of cuttings`, () => {
    assert.throws(() => [...randomCuts(bytes, 1, count)], { name: 'MisuseError', code: 'ERR_ARGUMENT' });
  });
}
