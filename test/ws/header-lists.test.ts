import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Door, hawser, real, skip } from './both.ts';

/** What a call gives, or the class and message of its error. */
function outcome(call: () => unknown): unknown {
  try {
    const value = call();
    return value instanceof Set ? [...(value as Set<unknown>)] : value;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const PROTOCOLS = [
  'a',
  'a,b',
  'a , b,\tc',
  'a, b',
  '',
  ' a',
  ' ',
  'a ',
  'a,',
  'a, ',
  ',a',
  'a,,b',
  'a b',
  'a b,c',
  'a,a',
  'a,a ',
  'a, a,b',
  'a;b',
  '"a"',
  'ä',
];

const EXTENSIONS = [
  'a',
  'a,b',
  'a , b',
  'a,a;x',
  'a; b; c=1 ; b=2',
  'a;b="c"',
  'a;b="\\c\\d"',
  'a;b="c\\d"; e',
  'a;b="c",d',
  '__proto__; constructor=1',
  'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
  '',
  ' a',
  'a ',
  'a,',
  ',a',
  'a;',
  'a;;b',
  'a; ;b',
  'a;b=',
  'a;b= c',
  'a;b =c',
  'a;b=c=d',
  'a;b="',
  'a;b=""',
  'a;b="c',
  'a;b="\\',
  'a;b="c"d',
  'a;b="c d"',
  'a;b="\\ "',
  'a;b=c ',
  'a;b=c"',
  'a b',
  'a;b c',
  'a;b="c" ; d',
  'ä',
  'a;ä',
];

for (const [what, values, parse] of [
  ['Sec-WebSocket-Protocol', PROTOCOLS, ({ subprotocol }: Door, value: string) => subprotocol.parse(value)],
  ['Sec-WebSocket-Extensions', EXTENSIONS, ({ extension }: Door, value: string) => extension.parse(value)],
] as const) {
  for (const value of values) {
    test(`CD-01: ${what} ${JSON.stringify(value)} is parsed, or refused with the error of ws`, {
      skip,
    }, () => {
      assert.deepEqual(
        outcome(() => parse(hawser, value)),
        outcome(() => parse(real, value)),
      );
    });
  }
}

test('CD-01: extensions are formatted as by ws', { skip }, () => {
  for (const value of [
    {},
    { a: {} },
    { a: [{}, { b: true }] },
    { a: { b: true, c: '1' }, d: [{ e: ['1', true, 2] }] },
    { a: { b: false } },
    hawser.extension.parse('a; b; c=1, a, d; e="f"'),
  ])
    assert.equal(hawser.extension.format(value), real.extension.format(value));
});
