import type { RequestCase } from '../case.ts';
import type { RequestExpectation, RequestSpec } from '../request.ts';
import { accepts, EXTENSIONS, field, KEY, ANY_STATUS, PROTOCOL, refuses, request } from './request-case.ts';

const NAMES_13: RequestExpectation = {
  status: ANY_STATUS,
  accepted: 'fail',
  names: 'Sec-WebSocket-Version: 13',
};
const DRAFT: RequestExpectation = { ...NAMES_13, accepted: 'informational' };
const versions = (expects: RequestExpectation, ...values: string[]): RequestSpec[] =>
  field('Sec-WebSocket-Version', ...values).map((run) => ({ ...run, expects }));

/** Cases about the fields of an upgrade request: §4.1, §4.2 and §4.4. */
export const handshakeCases = (): readonly RequestCase[] => [
  request('accept', '§4.2.2', 'An ordinary request gets 101 and the correct Sec-WebSocket-Accept', [
    {},
    { fields: { [KEY]: 'dGhlIHNhbXBsZSBub25jZQ==' }, label: 'the key of §1.3' },
    { fields: { [KEY]: '+/+/+/+/+/+/+/+/+/+/+w==' }, label: 'a key of + and /' },
    { fields: { [KEY]: 'AAAAAAAAAAAAAAAAAAAAAA==' }, label: 'a key of zeros' },
    { fields: { [KEY]: '  *\t ' }, label: 'blanks around the key' },
  ]),
  request(
    'accept.pad-bits',
    '§4.2.1',
    'The server ignores the padding bits in the key',
    accepts(field(KEY, 'dGhlIHNhbXBsZSBub25jZR=='), 'informational'),
  ),
  request('method', '§4.2.1', 'The server refuses any method except GET', [
    ...refuses(
      ['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH'].map((method) => ({ method })),
      ANY_STATUS,
    ),
    ...refuses([{ method: 'get' }, { method: 'GETS' }], ANY_STATUS),
  ]),
  request(
    'http-version',
    '§4.2.1',
    'The server refuses HTTP versions before 1.1',
    refuses([{ version: 'HTTP/1.0' }, { version: 'HTTP/0.9' }], ANY_STATUS),
  ),
  request(
    'http-version.nonsense',
    'RFC 9112 §2.3',
    'The server refuses an invalid HTTP version',
    refuses(
      ['HTTP/2.0', 'HTTP/1', 'http/1.1', 'HTTP/11', 'HTTP/1.1.1', 'SPDY/3.1'].map((version) => ({ version })),
      ANY_STATUS,
      'non-strict',
    ),
  ),
  request(
    'target.absolute',
    'RFC 9112 §3.2.2',
    'The server accepts a target in absolute form',
    accepts(
      [{ target: (path, authority) => `http://${authority}${path}`, label: 'absolute form' }],
      'non-strict',
    ),
  ),
  request(
    'target.wrong',
    'RFC 9112 §3.2',
    'The server refuses a target that is invalid for GET',
    refuses(
      [
        { target: () => '*', label: '*' },
        { target: (path) => `${path}#fragment`, label: 'with a fragment' },
        { target: (path) => `${path} x`, label: 'with a blank' },
        { target: () => '', label: 'empty' },
      ],
      ANY_STATUS,
      'non-strict',
    ),
  ),
  request(
    'host',
    'RFC 9112 §3.2',
    'The server refuses a request without Host, or with two',
    refuses(field('Host', undefined, ['*', 'other.example']), ANY_STATUS),
  ),
  request(
    'upgrade.forms',
    '§4.2.1',
    'Upgrade is a list and ignores case',
    accepts(field('Upgrade', 'WebSocket', 'WEBSOCKET', 'foo/2, websocket', ['foo', 'websocket'])),
  ),
  request(
    'upgrade.missing',
    '§4.2.1',
    'The server refuses an upgrade without websocket in Upgrade',
    refuses(field('Upgrade', undefined, 'h2c', 'websocket2', 'websockets', 'web socket'), ANY_STATUS),
  ),
  request(
    'connection.forms',
    '§4.2.1',
    'Connection is a list and ignores case',
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
    'The server refuses an upgrade without upgrade in Connection',
    refuses(field('Connection', undefined, 'keep-alive', 'upgrades', 'close', 'up grade'), ANY_STATUS),
  ),
  request(
    'key.missing',
    '§4.2.1',
    'The server refuses a request without a key',
    refuses(field(KEY, undefined, '')),
  ),
  request(
    'key.wrong',
    '§4.2.1',
    'The server refuses a key that is not 16 bytes in base64',
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
    'The server refuses two keys',
    refuses(field(KEY, ['*', '*'], ['*', 'AAAAAAAAAAAAAAAAAAAAAA=='])),
  ),
  request(
    'version.missing',
    '§4.2.1',
    'The server refuses a request without a version',
    refuses(field('Sec-WebSocket-Version', undefined, ''), ANY_STATUS),
  ),
  ...[9, 10, 11, 12].map((version) =>
    request(
      `version.${version}`,
      '§11.6',
      `The server refuses version ${version}, which was never used, and names 13`,
      versions(NAMES_13, String(version)),
    ),
  ),
  request(
    'version.other',
    '§4.4',
    'The server refuses unknown versions and names 13',
    versions(NAMES_13, '14', '99', '255'),
  ),
  request(
    'version.drafts',
    '§4.4',
    'The server refuses draft versions and names 13, or supports them',
    versions(DRAFT, '0', '7', '8'),
  ),
  request(
    'version.malformed',
    '§4.1',
    'The server refuses a malformed WebSocket version',
    refuses(
      field('Sec-WebSocket-Version', '013', '13.0', '+13', '0x0d', 'x', '13x', '1 3'),
      ANY_STATUS,
      'non-strict',
    ),
  ),
  request(
    'version.twice',
    '§11.3.5',
    'The server refuses two versions',
    refuses(field('Sec-WebSocket-Version', ['13', '13'], ['8', '13'], '13, 8'), ANY_STATUS),
  ),
  request(
    'protocol.unoffered',
    '§4.2.2',
    'The server chooses only an offered subprotocol, and none without an offer',
    [...field(PROTOCOL, undefined, 'x-hawser-conform', 'x-a, x-b', ['x-a', 'x-b'])],
  ),
  request(
    'protocol.malformed',
    '§4.1',
    'The server refuses subprotocols that are not tokens or not unique',
    refuses(field(PROTOCOL, 'a b', 'a;b', '"a"', 'a, a'), [400], 'informational'),
  ),
  request('extension.unknown', '§9.1', 'The server ignores unknown extensions', [
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
    'The server refuses a malformed list of extensions',
    refuses(field(EXTENSIONS, 'a b', 'a; b=', 'a; =b', 'a; b="c d"', 'a; b="c', 'a/b', ';a', 'a;;b')),
  ),
  request(
    'origin.foreign',
    '§10.2',
    'A server that also serves pages refuses pages of other sites',
    refuses(field('Origin', 'https://hawser-conform.invalid', 'null'), [403], 'informational'),
  ),
];
