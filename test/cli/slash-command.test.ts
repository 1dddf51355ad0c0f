import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOfHex, readTypedLine, type TypedLine } from '../../src/cli/slash-command.ts';

const ROWS: readonly (readonly [line: string, means: TypedLine])[] = [
  ['hello', { does: 'text', text: 'hello' }],
  ['', { does: 'text', text: '' }],
  [' /ping', { does: 'text', text: ' /ping' }],
  ['//', { does: 'text', text: '/' }],
  ['//quit now', { does: 'text', text: '/quit now' }],
  ['/ping', { does: 'ping', payload: '' }],
  ['/ping are  you there ', { does: 'ping', payload: 'are  you there ' }],
  ['/close', { does: 'close', code: 1000, reason: '' }],
  ['/close 4001', { does: 'close', code: 4001, reason: '' }],
  ['/close 4001 see you ', { does: 'close', code: 4001, reason: 'see you ' }],
  ['/close 99999', { does: 'close', code: 99_999, reason: '' }],
  ['/binary', { does: 'binary', bytes: Buffer.alloc(0) }],
  [
    '/binary 00 fF1',
    { does: 'nothing', why: '/binary takes an even number of hex digits, as in /binary 48 65 6c' },
  ],
  ['/binary 00 fF 10', { does: 'binary', bytes: Buffer.of(0, 255, 16) }],
  [
    '/binary xy',
    { does: 'nothing', why: '/binary takes an even number of hex digits, as in /binary 48 65 6c' },
  ],
  ['/quit', { does: 'quit' }],
  ['/help', { does: 'help' }],
  ['/close bye', { does: 'nothing', why: '/close needs a code before the reason, as in /close 1000 bye' }],
  [
    '/pin',
    {
      does: 'nothing',
      why: 'there is no command /pin; /help lists the commands, and //pin sends the text /pin',
    },
  ],
  ['/', { does: 'nothing', why: 'there is no command /; /help lists the commands, and // sends the text /' }],
];

for (const [line, means] of ROWS) {
  test(`CM-05: typed ${JSON.stringify(line)} means ${means.does}`, () => {
    assert.deepEqual(readTypedLine(line), means);
  });
}

test('CM-05: hex digits come in pairs, and may have spaces between them', () => {
  assert.deepEqual(bytesOfHex('de ad\tbe ef'), Buffer.of(0xde, 0xad, 0xbe, 0xef));
  for (const text of ['a', 'abc', 'zz', '0x00', '-1']) assert.equal(bytesOfHex(text), undefined, text);
});
