import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { ConnectError, type ConnectOptions } from '../../src/client/index.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { VirtualClock, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { accepting, atEnd, failure, scriptedServer } from './live.ts';
import { tunnelProxy, type TunnelProxyOptions } from './proxy-server.ts';
import { ReconnectingClient, connect } from './dialling.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());
const PROXY_TLS = selfSigned(['127.0.0.1'], Date.now());
const BASIC = `Basic ${Buffer.from('ann:p@ss:wörd').toString('base64')}`;

/** An echo server that records the header fields of its handshakes. */
async function echo(t: TestContext, options: ServerOptions = {}) {
  atEnd(t, () => undefined);
  const seen: Readonly<Record<string, unknown>>[] = [];
  const server = new WebSocketServer({
    upgrade: ({ request }) => void seen.push(request.headers),
    ...options,
  });
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  return { server, port, seen };
}

async function assertEchoes(t: TestContext, url: string, options: ConnectOptions): Promise<void> {
  const client = await connect(url, options);
  atEnd(t, () => client.terminate());
  const large = 'x'.repeat(300_000);
  for (const text of ['through the tunnel', large]) {
    client.send(text);
    assert.deepEqual(await waitForEvent(client, 'message'), [text, true]);
  }
  client.close();
  assert.equal((await client.closed).wasClean, true);
}

for (const [what, proxyTls] of [
  ['an http: proxy', undefined],
  ['an https: proxy', PROXY_TLS],
] as const) {
  for (const scheme of ['ws', 'wss'] as const) {
    for (const authorization of [undefined, BASIC]) {
      const title = `${scheme} through ${what}, ${authorization === undefined ? 'without' : 'with'} credentials`;
      test(`CC-08 ${title}`, async (t) => {
        const { port, seen } = await echo(t, scheme === 'wss' ? { tls: TLS } : {});
        const proxy = await tunnelProxy(t, {
          ...(authorization === undefined ? {} : { authorization }),
          ...(proxyTls === undefined ? {} : { tls: proxyTls }),
        });
        const user = authorization === undefined ? '' : 'ann:p%40ss%3Aw%C3%B6rd@';
        await assertEchoes(t, `${scheme}://localhost:${port}/`, {
          proxy: proxy.url.replace('//', `//${user}`),
          ...(proxyTls === undefined ? {} : { proxyTls: { ca: proxyTls.cert } }),
          tls: { ca: TLS.cert },
        });
        const credentials = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
        assert.deepEqual(proxy.heads, [
          `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n${credentials}\r\n`,
        ]);
        assert.equal(seen[0]?.['host'], `localhost:${port}`);
        assert.equal(seen[0]?.['proxy-authorization'], undefined);
      });
    }
  }
}

test('CC-08 the certificate is verified for the name of the server, not of the proxy', async (t) => {
  const { port } = await echo(t, { tls: TLS });
  const { url: proxy } = await tunnelProxy(t);
  const tls = { ca: TLS.cert };
  const other = await failure(`wss://other.example:${port}/`, { proxy, tls });
  assert.deepEqual([other.code, other.phase], ['ERR_CONNECT', 'tls']);
  assert.equal((other.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  const unknown = await failure(`wss://localhost:${port}/`, { proxy });
  assert.deepEqual([unknown.code, unknown.phase], ['ERR_CONNECT', 'tls']);
});

test('CC-08 an https: proxy with an untrusted certificate gets no credentials', async (t) => {
  const { url, heads } = await tunnelProxy(t, { tls: PROXY_TLS });
  const error = await failure('ws://localhost:9/', { proxy: url.replace('//', '//ann:sesame@') });
  assert.deepEqual([error.code, error.phase], ['ERR_PROXY', 'proxy']);
  assert.match(
    error.message,
    /^the proxy did not open a tunnel: 127\.0\.0\.1 port \d+ cannot be reached: self/,
  );
  assert.deepEqual(heads, []);
});

test('CC-08 IPv6 addresses keep their brackets in the authority', async (t) => {
  const { url, heads } = await tunnelProxy(t, { answer: (socket) => void socket.destroy() });
  await failure('ws://[::1]:4711/', { proxy: url });
  assert.match(heads[0]!, /^CONNECT \[::1\]:4711 HTTP\/1\.1\r\nHost: \[::1\]:4711\r\n/);
});

test('CC-08 407 is ERR_PROXY_AUTH with status, fields and body; the message does not contain the password', async (t) => {
  const { url } = await tunnelProxy(t, { authorization: BASIC });
  for (const user of ['', 'ann:sesame@']) {
    const error = await failure('ws://localhost:9/', { proxy: url.replace('//', `//${user}`) });
    assert.ok(error instanceof ConnectError);
    assert.deepEqual(
      [error.code, error.phase, error.status, error.statusText, error.body.toString()],
      ['ERR_PROXY_AUTH', 'proxy', 407, 'Proxy Authentication Required', 'Who are you'],
    );
    assert.equal(error.headers.get('proxy-authenticate'), 'Basic realm="test"');
    assert.equal(
      error.message,
      'the proxy asks for credentials, or refuses the credentials it received: status 407',
    );
    assert.doesNotMatch(`${JSON.stringify(error)}${error.stack}`, /sesame|YW5u/);
  }
});

const endless = (socket: Socket, piece: string): void =>
  void (socket.destroyed || socket.write(piece, () => endless(socket, piece)));

/** Each row: the response of the proxy, and the error of the client. */
const ANSWERS: readonly {
  readonly what: string;
  readonly answer: NonNullable<TunnelProxyOptions['answer']>;
  readonly says: RegExp;
  readonly status?: number;
  readonly body?: string;
}[] = [
  {
    what: '403',
    answer: (socket) => void socket.end('HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno'),
    says: /^the proxy did not open a tunnel: status 403$/,
    status: 403,
    body: 'no',
  },
  {
    what: '502 with an endless body',
    answer: (socket) => {
      socket.write('HTTP/1.1 502 x\r\n\r\n');
      endless(socket, 'x'.repeat(1_000));
    },
    says: /status 502/,
    status: 502,
    body: 'x'.repeat(4_096),
  },
  {
    what: 'a redirect, which is never followed',
    answer: (socket) =>
      void socket.end('HTTP/1.1 302 x\r\nLocation: http://evil.example\r\nContent-Length: 0\r\n\r\n'),
    says: /tunnel: status 302/,
    status: 302,
  },
  {
    what: 'a 101',
    answer: (socket) => void socket.write('HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n'),
    says: /status 101/,
    status: 101,
  },
  {
    what: 'garbage',
    answer: (socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
    says: /not well-formed HTTP: it does not begin with an HTTP version/,
  },
  {
    what: 'an endless head',
    answer: (socket) => {
      socket.write('HTTP/1.1 200 x\r\nA: ');
      endless(socket, 'x'.repeat(9_000));
    },
    says: /larger than the limit: its bytes/,
  },
  {
    what: 'a flood of fields',
    answer: (socket) => void socket.write(`HTTP/1.1 200 x\r\n${'A: b\r\n'.repeat(200)}`),
    says: /larger than the limit: its number of fields/,
  },
  {
    what: 'endless interim responses',
    answer: (socket) => void socket.write('HTTP/1.1 100 x\r\n\r\n'.repeat(50)),
    says: /status 100/,
    status: 100,
  },
  {
    what: 'nothing and disconnects',
    answer: (socket) => void socket.end(),
    says: /closed the connection before it had answered$/,
  },
  {
    what: 'half a head and resets',
    answer: (socket) => void socket.write('HTTP/1.1 2', () => socket.resetAndDestroy()),
    says: /closed the connection before it had answered/,
  },
];
for (const { what, answer, says, status, body } of ANSWERS) {
  test(`CC-08 the proxy answers ${what}: ERR_PROXY, and nothing is left open`, async (t) => {
    const { url } = await tunnelProxy(t, { answer });
    const error = await failure('ws://localhost:9/', { proxy: url, maxRedirects: 5 });
    assert.ok(error instanceof ConnectError, String(error));
    assert.deepEqual([error.code, error.phase, error.status], ['ERR_PROXY', 'proxy', status]);
    assert.match(error.message, says);
    if (body !== undefined) assert.equal(error.body.toString(), body);
  });
}

test('CC-08 the client skips interim responses of the proxy, and reads a head that arrives byte by byte', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    const [request = ''] = server.requests;
    if (!request.startsWith('CONNECT')) return;
    socket.setNoDelay(true);
    socket.once('data', (chunk: Buffer) => void socket.write(accepting(chunk.toString('latin1'))));
    const bytes = Buffer.from(
      'HTTP/1.1 102 x\r\n\r\nHTTP/1.0 204 Tunnel\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    let at = 0;
    const next = (): void => void (at < bytes.length && socket.write(bytes.subarray(at, ++at), next));
    next();
  });
  const connection = await connect('ws://name.example/', { proxy: `http://127.0.0.1:${server.port}` });
  assert.equal(connection.state, 'open');
  connection.terminate();
});

test('CC-08 bytes right after the 200 of the proxy belong to the server, without and with TLS', async (t) => {
  const { port } = await echo(t, { tls: TLS });
  const speaks = await tunnelProxy(t, { early: Buffer.from('220 mail.example ESMTP\r\n') });
  const plain = await failure(`ws://localhost:${port}/`, { proxy: speaks.url });
  assert.deepEqual([plain.code, plain.phase], ['ERR_RESPONSE', 'response']);
  assert.match(plain.message, /does not begin with an HTTP version/);
  // The TLS alert handshake_failure.
  const alerts = await tunnelProxy(t, { early: Buffer.from('15030300020228', 'hex') });
  const secure = await failure(`wss://localhost:${port}/`, { proxy: alerts.url, tls: { ca: TLS.cert } });
  assert.deepEqual([secure.code, secure.phase], ['ERR_CONNECT', 'tls']);
  assert.match(secure.message, /alert|handshake failure/i);
});

test('CC-08 an unreachable proxy: ERR_PROXY with the cause and the name of the proxy', async (t) => {
  atEnd(t, () => undefined);
  const gone = await failure('ws://localhost:9/', { proxy: 'http://ann:sesame@127.0.0.1:1' });
  assert.deepEqual([gone.code, gone.phase], ['ERR_PROXY', 'proxy']);
  assert.equal((gone.cause as { code?: string }).code, 'ECONNREFUSED');
  assert.match(
    gone.message,
    /^the proxy did not open a tunnel: 127\.0\.0\.1 port 1 cannot be reached: connect ECONN/,
  );
  const asked: string[] = [];
  const unknown = await failure('ws://server.example:9/', {
    proxy: 'http://proxy.example',
    lookup: (host, _, done) => {
      asked.push(host);
      done(new Error('no such name'), '', 4);
    },
  });
  assert.deepEqual([unknown.code, unknown.phase, asked], ['ERR_PROXY', 'proxy', ['proxy.example']]);
});

test('CC-08 CC-03 a proxy that hangs: ERR_CONNECT_TIMEOUT in phase proxy', async (t) => {
  const { url, heads } = await tunnelProxy(t, { answer: () => undefined });
  const clock = new VirtualClock();
  const failed = failure('ws://localhost:9/', { proxy: url, clock });
  await waitUntil(() => heads.length === 1);
  clock.advance(10_050);
  const error = await failed;
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT_TIMEOUT', 'proxy']);
  assert.match(error.message, /10000 ms passed in waiting for the proxy$/);
  assert.equal(clock.pendingTimers, 0);
});

test('CC-08 if the body of a refusal by the proxy does not arrive, connect() rejects after a second with the bytes received', async (t) => {
  const { url, heads } = await tunnelProxy(t, {
    answer: (socket) => void socket.write('HTTP/1.1 503 x\r\nContent-Length: 99\r\n\r\nbusy'),
  });
  const clock = new VirtualClock();
  let error: ConnectError | undefined;
  const failed = failure('ws://localhost:9/', { proxy: url, clock }).then((reason) => {
    error = reason;
  });
  await waitUntil(() => heads.length === 1);
  await waitUntil(() => {
    clock.advance(50);
    return error !== undefined;
  });
  await failed;
  assert.deepEqual(
    [error?.code, error?.status, error?.body.toString(), clock.now() < 10_000],
    ['ERR_PROXY', 503, 'busy', true],
  );
});

for (const phase of ['asking the proxy', 'TLS inside'] as const) {
  test(`CC-08 CC-03 signal: an abort while ${phase} rejects with the reason and leaves nothing open`, async (t) => {
    const deaf = await scriptedServer(t, () => undefined);
    const { url, heads } = await tunnelProxy(t, phase === 'TLS inside' ? {} : { answer: () => undefined });
    const abort = new AbortController();
    const reason = new Error('changed my mind');
    const connecting = connect(`wss://localhost:${deaf.port}/`, { proxy: url, signal: abort.signal });
    const rejected = assert.rejects(connecting, (error) => error === reason);
    await waitUntil(() => heads.length === 1 && (phase !== 'TLS inside' || deaf.sockets.length === 1));
    abort.abort(reason);
    await rejected;
    await waitUntil(() => deaf.sockets.every((socket) => socket.destroyed));
  });
}

test('§4.1 CC-05 through a proxy, one connection at a time connects to each host name', async (t) => {
  const { url, heads } = await tunnelProxy(t, { answer: () => undefined });
  const abort = new AbortController();
  const names = ['ws://a.example/', 'ws://b.example/', 'ws://a.example/other'];
  const all = names.map((name) => assert.rejects(connect(name, { proxy: url, signal: abort.signal })));
  await waitUntil(() => heads.length === 2);
  assert.equal(defaultEngine.part(ConnectTurns).size, 3);
  abort.abort();
  await Promise.all(all);
});

test('CC-08 CC-02 a proxy for a ws+unix: URL is refused', async () => {
  await assert.rejects(connect('ws+unix:/tmp/none', { proxy: 'http://p.example' }), {
    code: 'ERR_OPTION',
    message: /^proxy cannot be used with a ws\+unix: URL/,
  });
});

test('CC-08 RC-01 a reconnecting client uses the proxy for each attempt; 407 is final, 503 is retried', async (t) => {
  const { server, port } = await echo(t);
  const answers = [503, 200, 200, 407];
  const inner = await tunnelProxy(t);
  const outer = await scriptedServer(t, (socket, request) => {
    const status = answers.shift() ?? 407;
    if (status !== 200) socket.end(`HTTP/1.1 ${status} x\r\nContent-Length: 0\r\n\r\n`);
    else {
      socket.removeAllListeners('data');
      const relay = connectTcp(inner.port, '127.0.0.1');
      relay.on('error', () => undefined).once('close', () => socket.destroy());
      socket.once('close', () => relay.destroy());
      relay.write(request);
      socket.pipe(relay).pipe(socket);
    }
  });
  const client = new ReconnectingClient(`ws://localhost:${port}/`, {
    proxy: `http://127.0.0.1:${outer.port}`,
    baseDelayMs: 1,
    maxDelayMs: 1,
    maxFirstDelayMs: 1,
  });
  const opened: unknown[] = [];
  client.on('open', () => void opened.push(client.attempts));
  await waitUntil(() => opened.length === 1);
  for (const connection of server.connections) connection.terminate();
  await waitUntil(() => opened.length === 2);
  for (const connection of server.connections) connection.terminate();
  const { why, error } = await client.closed;
  assert.deepEqual([why, (error as ConnectError).code], ['refused', 'ERR_PROXY_AUTH']);
});
