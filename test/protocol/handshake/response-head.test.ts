import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectError } from '../../../src/protocol/connect-error.ts';
import { ResponseHeadParser, type ResponseHead } from '../../../src/protocol/handshake/response-head.ts';
import { MisuseError } from '../../../src/protocol/errors.ts';

const LIMITS = { maxHeadBytes: 1_024, maxHeaderFields: 4 };

/** Result of a parser for pieces: head and rest, the fault, or nothing yet. */
function outcome(pieces: readonly Uint8Array[]) {
  const parser = new ResponseHeadParser(LIMITS);
  const rest: Uint8Array[] = [];
  let head: ResponseHead | undefined;
  for (const piece of pieces) {
    if (head !== undefined) {
      rest.push(piece);
      continue;
    }
    try {
      head = parser.receive(piece);
      if (head !== undefined) rest.push(parser.takeRest());
    } catch (error) {
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, 'ERR_RESPONSE');
      assert.equal(error.phase, 'response');
      return error.message;
    }
  }
  if (head === undefined) return undefined;
  return { ...head, fields: [...head.fields], rest: Buffer.concat(rest).toString('latin1') };
}

/** Runs the text whole, byte by byte, and cut in two at every position; all must agree. */
function everyCut(text: string) {
  const bytes = Buffer.from(text, 'latin1');
  const whole = outcome([bytes]);
  assert.deepEqual(outcome(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))), whole, 'byte by byte');
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.deepEqual(outcome([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
  }
  return whole;
}

const head = (status: number, reason: string, fields: string[][] = [], httpVersion = '1.1', rest = '') => ({
  httpVersion,
  status,
  reason,
  fields,
  rest,
});

const GOOD: [string, string, ReturnType<typeof head>][] = [
  [
    '§1.2 the answer of the RFC',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    head(101, 'Switching Protocols', [
      ['upgrade', 'websocket'],
      ['connection', 'Upgrade'],
      ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
    ]),
  ],
  [
    'HS-13 frames after the head',
    'HTTP/1.1 101 x\r\n\r\n\x81\x02\r\n',
    head(101, 'x', [], '1.1', '\x81\x02\r\n'),
  ],
  ['RFC 9112 §4 an empty reason', 'HTTP/1.1 404 \r\n\r\n', head(404, '')],
  ['no reason and no space', 'HTTP/1.1 404\r\nA:b\r\n\r\n', head(404, '', [['a', 'b']])],
  ['another version', 'HTTP/1.0 200 OK\r\n\r\n', head(200, 'OK', [], '1.0')],
  ['Latin-1 and a tab in the reason', 'HTTP/1.1 500 \xfc\tx\r\n\r\n', head(500, '\xfc\tx')],
  [
    'RFC 9112 §5.2 a folded field is unfolded',
    'HTTP/1.1 101 x\r\nA: b\r\n c\r\n\t d\r\nE:\r\n f\r\n \r\nG: h\r\n\r\n',
    head(101, 'x', [
      ['a', 'b c d'],
      ['e', 'f'],
      ['g', 'h'],
    ]),
  ],
  ['RFC 9112 §4 the smallest status', 'HTTP/1.1 000 \r\n\r\n', head(0, '')],
];
for (const [rule, text, is] of GOOD) {
  test(`CC-04 response head: ${rule}`, () => {
    assert.deepEqual(everyCut(text), is);
    const bytes = Buffer.from(text.slice(0, text.length - is.rest.length), 'latin1');
    for (let cut = 0; cut < bytes.length; cut++) assert.equal(outcome([bytes.subarray(0, cut)]), undefined);
  });
}

const BAD: [string, string, RegExp][] = [
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', /does not begin with an HTTP version/],
  ['a body first', '\r\nHTTP/1.1 101 x\r\n\r\n', /does not begin/],
  ['two spaces', 'HTTP/1.1  101 x\r\n\r\n', /three digits/],
  ['a version of two digits', 'HTTP/1.12 101 x\r\n\r\n', /does not begin/],
  ['two digits', 'HTTP/1.1 10 x\r\n\r\n', /three digits/],
  ['four digits', 'HTTP/1.1 1010 x\r\n\r\n', /three digits/],
  ['letters', 'HTTP/1.1 1x1 x\r\n\r\n', /three digits/],
  ['NUL in the reason', 'HTTP/1.1 101 a\0b\r\n\r\n', /control character/],
  ['LF without CR', 'HTTP/1.1 101 a\nUpgrade: websocket\n\n', /control character/],
  ['CR without LF', 'HTTP/1.1 101 a\rb', /CR is not followed by LF/],
  ['RFC 9112 §2.2 a folded line before the first field', 'HTTP/1.1 101 a\r\n b: c\r\n\r\n', /folded/],
  ['NUL in a folded value', 'HTTP/1.1 101 a\r\nA: b\r\n \0\r\n\r\n', /control character/],
  ['HS-04 an endless folded field', `HTTP/1.1 101 a\r\nA: b${'\r\n c'.repeat(600)}`, /limit: its bytes/],
  ['a space before the colon', 'HTTP/1.1 101 a\r\nA : b\r\n\r\n', /token followed by a colon/],
  ['NUL in a value', 'HTTP/1.1 101 a\r\nA: \0\r\n\r\n', /control character/],
  ['HS-04 too many fields', `HTTP/1.1 101 a\r\n${'A: b\r\n'.repeat(5)}\r\n`, /limit: its number of fields/],
  ['HS-04 too many bytes', `HTTP/1.1 101 a\r\nA: ${'b'.repeat(2_000)}`, /limit: its bytes/],
];
for (const [rule, text, says] of BAD) {
  test(`CC-04 response head: ${rule} is refused at every cut`, () => {
    assert.match(JSON.stringify(everyCut(text)), says);
  });
}

test('HS-04 an endless head is refused at the byte that exceeds the limit', () => {
  const parser = new ResponseHeadParser(LIMITS);
  parser.receive(Buffer.from('HTTP/1.1 101 '));
  for (let i = 13; i < 1_023; i++) assert.equal(parser.receive(Buffer.from('x')), undefined);
  assert.throws(() => parser.receive(Buffer.from('x')), ConnectError);
  assert.throws(() => parser.receive(Buffer.from('x')), MisuseError);
});
