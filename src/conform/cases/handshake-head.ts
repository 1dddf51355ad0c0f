import type { RequestCase } from '../case.ts';
import { text } from '../build.ts';
import { accepts, ANY_STATUS, refuses, request } from './request-case.ts';

/** Cases about the syntax of a request head: §4.1, §4.2, RFC 9110 and RFC 9112. */
export const headCases = (): readonly RequestCase[] => [
  request(
    'fields.unknown',
    '§4.2.1',
    'The server ignores unknown fields',
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
    'The server ignores white space around values',
    accepts([
      { rewrite: (head) => head.replaceAll(': ', ':'), label: 'none' },
      { rewrite: (head) => head.replaceAll(': ', ': \t '), label: 'several before' },
      { rewrite: (head) => head.replaceAll(/(: .*)\r\n/g, '$1 \t\r\n'), label: 'after' },
    ]),
  ),
  request(
    'head.blank-in-name',
    'RFC 9112 §5.1',
    'The server refuses white space between name and colon',
    refuses([
      { lines: ['X-Name : x'] },
      { rewrite: (head) => head.replace('Upgrade:', 'Upgrade :'), label: 'Upgrade :' },
    ]),
  ),
  request(
    'head.name',
    'RFC 9110 §5.1',
    'The server refuses a field name that is not a token',
    refuses(
      [{ lines: ['Bad Name: x'] }, { lines: [': x'] }, { lines: ['X(y): x'] }, { lines: ['no colon'] }],
      [400],
      'non-strict',
    ),
  ),
  request(
    'head.nul',
    'RFC 9110 §5.5',
    'The server refuses NUL and other control characters in a value',
    refuses(
      [{ lines: ['X-Name: a\0b'] }, { lines: ['X-Name: a\x01b'] }, { lines: ['X-Name: a\x7fb'] }],
      [400],
      'non-strict',
    ),
  ),
  request(
    'head.bare-cr',
    'RFC 9112 §2.2',
    'The server refuses a bare CR',
    refuses([{ lines: ['X-Name: a\rb'] }], [400], 'non-strict'),
  ),
  request(
    'head.bare-lf',
    'RFC 9112 §2.2',
    'The server may refuse or accept lines that end in LF alone',
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
    'The server may refuse or unfold a folded line',
    refuses([{ lines: ['X-Name: a', ' b'] }, { lines: ['X-Name: a', '\tb'] }], [400], 'informational'),
  ),
  request(
    'head.leading-fold',
    'RFC 9112 §2.2',
    'The server refuses white space before the first field, or ignores the line',
    refuses(
      [{ rewrite: (head) => head.replace('\r\n', '\r\n folded\r\n'), label: 'first line' }],
      [400],
      'informational',
    ),
  ),
  request(
    'head.not-http',
    'RFC 9112 §3',
    'The server refuses a malformed request',
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
    'The server ignores an empty line before the request',
    accepts([{ rewrite: (head) => `\r\n${head}`, label: 'CRLF first' }], 'non-strict'),
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
    'The server refuses or ignores the body of an upgrade request',
    refuses(
      [
        { fields: { 'Content-Length': '5' }, behind: 'hello' },
        { fields: { 'Content-Length': ['0', '0'] } },
        { fields: { 'Transfer-Encoding': 'chunked' }, behind: '0\r\n\r\n' },
      ],
      ANY_STATUS,
      'informational',
    ),
  ),
  request('pipelined', '§4.1', 'The server processes frames in the same packet as the request', [
    { behind: [text('early')], label: 'one', expects: { status: 101, refused: 'informational', echo: true } },
    {
      behind: [text('early'), text('bird')],
      label: 'two',
      expects: { status: 101, refused: 'informational', echo: true },
    },
  ]),
];
