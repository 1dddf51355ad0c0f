import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, type HandshakeErrorCode } from '../../../src/protocol/errors.ts';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import type { RequestHead } from '../../../src/protocol/handshake/http-head.ts';
import {
  checkHookHeaders,
  readUpgradeRequest,
  selectProtocol,
  wantsWebSocket,
} from '../../../src/protocol/handshake/server.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
type FieldLine = readonly [name: string, value: string];
const GOOD_FIELDS: readonly FieldLine[] = [
  ['Host', 'server.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
];

const head = (fields: readonly FieldLine[], rest: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  target: '/chat',
  httpVersion: '1.1',
  fields: Fields.fromRaw(fields.flat()),
  ...rest,
});
/** The valid request with the given values for a field. */
const having = (name: string, ...values: string[]): RequestHead => {
  const others = GOOD_FIELDS.filter((field) => field[0].toLowerCase() !== name.toLowerCase());
  return head([...others, ...values.map((value): FieldLine => [name, value])]);
};
const refuses = (request: RequestHead, code: HandshakeErrorCode): void => {
  assert.throws(() => readUpgradeRequest(request, false), {
    name: 'HandshakeError',
    code,
    status: ERRORS[code].status,
  });
};

test('§4.2.1 the example request of §1.2 is accepted', () => {
  const request = readUpgradeRequest(
    head([
      ...GOOD_FIELDS,
      ['Origin', 'http://example.com'],
      ['Sec-WebSocket-Protocol', 'chat, superchat'],
      ['Sec-WebSocket-Extensions', 'a; b=c, d'],
    ]),
    false,
  );
  assert.equal(request.method, 'GET');
  assert.equal(request.path, '/chat');
  assert.equal(request.host, 'server.example.com');
  assert.deepEqual(request.origins, ['http://example.com']);
  assert.equal(request.key, KEY);
  assert.deepEqual([...request.protocols], ['chat', 'superchat']);
  assert.deepEqual(request.extensions, [
    { name: 'a', params: [['b', 'c']] },
    { name: 'd', params: [] },
  ]);
  assert.equal(request.fields.get('origin'), 'http://example.com');
  assert.equal(request.url.href, 'http://server.example.com/chat');
  assert.equal(request.url, request.url);
});

test('§4.2.1 a request with only the required fields is accepted', () => {
  const request = readUpgradeRequest(head(GOOD_FIELDS), true);
  assert.deepEqual(request.origins, []);
  assert.equal(request.protocols.size, 0);
  assert.deepEqual(request.extensions, []);
  assert.equal(request.url.protocol, 'https:');
});

/** In the order of §4.2.1. */
const REFUSED: readonly (readonly [rule: string, request: RequestHead, code: HandshakeErrorCode])[] = [
  ['HS-05 §4.2.1(1) POST', head(GOOD_FIELDS, { method: 'POST' }), 'ERR_METHOD'],
  ['HS-05 §4.2.1(1) get', head(GOOD_FIELDS, { method: 'get' }), 'ERR_METHOD'],
  ['HS-05 §4.2.1(1) HEAD', head(GOOD_FIELDS, { method: 'HEAD' }), 'ERR_METHOD'],
  ['HS-05 §4.2.1(1) HTTP/1.0', head(GOOD_FIELDS, { httpVersion: '1.0' }), 'ERR_HTTP_VERSION'],
  ['HS-05 §4.2.1(1) HTTP/2.0', head(GOOD_FIELDS, { httpVersion: '2.0' }), 'ERR_HTTP_VERSION'],
  ['HS-05 §4.2.1(1) HTTP/0.9', head(GOOD_FIELDS, { httpVersion: '0.9' }), 'ERR_HTTP_VERSION'],
  ['HS-06 §4.2.1(1) target *', head(GOOD_FIELDS, { target: '*' }), 'ERR_TARGET'],
  ['HS-06 §4.2.1(1) fragment', head(GOOD_FIELDS, { target: '/a#b' }), 'ERR_TARGET'],
  ['HS-06 §4.2.1(1) relative', head(GOOD_FIELDS, { target: 'chat' }), 'ERR_TARGET'],
  ['HS-05 §4.2.1(2) no Host', having('Host'), 'ERR_HOST'],
  ['HS-05 §4.2.1(2) empty Host', having('Host', ''), 'ERR_HOST'],
  ['HS-05 §4.2.1(2) two Hosts', having('Host', 'a', 'b'), 'ERR_HOST'],
  ['HS-05 §4.2.1(2) the same Host twice', having('Host', 'a', 'a'), 'ERR_HOST'],
  ['HS-05 §4.2.1(2) Host with a path', having('Host', 'a/b'), 'ERR_HOST'],
  ['HS-05 §4.2.1(3) no Upgrade', having('Upgrade'), 'ERR_NO_UPGRADE'],
  ['HS-05 §4.2.1(3) empty Upgrade', having('Upgrade', ''), 'ERR_NO_UPGRADE'],
  ['HS-05 §4.2.1(3) h2c', having('Upgrade', 'h2c'), 'ERR_NO_UPGRADE'],
  ['HS-05 §4.2.1(3) websockets', having('Upgrade', 'websockets'), 'ERR_NO_UPGRADE'],
  ['HS-05 §4.2.1(3) websocket/13', having('Upgrade', 'websocket/13'), 'ERR_NO_UPGRADE'],
  ['HS-05 §4.2.1(4) no Connection', having('Connection'), 'ERR_CONNECTION_FIELD'],
  ['HS-05 §4.2.1(4) empty Connection', having('Connection', ''), 'ERR_CONNECTION_FIELD'],
  ['HS-05 §4.2.1(4) keep-alive', having('Connection', 'keep-alive'), 'ERR_CONNECTION_FIELD'],
  ['HS-05 §4.2.1(4) no token of its own', having('Connection', 'keep-alive Upgrade'), 'ERR_CONNECTION_FIELD'],
  ['HS-09 §4.2.1(5) no key', having('Sec-WebSocket-Key'), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) empty key', having('Sec-WebSocket-Key', ''), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) two keys', having('Sec-WebSocket-Key', KEY, KEY), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) a key and an empty one', having('Sec-WebSocket-Key', KEY, ''), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) 15 bytes', having('Sec-WebSocket-Key', Buffer.alloc(15).toString('base64')), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) 17 bytes', having('Sec-WebSocket-Key', Buffer.alloc(17).toString('base64')), 'ERR_KEY'],
  ['HS-09 §4.2.1(5) base64url', having('Sec-WebSocket-Key', '--------------------__=='), 'ERR_KEY'],
  ['HS-08 §4.2.1(6) no version', having('Sec-WebSocket-Version'), 'ERR_VERSION_MISSING'],
  ['HS-08 §4.2.1(6) two versions', having('Sec-WebSocket-Version', '13', '13'), 'ERR_VERSION_MISSING'],
  [
    'HS-08 §4.2.1(6) version 13 and 13, 8',
    having('Sec-WebSocket-Version', '13', '13, 8'),
    'ERR_VERSION_MISSING',
  ],
  ['HS-08 §4.2.1(6) empty version', having('Sec-WebSocket-Version', ''), 'ERR_VERSION_MISSING'],
  ['HS-08 §4.2.1(6) only empty versions', having('Sec-WebSocket-Version', ',', ' '), 'ERR_VERSION_MISSING'],
  ['HS-08 §4.4 version 8', having('Sec-WebSocket-Version', '8'), 'ERR_VERSION'],
  ['HS-08 §4.4 version 14', having('Sec-WebSocket-Version', '14'), 'ERR_VERSION'],
  ['HS-08 §4.4 version 013', having('Sec-WebSocket-Version', '013'), 'ERR_VERSION'],
  ['HS-08 §4.4 version 13, 8', having('Sec-WebSocket-Version', '13, 8'), 'ERR_VERSION'],
  [
    'HS-16 §4.2.1(8) duplicate beside empty members',
    having('Sec-WebSocket-Protocol', 'a,,a'),
    'ERR_PROTOCOL_FIELD',
  ],
  ['HS-16 §4.2.1(8) duplicate', having('Sec-WebSocket-Protocol', 'a, b, a'), 'ERR_PROTOCOL_FIELD'],
  [
    'HS-16 §4.2.1(8) duplicate over two fields',
    having('Sec-WebSocket-Protocol', 'a, b', 'b'),
    'ERR_PROTOCOL_FIELD',
  ],
  ['HS-16 §4.2.1(8) no token', having('Sec-WebSocket-Protocol', 'a b'), 'ERR_PROTOCOL_FIELD'],
  ['HS-16 §4.2.1(8) quoted', having('Sec-WebSocket-Protocol', '"a"'), 'ERR_PROTOCOL_FIELD'],
  [
    'HS-18 §4.2.1(9) unterminated quote',
    having('Sec-WebSocket-Extensions', 'a; b="'),
    'ERR_EXTENSIONS_FIELD',
  ],
  [
    'HS-18 §4.2.1(9) second field malformed',
    having('Sec-WebSocket-Extensions', 'a', ';'),
    'ERR_EXTENSIONS_FIELD',
  ],
  ['HS-07 Content-Length', having('Content-Length', '1'), 'ERR_REQUEST_BODY'],
  ['HS-07 Content-Length 00', having('Content-Length', '00'), 'ERR_REQUEST_BODY'],
  ['HS-07 empty Content-Length', having('Content-Length', ''), 'ERR_REQUEST_BODY'],
  ['HS-07 doubled Content-Length', having('Content-Length', '0', '0'), 'ERR_REQUEST_BODY'],
  ['HS-07 Transfer-Encoding', having('Transfer-Encoding', 'chunked'), 'ERR_REQUEST_BODY'],
  ['HS-07 Transfer-Encoding identity', having('Transfer-Encoding', 'identity'), 'ERR_REQUEST_BODY'],
  ['HS-07 empty Transfer-Encoding', having('Transfer-Encoding', ''), 'ERR_REQUEST_BODY'],
];
for (const [rule, request, code] of REFUSED) test(`${rule}: ${code}`, () => refuses(request, code));

const ACCEPTED: readonly (readonly [rule: string, request: RequestHead])[] = [
  ['HS-05 WebSocket in any case', having('Upgrade', 'WebSocket')],
  ['HS-05 other members in Upgrade', having('Upgrade', 'h2c, WEBSOCKET ,x/1')],
  ['HS-05 Upgrade over two fields', having('Upgrade', 'h2c', 'websocket')],
  ['HS-05 websocket twice', having('Upgrade', 'websocket', 'websocket')],
  ['HS-05 keep-alive, Upgrade', having('Connection', 'keep-alive, Upgrade')],
  ['HS-05 UPGRADE', having('Connection', 'UPGRADE')],
  ['HS-05 Connection over two fields', having('Connection', 'keep-alive', '', 'upgrade')],
  ['HS-06 absolute form', head(GOOD_FIELDS, { target: 'ws://server.example.com/chat' })],
  ['RFC 9110 §5.6.1.2 empty members in Upgrade', having('Upgrade', ',websocket,,')],
  ['RFC 9110 §5.6.1.2 an empty Upgrade beside another', having('Upgrade', '', 'websocket')],
  ['RFC 9110 §5.6.1.2 empty members in Connection', having('Connection', ', keep-alive,,Upgrade,')],
  ['RFC 9110 §5.6.1.2 empty members beside the version', having('Sec-WebSocket-Version', '13,')],
  ['RFC 9110 §5.6.1.2 an empty version beside another', having('Sec-WebSocket-Version', '', '13')],
  ['HS-07 Content-Length 0', having('Content-Length', '0')],
  ['HS-09 pad bits are not judged', having('Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAB==')],
  [
    'HS-03 names in any case',
    head(GOOD_FIELDS.map(([name, value]): FieldLine => [name.toUpperCase(), value])),
  ],
  [
    'HS-03 blanks around values',
    head(GOOD_FIELDS.map(([name, value]): FieldLine => [name, ` \t${value}\t `])),
  ],
  ['§4.2.1(7) Origin may be missing, or be anything: it is judged elsewhere', having('Origin', 'a', '')],
  ['§4.2.1(10) other fields', having('X-A', 'b', 'c')],
];
for (const [rule, request] of ACCEPTED) {
  test(`${rule}: accepted`, () => assert.equal(readUpgradeRequest(request, false).path, '/chat'));
}

test('HS-06 the authority of an absolute target replaces Host', () => {
  const request = readUpgradeRequest(head(GOOD_FIELDS, { target: 'https://other.example:81/a?b' }), false);
  assert.equal(request.host, 'other.example:81');
  assert.equal(request.url.href, 'http://other.example:81/a?b');
});

test('HS-16 subprotocols in several fields are one list, in order; Object.prototype has no effect', () => {
  const request = having('Sec-WebSocket-Protocol', 'b, a', 'constructor,__proto__', 'toString');
  const { protocols } = readUpgradeRequest(request, false);
  assert.deepEqual([...protocols], ['b', 'a', 'constructor', '__proto__', 'toString']);
  assert.equal(readUpgradeRequest(head(GOOD_FIELDS), false).protocols.has('constructor'), false);
});

test('HS-18 extensions over several fields are one list', () => {
  const request = having('Sec-WebSocket-Extensions', 'a; b', 'constructor; __proto__=toString, a');
  assert.deepEqual(readUpgradeRequest(request, false).extensions, [
    { name: 'a', params: [['b', true]] },
    { name: 'constructor', params: [['__proto__', 'toString']] },
    { name: 'a', params: [] },
  ]);
});

test('RFC 9110 §5.6.1.2 empty members and fields in lists of subprotocols and extensions are ignored', () => {
  for (const values of [['ocpp1.6,'], [', ocpp1.6'], [' ,\t,ocpp1.6,,'], ['', 'ocpp1.6'], ['ocpp1.6', ',']]) {
    const { protocols } = readUpgradeRequest(having('Sec-WebSocket-Protocol', ...values), false);
    assert.deepEqual([...protocols], ['ocpp1.6'], values.join('|'));
    const { extensions } = readUpgradeRequest(having('Sec-WebSocket-Extensions', ...values), false);
    assert.deepEqual(extensions, [{ name: 'ocpp1.6', params: [] }], values.join('|'));
  }
  for (const values of [[''], [','], [' , '], ['', '']]) {
    assert.equal(readUpgradeRequest(having('Sec-WebSocket-Protocol', ...values), false).protocols.size, 0);
    assert.equal(
      readUpgradeRequest(having('Sec-WebSocket-Extensions', ...values), false).extensions.length,
      0,
    );
  }
});

test('SE-03 16 KiB of semicolons, quotes or parameters take linear time', () => {
  for (const filling of [';', '"', '\\"', 'a;', 'a=']) {
    const value = filling.repeat(16_384 / filling.length);
    refuses(having('Sec-WebSocket-Extensions', value), 'ERR_EXTENSIONS_FIELD');
    refuses(having('Sec-WebSocket-Protocol', value), 'ERR_PROTOCOL_FIELD');
  }
});

test('SE-02 each handshake field is checked when missing, repeated, empty, in odd case and in a list', () => {
  // a row of statuses by field: missing, repeated, empty, odd case, in a list with itself
  const statuses: Readonly<Record<string, readonly (number | 'ok')[]>> = {
    Upgrade: [400, 'ok', 400, 'ok', 'ok'],
    Connection: [400, 'ok', 400, 'ok', 'ok'],
    Host: [400, 400, 400, 'ok', 400],
    'Sec-WebSocket-Key': [400, 400, 400, 'ok', 400],
    'Sec-WebSocket-Version': [400, 400, 400, 'ok', 426],
  };
  for (const [name, value] of GOOD_FIELDS) {
    const isText = name !== 'Sec-WebSocket-Key';
    const requests = [
      having(name),
      having(name, value, value),
      having(name, ''),
      having(name.toUpperCase(), isText ? value.toUpperCase() : value),
      having(name, `${value}, ${value}`),
    ];
    const answers = requests.map((request) => {
      try {
        readUpgradeRequest(request, false);
        return 'ok';
      } catch (error) {
        return (error as { status: number }).status;
      }
    });
    assert.deepEqual(answers, statuses[name], name);
  }
});

test('HS-19 of several faults, the first in the order of checks is reported', () => {
  const order: readonly (readonly [HandshakeErrorCode, string, string[]])[] = [
    ['ERR_NO_UPGRADE', 'Upgrade', []],
    ['ERR_HOST', 'Host', []],
    ['ERR_CONNECTION_FIELD', 'Connection', []],
    ['ERR_REQUEST_BODY', 'Content-Length', ['1']],
    ['ERR_VERSION', 'Sec-WebSocket-Version', ['12']],
    ['ERR_KEY', 'Sec-WebSocket-Key', []],
    ['ERR_PROTOCOL_FIELD', 'Sec-WebSocket-Protocol', ['a b']],
    ['ERR_EXTENSIONS_FIELD', 'Sec-WebSocket-Extensions', [';']],
  ];
  for (let first = 0; first < order.length; first++) {
    const faults = order.slice(first);
    const fields = GOOD_FIELDS.filter(([name]) => !faults.some((fault) => fault[1] === name));
    for (const [, name, values] of faults) fields.push(...values.map((value): FieldLine => [name, value]));
    refuses(head(fields), order[first]![0]);
  }
});

test('HS-05 an Upgrade list with websocket, and no other, asks for WebSocket', () => {
  assert.equal(wantsWebSocket(head(GOOD_FIELDS, { method: 'POST', target: '*' })), true);
  assert.equal(wantsWebSocket(having('Upgrade', 'h2c', 'WebSocket')), true);
  assert.equal(wantsWebSocket(having('Upgrade', 'h2c')), false);
  assert.equal(wantsWebSocket(having('Upgrade')), false);
});

test('HS-17 the server selects its first preference that was offered, and nothing that was not listed', () => {
  const offered = new Set(['a', 'b', 'c']);
  assert.equal(selectProtocol(offered, ['x', 'c', 'a']), 'c');
  assert.equal(selectProtocol(offered, ['x']), '');
  assert.equal(selectProtocol(offered, []), '');
  assert.equal(selectProtocol(new Set(), ['a']), '');
  assert.equal(selectProtocol(offered, ['A']), '');
});

test('HS-17 the choice of the hook takes precedence, and must have been offered', () => {
  const offered = new Set(['a', 'b']);
  assert.equal(selectProtocol(offered, ['a'], 'b'), 'b');
  assert.equal(selectProtocol(offered, [], 'b'), 'b');
  for (const chosen of ['x', '', 'A', 'a\r\nb', 'constructor']) {
    assert.throws(() => selectProtocol(offered, ['a'], chosen), { code: 'ERR_UPGRADE_HOOK', status: 500 });
  }
});

test('AU-04 headers of the hook are returned as a list, repeated names included', () => {
  const headers: FieldLine[] = [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2; Path=/'],
    ['x-empty', ''],
    ['X-Upgrade', '\tcaf\xe9'],
  ];
  assert.deepEqual(checkHookHeaders(headers), headers);
  assert.deepEqual(checkHookHeaders(new Map([['a', 'b']]).entries()), [['a', 'b']]);
  assert.deepEqual(checkHookHeaders([]), []);
});

const HOOK_HEADERS: readonly (readonly [name: unknown, value: unknown])[] = [
  ['Connection', 'close'],
  ['upgrade', 'h2c'],
  ['CONTENT-LENGTH', '0'],
  ['Transfer-Encoding', 'chunked'],
  ['Sec-WebSocket-Accept', 'x'],
  ['sec-websocket-protocol', 'x'],
  ['Sec-WebSocket-Extensions', 'x'],
  ['sec-websocket-', 'x'],
  ['', 'a'],
  ['a b', 'c'],
  ['a:', 'b'],
  ['a\r\nb', 'c'],
  ['a\n', 'c'],
  ['\0', 'c'],
  ['caf\xe9', 'c'],
  ['a', 'b\r\nc: d'],
  ['a', 'b\nc'],
  ['a', 'b\rc'],
  ['a', '\0'],
  ['a', '\x1b[0m'],
  ['a', '\x7f'],
  // Written as Latin-1, these would become CR and LF.
  ['a', '\u010d\u010ab: c'],
  ['a', '\u{1f600}'],
  ['a', 1],
  [1, 'a'],
  ['a', undefined],
];
for (const header of HOOK_HEADERS) {
  test(`AU-04, SE-11 the hook cannot set ${JSON.stringify(header)}`, () => {
    const headers = [['x-good', 'yes'], header] as FieldLine[];
    assert.throws(() => checkHookHeaders(headers), { code: 'ERR_UPGRADE_HOOK', status: 500 });
  });
}
