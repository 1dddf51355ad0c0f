import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { HandshakeError } from '../../../src/index.ts';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import { forwardedElements } from '../../../src/server/admission/forwarded-field.ts';
import { proxyPolicy } from '../../../src/server/admission/trust-proxy.ts';
import { listening } from '../live.ts';
import type { TrustProxy } from '../../../src/options/server-options.ts';

/** `n` times the same member. */
const list = (member: string, n: number): string => Array(n).fill(member).join();
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
  {
    what: 'without a trusted proxy the socket address counts',
    trust: false,
    fields: ['x-forwarded-for', '1.2.3.4'],
    is: [PEER],
  },
  {
    what: 'a sender that is not a trusted proxy',
    trust: OURS,
    peer: '9.9.9.9',
    fields: ['x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'evil.example'],
    is: ['9.9.9.9'],
  },
  { what: 'a trusted proxy without forwarded fields', trust: OURS, fields: [], is: [PEER] },
  { what: 'one proxy', trust: OURS, fields: ['x-forwarded-for', '1.2.3.4'], is: ['1.2.3.4'] },
  {
    what: 'members that the client wrote, further left, do not count',
    trust: OURS,
    fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4'],
    is: ['1.2.3.4'],
  },
  {
    what: 'two trusted proxies',
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
    what: 'all members are trusted proxies: the leftmost counts',
    trust: OURS,
    fields: ['x-forwarded-for', '10.2.2.2, 10.1.1.1'],
    is: ['10.2.2.2'],
  },
  { what: 'one hop', trust: 1, fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4'], is: ['1.2.3.4'] },
  { what: 'two hops', trust: 2, fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4, 5.5.5.5'], is: ['1.2.3.4'] },
  { what: 'more hops than members', trust: 5, fields: ['x-forwarded-for', '1.2.3.4'], is: ['1.2.3.4'] },
  {
    what: 'a Unix socket counts as a hop',
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
    what: 'an invalid address: the proxy that sent it counts as the client',
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
    what: 'a scheme that the client wrote does not count',
    trust: 1,
    fields: ['x-forwarded-for', '6.6.6.6, 1.2.3.4', 'x-forwarded-proto', 'https, http'],
    is: ['1.2.3.4', false],
  },
  {
    what: 'a longer X-Forwarded-For does not make the leftmost scheme and host count',
    trust: OURS,
    fields: [
      'x-forwarded-for',
      '6.6.6.6, 7.7.7.7, 1.2.3.4',
      'x-forwarded-proto',
      'https, http',
      'x-forwarded-host',
      'evil.example, chat.example',
      'x-forwarded-port',
      '666, 8080',
    ],
    is: ['1.2.3.4', false, 'chat.example:8080'],
  },
  {
    what: 'a longer list of schemes does not make the leftmost count',
    trust: OURS,
    fields: ['x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'https, https, http'],
    is: ['1.2.3.4', false],
  },
  {
    what: 'values further left than the client are not validated',
    trust: OURS,
    fields: [
      'x-forwarded-for',
      'junk, 1.2.3.4',
      'x-forwarded-proto',
      'junk, https',
      'x-forwarded-host',
      'a b, c',
    ],
    is: ['1.2.3.4', true, 'c'],
  },
  {
    what: 'the outer of two proxies reports the scheme, the inner only the host',
    trust: OURS,
    fields: [
      'x-forwarded-for',
      '1.2.3.4, 10.1.1.1',
      'x-forwarded-proto',
      'https',
      'x-forwarded-host',
      'a, b',
    ],
    is: ['1.2.3.4', true, 'a'],
  },
  {
    what: 'X-Forwarded-Port counts where the forwarded host has no port',
    trust: OURS,
    fields: ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '8443', 'x-forwarded-proto', 'https'],
    is: [PEER, true, 'chat.example:8443'],
  },
  {
    what: 'X-Forwarded-Port with an IPv6 host and an empty port',
    trust: OURS,
    fields: ['x-forwarded-host', '[2001:db8::1]:', 'x-forwarded-port', '8080'],
    is: [PEER, false, '[2001:db8::1]:8080'],
  },
  {
    what: 'X-Forwarded-Port does not count where the forwarded host has a port',
    trust: OURS,
    fields: ['x-forwarded-host', 'chat.example:9000', 'x-forwarded-port', '8443'],
    is: [PEER, false, 'chat.example:9000'],
  },
  {
    what: 'X-Forwarded-Port 80 with https is the port of an inner hop and does not count',
    trust: OURS,
    fields: ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '80', 'x-forwarded-proto', 'https'],
    is: [PEER, true, 'chat.example'],
  },
  {
    what: 'X-Forwarded-Port 443 with http is the port of an inner hop and does not count',
    trust: OURS,
    fields: ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '443'],
    is: [PEER, false, 'chat.example'],
  },
  {
    what: 'X-Forwarded-Port alone changes nothing',
    trust: OURS,
    fields: ['x-forwarded-port', '8443', 'forwarded', 'for=1.2.3.4'],
    is: ['1.2.3.4'],
  },
  {
    what: 'empty members are ignored',
    trust: OURS,
    fields: [
      'x-forwarded-for',
      ', 1.2.3.4, , 10.1.1.1,',
      'x-forwarded-proto',
      ',https,',
      'x-forwarded-host',
      '',
      'x-forwarded-port',
      ' , ',
    ],
    is: ['1.2.3.4', true],
  },
  {
    what: 'empty fields are ignored, and Forwarded counts',
    trust: OURS,
    fields: ['x-forwarded-for', '', 'x-forwarded-proto', ',', 'forwarded', ',for=1.2.3.4;;proto=https;,'],
    is: ['1.2.3.4', true],
  },
  {
    what: 'an empty Forwarded is ignored, and X-Forwarded-For counts',
    trust: OURS,
    fields: ['forwarded', '', 'x-forwarded-for', '1.2.3.4'],
    is: ['1.2.3.4'],
  },
  {
    what: 'an empty parameter of Forwarded has no effect',
    trust: OURS,
    fields: ['forwarded', 'for=1.2.3.4;host="";proto=""'],
    is: ['1.2.3.4'],
  },
  {
    what: '32 trusted proxies, and members further left',
    trust: OURS,
    fields: ['x-forwarded-for', `6.6.6.6, 1.2.3.4${', 10.1.1.1'.repeat(31)}`],
    is: ['1.2.3.4'],
  },
  {
    what: '32 trusted proxies and no client beyond them',
    trust: OURS,
    fields: ['x-forwarded-for', Array(32).fill('10.1.1.1').join()],
    is: ['10.1.1.1'],
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
    what: 'Forwarded and X-Forwarded-For agree',
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
  ['forwarded', 'for=1.2.3.4,x'],
  ['forwarded', 'for=1.2.3.4 proto=https'],
  ['forwarded', Array(33).fill('for=10.1.1.1').join()],
  ['x-forwarded-for', Array(33).fill('10.1.1.1').join()],
  ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '0'],
  ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '65536'],
  ['x-forwarded-host', 'chat.example', 'x-forwarded-port', '80;'],
  ['forwarded', 'for=[::1]'],
  ['x-forwarded-proto', 'javascript'],
  ['x-forwarded-host', 'a b'],
  ['x-forwarded-host', 'user@chat.example'],
]) {
  test(`RT-06 GN-05: an invalid field of a trusted proxy is refused: ${fields.join(': ')}`, () => {
    const policy = proxyPolicy(OURS);
    assert.throws(
      () => policy(PEER, false, new Fields(fields)),
      (error) => error instanceof HandshakeError && error.code === 'ERR_HEAD_SYNTAX' && error.status === 400,
    );
    assert.equal(
      policy('9.9.9.9', false, new Fields(fields)).address,
      '9.9.9.9',
      'the field of an untrusted sender is not read',
    );
  });
}

test('RT-06: Forwarded allows spaces and tabs around pairs, and no other whitespace', () => {
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
  assert.deepEqual(forwardedElements(' ,;\t'.repeat(50_000)), []);
  assert.equal(forwardedElements(`for=a${' ;,'.repeat(50_000)}x`), undefined);
  assert.equal(forwardedElements(Array(5_000).fill('for=1.2.3.4').join(','))?.length, 5_000);
});

for (const [what, shape] of [
  ['many addresses and one long host', (n: number) => [list('10.1.1.1', n), '', `xn--${'a'.repeat(n)}`]],
  ['many members in each list', (n: number) => [list('9.9.9.9', n), list('https', n), list('xn--a', n)]],
  ['many addresses that are none', (n: number) => [`${list('x', n)},10.1.1.1`, '', list('a.', n)]],
  ['many trusted addresses', (n: number) => [list('10.1.1.1', n), 'https', 'chat.example']],
  ['empty members', (n: number) => [','.repeat(n), ','.repeat(n), ','.repeat(n)]],
] as const) {
  test(`RT-06 GN-07: ${what}: twice as long costs at most twice the checks`, (t) => {
    const policy = proxyPolicy(OURS);
    const checks = t.mock.method(BlockList.prototype, 'check').mock;
    const parses = t.mock.method(URL, 'canParse').mock;
    const stepsFor = (n: number): number => {
      const [addresses, protos, hosts] = shape(n) as [string, string, string];
      checks.resetCalls();
      parses.resetCalls();
      try {
        policy(
          PEER,
          false,
          new Fields(['x-forwarded-for', addresses, 'x-forwarded-proto', protos, 'x-forwarded-host', hosts]),
        );
      } catch (error) {
        assert.ok(error instanceof HandshakeError);
      }
      // Parsing a host costs as much as it is long.
      return parses.calls.reduce((sum, call) => sum + call.arguments[0].length, checks.callCount());
    };
    const once = stepsFor(1_000);
    const twice = stepsFor(2_000);
    assert.ok(once > 0 && twice <= 2 * once && twice <= 3_000, `${once} steps, then ${twice}`);
  });
}

test('RT-06 OR-04: every policy uses the address, scheme and host of the client', async (t) => {
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
