import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOfRequest, readRequest } from '../../src/conform/client-request.ts';
import { negotiate } from '../../src/conform/deflate-codec.ts';
import { faultOfAcceptance } from '../../src/conform/request.ts';
import { acceptValue } from '../../src/protocol/handshake/accept-key.ts';
import { parseExtensions } from '../../src/protocol/handshake/extension-list.ts';
import { EXAMPLE_KEY, readResponseHead } from '../../src/testing/index.ts';

const REQUEST = `GET /chat HTTP/1.1\r
Host: localhost\r
Upgrade: websocket\r
Connection: keep-alive, Upgrade\r
Sec-WebSocket-Key: ${EXAMPLE_KEY}\r
Sec-WebSocket-Version: 13\r
\r
`;
const request = (from: string | RegExp = '', to = ''): string | undefined =>
  faultOfRequest(readRequest(Buffer.from(REQUEST.replace(from, to), 'latin1')), new Set());

/** A change to a valid request, and its fault then. */
const REQUESTS: readonly (readonly [from: string | RegExp, to: string, fault: string | undefined])[] = [
  ['', '', undefined],
  ['GET', 'POST', 'the request line is not a GET with HTTP/1.1'],
  ['HTTP/1.1', 'HTTP/1.0', 'the request line is not a GET with HTTP/1.1'],
  ['localhost\r\n', 'localhost\n', 'a line is folded, or does not end in CRLF'],
  ['localhost\r\n', 'localhost\r\n folded\r\n', 'a line is folded, or does not end in CRLF'],
  ['/chat', '/chat#part', 'the target has a fragment'],
  [/Host: .*\r\n/, '', 'the request does not have exactly one Host'],
  ['Host: localhost', 'Host: a\r\nHost: b', 'the request does not have exactly one Host'],
  ['websocket', 'h2c', 'Upgrade does not contain websocket'],
  ['keep-alive, Upgrade', 'close', 'Connection does not contain upgrade'],
  ['Version: 13', 'Version: 8', 'Sec-WebSocket-Version is not 13'],
  [EXAMPLE_KEY, 'short', 'the request does not have exactly one Sec-WebSocket-Key of 16 bytes in base64'],
  ['\r\n\r\n', '\r\nSec-WebSocket-Protocol: a, b, a\r\n\r\n', 'a subprotocol is offered twice'],
  ['\r\n\r\n', '\r\nno colon\r\n\r\n', undefined],
];
for (const [from, to, fault] of REQUESTS) {
  test(`CM-09 §4.1: a client's request with ${JSON.stringify(String(from))} as ${JSON.stringify(to)}: ${fault ?? 'valid'}`, () => {
    assert.equal(request(from, to), fault);
  });
}

test('CM-09 §4.1: a key that occurs twice is a fault', () => {
  const seen = new Set<string>();
  const received = readRequest(Buffer.from(REQUEST));
  assert.equal(faultOfRequest(received, seen), undefined);
  assert.match(faultOfRequest(received, seen) ?? '', /was used before/);
});

const RESPONSE = `HTTP/1.1 101 Switching Protocols\r
Upgrade: WebSocket\r
Connection: Upgrade\r
Sec-WebSocket-Accept: ${acceptValue(EXAMPLE_KEY)}\r
\r
`;
/** A change to a valid response, and its fault then. */
const RESPONSES: readonly (readonly [from: string | RegExp, to: string, fault: string | undefined])[] = [
  ['', '', undefined],
  ['HTTP/1.1', 'HTTP/1.0', 'the response has version HTTP/1.0'],
  ['WebSocket\r', 'h2c\r', 'the response lacks Upgrade: websocket'],
  [/Connection: .*\r\n/, '', 'the response lacks Connection: Upgrade'],
  [/Sec-WebSocket-Accept: .*\r\n/, '', `Sec-WebSocket-Accept is missing, not ${acceptValue(EXAMPLE_KEY)}`],
  [
    '\r\n\r\n',
    '\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n\r\n',
    'sec-websocket-protocol occurs more than once',
  ],
  ['\r\n\r\n', '\r\nSec-WebSocket-Protocol: a\r\n\r\n', undefined],
  [
    '\r\n\r\n',
    '\r\nSec-WebSocket-Protocol: c\r\n\r\n',
    "the response chooses the subprotocol 'c', which was not offered",
  ],
  ['\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\n\r\n', undefined],
  [
    '\r\n\r\n',
    '\r\nSec-WebSocket-Extensions: mux\r\n\r\n',
    "the response uses the extension 'mux', which was not offered",
  ],
];
for (const [from, to, fault] of RESPONSES) {
  test(`CM-09 §4.2.2: a response with ${JSON.stringify(String(from))} as ${JSON.stringify(to)}: ${fault ?? 'valid'}`, () => {
    const head = readResponseHead(Buffer.from(RESPONSE.replace(from, to)))!;
    assert.equal(faultOfAcceptance(head, EXAMPLE_KEY, ['a', 'b'], 'permessage-deflate'), fault);
  });
}

const PLAIN = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
/** An offer, a response, and the negotiated parameters or the fault (RFC 7692 §7.1). */
const ANSWERS: readonly (readonly [offer: string, answer: string, result: object | string])[] = [
  ['', '', PLAIN],
  ['client_max_window_bits', 'client_max_window_bits=9', { ...PLAIN, clientMaxWindowBits: 9 }],
  [
    'server_no_context_takeover; server_max_window_bits=10',
    'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8',
    { ...PLAIN, serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 8 },
  ],
  ['server_max_window_bits=15', '', PLAIN],
  ['', 'server_no_context_takeover; server_no_context_takeover', 'a parameter is given twice'],
  ['', 'client_no_context_takeover=1', 'client_no_context_takeover has a value'],
  ['', 'server_max_window_bits', 'server_max_window_bits is not a whole number from 8 to 15'],
  ['', 'server_max_window_bits=16', 'server_max_window_bits is not a whole number from 8 to 15'],
  ['', 'mem_level=9', 'the parameter mem_level is unknown'],
  ['', 'client_max_window_bits=9', 'the response has client_max_window_bits, which was not offered'],
  [
    'server_no_context_takeover',
    '',
    'the response lacks server_no_context_takeover, which the offer demands',
  ],
  [
    'server_max_window_bits=10',
    'server_max_window_bits=11',
    'server_max_window_bits must be at most 10, as in the offer',
  ],
  ['server_max_window_bits=10', '', 'server_max_window_bits must be at most 10, as in the offer'],
];
const extension = (params: string) =>
  parseExtensions(`permessage-deflate${params === '' ? '' : `; ${params}`}`)[0]!;
for (const [offer, answer, result] of ANSWERS) {
  test(`CM-09 RFC 7692 §7.1: '${answer}' for an offer of '${offer}'`, () => {
    assert.deepEqual(negotiate(extension(answer), extension(offer)), result);
  });
}

test('CM-09 RFC 7692 §7.1: an extension that was not offered is a fault', () => {
  assert.equal(negotiate(parseExtensions('mux')[0]!, extension('')), 'the extension mux was not offered');
});
