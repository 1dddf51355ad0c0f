import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MisuseError } from '../../../src/protocol/errors.ts';
import {
  checkRequestHeaders,
  type ExtensionClient,
  judgeUpgrade,
  makeKey,
  NO_EXTENSIONS,
  renderUpgradeRequest,
} from '../../../src/protocol/handshake/client.ts';
import { readUpgradeRequest } from '../../../src/protocol/handshake/server.ts';
import { HeadParser } from '../../../src/protocol/handshake/http-head.ts';
import { ResponseHeadParser } from '../../../src/protocol/handshake/response-head.ts';

const LIMITS = { maxHeadBytes: 16_384, maxHeaderFields: 100 };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const PLAIN = {
  target: '/',
  host: 'server.example.com',
  key: KEY,
  protocols: [],
  extensions: NO_EXTENSIONS,
  origin: '',
  headers: [],
};
/** Accepts `permessage-deflate` without parameters only. */
const ONE_EXTENSION: ExtensionClient = {
  offer: 'permessage-deflate',
  fault: (answer) => (answer.length === 1 && answer[0]!.params.length === 0 ? undefined : 'not like this'),
};

test('§1.2 §4.1 the client builds the request of the RFC, and our server reads it', () => {
  const text = renderUpgradeRequest({
    ...PLAIN,
    target: '/chat?room=1',
    protocols: ['chat', 'superchat'],
    extensions: ONE_EXTENSION,
    origin: 'http://example.com',
    headers: [
      ['Cookie', 'a=b'],
      ['Cookie', 'c=d'],
    ],
  });
  assert.equal(
    text,
    'GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n` +
      'Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://example.com\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n',
  );
  const head = new HeadParser(LIMITS).receive(Buffer.from(text, 'latin1'));
  const request = readUpgradeRequest(head!, false);
  assert.equal(request.url.href, 'http://server.example.com/chat?room=1');
  assert.deepEqual([...request.protocols], ['chat', 'superchat']);
  assert.deepEqual(request.extensions, [{ name: 'permessage-deflate', params: [] }]);
});

test('§4.1 without options, the client sends no optional fields', () => {
  assert.equal(
    renderUpgradeRequest(PLAIN),
    `GET / HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
});

test('§4.1 CC-04 the key is 16 bytes in base64', () => {
  assert.equal(makeKey(Buffer.from('the sample nonce')), KEY);
});

for (const name of [
  'host',
  'Connection',
  'UPGRADE',
  'Content-Length',
  'Transfer-Encoding',
  'Origin',
  'Sec-WebSocket-Key',
  'sec-websocket-version',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Anything',
]) {
  test(`CC-03 the application cannot set the field ${name}`, () => {
    assert.throws(
      () => checkRequestHeaders([[name, 'x']]),
      (error) => error instanceof MisuseError && error.code === 'ERR_OPTION' && error.message.includes(name),
    );
  });
}

for (const [what, name, value] of [
  ['no token', 'a b', 'x'],
  ['an empty name', '', 'x'],
  ['CR and LF', 'a', 'x\r\nb: c'],
  ['NUL', 'a', '\0'],
  ['a character that would become LF in Latin-1', 'a', '\u010a'],
  ['a number', 'a', 5 as unknown as string],
] as const) {
  test(`CC-03 SE-22 a field cannot break out of its line: ${what}`, () => {
    assert.throws(() => checkRequestHeaders([[name, value]]), { code: 'ERR_OPTION' });
  });
}

test('CC-03 other fields are sent unchanged, repeated ones included', () => {
  const once = new Map([
    ['Cookie', 'a=b'],
    ['X-Empty', ''],
  ]).entries();
  assert.deepEqual(checkRequestHeaders(once), [
    ['Cookie', 'a=b'],
    ['X-Empty', ''],
  ]);
});

const GOOD = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`;
const judge = (
  fields: string,
  offered: readonly string[] = [],
  extensions = NO_EXTENSIONS,
  version = '1.1',
) => {
  const bytes = Buffer.from(`HTTP/${version} 101 x\r\n${fields}\r\n`, 'latin1');
  const head = new ResponseHeadParser(LIMITS).receive(bytes);
  return judgeUpgrade(head!, { key: KEY, protocols: offered, extensions });
};
const NOTHING = { protocol: '', extensions: '' };

test('§4.1 CC-04 correct responses open the connection', () => {
  assert.deepEqual(judge(GOOD), NOTHING);
  assert.deepEqual(
    judge(
      `upgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\nSec-WebSocket-Accept:  ${ACCEPT} \r\nX: y\r\n`,
    ),
    NOTHING,
  );
  assert.deepEqual(judge(GOOD, ['a', 'b']), NOTHING, 'a server may choose none');
  assert.deepEqual(judge(`${GOOD}Sec-WebSocket-Protocol: b\r\n`, ['a', 'b']), {
    protocol: 'b',
    extensions: '',
  });
  assert.deepEqual(judge(`${GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n`, [], ONE_EXTENSION), {
    protocol: '',
    extensions: 'permessage-deflate',
  });
});

test('RFC 9110 §5.6.1.2 empty list members and fields in a response are ignored', () => {
  for (const [field, value] of [
    ['Upgrade: websocket', 'Upgrade: websocket,'],
    ['Upgrade: websocket', 'Upgrade: , ,websocket'],
    ['Upgrade: websocket', 'Upgrade: websocket\r\nUpgrade:'],
    ['Connection: Upgrade', 'Connection: ,Upgrade,,'],
  ] as const) {
    assert.deepEqual(judge(GOOD.replace(field, value)), NOTHING, value);
  }
  for (const value of ['', ',', ' , ,']) {
    const fields = `${GOOD}Sec-WebSocket-Protocol: ${value}\r\nSec-WebSocket-Extensions: ${value}\r\n`;
    assert.deepEqual(judge(fields, ['a', 'b']), NOTHING, value);
    assert.deepEqual(judge(fields, [], ONE_EXTENSION), NOTHING, value);
  }
  for (const value of ['b,', ', b', 'b\r\nSec-WebSocket-Protocol: ']) {
    const answer = judge(`${GOOD}Sec-WebSocket-Protocol: ${value}\r\n`, ['a', 'b']);
    assert.deepEqual(answer, { protocol: 'b', extensions: '' }, value);
  }
  const extensions = ', permessage-deflate,';
  assert.deepEqual(judge(`${GOOD}Sec-WebSocket-Extensions: ${extensions}\r\n`, [], ONE_EXTENSION), {
    protocol: '',
    extensions,
  });
});

const without = (name: string) => GOOD.replace(new RegExp(`^${name}:.*\r\n`, 'm'), '');
for (const [what, fields, says] of [
  ['no Upgrade', without('Upgrade'), /Upgrade field/],
  ['another Upgrade', GOOD.replace('websocket', 'h2c'), /Upgrade field/],
  ['Upgrade is a list', GOOD.replace('websocket', 'websocket, h2c'), /Upgrade field/],
  ['Upgrade twice', `${GOOD}Upgrade: websocket\r\n`, /Upgrade field/],
  ['no Connection', without('Connection'), /Connection field/],
  [
    'Connection without upgrade',
    GOOD.replace('Connection: Upgrade', 'Connection: close'),
    /Connection field/,
  ],
  ['no accept value', without('Sec-WebSocket-Accept'), /no Sec-WebSocket-Accept/],
  ['a wrong accept value', GOOD.replace(ACCEPT, KEY), /not belong to our key/],
  ['an accept value in another case', GOOD.replace(ACCEPT, ACCEPT.toLowerCase()), /not belong to our key/],
  ['two accept values', `${GOOD}Sec-WebSocket-Accept: ${ACCEPT}\r\n`, /not belong to our key/],
  ['a subprotocol that was not requested', `${GOOD}Sec-WebSocket-Protocol: c\r\n`, /not requested/],
  ['a subprotocol in another case', `${GOOD}Sec-WebSocket-Protocol: A\r\n`, /not requested/],
  ['a subprotocol twice', `${GOOD}Sec-WebSocket-Protocol: a,,a\r\n`, /not requested/],
  ['two subprotocols', `${GOOD}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n`, /not requested/],
  ['two in one field', `${GOOD}Sec-WebSocket-Protocol: a, b\r\n`, /not requested/],
  [
    'an extension',
    `${GOOD}Sec-WebSocket-Extensions: x-shrink; a=1\r\n`,
    /extension x-shrink was not requested/,
  ],
  ['malformed extensions', `${GOOD}Sec-WebSocket-Extensions: ;;\r\n`, /malformed/],
] as const) {
  test(`§4.1 CC-04 the client refuses a response: ${what}`, () => {
    assert.match(JSON.stringify(judge(fields, ['a', 'b'])), says);
  });
}

test('§4.1 CC-04 the extension checks its part of a response; HTTP/1.0 is refused', () => {
  const fields = `${GOOD}Sec-WebSocket-Extensions: permessage-deflate; x\r\n`;
  assert.equal(judge(fields, [], ONE_EXTENSION), 'not like this');
  assert.equal(judge(GOOD, [], NO_EXTENSIONS, '1.0'), 'its version is HTTP/1.0, not HTTP/1.1');
});

test('ER-03 an internal error in an extension check is thrown, not blamed on the server', () => {
  const broken = {
    ...NO_EXTENSIONS,
    fault: (): never => {
      throw new RangeError('ours');
    },
  };
  const fields = `${GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n`;
  assert.throws(() => judge(fields, [], broken), RangeError);
});
