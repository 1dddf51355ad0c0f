import { binary, close, continuation, ping, text } from '../../src/testing/frames.ts';
import { fails, type Mask, type Row } from './row.ts';

/** Texts with every encoding length of code points, and the edges of each. */
export const VALID_TEXTS: readonly string[] = [
  '',
  'Hello',
  '\u0000\u007f',
  '\u0080\u07ff',
  '\u0800\u0fff\u1000',
  '\ud7ff\ue000\ufffd\ufffe\uffff',
  '\u{10000}\u{3ffff}\u{40000}\u{fffff}\u{100000}\u{10ffff}',
  '\ufeffafter a byte order mark',
  'κόσμε, Grüße, 世界, 👋🏽',
  `${'plain '.repeat(12)}— then not`,
];

/** Invalid UTF-8, and the number of bytes that prove it. */
export const INVALID_UTF8: readonly {
  readonly what: string;
  readonly bytes: readonly number[];
  readonly provedBy: number;
}[] = [
  { what: 'a continuation byte alone', bytes: [0x80], provedBy: 1 },
  { what: 'the last continuation byte alone', bytes: [0xbf], provedBy: 1 },
  { what: 'C0, always overlong', bytes: [0xc0, 0x80], provedBy: 1 },
  { what: 'C1, always overlong', bytes: [0xc1, 0xbf], provedBy: 1 },
  { what: 'two bytes, the second missing', bytes: [0xc3, 0x28], provedBy: 2 },
  { what: 'a lead byte after a lead byte', bytes: [0xc3, 0xc3], provedBy: 2 },
  { what: 'overlong in three bytes', bytes: [0xe0, 0x9f, 0xbf], provedBy: 2 },
  { what: 'three bytes, the third missing', bytes: [0xe2, 0x82, 0x41], provedBy: 3 },
  { what: 'the first surrogate', bytes: [0xed, 0xa0, 0x80], provedBy: 2 },
  { what: 'the last surrogate', bytes: [0xed, 0xbf, 0xbf], provedBy: 2 },
  { what: 'a pair of surrogates (CESU-8)', bytes: [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], provedBy: 2 },
  { what: 'overlong in four bytes', bytes: [0xf0, 0x8f, 0xbf, 0xbf], provedBy: 2 },
  { what: 'four bytes, the third wrong', bytes: [0xf0, 0x9f, 0x20, 0x80], provedBy: 3 },
  { what: 'four bytes, the fourth missing', bytes: [0xf0, 0x9f, 0x98, 0x20], provedBy: 4 },
  { what: 'U+110000', bytes: [0xf4, 0x90, 0x80, 0x80], provedBy: 2 },
  { what: 'F5, above U+10FFFF', bytes: [0xf5, 0x80, 0x80, 0x80], provedBy: 1 },
  { what: 'five bytes', bytes: [0xf8, 0x88, 0x80, 0x80, 0x80], provedBy: 1 },
  { what: 'FE', bytes: [0xfe], provedBy: 1 },
  { what: 'FF', bytes: [0xff], provedBy: 1 },
];

const DEFERRED = Buffer.from('more of it');
const before = Buffer.from('κόσμε');

const valid: Row[] = VALID_TEXTS.flatMap((whole) => {
  const bytes = Buffer.from(whole, 'utf8');
  return [
    {
      rule: `UT-01 ${JSON.stringify(whole)} in one frame`,
      wire: (mask: Mask) => [text(bytes, { mask })],
      lines: [`text ${JSON.stringify(whole)}`],
    },
    {
      rule: `UT-02 SE-18 ${JSON.stringify(whole)} in frames of one byte`,
      wire: (mask: Mask) => [
        text('', { mask, fin: false }),
        ...Array.from(bytes, (byte) => continuation(Buffer.of(byte), { mask, fin: false })),
        continuation('', { mask }),
      ],
      lines: [`text ${JSON.stringify(whole)}`],
    },
  ];
});

const invalid: Row[] = INVALID_UTF8.flatMap(({ what, bytes, provedBy }) => {
  const payload = Buffer.concat([before, Buffer.from(bytes)]);
  return [
    {
      rule: `UT-03 SE-18 ${what}, its frame unfinished`,
      wire: (mask: Mask) => [text(Buffer.concat([payload, DEFERRED]), { mask })],
      lines: fails('ERR_UTF8'),
      provedBy: { payload: before.length + provedBy },
    },
    {
      rule: `UT-03 SE-18 ${what}, in the first fragment of a message`,
      wire: (mask: Mask) => [
        text('good', { mask }),
        text(Buffer.concat([payload, DEFERRED]), { mask, fin: false }),
      ],
      lines: ['text "good"', ...fails('ERR_UTF8')],
      provedBy: { payload: before.length + provedBy },
    },
    {
      rule: `UT-02 UT-03 ${what}, begun in one fragment and proved in the next`,
      wire: (mask: Mask) => [
        text(payload.subarray(0, before.length + provedBy - 1), { mask, fin: false }),
        ping('', { mask }),
        continuation(Buffer.from(bytes.slice(provedBy - 1)), { mask, fin: false }),
      ],
      lines: ['> pong', 'ping', ...fails('ERR_UTF8')],
      provedBy: { payload: 1 },
    },
    {
      rule: `UT-04 ${what}, in binary`,
      wire: (mask: Mask) => [binary(payload, { mask })],
      lines: [`binary ${payload.toString('hex')}`],
    },
    {
      rule: `UT-05 SE-16 ${what}, in a close reason`,
      wire: (mask: Mask) => [close(1000, payload, { mask })],
      lines: fails('ERR_UTF8'),
    },
  ];
});

const ends: Row[] = ['c3', 'e2 82', 'f0 9f 98'].flatMap((digits) => {
  const bytes = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  return [
    {
      rule: `UT-03 a text that ends after ${digits}`,
      wire: (mask: Mask) => [text(bytes, { mask })],
      lines: fails('ERR_UTF8'),
      provedBy: { payload: bytes.length },
    },
    {
      rule: `UT-03 a text that an empty frame ends after ${digits}`,
      wire: (mask: Mask) => [text(bytes, { mask, fin: false }), continuation('', { mask })],
      lines: fails('ERR_UTF8'),
    },
    {
      rule: `UT-05 a close reason that ends after ${digits}`,
      wire: (mask: Mask) => [close(1000, bytes, { mask })],
      lines: fails('ERR_UTF8'),
    },
  ];
});

export const TEXT: readonly Row[] = [...valid, ...invalid, ...ends];
