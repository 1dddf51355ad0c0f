import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, type HandshakeErrorCode } from '../../../src/protocol/errors.ts';
import { renderRefusal, renderResponse, renderUpgrade } from '../../../src/protocol/handshake/answer.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const BAD_VALUES = ['a\r\nb: c', 'a\n', '\r', '\0', '\x7f', '\u010d\u010a', '\u{1f600}'];
const MISUSE = { name: 'MisuseError', code: 'ERR_ARGUMENT' };

test('HS-11, HS-10 the smallest 101 response, byte for byte', () => {
  assert.equal(
    renderUpgrade({ key: KEY, protocol: '', extensions: '' }),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
  );
});

test('HS-11 the 101 has subprotocol, extensions, then the headers of the hook in their order', () => {
  const answer = renderUpgrade({
    key: KEY,
    protocol: 'chat',
    extensions: 'permessage-deflate; server_no_context_takeover',
    headers: [
      ['Set-Cookie', 'a=1'],
      ['X-B', ''],
      ['Set-Cookie', 'c=2'],
    ],
  });
  assert.deepEqual(answer.split('\r\n').slice(4), [
    'Sec-WebSocket-Protocol: chat',
    'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover',
    'Set-Cookie: a=1',
    'X-B: ',
    'Set-Cookie: c=2',
    '',
    '',
  ]);
});

test('SE-11 no value can add lines to the 101', () => {
  const good = { key: KEY, protocol: 'a', extensions: 'b' };
  for (const bad of BAD_VALUES) {
    assert.throws(() => renderUpgrade({ ...good, key: bad }), MISUSE);
    assert.throws(() => renderUpgrade({ ...good, protocol: bad }), MISUSE);
    assert.throws(() => renderUpgrade({ ...good, extensions: bad }), MISUSE);
    assert.throws(() => renderUpgrade({ ...good, headers: [['a', bad]] }), MISUSE);
    assert.throws(() => renderUpgrade({ ...good, headers: [[bad, 'a']] }), MISUSE);
  }
});

const parts = (response: string) => {
  const [head, body] = response.split('\r\n\r\n');
  const [statusLine, ...fields] = head!.split('\r\n');
  return { statusLine, fields, body: body! };
};
const CODES = (Object.keys(ERRORS) as (keyof typeof ERRORS)[]).filter(
  (code): code is HandshakeErrorCode => ERRORS[code].kind === 'handshake',
);
const STATUS_LINES: Readonly<Record<number, string>> = {
  400: 'HTTP/1.1 400 Bad Request',
  403: 'HTTP/1.1 403 Forbidden',
  404: 'HTTP/1.1 404 Not Found',
  408: 'HTTP/1.1 408 Request Timeout',
  426: 'HTTP/1.1 426 Upgrade Required',
  429: 'HTTP/1.1 429 Too Many Requests',
  431: 'HTTP/1.1 431 Request Header Fields Too Large',
  500: 'HTTP/1.1 500 Internal Server Error',
  503: 'HTTP/1.1 503 Service Unavailable',
};

test('HS-22 every status in the error table has a row in this test', () => {
  assert.deepEqual(
    [...new Set(CODES.map((code) => String(ERRORS[code].status)))].sort(),
    Object.keys(STATUS_LINES).sort(),
  );
});

for (const code of CODES) {
  const { status, says } = ERRORS[code];
  test(`HS-22, HS-23 refusal with ${code}`, () => {
    const { statusLine, fields, body } = parts(renderRefusal(code, { retryAfterSeconds: 7 }));
    const isGeneric = [403, 404, 500].includes(status);
    assert.equal(statusLine, STATUS_LINES[status]);
    const expected = [
      ...(status === 426
        ? ['Upgrade: websocket', 'Connection: Upgrade, close', 'Sec-WebSocket-Version: 13']
        : ['Connection: close']),
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(isGeneric ? [] : [`X-WebSocket-Error: ${code}`]),
      ...(status === 429 || status === 503 ? ['Retry-After: 7'] : []),
    ];
    assert.deepEqual(fields, expected);
    assert.match(body, /^[A-Z][\x20-\x7e]+[^.]\.\n$/);
    assert.equal(body.toLowerCase().includes(says.toLowerCase()), !isGeneric);
    assert.doesNotMatch(parts(renderRefusal(code)).fields.join(), /Retry-After/);
  });
}

test('HS-22 403, 404 and 500 have one body for all their causes', () => {
  assert.equal(renderRefusal('ERR_ORIGIN'), renderRefusal('ERR_HOST_NOT_ALLOWED'));
  assert.doesNotMatch(renderRefusal('ERR_UPGRADE_HOOK'), /hook|upgrade/i);
});

test('HS-23 Retry-After is a whole number above 0', () => {
  for (const retryAfterSeconds of [0, -1, 1.5, NaN, Infinity, '5\r\nA: b' as unknown as number]) {
    assert.throws(() => renderRefusal('ERR_SERVER_FULL', { retryAfterSeconds }), MISUSE);
  }
});

const text = (...args: Parameters<typeof renderResponse>): string =>
  renderResponse(...args).toString('latin1');
const BODY = Buffer.from('body');

test('HS-14 a plain response, byte for byte', () => {
  assert.equal(
    text(
      200,
      [
        ['content-type', 'text/html'],
        ['set-cookie', 'a'],
        ['set-cookie', 'b\xe9'],
      ],
      BODY,
    ),
    'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nset-cookie: a\r\nset-cookie: b\xe9\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody',
  );
});

test('HS-14 body bytes and the headers of a Web Response are sent unchanged', () => {
  const bytes = Uint8Array.of(0, 13, 10, 128, 255);
  const response = renderResponse(404, new Headers({ 'X-A': 'b' }), bytes);
  assert.deepEqual([...response.subarray(-5)], [...bytes]);
  assert.match(response.toString('latin1'), /^HTTP\/1\.1 404 Not Found\r\nx-a: b\r\nContent-Length: 5\r\n/);
});

test('HS-14 the application cannot set per-connection fields', () => {
  const names = [
    'Connection',
    'CONTENT-LENGTH',
    'transfer-encoding',
    'Keep-Alive',
    'Upgrade',
    'Trailer',
    'Proxy-Connection',
  ];
  const headers = names.map((name): [string, string] => [name, '1']);
  assert.equal(text(200, headers, BODY), text(200, [], BODY));
});

test('HS-14 the response to HEAD has the Content-Length of the body, and no body', () => {
  assert.equal(
    text(200, [], BODY, { withoutBody: true }),
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n',
  );
});

test('HS-14 RFC 9110 §8.6 204 and 304 have neither body nor length', () => {
  const nothing = new Uint8Array();
  assert.equal(text(204, [], nothing), 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
  assert.equal(
    text(304, [['content-length', '9']], nothing),
    'HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n',
  );
  assert.equal(text(200, [], nothing), 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  for (const status of [204, 304]) assert.throws(() => renderResponse(status, [], BODY), MISUSE);
});

test('RFC 9112 §4 a status without a phrase keeps the space before it', () => {
  assert.match(text(299, [], BODY), /^HTTP\/1\.1 299 \r\nContent-Length/);
});

test('SE-11 statuses, names and values that could split a response are refused', () => {
  for (const status of [101, 199, 600, 200.5, NaN, '200 OK\r\nA: b' as unknown as number]) {
    assert.throws(() => renderResponse(status, [], BODY), MISUSE);
  }
  for (const bad of BAD_VALUES) {
    assert.throws(() => renderResponse(200, [['a', bad]], BODY), MISUSE);
    assert.throws(() => renderResponse(200, [[bad, 'a']], BODY), MISUSE);
    assert.throws(() => renderResponse(200, [['connection', bad]], BODY), MISUSE);
  }
  for (const name of ['', 'a b', 'a:', 1 as unknown as string]) {
    assert.throws(() => renderResponse(200, [[name, 'a']], BODY), MISUSE);
  }
  assert.throws(() => renderResponse(200, [['a', 1 as unknown as string]], BODY), MISUSE);
});
