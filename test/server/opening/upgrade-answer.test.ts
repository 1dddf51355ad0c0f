import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadParser } from '../../../src/protocol/handshake/http-head.ts';
import { renderUpgrade } from '../../../src/protocol/handshake/answer.ts';
import { readUpgradeRequest } from '../../../src/protocol/handshake/server.ts';
import type { UpgradeAcceptance } from '../../../src/options/hooks.ts';
import { NodeZlib } from '../../../src/engine/zlib/zlib.ts';
import { resolveServerOptions } from '../../../src/options/resolve-server-options.ts';
import { answerUpgrade } from '../../../src/server/opening/upgrade-answer.ts';
import { EXAMPLE_KEY } from '../../../src/testing/index.ts';

/** An upgrade that asks for subprotocols and compression, and the fields of the answer. */
function answered(
  options: Parameters<typeof resolveServerOptions>[0],
  acceptance?: UpgradeAcceptance<unknown>,
) {
  const head = new HeadParser(resolveServerOptions(undefined)).receive(
    Buffer.from(
      [
        'GET /chat HTTP/1.1',
        'Host: server.example.com',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Key: ${EXAMPLE_KEY}`,
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Protocol: chat, superchat',
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
        '',
        '',
      ].join('\r\n'),
    ),
  );
  const upgrade = readUpgradeRequest(head!, false, undefined);
  const { headers, identity } = answerUpgrade(
    upgrade,
    resolveServerOptions(options),
    true,
    acceptance,
    new NodeZlib(),
  );
  const { protocol, extensions } = identity;
  const text = renderUpgrade({ key: upgrade.key, protocol, extensions, headers });
  const [status, ...lines] = text.trimEnd().split('\r\n');
  return { status, lines, identity };
}

test('HS-11: the example of §1.3 is answered with its accept value, and nothing is negotiated without an offer and an option', () => {
  const { status, lines, identity } = answered({});
  assert.equal(status, 'HTTP/1.1 101 Switching Protocols');
  assert.ok(lines.includes('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='));
  assert.equal(lines.length, 3, lines.join('; '));
  assert.deepEqual(identity, {
    protocol: '',
    extensions: '',
    deflate: undefined,
    data: undefined,
    expiresAt: undefined,
    priority: undefined,
  });
});

for (const [what, protocols, chosen, protocol] of [
  ['the first of the server that the client offered', ['other', 'superchat', 'chat'], undefined, 'superchat'],
  ['no common subprotocol', ['other'], undefined, ''],
  ['the choice of the hook', ['superchat'], 'chat', 'chat'],
] as const) {
  test(`HS-11: the subprotocol: ${what}`, () => {
    const { lines, identity } = answered({ protocols }, chosen === undefined ? {} : { protocol: chosen });
    assert.equal(identity.protocol, protocol);
    const sent = lines.filter((line) => line.startsWith('Sec-WebSocket-Protocol'));
    assert.deepEqual(sent, protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]);
  });
}

test('PD-01: compression is negotiated if the option is on, and the connection gets the parameters', () => {
  const { lines, identity } = answered({ perMessageDeflate: true });
  assert.ok(lines.includes(`Sec-WebSocket-Extensions: ${identity.extensions}`));
  assert.match(identity.extensions, /^permessage-deflate/);
  assert.notEqual(identity.deflate, undefined);
});

for (const [kind, headers] of [
  ['Headers', new Headers([['x-a', '1']])],
  ['pairs', [['x-a', '1']] as const],
  ['an object', { 'x-a': '1' }],
] as const) {
  test(`AU-01: headers of the hook may be ${kind}; its data and expiry are passed to the connection`, () => {
    const { lines, identity } = answered({}, { headers, data: 'Ann', expiresAt: new Date(5_000) });
    assert.ok(lines.includes('x-a: 1'), lines.join('; '));
    assert.deepEqual([identity.data, identity.expiresAt], ['Ann', 5_000]);
  });
}

for (const [what, acceptance, code] of [
  ['a subprotocol that the client did not offer', { protocol: 'other' }, 'ERR_UPGRADE_HOOK'],
  ['a header that the server sets itself', { headers: { Upgrade: 'h2c' } }, 'ERR_UPGRADE_HOOK'],
  ['an invalid date', { expiresAt: new Date(Number.NaN) }, 'ERR_ARGUMENT'],
] as const) {
  test(`AU-01: ${what} is refused`, () => {
    assert.throws(() => answered({}, acceptance), { code });
  });
}
