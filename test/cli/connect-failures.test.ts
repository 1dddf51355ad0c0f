import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { failureSentence } from '../../src/cli/connect-failure.ts';
import { networkWords } from '../../src/load/failure-words.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { ConnectError } from '../../src/index.ts';
import { accepting, scriptedServer } from '../client/live.ts';
import { tunnelProxy } from '../client/proxy-server.ts';
import { fakeIo } from './fake-io.ts';
import { echo, hawser } from './talking.ts';

const REFUSAL =
  'HTTP/1.1 403 Forbidden\r\nX-WebSocket-Error: ERR_ORIGIN\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 24\r\n\r\nnot you\u001b[2J\nnor\x9b31m you\n';

test('CM-01 CM-05: a refusal shows status, reason, fields and body, with control characters escaped', async (t) => {
  const { url } = await scriptedServer(t, (socket) => void socket.end(REFUSAL, 'latin1'));
  for (const [name, ...more] of [['connect'], ['send', 'hello']] as const) {
    const io = fakeIo();
    assert.equal(await hawser(io, name, url, ...more), 1);
    assert.deepEqual(io.errLines, [
      'hawser: the server refused the handshake: 403 Forbidden',
      '  content-length: 24',
      '  set-cookie: a=1',
      '  set-cookie: b=2',
      '  x-websocket-error: ERR_ORIGIN',
      '',
      '  not you\\u{1b}[2J',
      '  nor\ufffd31m you',
    ]);
    assert.deepEqual(io.outLines, []);
  }
});

test('CM-05 EX-03: a refusal by a Hawser server is printed as docs/cli.md shows', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
  const shown = /```\n(hawser: the server refused.*?)\n```/s.exec(page)?.[1];
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const { url } = await echo(t, { logger });
  const io = fakeIo();
  assert.equal(await hawser(io, 'connect', url, '--origin', 'https://other.example'), 1);
  assert.equal(io.errLines.join('\n'), shown);
});

test('CM-02 CM-05: with --json a refusal is an event, and standard error has one sentence', async (t) => {
  const { url } = await scriptedServer(t, (socket) => void socket.end(REFUSAL, 'latin1'));
  for (const [name, ...more] of [['connect'], ['send', 'hello']] as const) {
    const io = fakeIo();
    assert.equal(await hawser(io, name, url.replace('//', '//ann:sesame@'), ...more, '--json'), 1);
    assert.deepEqual(io.errLines, ['hawser: the server refused the handshake: 403 Forbidden']);
    assert.equal(io.outLines.length, 1);
    const { time, ...event } = JSON.parse(io.outLines[0]!) as Record<string, unknown>;
    assert.equal(typeof time, 'string');
    assert.deepEqual(event, {
      event: 'failed',
      url,
      code: 'ERR_RESPONSE',
      phase: 'response',
      status: 403,
      statusText: 'Forbidden',
      headers: [
        ['content-length', '24'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-websocket-error', 'ERR_ORIGIN'],
      ],
      body: 'not you\u001b[2J\nnor\ufffd31m you\n',
      message: 'the server refused the handshake: 403 Forbidden',
    });
  }
});

test('CM-02 CM-05: with --json a refused TCP connection is an event', async () => {
  const io = fakeIo();
  assert.equal(await hawser(io, 'connect', 'ws://127.0.0.1:1/', '--json'), 1);
  const { code, phase, status, body } = JSON.parse(io.outLines[0]!) as Record<string, unknown>;
  assert.deepEqual([code, phase, status, body], ['ERR_CONNECT', 'tcp', null, null]);
});

test('CM-05 CC-07: a redirect shows its target without the query; --max-redirects follows it', async (t) => {
  const server = await scriptedServer(t, (socket, request) => {
    if (request.startsWith('GET /end')) socket.write(accepting(request));
    else socket.end('HTTP/1.1 302 Found\r\nLocation: /end?token=sesame\r\nContent-Length: 0\r\n\r\n');
  });
  const io = fakeIo();
  assert.equal(await hawser(io, 'connect', server.url), 1);
  assert.deepEqual(io.errLines.slice(0, 1), [
    'hawser: the server redirects to /end: 302 Found; --max-redirects 5 follows redirects',
  ]);
  assert.doesNotMatch(io.errLines.join(), /sesame/);
  const following = fakeIo();
  following.input.end();
  const exit = hawser(following, 'connect', server.url, '--max-redirects', '1', '--wait-ms', '0', '--json');
  server.sockets[1]?.end();
  await exit;
  assert.match(following.outLines[0] ?? '', /"event":"open"/);
});

test('CM-03: --transport takes auto or stream', async (t) => {
  const { url } = await echo(t);
  for (const transport of ['auto', 'stream']) {
    const io = fakeIo();
    io.input.end('hello');
    assert.equal(await hawser(io, 'connect', url, '--transport', transport, '--wait-ms', '100'), 0);
    assert.deepEqual(io.outLines, ['hello']);
  }
  const io = fakeIo();
  assert.equal(await hawser(io, 'connect', url, '--transport', 'handle'), 2);
  assert.match(io.errLines.join(' '), /--transport is 'handle'; it must be auto or stream/);
});

test('CM-03 CC-08: --proxy takes http: proxies, and https: proxies with --insecure', async (t) => {
  const { url } = await echo(t);
  for (const tls of [undefined, selfSigned(['127.0.0.1'], Date.now())]) {
    const proxy = await tunnelProxy(t, tls === undefined ? {} : { tls });
    const io = fakeIo();
    io.input.end('hello');
    const flags = tls === undefined ? [] : ['--insecure'];
    assert.equal(await hawser(io, 'connect', url, '--proxy', proxy.url, '--wait-ms', '100', ...flags), 0);
    assert.deepEqual(io.outLines, ['hello']);
    assert.equal(proxy.heads.length, 1);
  }
});

test('CM-03 CC-08: the failure of a proxy names the proxy and prints no password', async (t) => {
  const closed = await tunnelProxy(t, { authorization: 'Basic eDp5' });
  const filtering = await tunnelProxy(t, {
    answer: (socket) => void socket.end('HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno'),
  });
  for (const [proxy, says] of [
    [
      closed.url,
      /^hawser: the proxy demands valid credentials: 407 Proxy Authentication Required; give them with --proxy http:\/\/user/,
    ],
    [filtering.url, /^hawser: the proxy refused to open a tunnel: 403 Filtered$/],
    ['http://127.0.0.1:1', /^hawser: the proxy 127\.0\.0\.1:1 refuses connections: no server listens there/],
  ] as const) {
    const io = fakeIo();
    const withPassword = proxy.replace('//', '//ann:sesame@');
    assert.equal(await hawser(io, 'connect', 'ws://localhost:1/', '--proxy', withPassword, '--debug'), 1);
    assert.match(io.errLines[0]!, says);
    assert.doesNotMatch(io.errLines.join('\n'), /sesame/);
  }
  for (const wrong of ['socks5://u:sesame@p', 'http://u:sesame@p/x', 'u:sesame@p']) {
    const io = fakeIo();
    assert.equal(await hawser(io, 'connect', 'ws://localhost:1/', '--proxy', wrong), 2);
    assert.match(
      io.errLines[0]!,
      /^hawser: --proxy .*; it must be a URL such as http:\/\/proxy\.example:3128/,
    );
    assert.doesNotMatch(io.errLines.join(), /sesame/);
  }
});

const SENTENCES: readonly (readonly [code: string, message: string, says: string])[] = [
  ['ECONNREFUSED', 'x', 'app.example:8443 refuses connections: no server listens there (ECONNREFUSED)'],
  ['ENOTFOUND', 'x', 'the host name of app.example:8443 does not exist (ENOTFOUND)'],
  ['ETIMEDOUT', 'x', 'app.example:8443 does not answer (ETIMEDOUT)'],
  ['EHOSTUNREACH', 'x', 'there is no route to app.example:8443 (EHOSTUNREACH)'],
  [
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'x',
    'app.example:8443 does not speak TLS on this port: use ws:// instead of wss:// (ERR_SSL_WRONG_VERSION_NUMBER)',
  ],
  [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'self-signed certificate in certificate chain',
    'the certificate of app.example:8443 is not accepted: self-signed certificate in certificate chain (SELF_SIGNED_CERT_IN_CHAIN); --ca sets the authority to trust, and --insecure accepts any certificate',
  ],
  [
    'CERT_HAS_EXPIRED',
    'certificate has expired',
    'the certificate of app.example:8443 is not accepted: certificate has expired (CERT_HAS_EXPIRED); --insecure accepts any certificate',
  ],
];
for (const [code, message, says] of SENTENCES) {
  test(`CM-01: ${code} is one sentence without a section of the RFC`, () => {
    const cause = Object.assign(new Error(message), { code });
    const error = new ConnectError('ERR_CONNECT', message, { phase: 'tcp', cause });
    assert.equal(failureSentence(error, 'wss://ann:sesame@app.example:8443/x?token=sesame'), says);
    const all = Object.assign(new AggregateError([cause], ''), { code });
    assert.equal(networkWords(all, 'app.example:8443'), says);
  });
}

test('CM-01: other failures keep the message of the error', () => {
  const url = 'ws+unix:/run/a%3Ab.sock:/chat';
  const of = (code: 'ERR_CONNECT' | 'ERR_RESPONSE', cause?: unknown): ConnectError =>
    new ConnectError(code, 'detail', { phase: 'tcp', cause });
  assert.equal(failureSentence(of('ERR_CONNECT'), url), 'the connection could not be made: detail');
  assert.match(failureSentence(of('ERR_RESPONSE'), url), /did not accept the handshake: detail/);
  const missing = Object.assign(new Error('x'), { code: 'ENOENT' });
  assert.equal(
    failureSentence(of('ERR_CONNECT', missing), url),
    'there is no socket at /run/a:b.sock (ENOENT)',
  );
  const late = new ConnectError('ERR_CONNECT_TIMEOUT', 'detail', { phase: 'dns' });
  assert.match(failureSentence(late, url), /detail; --timeout-ms sets a longer limit$/);
  const status = (code: number): ConnectError =>
    new ConnectError('ERR_RESPONSE', `status ${code}`, { phase: 'response', status: code });
  assert.match(
    failureSentence(status(401), url),
    /^the server refused the handshake: 401; give credentials with --auth user:password/,
  );
  assert.match(failureSentence(status(101), url), /status 101/);
});
