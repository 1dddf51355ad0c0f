import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type ConnectOptions, ConnectError } from '../../src/client/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { VirtualClock, waitUntil } from '../../src/testing/index.ts';
import { accepting, atEnd, failure, scriptedServer } from './live.ts';
import { connect } from './dialling.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());

const refusing =
  (status: string, fields: string, body = '') =>
  (socket: Socket): void =>
    void socket.end(`HTTP/1.1 ${status}\r\n${fields}\r\n${body}`);

/** Each row: the response of the server, and the error of the client. */
const ANSWERS: readonly {
  readonly what: string;
  readonly answer: (socket: Socket, request: string) => void;
  readonly says: RegExp;
  readonly code?: string;
  readonly status?: number;
  readonly body?: string;
}[] = [
  {
    what: 'a wrong accept value',
    answer: (socket, request) =>
      void socket.write(accepting(request).replace(/Accept: .{4}/, 'Accept: AAAA')),
    says: /not belong to our key/,
    status: 101,
  },
  {
    what: 'an extension that was not requested',
    answer: (socket, request) =>
      void socket.write(accepting(request, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')),
    says: /permessage-deflate was not requested/,
    status: 101,
  },
  {
    what: 'a subprotocol that was not requested',
    answer: (socket, request) => void socket.write(accepting(request, 'Sec-WebSocket-Protocol: x\r\n')),
    says: /subprotocol that was not requested/,
    status: 101,
  },
  {
    what: 'an endless head',
    answer: (socket) => {
      socket.write('HTTP/1.1 101 x\r\nA: ');
      const more = (): void => void (socket.destroyed || socket.write('x'.repeat(9_000), more));
      more();
    },
    says: /larger than the limit: its bytes/,
  },
  {
    what: 'a flood of fields',
    answer: (socket) => void socket.write(`HTTP/1.1 101 x\r\n${'A: b\r\n'.repeat(200)}`),
    says: /larger than the limit: its number of fields/,
  },
  {
    what: 'no HTTP at all',
    answer: (socket) => void socket.write('220 mail.example ESMTP\r\n'),
    says: /not begin with an HTTP version/,
  },
  {
    what: 'nothing and disconnects',
    answer: (socket) => void socket.end(),
    says: /closed the connection before it had answered/,
  },
  {
    what: 'half a head and disconnects',
    answer: (socket) => void socket.end('HTTP/1.1 101 x\r\nUpgr'),
    says: /closed the connection before it had answered/,
  },
  {
    what: 'a reset',
    answer: (socket) => void socket.resetAndDestroy(),
    says: /closed the connection before it had answered: .*ECONNRESET/,
  },
  {
    what: '200 with a page',
    answer: refusing('200 OK', 'Content-Length: 5\r\n', 'hello world'),
    says: /did not accept the handshake: status 200/,
    status: 200,
    body: 'hello',
  },
  {
    what: '401 with a body in chunks',
    answer: refusing('401 x', 'Transfer-Encoding: chunked\r\n', '4\r\nno, \r\n3\r\nyou\r\n0\r\n\r\n'),
    says: /status 401/,
    status: 401,
    body: 'no, you',
  },
  {
    what: '403 with a body that ends at EOF',
    answer: refusing('403 x', '', 'go away'),
    says: /status 403/,
    status: 403,
    body: 'go away',
  },
  {
    what: '500 with an endless body',
    answer: (socket) => {
      socket.write('HTTP/1.1 500 x\r\n\r\n');
      const more = (): void => void (socket.destroyed || socket.write('x'.repeat(1_000), more));
      more();
    },
    says: /status 500/,
    status: 500,
    body: 'x'.repeat(4_096),
  },
  {
    what: '503 and resets inside the body',
    answer: (socket) => {
      socket.write('HTTP/1.1 503 x\r\nContent-Length: 99\r\n\r\nbusy', () => socket.resetAndDestroy());
    },
    says: /status 503|closed the connection/,
  },
  {
    what: 'a redirect to another URL',
    answer: refusing('302 Found', 'Location: wss://other.example/a?token=secret\r\n'),
    says: /answered with a redirect: status 302, to wss:\/\/other\.example\/a /,
    code: 'ERR_REDIRECT',
    status: 302,
  },
  {
    what: 'a redirect to itself',
    answer: refusing('307 x', 'Location: /\r\nContent-Length: 0\r\n'),
    says: /answered with a redirect: status 307 /,
    code: 'ERR_REDIRECT',
    status: 307,
  },
  {
    what: 'endless interim responses',
    answer: (socket) => void socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)),
    says: /status 100/,
    status: 100,
  },
];
for (const { what, answer, says, code = 'ERR_RESPONSE', status, body } of ANSWERS) {
  test(`CC-01 CC-04 the server answers ${what}: connect() rejects with one typed error and leaves nothing open`, async (t) => {
    const { url } = await scriptedServer(t, answer);
    const error = await failure(url);
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.name, 'ConnectError');
    assert.match(error.message, says);
    assert.deepEqual([error.code, error.phase], [code, 'response']);
    if (status !== undefined) assert.equal(error.status, status);
    if (body !== undefined) assert.equal(error.body.toString(), body);
    assert.ok(!error.message.includes('secret'));
  });
}

test('CC-01 the error of a refusal has retryAfterMs and the fields of the response', async (t) => {
  const { url } = await scriptedServer(
    t,
    refusing('503 x', 'Retry-After: 7\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n'),
  );
  const { retryAfterMs, headers, status } = await failure(url);
  assert.deepEqual([retryAfterMs, status, headers.getSetCookie()], [7_000, 503, ['a=b', 'c=d']]);
});

test('RFC 9110 §15.2: the client skips interim responses, and reads a head that arrives byte by byte', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) => {
    socket.setNoDelay(true);
    const bytes = Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${accepting(request)}`, 'latin1');
    let at = 0;
    const next = (): void => void (at < bytes.length && socket.write(bytes.subarray(at, ++at), next));
    next();
  });
  const connection = await connect(url);
  assert.equal(connection.state, 'open');
  connection.terminate();
});

/** Connects with a virtual clock; advances it past the timeout when `until` returns true. */
async function timesOut(
  url: string,
  options: ConnectOptions,
  until: () => boolean,
  waitMs = 10_000,
): Promise<ConnectError> {
  const clock = new VirtualClock();
  const failed = failure(url, { ...options, clock });
  await waitUntil(until);
  assert.equal(clock.pendingTimers, 1);
  // Timers fire in slots of 50 ms, rounded up.
  clock.advance(waitMs + 50);
  const error = await failed;
  assert.equal(clock.pendingTimers, 0);
  return error;
}

test('CC-03 a silent server: ERR_CONNECT_TIMEOUT names the phase', async (t) => {
  const plain = await scriptedServer(t, () => undefined);
  const error = await timesOut(plain.url, {}, () => plain.requests.length === 1);
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT_TIMEOUT', 'response']);
  assert.match(error.message, /10000 ms passed in waiting for the answer of the server/);
  await waitUntil(() => plain.sockets.every((socket) => socket.destroyed));
});

test('CC-03 a server that accepts TCP but does not answer the TLS handshake: ERR_CONNECT_TIMEOUT', async (t) => {
  const deaf = await scriptedServer(t, () => undefined);
  const url = deaf.url.replace('ws:', 'wss:');
  const heard = (): boolean => (deaf.sockets[0]?.bytesRead ?? 0) > 0;
  const error = await timesOut(url, { connectTimeoutMs: 500 }, heard, 500);
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT_TIMEOUT', 'tls']);
});

test('CC-03 a DNS lookup without answer: ERR_CONNECT_TIMEOUT, and a late answer changes nothing', async (t) => {
  atEnd(t, () => undefined);
  let answer: ((error: null, addresses: LookupAddress[]) => void) | undefined;
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => {
    answer = done as typeof answer;
  };
  const error = await timesOut('ws://nowhere.example', { lookup }, () => answer !== undefined);
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT_TIMEOUT', 'dns']);
  answer?.(null, [{ address: '127.0.0.1', family: 4 }]);
});

test('CC-01 if the body of a refusal does not arrive, connect() rejects after a second with the bytes received', async (t) => {
  const { url, requests } = await scriptedServer(t, (socket) => {
    socket.write('HTTP/1.1 403 x\r\nContent-Length: 99\r\n\r\nno');
  });
  const clock = new VirtualClock();
  let error: ConnectError | undefined;
  const failed = failure(url, { clock }).then((reason) => {
    error = reason;
  });
  await waitUntil(() => requests.length === 1);
  await waitUntil(() => {
    clock.advance(50);
    return error !== undefined;
  });
  await failed;
  assert.deepEqual([error?.status, error?.body.toString(), clock.now() < 10_000], [403, 'no', true]);
});

test('CC-01 ERR_CONNECT: a closed port, an unknown host name, an invalid result of lookup', async (t) => {
  atEnd(t, () => undefined);
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  const closed = await failure(`ws://127.0.0.1:${port}/`);
  assert.deepEqual([closed.code, closed.phase], ['ERR_CONNECT', 'tcp']);
  assert.equal((closed.cause as { code?: string }).code, 'ECONNREFUSED');
  assert.match(closed.message, /could not be made: connect ECONNREFUSED 127\.0\.0\.1/);
  const both = await failure(`ws://two.example:${port}/`, {
    lookup: (_, _options, done) =>
      done(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ]),
  });
  assert.deepEqual([both.code, both.phase], ['ERR_CONNECT', 'tcp']);
  assert.match(both.message, /connect E/);
  for (const [lookup, says] of [
    [
      (_: string, _options: object, done: (error: Error) => void) => done(new Error('no such name')),
      /no such name/,
    ],
    [(_: string, _options: object, done: (error: null, list: []) => void) => done(null, []), /no IP address/],
    [
      (_: string, _options: object, done: (error: null, address: string, family: number) => void) =>
        done(null, 'x', 4),
      /no IP address/,
    ],
    [() => assert.fail('thrown'), /thrown/],
  ] as const) {
    const error = await failure('ws://name.example', {
      lookup: lookup as unknown as NonNullable<ConnectOptions['lookup']>,
    });
    assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'dns']);
    assert.match(error.message, says);
  }
});

for (const phase of ['before', 'dns', 'turn', 'tls', 'response', 'body'] as const) {
  test(`CC-03 signal: an abort at ${phase} rejects with the reason and leaves nothing open`, async (t) => {
    const server = await scriptedServer(t, (socket) => {
      if (phase === 'body') socket.write('HTTP/1.1 403 x\r\nContent-Length: 99\r\n\r\n');
    });
    const abort = new AbortController();
    const reason = new Error('changed my mind');
    const options = { signal: abort.signal };
    let blocker: Promise<unknown> = Promise.resolve();
    const other = new AbortController();
    if (phase === 'before') abort.abort(reason);
    if (phase === 'turn') blocker = assert.rejects(connect(server.url, { signal: other.signal }));
    const url = phase === 'tls' ? server.url.replace('ws:', 'wss:') : server.url;
    const connecting =
      phase === 'dns'
        ? connect('ws://name.example', { ...options, lookup: () => undefined })
        : connect(url, options);
    const rejected = assert.rejects(connecting, (error) => error === reason);
    if (phase === 'tls') await waitUntil(() => server.sockets.length === 1);
    if (phase === 'turn') assert.equal(defaultEngine.part(ConnectTurns).size, 2);
    if (phase === 'response' || phase === 'body') await waitUntil(() => server.requests.length === 1);
    abort.abort(reason);
    await rejected;
    other.abort();
    await blocker;
    await waitUntil(() => server.sockets.every((socket) => socket.destroyed));
  });
}

test('CC-03 signal: an abort after connect() has resolved changes nothing', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) => void socket.write(accepting(request)));
  const abort = new AbortController();
  const connection = await connect(url, { signal: abort.signal });
  abort.abort();
  assert.equal(connection.state, 'open');
  connection.terminate();
});

test('§4.1 CC-05 one connection at a time connects to an address; after a failure the next one starts', async (t) => {
  const server = await scriptedServer(t, () => undefined);
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => done(null, '127.0.0.1', 4);
  const names = [server.url, server.url.replace('127.0.0.1', 'name.example'), server.url];
  const results = names.map((url) =>
    connect(url, { lookup }).then(
      (connection) => connection.terminate(),
      () => 'failed',
    ),
  );
  for (let i = 1; i <= 3; i++) {
    await waitUntil(() => server.requests.length === i);
    assert.equal(server.sockets.length, i, 'no other connection was opened');
    if (i === 1) server.sockets[0]!.resetAndDestroy();
    else server.sockets[i - 1]!.write(accepting(server.requests[i - 1]!));
  }
  assert.deepEqual(await Promise.all(results), ['failed', undefined, undefined]);
});

test('CC-05 serializeConnects: false opens all connections at once', async (t) => {
  const server = await scriptedServer(t, () => undefined);
  const connecting = [1, 2, 3].map(() => connect(server.url, { serializeConnects: false }));
  await waitUntil(() => server.requests.length === 3);
  server.sockets.forEach((socket, i) => socket.write(accepting(server.requests[i]!)));
  for (const connection of await Promise.all(connecting)) connection.terminate();
});

test('SE-34 a server that ends or resets the connection inside the TLS handshake: ERR_CONNECT in phase tls', async (t) => {
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket[end]());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    atEnd(t, () => server.close());
    const { port } = server.address() as AddressInfo;
    const error = await failure(`wss://127.0.0.1:${port}/`, { tls: { ca: TLS.cert } });
    assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'tls'], end);
  }
});
