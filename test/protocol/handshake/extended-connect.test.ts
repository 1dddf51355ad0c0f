import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandshakeError } from '../../../src/protocol/errors.ts';
import { readConnectHead } from '../../../src/protocol/handshake/connect-head.ts';
import { readExtendedConnect } from '../../../src/protocol/handshake/server.ts';

const VALID: Readonly<Record<string, string | readonly string[]>> = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'https',
  ':path': '/chat?x=1',
  ':authority': 'app.example',
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'a, b',
  'sec-websocket-extensions': 'permessage-deflate',
  origin: 'https://app.example',
  cookie: ['a=1', 'b=2'],
};

/** Alternating names and values of {@link VALID}, with changes; `undefined` removes a field. */
const raw = (changes: Readonly<Record<string, string | readonly string[] | undefined>> = {}): string[] =>
  Object.entries({ ...VALID, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().flatMap((one) => [name, one]),
  );

test('RT-08: an extended CONNECT is read as an upgrade request, without key', () => {
  const head = readConnectHead(raw())!;
  assert.equal(head.protocol, 'websocket');
  const request = readExtendedConnect(head, true);
  assert.equal(request.method, 'CONNECT');
  assert.equal(request.key, '');
  assert.equal(request.url.href, 'https://app.example/chat?x=1');
  assert.equal(request.path, '/chat');
  assert.equal(request.host, 'app.example');
  assert.deepEqual(request.origins, ['https://app.example']);
  assert.deepEqual([...request.protocols], ['a', 'b']);
  assert.equal(request.extensions[0]!.name, 'permessage-deflate');
  assert.equal(request.fields.get('cookie'), 'a=1; b=2');
  assert.equal(request.fields.get('host'), 'app.example');
});

test('RT-08: only CONNECT with :protocol is an extended CONNECT, in any case of its letters', () => {
  assert.equal(readConnectHead(raw({ ':protocol': undefined })), undefined);
  assert.equal(readConnectHead(raw({ ':method': 'GET' })), undefined);
  assert.equal(readConnectHead(raw({ ':protocol': 'WebSocket' }))!.protocol, 'websocket');
});

test('RT-08: the scheme does not decide whether the client uses TLS, and a trusted proxy replaces the authority', () => {
  const head = readConnectHead(raw({ host: 'app.example' }))!;
  assert.equal(readExtendedConnect(head, false).url.protocol, 'http:');
  assert.equal(readExtendedConnect(head, true, 'public.example').host, 'public.example');
});

for (const [what, changes, code] of [
  ['no scheme', { ':scheme': undefined }, 'ERR_TARGET'],
  ['the scheme wss', { ':scheme': 'wss' }, 'ERR_TARGET'],
  ['no path', { ':path': undefined }, 'ERR_TARGET'],
  ['no authority', { ':authority': undefined }, 'ERR_HOST'],
  ['an authority that is none', { ':authority': 'a b' }, 'ERR_HOST'],
  ['another host', { host: 'evil.example' }, 'ERR_HOST'],
  ['a body', { 'content-length': '1' }, 'ERR_REQUEST_BODY'],
  ['no version', { 'sec-websocket-version': undefined }, 'ERR_VERSION_MISSING'],
  ['two versions', { 'sec-websocket-version': ['13', '13'] }, 'ERR_VERSION_MISSING'],
  ['version 8', { 'sec-websocket-version': '8' }, 'ERR_VERSION'],
] as const) {
  test(`RT-08: an extended CONNECT with ${what} is refused`, () => {
    const head = readConnectHead(raw(changes))!;
    assert.throws(
      () => readExtendedConnect(head, true),
      (error) => error instanceof HandshakeError && error.code === code,
    );
  });
}
