import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExtensionOffer, parseExtensions } from '../../../src/protocol/handshake/extension-list.ts';

const offer = (name: string, ...params: [string, string | true][]): ExtensionOffer => ({ name, params });

const GOOD: readonly (readonly [value: string, offers: ExtensionOffer[]])[] = [
  // The examples of §9.1.
  ['foo', [offer('foo')]],
  ['foo,bar; baz=2', [offer('foo'), offer('bar', ['baz', '2'])]],
  ['bar; baz=2, foo', [offer('bar', ['baz', '2']), offer('foo')]],
  ['deflate-stream', [offer('deflate-stream')]],
  [
    'mux; max-channels=4; flow-control, deflate-stream',
    [offer('mux', ['max-channels', '4'], ['flow-control', true]), offer('deflate-stream')],
  ],
  ['private-extension', [offer('private-extension')]],
  // RFC 7692 §7.1.
  [
    'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
    [
      offer('permessage-deflate', ['client_max_window_bits', true], ['server_max_window_bits', '10']),
      offer('permessage-deflate'),
    ],
  ],
  ['a;b="c"', [offer('a', ['b', 'c'])]],
  ['a;b="c\\d\\e"', [offer('a', ['b', 'cde'])]],
  ['a;b="\\c"', [offer('a', ['b', 'c'])]],
  ['a;b="c",d', [offer('a', ['b', 'c']), offer('d')]],
  [' \ta ; b\t=\t"c" ; d , e\t', [offer('a', ['b', 'c'], ['d', true]), offer('e')]],
  ['a;b;b=1;b', [offer('a', ['b', true], ['b', '1'], ['b', true])]],
  ['a,a', [offer('a'), offer('a')]],
  // RFC 9110 §5.6.1.2
  ['', []],
  [' ', []],
  [',', []],
  [' ,\t, ', []],
  ['permessage-deflate,', [offer('permessage-deflate')]],
  [',a', [offer('a')]],
  ['a,,b', [offer('a'), offer('b')]],
  [', a ; b=1 ,\t, c ,', [offer('a', ['b', '1']), offer('c')]],
  ['a; b="c",', [offer('a', ['b', 'c'])]],
  [
    '__proto__;constructor=toString;__proto__',
    [offer('__proto__', ['constructor', 'toString'], ['__proto__', true])],
  ],
];
for (const [value, offers] of GOOD) {
  test(`HS-18 §9.1 ${JSON.stringify(value)}`, () => assert.deepEqual(parseExtensions(value), offers));
}

const BAD = [
  ';',
  '=',
  '"',
  ',;',
  'a,;',
  'a;,b',
  'a,b c',
  'a;',
  'a;;b',
  'a;=b',
  'a;b=',
  'a;b=,c',
  'a;b=c=d',
  'a b',
  'a;b c',
  'a;b=c d',
  'a=b',
  '"a"',
  'a;"b"',
  'a;b=""',
  'a;b="c',
  'a;b="',
  'a;b="c d"',
  'a;b="c,d"',
  'a;b="c"d',
  'a;b="c""d"',
  'a;b="\\',
  'a;b="\\"',
  'a;b="\\""',
  'a;b="\\\\"',
  'a;b="c\\',
  'a;b="c\\ "',
  'a;b=c"d"',
  'a;b=\\c',
  'a/b',
  'a;b=(c)',
  'caf\xe9',
  'a;b="\xe9"',
  '\u0101',
  'a\0',
  'a;b\r\n=c',
];
for (const value of BAD) {
  test(`HS-18 §9.1 refuses ${JSON.stringify(value)}`, () => {
    assert.throws(() => parseExtensions(value), {
      name: 'HandshakeError',
      code: 'ERR_EXTENSIONS_FIELD',
      status: 400,
    });
  });
}

test('SE-03 a megabyte of separators, blanks, quotes or backslash pairs is refused', () => {
  // quadratic work would take minutes here
  const size = 1 << 20;
  for (const value of [';', '"', '\\', 'a;', 'a ', 'a;b="', '\\"', '=']) {
    assert.throws(() => parseExtensions(value.repeat(size / value.length)), { code: 'ERR_EXTENSIONS_FIELD' });
  }
  assert.throws(() => parseExtensions(`a;b="${'\\"'.repeat(size)}"`), { code: 'ERR_EXTENSIONS_FIELD' });
  assert.throws(() => parseExtensions(`a;b="${'\\c'.repeat(size)}`), { code: 'ERR_EXTENSIONS_FIELD' });
});

test('SE-03 a megabyte of blanks and commas is an empty list, or has only the offers between them', () => {
  const size = 1 << 20;
  for (const value of [' ', '\t', ',', ' ,', ',\t']) {
    const filling = value.repeat(size / value.length);
    assert.deepEqual(parseExtensions(filling), []);
    assert.deepEqual(parseExtensions(`a,${filling},b`), [offer('a'), offer('b')]);
  }
  assert.equal(parseExtensions('a,'.repeat(size / 2)).length, size / 2);
});

test('HS-18 many offers and long quoted values are parsed', () => {
  assert.equal(parseExtensions(Array.from({ length: 5000 }, () => 'a').join()).length, 5000);
  assert.deepEqual(parseExtensions(`a;b="${'\\c'.repeat(8000)}"`), [offer('a', ['b', 'c'.repeat(8000)])]);
});
