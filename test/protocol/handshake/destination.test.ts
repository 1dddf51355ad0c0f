import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDestination } from '../../../src/protocol/handshake/destination.ts';
import { ConnectError } from '../../../src/client/index.ts';

const at = (host: string, port: number) => ({ host, port });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

for (const [url, is] of [
  ['ws://example.com', { address: at('example.com', 80), host: 'example.com', target: '/' }],
  ['ws://example.com:80/a', { address: at('example.com', 80), host: 'example.com', target: '/a' }],
  ['ws://example.com:443', { address: at('example.com', 443), host: 'example.com:443', target: '/' }],
  ['wss://example.com', { secure: true, address: at('example.com', 443), host: 'example.com', target: '/' }],
  [
    'wss://example.com:443',
    { secure: true, address: at('example.com', 443), host: 'example.com', target: '/' },
  ],
  [
    'wss://example.com:80',
    { secure: true, address: at('example.com', 80), host: 'example.com:80', target: '/' },
  ],
  ['http://example.com/x', { address: at('example.com', 80), host: 'example.com', target: '/x' }],
  [
    'https://example.com',
    { secure: true, address: at('example.com', 443), host: 'example.com', target: '/' },
  ],
  [
    'WS://EXAMPLE.com/a%20b?c=d e&f',
    { address: at('example.com', 80), host: 'example.com', target: '/a%20b?c=d%20e&f' },
  ],
  ['ws://example.com/a/../b?', { address: at('example.com', 80), host: 'example.com', target: '/b' }],
  ['ws://[::1]:8080/', { address: at('::1', 8080), host: '[::1]:8080', target: '/' }],
  [
    'ws://bücher.example/ü',
    { address: at('xn--bcher-kva.example', 80), host: 'xn--bcher-kva.example', target: '/%C3%BC' },
  ],
  [
    'ws://u:p@example.com',
    { address: at('example.com', 80), host: 'example.com', target: '/', authorization: basic('u:p') },
  ],
  ['ws://%C3%BC:a%3Ab@h', { address: at('h', 80), host: 'h', target: '/', authorization: basic('ü:a:b') }],
  ['ws://u@h', { address: at('h', 80), host: 'h', target: '/', authorization: basic('u:') }],
  ['ws+unix:/run/app.sock', { address: { path: '/run/app.sock' }, host: 'localhost', target: '/' }],
  ['ws+unix:/run/app.sock:', { address: { path: '/run/app.sock' }, host: 'localhost', target: '/' }],
  [
    'ws+unix:/run/app.sock:/chat?a=b:c',
    { address: { path: '/run/app.sock' }, host: 'localhost', target: '/chat?a=b:c' },
  ],
  [
    'ws+unix:///run/a%3Ab%20c.sock:/x',
    { address: { path: '/run/a:b c.sock' }, host: 'localhost', target: '/x' },
  ],
  [
    String.raw`ws+unix:\\.\pipe\app:/chat`,
    { address: { path: String.raw`\\.\pipe\app` }, host: 'localhost', target: '/chat' },
  ],
  ['ws+unix:app.sock:/x', { address: { path: 'app.sock' }, host: 'localhost', target: '/x' }],
] as const) {
  test(`CC-02 §3 ${url}`, () => {
    const expected = { secure: false, authorization: undefined, ...is };
    assert.deepEqual(readDestination(url), expected);
    assert.deepEqual(readDestination(new URL(url)), expected);
  });
}

for (const [what, url, says] of [
  ['a fragment', 'ws://example.com/#a', /fragment/],
  ['an empty fragment', 'ws://example.com/#', /fragment/],
  ['another scheme', 'ftp://example.com/', /scheme is ftp:/],
  ['TLS to a Unix socket', 'wss+unix:/a.sock', /scheme is wss\+unix:/],
  ['no URL', '/chat', /not an absolute URL/],
  ['an empty text', '', /not an absolute URL/],
  ['no host', 'ws://', /not an absolute URL/],
  ['a port that is none', 'ws://example.com:99999', /not an absolute URL/],
  ['a host and a Unix socket', 'ws+unix://host/a.sock', /has no host/],
  ['no path of a socket', 'ws+unix:', /socket is missing/],
  ['only a request path', 'ws+unix::/x', /socket is missing/],
  ['a request path without slash', 'ws+unix:/a.sock:x', /begin with/],
  ['a request path with a space', 'ws+unix:a.sock:/x y', /begin with/],
  ['a broken escape', 'ws+unix:/a%zz', /escapes nothing/],
  ['a broken escape in a password', 'ws://u:%zz@h', /escapes nothing/],
  ['a user with a colon', 'ws://a%3Ab:c@h', /colon/],
  ['a number', 5 as unknown as string, /but number/],
  ['null', null as unknown as string, /but null/],
] as const) {
  test(`CC-02 §3 refused: ${what}`, () => {
    assert.throws(
      () => readDestination(url),
      (error) => {
        assert.ok(error instanceof ConnectError);
        assert.deepEqual([error.code, error.phase, error.status], ['ERR_URL', 'url', undefined]);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

test('LG-02 an error about a URL repeats nothing of it', () => {
  assert.throws(
    () => readDestination('ws//user:secret@host?token=secret'),
    (error) => !String(error).includes('secret'),
  );
});
