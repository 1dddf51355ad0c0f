import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzHead } from '../../../fuzz/head.ts';
import { HandshakeError } from '../../../src/protocol/errors.ts';
import { HeadParser, type RequestHead } from '../../../src/protocol/handshake/http-head.ts';

const LIMITS = { maxHeadBytes: 16_384, maxHeaderFields: 100 };

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const plain = (head: RequestHead) => ({ ...head, fields: [...head.fields] });

/** Result of a parser for pieces: head and rest, the code of an error with the byte that caused it, or nothing yet. */
function outcome(pieces: readonly Uint8Array[], limits = LIMITS) {
  const parser = new HeadParser(limits);
  const rest: Uint8Array[] = [];
  let head: RequestHead | undefined;
  for (const piece of pieces) {
    if (head !== undefined) rest.push(piece);
    else {
      try {
        head = parser.receive(piece);
        if (head !== undefined) rest.push(parser.takeRest());
      } catch (error) {
        assert.ok(error instanceof HandshakeError);
        return error.code;
      }
    }
  }
  return head === undefined ? undefined : { ...plain(head), rest: Buffer.concat(rest).toString('latin1') };
}

const bytewise = (bytes: Buffer): Buffer[] => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));

/** Runs the text whole, byte by byte, and cut in two at every position; all must agree. */
function everyCut(text: string, limits = LIMITS) {
  const bytes = latin1(text);
  const whole = outcome([bytes], limits);
  assert.deepEqual(outcome(bytewise(bytes), limits), whole, 'byte by byte');
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.deepEqual(outcome([bytes.subarray(0, cut), bytes.subarray(cut)], limits), whole, `cut at ${cut}`);
  }
  return whole;
}

const EXAMPLE =
  'GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n' +
  'Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n';
const EXAMPLE_FIELDS = [
  ['host', 'server.example.com'],
  ['upgrade', 'websocket'],
  ['connection', 'Upgrade'],
  ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['origin', 'http://example.com'],
  ['sec-websocket-protocol', 'chat, superchat'],
  ['sec-websocket-version', '13'],
];

const request = (
  method: string,
  target: string,
  fields: string[][] = [],
  httpVersion = '1.1',
  rest = '',
) => ({
  method,
  target,
  httpVersion,
  fields,
  rest,
});

const GOOD = [
  { rule: '§1.2 the request of the RFC', text: EXAMPLE, is: request('GET', '/chat?room=1', EXAMPLE_FIELDS) },
  {
    rule: 'HS-01 frames after the head',
    text: `${EXAMPLE}\x81\x85\r\n\r\n\0hello`,
    is: request('GET', '/chat?room=1', EXAMPLE_FIELDS, '1.1', '\x81\x85\r\n\r\n\0hello'),
  },
  { rule: 'HS-02 no fields', text: 'GET / HTTP/1.1\r\n\r\n', is: request('GET', '/') },
  { rule: 'HS-02 one empty line before', text: '\r\nGET / HTTP/1.1\r\n\r\n', is: request('GET', '/') },
  { rule: 'HS-02 other versions', text: 'GET / HTTP/9.0\r\n\r\n', is: request('GET', '/', [], '9.0') },
  {
    rule: 'HS-02 any method, as sent',
    text: "get!#$%&'*+-.^_`|~ / HTTP/1.1\r\n\r\n",
    is: request("get!#$%&'*+-.^_`|~", '/'),
  },
  {
    rule: 'HS-02 any visible target',
    text: 'GET *"<>\\^`{|}# HTTP/1.1\r\n\r\n',
    is: request('GET', '*"<>\\^`{|}#'),
  },
  {
    rule: 'HS-03 blanks around values',
    text: 'GET / HTTP/1.1\r\nA: \t b\t c \t\r\n\r\n',
    is: request('GET', '/', [['a', 'b\t c']]),
  },
  {
    rule: 'HS-03 no blanks',
    text: 'GET / HTTP/1.1\r\nA:b:c\r\n\r\n',
    is: request('GET', '/', [['a', 'b:c']]),
  },
  {
    rule: 'HS-03 empty values',
    text: 'GET / HTTP/1.1\r\nA:\r\nB: \t \r\n\r\n',
    is: request('GET', '/', [
      ['a', ''],
      ['b', ''],
    ]),
  },
  {
    rule: 'HS-03 repeated, in order',
    text: 'GET / HTTP/1.1\r\nA:1\r\na:2\r\nB:3\r\nA:4\r\n\r\n',
    is: request('GET', '/', [
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
      ['a', '4'],
    ]),
  },
  {
    rule: 'RFC 9110 §5.5 bytes above ASCII in values stay as they are',
    text: 'GET / HTTP/1.1\r\nA: \x80\xc0\xdf\xff\r\n\r\n',
    is: request('GET', '/', [['a', '\x80\xc0\xdf\xff']]),
  },
  {
    rule: 'GN-11 __proto__',
    text: 'GET / HTTP/1.1\r\n__proto__: a\r\nconstructor: b\r\n\r\n',
    is: request('GET', '/', [
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]),
  },
];
for (const { rule, text, is } of GOOD) {
  test(`head: ${rule}`, () => assert.deepEqual(everyCut(text), is));
}

test('HS-01 every prefix of a head needs more input', () => {
  for (let length = 0; length < EXAMPLE.length; length++) {
    assert.equal(outcome([latin1(EXAMPLE.slice(0, length))]), undefined);
  }
});

/** Each text is the shortest that proves the fault: its last byte, and no earlier one, causes the refusal. */
const BAD: readonly (readonly [rule: string, text: string])[] = [
  ['bare LF before the request line', '\n'],
  ['bare CR before the request line', '\rG'],
  ['two empty lines', '\r\n\r'],
  ['TLS', '\x16'],
  ['NUL', '\0'],
  ['blank before the method', ' '],
  ['a byte above ASCII as method', '\xff'],
  ['TLS after an empty line', '\r\n\x16'],
  ['control character in the method', 'GE\x01'],
  ['tab after the method', 'GET\t'],
  ['colon in the method', 'GET:'],
  ['method and nothing else', 'GET\r'],
  ['missing target', 'GET \r'],
  ['two spaces', 'GET  '],
  ['NUL in the target', 'GET /\0'],
  ['tab in the target', 'GET /\t'],
  ['byte above ASCII in the target', 'GET /\xe9'],
  ['DEL in the target', 'GET /\x7f'],
  ['missing version', 'GET /\r'],
  ['missing version, bare LF', 'GET /\n'],
  ['empty version', 'GET / \r'],
  ['two spaces before the version', 'GET /  '],
  ['lower-case version', 'GET / h'],
  ['other protocol', 'GET / HTTPS'],
  ['version without dot', 'GET / HTTP/1\r'],
  ['version without minor', 'GET / HTTP/1.\r'],
  ['version of two digits', 'GET / HTTP/1.10'],
  ['version with letters', 'GET / HTTP/x'],
  ['blank after the version', 'GET / HTTP/1.1 '],
  ['bare LF after the request line', 'GET / HTTP/1.1\n'],
  ['bare CR after the request line', 'GET / HTTP/1.1\rA'],
  ['CR CR LF', 'GET / HTTP/1.1\r\r'],
  ['blank before the first field', 'GET / HTTP/1.1\r\n '],
  ['tab before the first field', 'GET / HTTP/1.1\r\n\t'],
  ['empty name', 'GET / HTTP/1.1\r\n:'],
  ['bare LF as last line', 'GET / HTTP/1.1\r\n\n'],
  ['NUL as name', 'GET / HTTP/1.1\r\n\0'],
  ['space before the colon', 'GET / HTTP/1.1\r\nHost '],
  ['tab before the colon', 'GET / HTTP/1.1\r\nHost\t'],
  ['line without colon', 'GET / HTTP/1.1\r\nHost\r'],
  ['name that is no token', 'GET / HTTP/1.1\r\nHo('],
  ['name above ASCII', 'GET / HTTP/1.1\r\nH\xf6'],
  ['bare LF in a value', 'GET / HTTP/1.1\r\nHost: a\n'],
  ['bare CR in a value', 'GET / HTTP/1.1\r\nHost: a\rb'],
  ['NUL in a value', 'GET / HTTP/1.1\r\nHost: a\0'],
  ['control character in a value', 'GET / HTTP/1.1\r\nHost: \x1f'],
  ['DEL in a value', 'GET / HTTP/1.1\r\nHost: \x7f'],
  ['folded line, space', 'GET / HTTP/1.1\r\nHost: a\r\n '],
  ['folded line, tab', 'GET / HTTP/1.1\r\nHost: a\r\n\t'],
  ['bare CR at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\rx'],
  ['CR CR LF at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\r\r'],
];
for (const [rule, text] of BAD) {
  test(`HS-02 a malformed head is refused at the first byte that proves it: ${rule}`, () => {
    assert.equal(everyCut(text), 'ERR_HEAD_SYNTAX');
    assert.equal(outcome([latin1(text.slice(0, -1))]), undefined, 'not before');
    assert.equal(everyCut(`${text} / HTTP/1.1\r\n\r\n`), 'ERR_HEAD_SYNTAX');
  });
}

test('HS-02 the error has status 400 and names the fault for the log', () => {
  assert.throws(() => new HeadParser(LIMITS).receive(latin1('\x16\x03\x01')), {
    name: 'HandshakeError',
    code: 'ERR_HEAD_SYNTAX',
    status: 400,
    message: /TLS/,
  });
});

test('HS-04 a head of exactly the limit is accepted; a longer one is 431 at the last allowed byte', () => {
  const limits = { maxHeadBytes: 64, maxHeaderFields: 100 };
  const sized = (bytes: number) => `GET / HTTP/1.1\r\nA: ${'x'.repeat(bytes - 23)}\r\n\r\n`;
  const exact = everyCut(`${sized(64)}rest that does not count`, limits);
  assert.ok(typeof exact === 'object' && exact.rest === 'rest that does not count');
  assert.equal(everyCut(sized(65), limits), 'ERR_HEAD_TOO_BIG');
  const parser = new HeadParser(limits);
  assert.equal(parser.receive(latin1(sized(65).slice(0, 63))), undefined);
  assert.throws(() => parser.receive(latin1('\r')), { code: 'ERR_HEAD_TOO_BIG', status: 431 });
});

test('HS-04 the request line and an empty line before it count towards the limit', () => {
  const limits = { maxHeadBytes: 32, maxHeaderFields: 100 };
  assert.equal(everyCut(`GET /${'x'.repeat(40)}`, limits), 'ERR_HEAD_TOO_BIG');
  assert.equal(typeof everyCut(`GET /${'x'.repeat(14)} HTTP/1.1\r\n\r\n`, limits), 'object');
  assert.equal(everyCut(`\r\nGET /${'x'.repeat(14)} HTTP/1.1\r\n\r\n`, limits), 'ERR_HEAD_TOO_BIG');
});

test('HS-04 bytes after the limit are not read', () => {
  assert.equal(everyCut('GET / HTTP\0', { maxHeadBytes: 10, maxHeaderFields: 1 }), 'ERR_HEAD_TOO_BIG');
  assert.equal(everyCut('GET / HTT\0', { maxHeadBytes: 10, maxHeaderFields: 1 }), 'ERR_HEAD_SYNTAX');
});

test('HS-04 exactly the limit of fields is accepted; the first byte of one more is 431', () => {
  const limits = { maxHeadBytes: 16_384, maxHeaderFields: 3 };
  const head = 'GET / HTTP/1.1\r\na:\r\na:\r\na:\r\n';
  assert.equal(typeof everyCut(`${head}\r\n`, limits), 'object');
  assert.equal(outcome([latin1(head)], limits), undefined);
  assert.equal(everyCut(`${head}a`, limits), 'ERR_HEAD_TOO_BIG');
  assert.equal(everyCut(`${head}:`, limits), 'ERR_HEAD_SYNTAX');
});

test('SE-01 2,001 fields, and a head of 64 KiB, are refused', () => {
  assert.equal(outcome([latin1(`GET / HTTP/1.1\r\n${'a:b\r\n'.repeat(2001)}\r\n`)]), 'ERR_HEAD_TOO_BIG');
  for (const filling of ['G', 'GET /', 'GET / HTTP/1.1\r\nA:', 'GET / HTTP/1.1\r\na']) {
    const bytes = latin1(filling.padEnd(65_536, 'x'));
    assert.equal(outcome([bytes]), 'ERR_HEAD_TOO_BIG');
    assert.equal(outcome(bytewise(bytes)), 'ERR_HEAD_TOO_BIG');
  }
});

test('SE-02 one field name 10,000 times is read', () => {
  const text = `GET / HTTP/1.1\r\n${'Upgrade: websocket\r\n'.repeat(10_000)}\r\n`;
  assert.equal(outcome([latin1(text)]), 'ERR_HEAD_TOO_BIG');
  const result = outcome([latin1(text)], { maxHeadBytes: 1 << 20, maxHeaderFields: 10_000 });
  assert.ok(typeof result === 'object' && result.fields.length === 10_000);
});

test('HS-01 a head of a megabyte is read byte by byte', () => {
  // work that is quadratic in the bytes would take minutes here
  const text = `GET / HTTP/1.1\r\nA: ${'x'.repeat(1 << 20)}\r\n\r\nrest`;
  const limits = { maxHeadBytes: 2 << 20, maxHeaderFields: 1 };
  const parser = new HeadParser(limits);
  const bytes = latin1(text);
  let at = 0;
  let head: RequestHead | undefined;
  while (head === undefined) head = parser.receive(bytes.subarray(at, ++at));
  assert.equal(at, bytes.length - 4);
  assert.equal(head.fields.get('a')?.length, 1 << 20);
});

test('HS-13 bytes after the head are a view of their chunk, and are returned once', () => {
  const parser = new HeadParser(LIMITS);
  assert.equal(parser.takeRest().length, 0);
  const chunk = latin1(`${EXAMPLE}abc`);
  parser.receive(chunk);
  const rest = parser.takeRest();
  assert.equal(rest.toString(), 'abc');
  assert.equal(rest.buffer, chunk.buffer);
  assert.equal(parser.takeRest().length, 0);
});

test('HS-01 a head copied from chunks does not change with them', () => {
  const parser = new HeadParser(LIMITS);
  const bytes = latin1(EXAMPLE);
  const first = Buffer.from(bytes.subarray(0, 50));
  assert.equal(parser.receive(first), undefined);
  first.fill(0);
  assert.deepEqual(plain(parser.receive(bytes.subarray(50))!).fields, EXAMPLE_FIELDS);
});

test('HS-01 a Uint8Array at any offset of its buffer is read', () => {
  const memory = new Uint8Array(EXAMPLE.length + 20);
  memory.set(latin1(`${EXAMPLE}abc`), 10);
  const parser = new HeadParser(LIMITS);
  const head = parser.receive(memory.subarray(10, EXAMPLE.length + 13));
  assert.deepEqual(head && plain(head).fields, EXAMPLE_FIELDS);
  assert.equal(parser.takeRest().toString(), 'abc');
});

test('HS-01 a parser reads one head only', () => {
  const done = new HeadParser(LIMITS);
  done.receive(latin1(EXAMPLE));
  assert.throws(() => done.receive(latin1('x')), { name: 'MisuseError', code: 'ERR_STATE' });
  const failed = new HeadParser(LIMITS);
  assert.throws(() => failed.receive(latin1('\0')), { code: 'ERR_HEAD_SYNTAX' });
  assert.throws(() => failed.receive(latin1('x')), { name: 'MisuseError', code: 'ERR_STATE' });
});

test('HS-26 two parsers share nothing', () => {
  const [one, other] = [new HeadParser(LIMITS), new HeadParser(LIMITS)];
  const bytes = latin1(EXAMPLE);
  const another = latin1(EXAMPLE.replace('/chat', '/talk'));
  for (let at = 0; at < bytes.length - 1; at++) {
    assert.equal(one.receive(bytes.subarray(at, at + 1)), undefined);
    assert.equal(other.receive(another.subarray(at, at + 1)), undefined);
  }
  assert.equal(one.receive(bytes.subarray(-1))?.target, '/chat?room=1');
  assert.equal(other.receive(another.subarray(-1))?.target, '/talk?room=1');
});

test('TS-09 the head fuzzer finds nothing in a short run', () => fuzzHead(1, 3000));
