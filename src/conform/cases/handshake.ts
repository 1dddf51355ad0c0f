import type { RequestCase } from '../case.ts';
import type { RequestExpectation, RequestSpec } from '../request.ts';
import { accepts, EXTENSIONS, field, KEY, PLAIN, PROTOCOL, refuses, request } from './request-case.ts';

const NAMES_13: RequestExpectation = { status: PLAIN, accepted: 'fail', names: 'Sec-WebSocket-Version: 13' };
const DRAFT: RequestExpectation = { ...NAMES_13, accepted: 'informational' };
const versions = (expects: RequestExpectation, ...values: string[]): RequestSpec[] =>
  field('Sec-WebSocket-Version', ...values).map((run) => ({ ...run, expects }));

/** What a server makes of requests: sections 4.1, 4.2 and 4.4, and what HTTP says about heads. */
export const handshakeCases = (): readonly RequestCase[] => [
  request('accept', '§4.2.2', 'An ordinary request gets 101 and the right Sec-WebSocket-Accept', [
    {},
    { fields: { [KEY]: 'dGhlIHNhbXBsZSBub25jZQ==' }, label: 'the key of §1.3' },
    { fields: { [KEY]: '+/+/+/+/+/+/+/+/+/+/+w==' }, label: 'a key of + and /' },
    { fields: { [KEY]: 'AAAAAAAAAAAAAAAAAAAAAA==' }, label: 'a key of zeros' },
    { fields: { [KEY]: '  *\t ' }, label: 'blanks around the key' },
  ]),
  request(
    'accept.pad-bits',
    '§4.2.1',
    'The padding bits in the key are ignored',
    accepts(field(KEY, 'dGhlIHNhbXBsZSBub25jZR=='), 'informational'),
  ),
  request('method', '§4.2.1', 'Any method but GET is refused', [
    ...refuses(
      ['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH'].map((method) => ({ method })),
      PLAIN,
    ),
    ...refuses([{ method: 'get' }, { method: 'GETS' }], PLAIN),
  ]),
  request(
    'http-version',
    '§4.2.1',
    'HTTP before 1.1 is refused',
    refuses([{ version: 'HTTP/1.0' }, { version: 'HTTP/0.9' }], PLAIN),
  ),
  request(
    'http-version.nonsense',
    'RFC 9112 §2.3',
    'An invalid HTTP version is refused',
    refuses(
      ['HTTP/2.0', 'HTTP/1', 'http/1.1', 'HTTP/11', 'HTTP/1.1.1', 'SPDY/3.1'].map((version) => ({ version })),
      PLAIN,
      'non-strict',
    ),
  ),
  request(
    'target.absolute',
    'RFC 9112 §3.2.2',
    'The absolute form of the target is understood',
    accepts(
      [{ target: (path, authority) => `http://${authority}${path}`, label: 'absolute form' }],
      'non-strict',
    ),
  ),
  request(
    'target.wrong',
    'RFC 9112 §3.2',
    'Targets that are invalid for GET are refused',
    refuses(
      [
        { target: () => '*', label: '*' },
        { target: (path) => `${path}#fragment`, label: 'with a fragment' },
        { target: (path) => `${path} x`, label: 'with a blank' },
        { target: () => '', label: 'empty' },
      ],
      PLAIN,
      'non-strict',
    ),
  ),
  request(
    'host',
    'RFC 9112 §3.2',
    'A request without Host, or with two, is refused',
    refuses(field('Host', undefined, ['*', 'other.example']), PLAIN),
  ),
  request(
    'upgrade.forms',
    '§4.2.1',
    'Upgrade is a list, in any case',
    accepts(field('Upgrade', 'WebSocket', 'WEBSOCKET', 'foo/2, websocket', ['foo', 'websocket'])),
  ),
  request(
    'upgrade.missing',
    '§4.2.1',
    'Without websocket in Upgrade there is no upgrade',
    refuses(field('Upgrade', undefined, 'h2c', 'websocket2', 'websockets', 'web socket'), PLAIN),
  ),
  request(
    'connection.forms',
    '§4.2.1',
    'Connection is a list, in any case',
    accepts(
      field(
        'Connection',
        'upgrade',
        'UPGRADE',
        'keep-alive, Upgrade',
        'Upgrade,keep-alive',
        ['keep-alive', 'Upgrade'],
        'keep-alive ,\tUpgrade',
      ),
    ),
  ),
  request(
    'connection.missing',
    '§4.2.1',
    'Without upgrade in Connection there is no upgrade',
    refuses(field('Connection', undefined, 'keep-alive', 'upgrades', 'close', 'up grade'), PLAIN),
  ),
  request('key.missing', '§4.2.1', 'A request without a key is refused', refuses(field(KEY, undefined, ''))),
  request(
    'key.wrong',
    '§4.2.1',
    'A key that is not 16 bytes in base64 is refused',
    refuses(
      field(
        KEY,
        'dGhlIHNhbXBsZSBub25jZQ',
        'dGhlIHNhbXBsZSBub25jZQ=',
        'dGhlIHNhbXBsZSBub25j',
        '*AAAA',
        'dGhlIHNhbXBsZSBub25j!Q==',
        'dGhlIHNhbXBsZSBub2==jZQ',
        'x',
        'dGhlIHNhbXBsZSBub25jZQ== x',
        `${'A'.repeat(4096)}==`,
      ),
    ),
  ),
  request(
    'key.twice',
    '§11.3.1',
    'Two keys are refused',
    refuses(field(KEY, ['*', '*'], ['*', 'AAAAAAAAAAAAAAAAAAAAAA=='])),
  ),
  request(
    'version.missing',
    '§4.2.1',
    'A request without a version is refused',
    refuses(field('Sec-WebSocket-Version', undefined, ''), PLAIN),
  ),
  ...[9, 10, 11, 12].map((version) =>
    request(
      `version.${version}`,
      '§11.6',
      `Version ${version}, which was never used, is refused, and 13 is named`,
      versions(NAMES_13, String(version)),
    ),
  ),
  request(
    'version.other',
    '§4.4',
    'Unknown versions are refused, and 13 is named',
    versions(NAMES_13, '14', '99', '255'),
  ),
  request(
    'version.drafts',
    '§4.4',
    'Draft versions are refused and 13 is named, or they are supported',
    versions(DRAFT, '0', '7', '8'),
  ),
  request(
    'version.malformed',
    '§4.1',
    'A malformed WebSocket version is refused',
    refuses(
      field('Sec-WebSocket-Version', '013', '13.0', '+13', '0x0d', 'x', '13x', '1 3'),
      PLAIN,
      'non-strict',
    ),
  ),
  request(
    'version.twice',
    '§11.3.5',
    'Two versions are refused',
    refuses(field('Sec-WebSocket-Version', ['13', '13'], ['8', '13'], '13, 8'), PLAIN),
  ),
  request(
    'protocol.unoffered',
    '§4.2.2',
    'Only an offered subprotocol is chosen, and none without an offer',
    [...field(PROTOCOL, undefined, 'x-hawser-conform', 'x-a, x-b', ['x-a', 'x-b'])],
  ),
  request(
    'protocol.malformed',
    '§4.1',
    'Subprotocols that are not tokens or not unique are refused',
    refuses(field(PROTOCOL, 'a b', 'a;b', '"a"', 'a, a'), [400], 'informational'),
  ),
  request('extension.unknown', '§9.1', 'Unknown extensions are not accepted', [
    ...accepts(
      field(
        EXTENSIONS,
        'x-hawser-conform',
        'x-a; b=1; c="d", x-e',
        ['x-a', 'x-b; c'],
        'constructor, __proto__; toString=1',
      ),
    ),
  ]),
  request(
    'extension.malformed',
    '§9.1',
    'A malformed list of extensions is refused',
    refuses(field(EXTENSIONS, 'a b', 'a; b=', 'a; =b', 'a; b="c d"', 'a; b="c', 'a/b', ';a', 'a;;b')),
  ),
  request(
    'origin.foreign',
    '§10.2',
    'A page of another site is refused if the server serves pages',
    refuses(field('Origin', 'https://hawser-conform.invalid', 'null'), [403], 'informational'),
  ),
];
