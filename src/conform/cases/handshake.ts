import type { RequestCase } from '../case.ts';
import { text } from '../build.ts';
import type { Verdict } from '../model.ts';
import type { RequestExpectation, RequestSpec } from '../request.ts';

type Runs = readonly RequestSpec[];
const request = (id: string, section: string, title: string, runs: Runs): RequestCase => ({
  kind: 'request',
  id: `handshake.${id}`,
  section,
  title,
  runs: runs.map((run) => ({ ...run, label: run.label ?? labelOf(run) })),
});
function labelOf({ method, version, fields, lines }: RequestSpec): string {
  const parts = [
    method,
    version,
    ...Object.entries(fields ?? {}).map(([name, value]) =>
      value === undefined ? `no ${name}` : `${name}: ${[value].flat().join(' | ').slice(0, 60)}`,
    ),
    ...(lines ?? []).map((line) => line.slice(0, 60)),
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** Accepted, or the verdict for refusing it. */
const accepts = (runs: Runs, refused: Verdict = 'fail'): Runs =>
  runs.map((run) => ({ ...run, expects: { status: 101, refused } }));
/** Refused with one of these, or the verdict for accepting it. */
const refuses = (runs: Runs, status: readonly number[] = [400], accepted: Verdict = 'fail'): Runs =>
  runs.map((run) => ({ ...run, expects: { status, accepted } }));
const field = (name: string, ...values: (string | readonly string[] | undefined)[]): RequestSpec[] =>
  values.map((value) => ({ fields: { [name]: value } }));
const PLAIN: readonly number[] = [];
const NAMES_13: RequestExpectation = { status: PLAIN, accepted: 'fail', names: 'Sec-WebSocket-Version: 13' };
const DRAFT: RequestExpectation = { ...NAMES_13, accepted: 'informational' };
const versions = (expects: RequestExpectation, ...values: string[]): RequestSpec[] =>
  field('Sec-WebSocket-Version', ...values).map((run) => ({ ...run, expects }));

const KEY = 'Sec-WebSocket-Key';
const EXTENSIONS = 'Sec-WebSocket-Extensions';
const PROTOCOL = 'Sec-WebSocket-Protocol';

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
    'fields.unknown',
    '§4.2.1',
    'Unknown fields are ignored',
    accepts([
      {
        fields: {
          'X-Unknown': 'anything: at all',
          'Sec-WebSocket-Foo': '1',
          Cookie: 'a=b; c=d',
          constructor: '1',
          __proto__x: '2',
        },
      },
    ]),
  ),
  request(
    'fields.case',
    'RFC 9110 §5.1',
    'Field names are case-insensitive',
    accepts([
      { rewrite: (head) => head.replace(/^[\w-]+:/gm, (name) => name.toLowerCase()), label: 'lower case' },
      { rewrite: (head) => head.replace(/^[\w-]+:/gm, (name) => name.toUpperCase()), label: 'upper case' },
    ]),
  ),
  request(
    'fields.blanks',
    'RFC 9112 §5',
    'White space around values is ignored',
    accepts([
      { rewrite: (head) => head.replaceAll(': ', ':'), label: 'none' },
      { rewrite: (head) => head.replaceAll(': ', ': \t '), label: 'several in front' },
      { rewrite: (head) => head.replaceAll(/(: .*)\r\n/g, '$1 \t\r\n'), label: 'behind' },
    ]),
  ),
  request(
    'head.blank-in-name',
    'RFC 9112 §5.1',
    'White space between name and colon is refused',
    refuses([
      { lines: ['X-Name : x'] },
      { rewrite: (head) => head.replace('Upgrade:', 'Upgrade :'), label: 'Upgrade :' },
    ]),
  ),
  request(
    'head.name',
    'RFC 9110 §5.1',
    'A field name that is not a token is refused',
    refuses(
      [{ lines: ['Bad Name: x'] }, { lines: [': x'] }, { lines: ['X(y): x'] }, { lines: ['no colon'] }],
      [400],
      'non-strict',
    ),
  ),
  request(
    'head.nul',
    'RFC 9110 §5.5',
    'A NUL or another control character in a value is refused',
    refuses(
      [{ lines: ['X-Name: a\0b'] }, { lines: ['X-Name: a\x01b'] }, { lines: ['X-Name: a\x7fb'] }],
      [400],
      'non-strict',
    ),
  ),
  request(
    'head.bare-cr',
    'RFC 9112 §2.2',
    'A bare CR is refused',
    refuses([{ lines: ['X-Name: a\rb'] }], [400], 'non-strict'),
  ),
  request(
    'head.bare-lf',
    'RFC 9112 §2.2',
    'Lines that end in LF alone are refused or accepted: both are allowed',
    refuses(
      [
        { rewrite: (head) => head.replaceAll('\r\n', '\n'), label: 'all' },
        { rewrite: (head) => head.replace('\r\n', '\n'), label: 'the first' },
      ],
      [400],
      'informational',
    ),
  ),
  request(
    'head.folded',
    'RFC 9112 §5.2',
    'A folded line is refused or unfolded: both are allowed',
    refuses([{ lines: ['X-Name: a', ' b'] }, { lines: ['X-Name: a', '\tb'] }], [400], 'informational'),
  ),
  request(
    'head.leading-fold',
    'RFC 9112 §2.2',
    'White space before the first field is refused, or the line is ignored',
    refuses(
      [{ rewrite: (head) => head.replace('\r\n', '\r\n folded\r\n'), label: 'first line' }],
      [400],
      'informational',
    ),
  ),
  request(
    'head.not-http',
    'RFC 9112 §3',
    'A malformed request is refused',
    refuses(
      [
        { rewrite: () => '\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n', label: 'a TLS ClientHello' },
        { rewrite: (head) => head.replace(' HTTP/1.1', ''), label: 'no version' },
        { rewrite: (head) => head.replace('GET ', 'GET  '), label: 'two blanks' },
      ],
      [400],
      'non-strict',
    ),
  ),
  request(
    'head.empty-line',
    'RFC 9112 §2.2',
    'An empty line in front of the request is ignored',
    accepts([{ rewrite: (head) => `\r\n${head}`, label: 'CRLF in front' }], 'non-strict'),
  ),
  request(
    'head.cut',
    '§4.2.1',
    'A head may arrive in pieces',
    accepts([
      { cutBytes: 1, label: 'byte by byte' },
      { cutBytes: 7, label: '7 bytes at a time' },
      { cutBytes: 64, label: '64 bytes at a time' },
    ]),
  ),
  request(
    'body',
    'RFC 9110 §9.3.1',
    'A body of an upgrade request is refused, or ignored',
    refuses(
      [
        { fields: { 'Content-Length': '5' }, behind: 'hello' },
        { fields: { 'Content-Length': ['0', '0'] } },
        { fields: { 'Transfer-Encoding': 'chunked' }, behind: '0\r\n\r\n' },
      ],
      PLAIN,
      'informational',
    ),
  ),
  request('pipelined', '§4.1', 'Frames in the same packet as the request are not lost', [
    { behind: [text('early')], label: 'one', expects: { status: 101, refused: 'informational', echo: true } },
    {
      behind: [text('early'), text('bird')],
      label: 'two',
      expects: { status: 101, refused: 'informational', echo: true },
    },
  ]),
  request(
    'origin.foreign',
    '§10.2',
    'A page of another site is refused if the server serves pages',
    refuses(field('Origin', 'https://hawser-conform.invalid', 'null'), [403], 'informational'),
  ),
];

/** Heads that want too much memory or time. */
export const handshakeAttacks = (): readonly RequestCase[] => [
  {
    kind: 'request',
    id: 'attack.head.size',
    section: '§10.4',
    title: 'A head of 64 KiB is refused',
    runs: refuses(
      [{ lines: [`X-Long: ${'x'.repeat(65_536)}`], label: '64 KiB in one field' }],
      [431, 400, 413, 414],
      'informational',
    ),
  },
  {
    kind: 'request',
    id: 'attack.head.fields',
    section: '§10.4',
    title: 'A head of 2,001 fields is refused',
    runs: refuses(
      [
        { lines: Array.from({ length: 2_001 }, (_, i) => `X-${i}: 1`), label: '2,001 names' },
        { lines: Array.from({ length: 2_001 }, () => 'X-Same: 1'), label: 'one name' },
      ],
      [431, 400, 413],
      'informational',
    ),
  },
  {
    kind: 'request',
    id: 'attack.head.lists',
    section: '§9.1',
    title: 'Long lists are answered in time, whatever the answer',
    runs: refuses(
      [
        ...field(
          EXTENSIONS,
          `a${','.repeat(8_000)}`,
          `a${';'.repeat(8_000)}`,
          `a; b="${'\\"'.repeat(4_000)}`,
          `a${' '.repeat(8_000)}b`,
        ),
        ...field(PROTOCOL, `a${','.repeat(8_000)}`, `a${' '.repeat(8_000)}b`),
        ...field('Connection', `Upgrade${','.repeat(8_000)}x y`),
      ].map((run) => ({ ...run, label: labelOf(run) })),
      PLAIN,
      'pass',
    ),
  },
];
