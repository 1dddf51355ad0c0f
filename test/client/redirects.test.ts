import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type ConnectOptions, ConnectError } from '../../src/client/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { VirtualClock, waitUntil } from '../../src/testing/index.ts';
import { accepting, failure, type ScriptedServer, scriptedServer } from './live.ts';
import { connect } from './dialling.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());

const redirect = (socket: Socket, location: string, status = 302): void =>
  void socket.write(
    `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 1000\r\n\r\nsee there`,
  );

const targetOf = (request: string): string => /^GET (\S+) /.exec(request)?.[1] ?? '';
const field = (request: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(request)?.[1];

/** A server that accepts handshakes for `/end` and redirects all others. */
function redirecting(
  t: TestContext,
  to: (target: string) => string,
  status?: number,
): Promise<ScriptedServer> {
  return scriptedServer(t, (socket, request) => {
    const target = targetOf(request);
    if (target.startsWith('/end')) socket.write(accepting(request));
    else redirect(socket, to(target), status);
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`CC-07 ${status} is followed without waiting for its body; each request has a new key`, async (t) => {
    const server = await redirecting(t, () => '/end?a=b#part', status);
    const connection = await connect(`${server.url}begin`, { maxRedirects: 1 });
    assert.equal(connection.state, 'open');
    connection.terminate();
    assert.deepEqual(server.requests.map(targetOf), ['/begin', '/end?a=b']);
    const [first, second] = server.requests.map((request) => field(request, 'Sec-WebSocket-Key'));
    assert.notEqual(first, second);
    assert.equal(field(server.requests[1]!, 'Host'), `127.0.0.1:${server.port}`);
  });
}

for (const [from, location, to] of [
  ['/a/b', 'end', '/a/end'],
  ['/a/b', '../end', '/end'],
  ['/a/b', '?end', '/a/b?end'],
] as const) {
  test(`CC-07 the Location ${location} is relative to ${from}`, async (t) => {
    const server = await scriptedServer(t, (socket, request) => {
      if (targetOf(request) === to) socket.write(accepting(request));
      else redirect(socket, location);
    });
    (await connect(new URL(from, server.url), { maxRedirects: 1 })).terminate();
    assert.deepEqual(server.requests.map(targetOf), [from, to]);
  });
}

test('CC-07 http: and https: in Location mean ws: and wss:', async (t) => {
  const secure = await scriptedServer(t, (socket, request) => void socket.write(accepting(request)), TLS);
  const second = await redirecting(t, () => `https://localhost:${secure.port}/end`);
  const first = await redirecting(t, () => second.url.replace('ws:', 'http:'));
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => done(null, '127.0.0.1', 4);
  const connection = await connect(first.url, { maxRedirects: 2, tls: { ca: TLS.cert }, lookup });
  connection.terminate();
  assert.equal(field(secure.requests[0]!, 'Host'), `localhost:${secure.port}`);
  assert.equal((secure.sockets[0] as TLSSocket & { servername: string }).servername, 'localhost');
});

const SECRETS = {
  Authorization: 'Bearer one',
  Cookie: 'session=two',
  'Proxy-Authorization': 'Basic three',
  'X-Api-Key': 'four',
  'X-Auth-Token': 'five',
  'X-CSRF-Token': 'six',
  'Ocp-Apim-Subscription-Key': 'seven',
  'X-Amz-Security-Token': 'eight',
};
const OPEN = { 'User-Agent': 'probe/1.0', 'X-Tenant': 'acme' };

test('CC-07 within an origin all header fields are sent again', async (t) => {
  const server = await redirecting(t, () => '/end');
  (await connect(server.url, { maxRedirects: 1, headers: { ...SECRETS, ...OPEN } })).terminate();
  for (const [name, value] of Object.entries({ ...SECRETS, ...OPEN })) {
    assert.equal(field(server.requests[1]!, name), value, name);
  }
  const user = server.url.replace('//', '//ann:pw@');
  (await connect(user, { maxRedirects: 1 })).terminate();
  assert.equal(field(server.requests[3]!, 'Authorization'), field(server.requests[2]!, 'Authorization'));
});

test('CC-07 after a redirect to another origin, headers with credentials are dropped, even if a later hop returns', async (t) => {
  const servers: ScriptedServer[] = [];
  const first = await redirecting(t, () => servers[0]!.url);
  servers.push(await redirecting(t, () => `${first.url}end`));
  const headers = { ...SECRETS, ...OPEN };
  (await connect(first.url, { maxRedirects: 2, headers, origin: 'https://app.example' })).terminate();
  for (const request of [servers[0]!.requests[0]!, first.requests[1]!]) {
    for (const name of Object.keys(SECRETS)) assert.equal(field(request, name), undefined, name);
    for (const [name, value] of Object.entries(OPEN)) assert.equal(field(request, name), value, name);
    assert.equal(field(request, 'Origin'), 'https://app.example');
  }
  (await connect(first.url.replace('//', '//ann:pw@'), { maxRedirects: 2 })).terminate();
  assert.equal(field(servers[0]!.requests[1]!, 'Authorization'), undefined);
});

test('CC-07 another origin gets no client certificate', async (t) => {
  const ours = selfSigned(['client.example'], Date.now());
  const shown: unknown[] = [];
  const asking = { ...TLS, requestCert: true, rejectUnauthorized: false };
  const second = await scriptedServer(
    t,
    (socket, request) => {
      shown.push((socket as TLSSocket).getPeerCertificate().subject?.CN);
      socket.write(accepting(request));
    },
    asking,
  );
  const first = await scriptedServer(
    t,
    (socket) => {
      shown.push((socket as TLSSocket).getPeerCertificate().subject?.CN);
      redirect(socket, second.url);
    },
    asking,
  );
  const tls = { ca: TLS.cert, cert: ours.cert, key: ours.key };
  (await connect(first.url, { maxRedirects: 1, tls })).terminate();
  assert.equal(shown.length, 2);
  assert.notEqual(shown[0], undefined);
  assert.equal(shown[1], undefined);
});

test('CC-07 SE-34 the certificate of another origin is verified for its own name, not for tls.servername', async (t) => {
  const second = await scriptedServer(t, (socket, request) => void socket.write(accepting(request)), TLS);
  const first = await scriptedServer(
    t,
    (socket) => redirect(socket, second.url.replace('127.0.0.1', 'other.example')),
    TLS,
  );
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => done(null, '127.0.0.1', 4);
  const error = await failure(first.url, {
    maxRedirects: 1,
    lookup,
    tls: { ca: TLS.cert, servername: 'localhost' },
  });
  assert.equal((error.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('CC-07 more than maxRedirects give ERR_REDIRECT with the last response', async (t) => {
  const server = await redirecting(t, (target) => `${target}x`);
  const error = await failure(`${server.url}a`, { maxRedirects: 3 });
  assert.ok(error instanceof ConnectError);
  assert.deepEqual([error.code, error.phase, error.status], ['ERR_REDIRECT', 'response', 302]);
  assert.match(error.message, /status 302; maxRedirects is 3, and so many were followed already/);
  assert.equal(error.headers.get('location'), '/axxxx');
  assert.deepEqual(server.requests.map(targetOf), ['/a', '/ax', '/axx', '/axxx']);
});

for (const [location, says] of [
  ['wss://ann:sesame@127.0.0.1/', /its Location has a user and a password/],
  ['ftp://127.0.0.1/', /the scheme of its Location is ftp:/],
  ['ws+unix:/run/docker.sock:/', /the scheme of its Location is ws\+unix:/],
  ['javascript:alert(1)', /the scheme of its Location is javascript:/],
  ['http://[', /its Location is not a URL/],
  [undefined, /it has no Location/],
] as const) {
  test(`CC-07 a redirect to ${location ?? 'nowhere'} is not followed`, async (t) => {
    const server = await scriptedServer(t, (socket) => {
      const fields = location === undefined ? '' : `Location: ${location}\r\n`;
      socket.end(`HTTP/1.1 302 x\r\n${fields}Content-Length: 0\r\n\r\n`);
    });
    const error = await failure(server.url, { maxRedirects: 5 });
    assert.deepEqual([error.code, error.status, server.requests.length], ['ERR_REDIRECT', 302, 1]);
    assert.match(error.message, says);
    assert.doesNotMatch(error.message, /sesame/);
  });
}

test('CC-07 a redirect from wss: to ws: is never followed', async (t) => {
  const plain = await scriptedServer(t, (socket, request) => void socket.write(accepting(request)));
  const secure = await scriptedServer(t, (socket) => redirect(socket, plain.url), TLS);
  const error = await failure(secure.url, { maxRedirects: 5, tls: { ca: TLS.cert } });
  assert.equal(error.code, 'ERR_REDIRECT');
  assert.match(error.message, /it leads from wss: to ws:/);
  assert.equal(plain.sockets.length, 0);
});

for (const status of [300, 304, 305, 404]) {
  test(`CC-07 ${status} is not followed`, async (t) => {
    const server = await scriptedServer(t, (socket) => {
      socket.end(`HTTP/1.1 ${status} x\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n`);
    });
    const error = await failure(server.url, { maxRedirects: 5 });
    assert.deepEqual([error.status, server.requests.length], [status, 1]);
  });
}

test('CC-07 CC-03 connectTimeoutMs limits all hops together', async (t) => {
  const server = await scriptedServer(t, (socket, request) => {
    if (targetOf(request) === '/a') redirect(socket, '/b');
  });
  const clock = new VirtualClock();
  const failed = failure(`${server.url}a`, { clock, maxRedirects: 1 });
  await waitUntil(() => server.requests.length === 2);
  clock.advance(9_900);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(150);
  const error = await failed;
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT_TIMEOUT', 'response']);
  await waitUntil(() => server.sockets.every((socket) => socket.destroyed));
});

test('§4.1 CC-05 CC-07 each hop counts as a connection in the limit of one at a time per address', async (t) => {
  const order: string[] = [];
  const server = await scriptedServer(t, (socket, request) => {
    const target = targetOf(request);
    order.push(target);
    if (target === '/a') redirect(socket, '/end/a');
    else socket.write(accepting(request));
  });
  const options = { maxRedirects: 1 };
  const both = ['a', 'end/b'].map((path) => connect(`${server.url}${path}`, options));
  for (const connection of await Promise.all(both)) connection.terminate();
  assert.deepEqual(order, ['/a', '/end/b', '/end/a']);
  assert.equal(defaultEngine.part(ConnectTurns).size, 0);
});

test('CC-07 CC-03 signal: an abort during the second hop leaves nothing open', async (t) => {
  const server = await scriptedServer(t, (socket, request) => {
    if (targetOf(request) === '/a') redirect(socket, '/b');
  });
  const abort = new AbortController();
  const rejected = assert.rejects(connect(`${server.url}a`, { maxRedirects: 1, signal: abort.signal }), {
    name: 'AbortError',
  });
  await waitUntil(() => server.requests.length === 2);
  abort.abort();
  await rejected;
  await waitUntil(() => server.sockets.every((socket) => socket.destroyed));
});

test('CC-07 CC-02 a redirect that comes over a Unix socket is not followed', async (t) => {
  const server = await scriptedServer(t, (socket) => redirect(socket, 'ws://localhost/'));
  const error = await failure('ws+unix:/run/app.sock', {
    maxRedirects: 1,
    createConnection: () => connectTcp(server.port, '127.0.0.1'),
  });
  assert.deepEqual([error.code, /comes from a Unix socket/.test(error.message)], ['ERR_REDIRECT', true]);
});
