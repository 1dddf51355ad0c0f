import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { indentedJson } from '../../src/cli/indented-json.ts';
import { messageLine, messageLines } from '../../src/cli/shown-message.ts';

test('CM-05: JSON is indented, and its numbers, names and strings stay as written', () => {
  const text = '{"id":12345678901234567890,"a":[1.0,2e3,-0],"a":{},"b":[],"c":{"d":"x{,}:\\"[]"},"e":null}';
  assert.equal(
    indentedJson(text),
    [
      '{',
      '  "id": 12345678901234567890,',
      '  "a": [',
      '    1.0,',
      '    2e3,',
      '    -0',
      '  ],',
      '  "a": {},',
      '  "b": [],',
      '  "c": {',
      '    "d": "x{,}:\\"[]"',
      '  },',
      '  "e": null',
      '}',
    ].join('\n'),
  );
});

test('CM-05: indented JSON is equal to the original, and indenting it again changes nothing', () => {
  const holders = fc.json().filter((text) => /^\s*[[{]/.test(text));
  fc.assert(
    fc.property(holders, (text) => {
      const indented = indentedJson(text)!;
      assert.deepEqual(JSON.parse(indented), JSON.parse(text));
      assert.equal(indentedJson(indented), indented);
    }),
  );
});

test('CM-05: deep nesting is indented up to level 32, so that the output stays proportional to the text', () => {
  const deep = indentedJson(`${'['.repeat(2_000)}${']'.repeat(2_000)}`)!;
  const widest = Math.max(...deep.split('\n').map((line) => line.search(/\S/)));
  assert.equal(widest, 64);
  assert.ok(deep.length < 4_000 * 70, `${deep.length} characters`);
});

test('CM-05: a long JSON array is indented member by member', () => {
  const members = Array.from({ length: 15_000 }, (_, n) => n);
  assert.equal(indentedJson(JSON.stringify(members))!.split('\n').length, 15_002);
});

test('CM-05: text beyond 65,536 characters is cut; a note has the missing length and how to see all of it', () => {
  const note = (more: string): string => `… and ${more}; --json, or output to a pipe, shows all of it`;
  assert.deepEqual(messageLines('x'.repeat(65_536)), ['x'.repeat(65_536)]);
  assert.deepEqual(messageLines('x'.repeat(65_537)), ['x'.repeat(65_536), note('1 more character')]);
  const json = JSON.stringify(Array.from({ length: 40_000 }, () => 7));
  const lines = messageLines(json);
  assert.equal(lines.length, 2);
  assert.equal(lines[1], note(`${(json.length - 65_536).toLocaleString('en-US')} more characters`));
  assert.equal(messageLine(json), json);
});

test('CM-05: a JSON string of 65,000 escaped characters is indented', () => {
  const text = `["${String.raw`\"`.repeat(32_000)}"]`;
  assert.equal(indentedJson(text), `[\n  ${text.slice(1, -1)}\n]`);
});

for (const text of ['', 'hello', '5', '"text"', '{', '{"a":}', '[1,]', '{} {}', 'null', '{a:1}']) {
  test(`CM-05: ${JSON.stringify(text)} is not a JSON object or array, and is not indented`, () => {
    assert.equal(indentedJson(text), undefined);
  });
}

test('CM-02: text of a peer can neither start a line nor control the terminal', () => {
  const hostile = 'a\u001b[2J\r\nb\u0007\u202ec';
  assert.equal(messageLine(hostile), 'a\\u{1b}[2J\\u{d}\\u{a}b\\u{7}\\u{202e}c');
  assert.deepEqual(messageLines(hostile), ['a\\u{1b}[2J', 'b\\u{7}\\u{202e}c']);
  assert.deepEqual(messageLines('{"a":"\u009b31m"}'), ['{', '  "a": "\\u{9b}31m"', '}']);
});

test('CM-05: binary is hex in a pipe, and a dump of limited length at a terminal', () => {
  assert.equal(messageLine(Buffer.from('Hi\n')), '48690a');
  assert.deepEqual(messageLines(Buffer.of(0)), ['1 byte', `0000  ${'00'.padEnd(48)} .`]);
  const lines = messageLines(Buffer.alloc(1_300, 'A'));
  assert.equal(lines.length, 18);
  assert.equal(lines[0], '1,300 bytes');
  assert.equal(lines[16], `00f0  ${'41 '.repeat(16)} ${'A'.repeat(16)}`);
  assert.equal(lines[17], '… and 1,044 more');
});
