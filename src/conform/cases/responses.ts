import type { ResponseCase } from '../case.ts';
import { text } from '../build.ts';
import type { Verdict } from '../model.ts';
import type { ResponseSpec } from '../response.ts';

type Spec = Omit<ResponseSpec, 'expects'>;
const response = (
  id: string,
  section: string,
  title: string,
  runs: readonly ResponseSpec[],
): ResponseCase => ({
  kind: 'response',
  id: `handshake.${id}`,
  section,
  title,
  runs,
});
const opens = (specs: readonly Spec[], refused: Verdict = 'fail'): ResponseSpec[] =>
  specs.map((spec) => ({ label: labelOf(spec), ...spec, expects: { opens: true, refused } }));
const refuses = (specs: readonly Spec[], accepted: Verdict = 'fail'): ResponseSpec[] =>
  specs.map((spec) => ({ label: labelOf(spec), ...spec, expects: { opens: false, accepted } }));
function labelOf({ statusLine, fields }: Spec): string {
  const parts = Object.entries(fields ?? {}).map(([name, value]) =>
    value === undefined ? `no ${name}` : `${name}: ${[value].flat().join(' | ').slice(0, 60)}`,
  );
  return [...(statusLine === undefined ? [] : [statusLine]), ...parts].join(', ');
}
const field = (name: string, ...values: (string | readonly string[] | undefined)[]): Spec[] =>
  values.map((value) => ({ fields: { [name]: value } }));

const ACCEPT = 'Sec-WebSocket-Accept';

/** Cases about responses to a client: §4.1. Each run also checks the request. */
export const responseCases = (): readonly ResponseCase[] => [
  response('response.accept', '§4.1', 'An ordinary response opens the connection', [
    ...opens([{}]),
    ...opens([
      ...field(ACCEPT, '  * \t'),
      ...field('Upgrade', 'WebSocket', 'WEBSOCKET'),
      ...field('Connection', 'upgrade', 'keep-alive, Upgrade', 'UPGRADE'),
      { fields: { 'X-Unknown': 'anything', Server: 'x', Date: 'Thu, 01 Jan 2026 00:00:00 GMT' } },
      { statusLine: 'HTTP/1.1 101 Whatever It Says' },
      { statusLine: 'HTTP/1.1 101 ' },
      {
        rewrite: (head) => head.replace(/^[\w-]+:/gm, (name) => name.toLowerCase()),
        label: 'names in lower case',
      },
      {
        rewrite: (head) => head.replace(/^[\w-]+:/gm, (name) => name.toUpperCase()),
        label: 'names in upper case',
      },
      { rewrite: (head) => head.replaceAll(': ', ':'), label: 'no blanks' },
    ]),
  ]),
  response(
    'response.cut',
    '§4.1',
    'A response may arrive in pieces',
    opens([
      { cutBytes: 1, label: 'byte by byte' },
      { cutBytes: 10, label: '10 bytes at a time' },
    ]),
  ),
  response(
    'response.behind',
    '§4.1',
    'The client processes frames in the same packet as the response',
    opens([
      { behind: [text('early')], label: 'one' },
      { behind: [text('early'), text('bird')], label: 'two' },
      { behind: [text('early')], cutBytes: 1, label: 'byte by byte' },
    ]),
  ),
  response(
    'response.accept.wrong',
    '§4.1',
    'A wrong Sec-WebSocket-Accept fails the connection',
    refuses(field(ACCEPT, undefined, '', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', '*x', 'x*', '*, *')),
  ),
  response(
    'response.accept.case',
    '§4.1',
    'Sec-WebSocket-Accept with swapped case fails the connection',
    refuses([
      {
        rewrite: (head) =>
          head.replace(
            /(Sec-WebSocket-Accept: )(.*)/,
            (_, name: string, value: string) => name + swapped(value),
          ),
        label: 'upper and lower case swapped',
      },
    ]),
  ),
  response(
    'response.upgrade',
    '§4.1',
    'A response without Upgrade: websocket fails the connection',
    refuses(field('Upgrade', undefined, '', 'h2c', 'websockets', 'foo')),
  ),
  response(
    'response.connection',
    '§4.1',
    'A response without Connection: Upgrade fails the connection',
    refuses(field('Connection', undefined, 'keep-alive', 'close', 'upgraded')),
  ),
  response(
    'response.status',
    '§4.1',
    'Any status except 101 fails the connection',
    refuses(
      [
        '200 OK',
        '100 Continue',
        '204 No Content',
        '301 Moved',
        '400 Bad Request',
        '401 Unauthorized',
        '403 Forbidden',
        '404 Not Found',
        '426 Upgrade Required',
        '500 Oh No',
        '503 Busy',
        '999 x',
      ].map((status) => ({ statusLine: `HTTP/1.1 ${status}` })),
    ),
  ),
  response(
    'response.http-version',
    '§4.1',
    'A response with another version than HTTP/1.1 fails the connection',
    [
      ...refuses([{ statusLine: 'HTTP/1.0 101 Switching Protocols' }], 'non-strict'),
      ...refuses([
        { statusLine: 'SPDY/1.1 101 Switching Protocols' },
        { statusLine: '101 Switching Protocols' },
      ]),
    ],
  ),
  response(
    'response.protocol',
    '§4.1',
    'A subprotocol that was not offered fails the connection',
    refuses(field('Sec-WebSocket-Protocol', 'x-hawser-unoffered')),
  ),
  response(
    'response.protocol.more',
    '§4.2.2',
    'Several subprotocols fail the connection',
    refuses(field('Sec-WebSocket-Protocol', 'x-a, x-b', ['x-a', 'x-b'])),
  ),
  response(
    'response.extension',
    '§4.1',
    'An extension that was not offered fails the connection',
    refuses(field('Sec-WebSocket-Extensions', 'x-hawser-unoffered', 'permessage-bzip2', 'x-a; b=1')),
  ),
  response(
    'response.extension.malformed',
    '§9.1',
    'A malformed list of extensions fails the connection',
    refuses(field('Sec-WebSocket-Extensions', 'a b', ';', 'permessage-deflate; =1', 'a; b="c')),
  ),
  response(
    'response.deflate.wrong',
    'RFC 7692 §7.1',
    'Invalid parameters of permessage-deflate fail the connection',
    refuses(
      field(
        'Sec-WebSocket-Extensions',
        ...[
          'unknown_parameter',
          'server_no_context_takeover=1',
          'server_max_window_bits=7',
          'server_max_window_bits=16',
          'server_max_window_bits',
          'client_max_window_bits',
          'client_max_window_bits=99',
          'server_no_context_takeover; server_no_context_takeover',
        ].map((param) => `permessage-deflate; ${param}`),
      ),
    ),
  ),
  response('response.head', 'RFC 9112 §5', 'A malformed response head fails the connection', [
    ...refuses(
      [{ rewrite: (head) => head.replace('\r\n', '\r\nno colon\r\n'), label: 'a line without colon' }],
      'non-strict',
    ),
    ...refuses([{ rewrite: () => '\x81\x05Hello\r\n\r\n', label: 'a frame instead' }]),
  ]),
];

const swapped = (value: string): string =>
  value.replaceAll(/[a-z]/gi, (char) =>
    char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
  );
