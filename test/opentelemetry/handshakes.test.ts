import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { VERSION } from '../../src/observe/version.ts';
import { refuse, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { duplexPair, eventLoopTurns, RawClient, selfSigned, waitUntil } from '../../src/testing/index.ts';
import { listening, live, upgradeRequest } from '../server/live.ts';
import { sdk, skip } from './sdk.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
const traceparent = `00-${TRACE_ID}-${PARENT_ID}-01`;

test('MT-02: a handshake has a span of kind SERVER whose parent comes from traceparent', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, connect } = await listening(t, { path: '/chat' });
  otel.instrument(server);
  const client = await connect();
  const { status } = await client.upgrade({
    path: '/chat?token=secret',
    headers: { traceparent, 'User-Agent': 'probe/1', Cookie: 'session=secret' },
  });
  assert.equal(status, 101);
  const [span] = otel.spans();
  assert.ok(span);
  const { id } = [...server.connections][0]!;
  assert.deepEqual([span.name, span.kind, span.status], ['GET /chat', SpanKind.SERVER, { code: 0 }]);
  assert.deepEqual(span.attributes, {
    'network.protocol.name': 'websocket',
    'client.address': '127.0.0.1',
    'server.address': 'localhost',
    'server.port': 80,
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/chat',
    'user_agent.original': 'probe/1',
    'http.route': '/chat',
    'http.response.status_code': 101,
    'hawser.connection.id': id,
  });
  assert.deepEqual(
    [span.spanContext().traceId, span.parentSpanContext?.spanId, span.events],
    [TRACE_ID, PARENT_ID, []],
  );
  assert.deepEqual([span.instrumentationScope.name, span.instrumentationScope.version], ['hawser', VERSION]);
});

test('MT-02: the span is active in the hook and in connection listeners, also after await; several are not mixed', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const seen: [where: string, name: string, span: string | undefined][] = [];
  const note = (where: string, name: unknown): void =>
    void seen.push([where, String(name), trace.getActiveSpan()?.spanContext().spanId]);
  const { server, join } = live(t, {
    upgrade: async ({ request }) => {
      const name = request.headers['x-name'];
      note('hook', name);
      await eventLoopTurns(name === 'one' ? 3 : 1);
      note('after await', name);
      return { data: name };
    },
  });
  server.on('connection', async ({ data }) => {
    note('connection', data);
    await eventLoopTurns(1);
    note('connection, after await', data);
  });
  otel.instrument(server);
  const peers = await Promise.all([join({ 'X-Name': 'one' }), join({ 'X-Name': 'two' })]);
  await eventLoopTurns(4);
  const spanOf = new Map(
    otel.spans().map((span) => [span.attributes['hawser.connection.id'], span.spanContext().spanId]),
  );
  const ids = new Map(peers.map(({ connection }) => [connection.data, spanOf.get(connection.id)]));
  assert.equal(new Set(ids.values()).size, 2);
  assert.equal(seen.length, 8);
  for (const [where, name, id] of seen) assert.equal(id, ids.get(name), `${where} ${name}`);
});

const failure = new TypeError('no database');
const FAILED: ServerOptions = {
  upgrade: () => {
    throw failure;
  },
};

/** What refuses, options, fields of the request, status, code, and whether the span has the status ERROR. */
const REFUSALS: readonly (readonly [
  what: string,
  options: ServerOptions,
  headers: Readonly<Record<string, string>>,
  status: number,
  code: string,
])[] = [
  ['the version', {}, { 'Sec-WebSocket-Version': '12' }, 426, 'ERR_VERSION'],
  ['the key', {}, { 'Sec-WebSocket-Key': 'short' }, 400, 'ERR_KEY'],
  ['the host', { allowedHosts: ['example.com'] }, {}, 403, 'ERR_HOST_NOT_ALLOWED'],
  ['the path', { path: '/other' }, {}, 404, 'ERR_PATH'],
  ['the origin', {}, { Origin: 'https://evil.example' }, 403, 'ERR_ORIGIN'],
  ['a full server', { maxConnections: 1 }, {}, 503, 'ERR_SERVER_FULL'],
  ['the rate', { maxNewConnectionsPerMinute: 1 }, {}, 429, 'ERR_RATE_LIMIT'],
  ['false of the hook', { upgrade: () => false }, {}, 403, 'HTTP_403'],
  ['an async hook', { upgrade: async () => refuse(401) }, {}, 401, 'HTTP_401'],
  ['a throwing hook', FAILED, {}, 500, 'ERR_UPGRADE_HOOK'],
  ['a rejecting hook', { upgrade: async () => Promise.reject(failure) }, {}, 500, 'ERR_UPGRADE_HOOK'],
];

for (const [what, options, headers, status, code] of REFUSALS) {
  test(`MT-02: a handshake refused by ${what} has a span with status ${status} and one event`, {
    skip,
  }, async (t) => {
    const otel = sdk(t);
    const { server, join, errors } = live(t, options);
    if (status === 503 || status === 429) await join();
    otel.instrument(server);
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    await server.handleUpgrade(upgradeRequest(headers), wire.server, Buffer.alloc(0));
    assert.equal((await raw.nextHead()).status, status);
    raw.end();
    const [span, ...others] = otel.spans();
    assert.ok(span);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [span.attributes['http.response.status_code'], span.attributes['error.type']],
      [status, code],
    );
    const [refused, ...exceptions] = span.events;
    assert.deepEqual(
      [refused?.name, refused?.attributes],
      ['hawser.handshake.refused', { 'error.type': code }],
    );
    assert.deepEqual(
      exceptions.map(({ name, attributes }) => [name, attributes?.['exception.message']]),
      code === 'ERR_UPGRADE_HOOK' ? [['exception', 'no database']] : [],
    );
    assert.equal(span.status.code, status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
    errors.length = 0;
    await eventLoopTurns(4);
  });
}

test('MT-02: a head that cannot be read, and a client that leaves, have spans that end', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  let asked = (): void => {};
  const hookCalled = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { server, connect } = await listening(t, {
    upgrade: ({ signal }) => {
      asked();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    },
  });
  otel.instrument(server);
  const broken = await connect();
  broken.send(Buffer.from('no HTTP\r\n\r\n'));
  assert.equal((await broken.nextHead()).status, 400);
  const leaving = await connect();
  leaving.send(
    Buffer.from(
      'GET /x?token=secret HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    ),
  );
  await hookCalled;
  leaving.end();
  await waitUntil(() => otel.spans().length === 2);
  const [unread, left] = otel.spans();
  assert.deepEqual(
    [unread?.name, unread?.attributes],
    [
      'HTTP',
      {
        'network.protocol.name': 'websocket',
        'client.address': '127.0.0.1',
        'http.response.status_code': 400,
        'error.type': 'ERR_HEAD_SYNTAX',
      },
    ],
  );
  assert.deepEqual(
    [
      left?.name,
      left?.attributes['url.path'],
      left?.attributes['error.type'],
      left?.events.map((e) => e.name),
    ],
    ['GET', '/x', 'abandoned', ['hawser.handshake.abandoned']],
  );
  assert.equal('http.response.status_code' in left!.attributes, false);
});

test('MT-02: TLS, TCP and attached servers report scheme, address and port alike', { skip }, async (t) => {
  const otel = sdk(t);
  const { key, cert } = selfSigned(['localhost'], Date.now());
  const { server: secure, port: securePort } = await listening(t, { tls: { key, cert } });
  const plain = new WebSocketServer();
  const { port } = await plain.listen(0, '127.0.0.1');
  const attached = new WebSocketServer();
  const web = createServer();
  attached.attach(web);
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port: webPort } = web.address() as AddressInfo;
  for (const server of [secure, plain, attached]) otel.instrument(server);
  const socket = connectTls({ port: securePort, host: '127.0.0.1', servername: 'localhost', ca: cert });
  await once(socket, 'secureConnect');
  const clients = [
    RawClient.over(socket),
    await RawClient.connect({ port }),
    await RawClient.connect({ port: webPort }),
  ];
  const hosts = [`localhost:${securePort}`, `127.0.0.1:${port}`, 'example.com'];
  for (const [at, client] of clients.entries())
    assert.equal((await client.upgrade({ headers: { Host: hosts[at]!, traceparent } })).status, 101);
  assert.deepEqual(
    otel
      .spans()
      .map(({ attributes, parentSpanContext }) => [
        attributes['url.scheme'],
        attributes['server.address'],
        attributes['server.port'],
        parentSpanContext?.spanId,
      ]),
    [
      ['https', 'localhost', securePort, PARENT_ID],
      ['http', '127.0.0.1', port, PARENT_ID],
      ['http', 'example.com', 80, PARENT_ID],
    ],
  );
  for (const client of clients) client[Symbol.dispose]();
  await Promise.all([attached.shutdown(), plain.shutdown()]);
  web.close();
});

test('MT-02: the span that is active while listen is called is not the parent of handshakes', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const startup = otel.tracerProvider.getTracer('test').startSpan('startup');
  let port = 0;
  const server = new WebSocketServer();
  await context.with(trace.setSpan(context.active(), startup), async () => {
    ({ port } = await server.listen(0, '127.0.0.1'));
  });
  startup.end();
  otel.instrument(server);
  const client = await RawClient.connect({ port });
  assert.equal((await client.upgrade()).status, 101);
  const span = otel.spans().find(({ name }) => name === 'GET');
  assert.equal(span?.parentSpanContext, undefined);
  client[Symbol.dispose]();
  await server.shutdown();
});
