import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandshakeError } from '../../src/index.ts';
import { Fields } from '../../src/protocol/handshake/fields.ts';
import { forwardedElements } from '../../src/server/forwarded-field.ts';
import { proxyPolicy, type TrustProxy } from '../../src/server/trust-proxy.ts';
import { listening } from './live.ts';

const PEER = '10.0.0.1';
const OURS = ['10.0.0.0/8', 'fd00::/8'];

interface Row {
  readonly what: string;
  readonly trust: TrustProxy;
  readonly peer?: string;
  readonly fields: readonly string[];
  readonly is: readonly [address: string, secure?: boolean, host?: string | undefined];
}

const ROWS: readonly Row[] = [
  { what: 'nobody is trusted', trust: false, fields: ['x-forwarded-for', '1.2.3.4'], is: [PEER] },
  {
    what: 'a sender that is no proxy of ours',
    trust: OURS,
    peer: '9.9.9.9',
    fields: ['x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'evil.example'],
    is: ['9.9.9.9'],
  },
  { what: 'a proxy that says nothing', trust: OURS, fields: [], is: [PEER] },
  { what: 'one proxy', trust: OURS, fields: ['x-forwarded-for', '1.2.3.4'], is: ['1.2.3.4'] },
  {
    what: 'what the client wrote itself stands further left',
    trust: OURS,
    fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4'],
    is: ['1.2.3.4'],
  },
  {
    what: 'two proxies of ours',
    trust: OURS,
    fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4, 10.1.1.1'],
    is: ['1.2.3.4'],
  },
  {
    what: 'several fields are one list',
    trust: OURS,
    fields: ['x-forwarded-for', '6.6.6.6', 'x-forwarded-for', '1.2.3.4', 'x-forwarded-for', '10.1.1.1'],
    is: ['1.2.3.4'],
  },
  {
    what: 'nobody but us: the leftmost',
    trust: OURS,
    fields: ['x-forwarded-for', '10.2.2.2, 10.1.1.1'],
    is: ['10.2.2.2'],
  },
  { what: 'one hop', trust: 1, fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4'], is: ['1.2.3.4'] },
  { what: 'two hops', trust: 2, fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4, 5.5.5.5'], is: ['1.2.3.4'] },
  { what: 'more hops than there were', trust: 5, fields: ['x-forwarded-for', '1.2.3.4'], is: ['1.2.3.4'] },
  {
    what: 'a hop counts for a Unix socket, too',
    trust: 1,
    peer: '',
    fields: ['x-forwarded-for', '1.2.3.4'],
    is: ['1.2.3.4'],
  },
  {
    what: 'ports and brackets',
    trust: OURS,
    fields: ['x-forwarded-for', '[2001:db8::1]:443, 10.1.1.1:80'],
    is: ['2001:db8::1'],
  },
  { what: 'IPv4 in IPv6', trust: OURS, fields: ['x-forwarded-for', '::ffff:1.2.3.4'], is: ['1.2.3.4'] },
  {
    what: 'an address that is none: whoever sent it that stays behind it',
    trust: OURS,
    fields: ['x-forwarded-for', '1.2.3.4, unknown, 10.1.1.1'],
    is: ['10.1.1.1'],
  },
  {
    what: 'scheme and host',
    trust: OURS,
    fields: ['x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'HTTPS', 'x-forwarded-host', 'chat.example'],
    is: ['1.2.3.4', true, 'chat.example'],
  },
  { what: 'a scheme alone', trust: OURS, fields: ['x-forwarded-proto', 'wss'], is: [PEER, true] },
  {
    what: 'one scheme for two proxies',
    trust: OURS,
    fields: ['x-forwarded-for', '1.2.3.4, 10.1.1.1', 'x-forwarded-proto', 'https'],
    is: ['1.2.3.4', true],
  },
  {
    what: 'a scheme for each proxy',
    trust: OURS,
    fields: ['x-forwarded-for', '1.2.3.4, 10.1.1.1', 'x-forwarded-proto', 'https, http'],
    is: ['1.2.3.4', true],
  },
  {
    what: 'a scheme of the client’s own does not count',
    trust: 1,
    fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4', 'x-forwarded-proto', 'https, http'],
    is: ['1.2.3.4', false],
  },
  {
    what: 'Forwarded',
    trust: OURS,
    fields: ['forwarded', 'for=1.2.3.4;proto=https;host=chat.example'],
    is: ['1.2.3.4', true, 'chat.example'],
  },
  {
    what: 'Forwarded, quoted, two proxies, one hidden further out',
    trust: OURS,
    fields: [
      'forwarded',
      'for=_secret, FOR="[2001:db8::1]:4711";Proto=https ; by=x, for=10.1.1.1;host="a\\.example"',
    ],
    is: ['2001:db8::1', true, 'a.example'],
  },
  {
    what: 'both, and they agree',
    trust: OURS,
    fields: ['forwarded', 'for=1.2.3.4', 'x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'https'],
    is: ['1.2.3.4', true],
  },
];

for (const { what, trust, peer = PEER, fields, is } of ROWS) {
  test(`RT-06 SE-10: ${what}`, () => {
    const { address, secure, host } = proxyPolicy(trust)(peer, false, new Fields(fields));
    const [expectedAddress, expectedSecure = false, expectedHost] = is;
    assert.deepEqual([address, secure, host], [expectedAddress, expectedSecure, expectedHost]);
  });
}

for (const fields of [
  ['forwarded', 'for=1.2.3.4', 'x-forwarded-for', '6.6.6.6'],
  ['forwarded', 'for'],
  ['forwarded', 'for=1.2.3.4;for=6.6.6.6'],
  ['forwarded', 'for="1.2.3.4'],
  ['forwarded', 'for=1.2.3.4,'],
  ['forwarded', ''],
  ['forwarded', 'for=[::1]'],
  ['x-forwarded-proto', 'javascript'],
  ['x-forwarded-host', 'a b'],
  ['x-forwarded-host', 'user@chat.example'],
]) {
  test(`RT-06 GN-05: what a proxy of ours sends and cannot be read is refused: ${fields.join(': ')}`, () => {
    const policy = proxyPolicy(OURS);
    assert.throws(
      () => policy(PEER, false, new Fields(fields)),
      (error) => error instanceof HandshakeError && error.code === 'ERR_HEAD_SYNTAX' && error.status === 400,
    );
    assert.equal(
      policy('9.9.9.9', false, new Fields(fields)).address,
      '9.9.9.9',
      'of nobody else it is read',
    );
  });
}

test('RT-06: around pairs of Forwarded stand spaces and tabs, no other blank', () => {
  assert.deepEqual(forwardedElements(' \tfor=a\t; proto=b ,for=c '), [
    new Map([
      ['for', 'a'],
      ['proto', 'b'],
    ]),
    new Map([['for', 'c']]),
  ]);
  for (const blank of ['\u00a0', '\ufeff', '\n']) assert.equal(forwardedElements(`${blank}for=a`), undefined);
});

test('RT-06: Forwarded is read in linear time', () => {
  assert.equal(forwardedElements(`${' '.repeat(50_000)}x`), undefined);
  assert.equal(forwardedElements(`a="${'\\a'.repeat(50_000)}`), undefined);
  assert.equal(forwardedElements(Array(5_000).fill('for=1.2.3.4').join(','))?.length, 5_000);
});

test('RT-06 OR-04: address, scheme and host of the client count everywhere', async (t) => {
  const seen: unknown[] = [];
  const { server, join, connect, refusals, port } = await listening(t, {
    trustProxy: ['127.0.0.1'],
    maxConnectionsPerIp: 1,
    upgrade: ({ remoteAddress, secure, request, origin }) => {
      seen.push([remoteAddress, secure, request.url.href, origin]);
    },
    request: ({ url, remoteAddress }) => Response.json([url.href, remoteAddress]),
  });
  const from = (address: string) => ({
    path: '/x',
    headers: {
      'X-Forwarded-For': address,
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'chat.example',
      Origin: 'https://chat.example',
    },
  });
  await join(from('1.1.1.1'));
  await join(from('2.2.2.2'));
  assert.equal((await (await connect()).upgrade(from('1.1.1.1'))).status, 429);
  assert.deepEqual(seen, [
    ['1.1.1.1', true, 'https://chat.example/x', 'https://chat.example'],
    ['2.2.2.2', true, 'https://chat.example/x', 'https://chat.example'],
  ]);
  assert.deepEqual(
    [...server.connections].map(({ remoteAddress, remotePort }) => [remoteAddress, remotePort]),
    [
      ['1.1.1.1', 0],
      ['2.2.2.2', 0],
    ],
  );
  assert.deepEqual(
    refusals.map(({ code, remoteAddress }) => [code, remoteAddress]),
    [['ERR_IP_LIMIT', '1.1.1.1']],
  );
  const response = await fetch(`http://127.0.0.1:${port}/page`, { headers: from('3.3.3.3').headers });
  assert.deepEqual(await response.json(), ['https://chat.example/page', '3.3.3.3']);
});
