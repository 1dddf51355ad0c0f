import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseBodyReader } from '../../../src/protocol/handshake/response-body.ts';
import { ResponseHeadParser } from '../../../src/protocol/handshake/response-head.ts';

const LIMIT = 16;

/** The bytes read of a body, and whether they are all of it. */
function read(pieces: readonly Buffer[], fields: string, status = 403) {
  const text = `HTTP/1.1 ${status} x\r\n${fields}\r\n`;
  const head = new ResponseHeadParser({ maxHeadBytes: 1_024, maxHeaderFields: 9 }).receive(Buffer.from(text));
  const reader = new ResponseBodyReader(head!, LIMIT);
  for (const piece of pieces) reader.receive(piece);
  return [reader.take().toString('latin1'), reader.done];
}

for (const [what, fields, bytes, is, done, status] of [
  ['of a known length', 'Content-Length: 3\r\n', 'abcde', 'abc', true],
  ['of a known length, not all here', 'Content-Length: 9\r\n', 'abc', 'abc', false],
  ['of length 0', 'Content-Length: 0\r\n', '', '', true],
  ['that ends with the connection', '', 'abc', 'abc', false],
  ['longer than is kept', '', 'x'.repeat(40), 'x'.repeat(LIMIT), true],
  ['exactly as long as is kept', 'Content-Length: 16\r\n', 'x'.repeat(16), 'x'.repeat(16), true],
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n', 'abcde', 'abcde', false],
  ['with status 204', '', '', '', true, 204],
  ['in chunks', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n', 'abcde', true],
  ['in chunks, none', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n', '', true],
  ['in chunks, unfinished', 'Transfer-Encoding: chunked\r\n', 'A\r\nabc', 'abc', false],
  [
    'in chunks, longer than is kept',
    'Transfer-Encoding: chunked\r\n',
    'ff\r\n' + 'x'.repeat(40),
    'x'.repeat(16),
    true,
  ],
  ['in chunks that are none', 'Transfer-Encoding: chunked\r\n', 'zz\r\nabc', '', true],
  ['in chunks, an endless line', 'Transfer-Encoding: chunked\r\n', '1'.repeat(300), '', true],
] as const) {
  test(`CC-01 a body ${what} is read at every cut`, () => {
    const whole = Buffer.from(bytes, 'latin1');
    const pieces = (at: number[]) => at.map((start, i) => whole.subarray(start, at[i + 1]));
    assert.deepEqual(read([whole], fields, status), [is, done]);
    assert.deepEqual(read(pieces([...whole.keys()]), fields, status), [is, done], 'byte by byte');
    for (let cut = 1; cut < whole.length; cut++) {
      assert.deepEqual(read(pieces([0, cut]), fields, status), [is, done], `cut at ${cut}`);
    }
  });
}
