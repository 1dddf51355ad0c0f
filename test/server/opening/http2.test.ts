import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders } from 'node:http2';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';
import { type ServerOptions, refuse, WebSocketServer } from '../../../src/index.ts';
import {
  close,
  eventLoopTurns,
  EXAMPLE_KEY,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../../src/testing/index.ts';
import { closeCode, nextText } from '../live.ts';
import { ask, cert, http2Site, open, WEBS } from './http2-site.ts';

for (const [where, create] of Object.entries(WEBS)) {
  test(`RT-08 ${where}: an extended CONNECT opens a connection, and END_STREAM ends it`, async (t) => {
    const { server, session, closes } = await http2Site(t, create());
    server.on('message', (connection, message) => void connection.send(message));
    const { raw, stream, answer } = await open(await session(), { origin: undefined });
    assert.equal(answer['sec-websocket-accept'], undefined);
    const [connection] = server.connections;
    assert.equal(connection!.remoteAddress, '127.0.0.1');
    raw.send(text('hello'));
    assert.equal(await nextText(raw), 'hello');
    raw.send(close(1000, 'bye'));
    assert.equal(await closeCode(raw), 1000);
    stream.end();
    await once(stream, 'close');
    assert.equal(stream.rstCode, 0);
    await waitUntil(() => closes.length === 1);
    assert.equal(closes[0]!.cause, 'peer-close');
    assert.equal(closes[0]!.wasClean, true);
  });

  test(`RT-08 ${where}: the server closes with its Close and END_STREAM`, async (t) => {
    const { server, session, closes } = await http2Site(t, create());
    const { raw, stream } = await open(await session());
    const [connection] = server.connections;
    connection!.send('last');
    connection!.close(4000, 'over');
    assert.equal(await nextText(raw), 'last');
    assert.equal(await closeCode(raw), 4000);
    raw.send(close(4000));
    await once(stream, 'end');
    stream.end();
    await waitUntil(() => closes.length === 1);
    assert.equal(closes[0]!.wasClean, true);
  });
}

test('RT-08: an upgrade of HTTP/1.1 and an extended CONNECT reach the same server', async (t) => {
  const { server, session, port } = await http2Site(t, WEBS['TLS with HTTP/1.1']!());
  server.on('connection', (connection) => void connection.send('hello'));
  const { raw } = await open(await session());
  assert.equal(await nextText(raw), 'hello');
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ca: cert,
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
  });
  const old = RawClient.over(socket);
  old.send(
    `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  assert.equal((await old.nextHead()).status, 101);
  assert.equal(await nextText(old), 'hello');
  assert.equal(server.connections.size, 2);
  for (const status of [101, 200])
    assert.match(
      server.metrics(),
      new RegExp(`^hawser_handshakes_total\\{[^}]*result="accepted",code="${status}"\\} 1$`, 'm'),
    );
  old[Symbol.dispose]();
});

test('RT-08: the hook sees the request as over HTTP/1.1, and its data, subprotocol and headers are used', async (t) => {
  const seen: unknown[] = [];
  const { server, session, port } = await http2Site(t, WEBS['TLS']!(), {
    protocols: ['chat'],
    allowedOrigins: ['https://app.example'],
    upgrade: ({ request, origin, protocols, secure, remoteAddress }) => {
      const { method, url, headers, incomingMessage } = request;
      seen.push(method, url.href, headers.host, headers.cookie, incomingMessage);
      seen.push(origin, [...protocols], secure, remoteAddress);
      return {
        data: 'Ann',
        headers: [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ],
      };
    },
  });
  const { answer } = await open(await session(), {
    ':path': '/room?x=1',
    origin: 'https://app.example',
    cookie: ['a=1', 'b=2'],
    'sec-websocket-protocol': 'chat, other',
  });
  assert.deepEqual(seen, [
    'CONNECT',
    `https://localhost:${port}/room?x=1`,
    `localhost:${port}`,
    'a=1; b=2',
    undefined,
    'https://app.example',
    ['chat', 'other'],
    true,
    '127.0.0.1',
  ]);
  assert.equal(answer['sec-websocket-protocol'], 'chat');
  assert.deepEqual(answer['set-cookie'], ['a=1', 'b=2']);
  const [connection] = server.connections;
  assert.equal(connection!.protocol, 'chat');
  assert.equal(connection!.data, 'Ann');
});

test('RT-08: permessage-deflate is negotiated and used', async (t) => {
  const { server, session } = await http2Site(t, undefined, { perMessageDeflate: { thresholdBytes: 0 } });
  const { raw, answer } = await open(await session(), {
    'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
  });
  assert.match(String(answer['sec-websocket-extensions']), /^permessage-deflate/);
  const [connection] = server.connections;
  connection!.send('a'.repeat(1_000));
  const { payload } = await raw.nextFrame();
  assert.ok(payload.length < 100);
  const tail = Buffer.from([0, 0, 0xff, 0xff]);
  const inflated = inflateRawSync(Buffer.concat([payload, tail]), { finishFlush: constants.Z_SYNC_FLUSH });
  assert.equal(inflated.toString(), 'a'.repeat(1_000));
});

/** Refusals: the request, the options of the server, and the answer. The same codes and bodies as over HTTP/1.1. */
const REFUSALS: Readonly<Record<string, [OutgoingHttpHeaders, ServerOptions, number, string]>> = {
  'another path': [{ ':path': '/other' }, { path: '/chat' }, 404, ''],
  'another origin': [{ origin: 'https://evil.example' }, {}, 403, 'ERR_ORIGIN'],
  'another host': [
    { ':authority': 'evil.example' },
    { allowedHosts: ['app.example'] },
    403,
    'ERR_HOST_NOT_ALLOWED',
  ],
  'no version': [{ 'sec-websocket-version': undefined }, {}, 400, 'ERR_VERSION_MISSING'],
  // 426 would need the field Upgrade, which HTTP/2 forbids.
  'version 8': [{ 'sec-websocket-version': '8' }, {}, 400, 'ERR_VERSION'],
  'subprotocols that repeat': [{ 'sec-websocket-protocol': 'a, a' }, {}, 400, 'ERR_PROTOCOL_FIELD'],
  'malformed extensions': [{ 'sec-websocket-extensions': 'a;;' }, {}, 400, 'ERR_EXTENSIONS_FIELD'],
  'a body': [{ 'content-length': '5' }, {}, 400, 'ERR_REQUEST_BODY'],
  'the scheme wss': [{ ':scheme': 'wss' }, {}, 400, 'ERR_TARGET'],
  'a hook that refuses': [
    {},
    { upgrade: () => refuse(401, { headers: { 'www-authenticate': 'Bearer' } }) },
    401,
    'HTTP_401',
  ],
  'a hook that returns false': [{}, { upgrade: () => false }, 403, 'HTTP_403'],
  'a hook that throws': [
    {},
    {
      upgrade: () => {
        throw new Error('no database');
      },
    },
    500,
    'ERR_UPGRADE_HOOK',
  ],
  'a hook whose header HTTP/2 forbids': [
    {},
    { upgrade: () => ({ headers: { 'HTTP2-Settings': 'a' } }) },
    500,
    'ERR_UPGRADE_HOOK',
  ],
  'a subprotocol that was not offered': [{}, { upgrade: () => ({ protocol: 'x' }) }, 500, 'ERR_UPGRADE_HOOK'],
};

for (const [what, [fields, options, status, code]] of Object.entries(REFUSALS)) {
  test(`RT-08: ${what} is refused with ${status}`, async (t) => {
    const { server, session, errors, refusals } = await http2Site(t, undefined, options);
    const { answer, raw, stream } = await ask(await session(), fields);
    assert.equal(answer[':status'], status);
    assert.equal(answer['connection'], undefined);
    const body = (await raw.receivedUntilEnd()).toString();
    if (what !== 'a hook that refuses') assert.match(body, /^[A-Z].*\.\n$/);
    if (code === 'ERR_VERSION') assert.equal(answer['sec-websocket-version'], '13');
    if (status === 401) assert.equal(answer['www-authenticate'], 'Bearer');
    stream.end();
    assert.equal(server.connections.size, 0);
    if (code !== '') {
      await waitUntil(() => refusals.length === 1);
      assert.equal(refusals[0]!.code, code);
      assert.equal(refusals[0]!.status, status);
    }
    errors.length = 0;
  });
}

test('RT-08: places, limits and shutdown refuse with 503 or 429 and Retry-After', async (t) => {
  let decide: (() => void) | undefined;
  const { server, session, refusals } = await http2Site(t, undefined, {
    maxConnectionsPerIp: 1,
    upgrade: () => new Promise<void>((resolve) => (decide = resolve)),
  });
  const client = await session();
  const first = ask(client);
  await waitUntil(() => decide !== undefined);
  const second = await ask(client);
  assert.equal(second.answer[':status'], 429);
  assert.match(String(second.answer['retry-after']), /^\d+$/);
  const ended = server.shutdown();
  assert.equal((await first).answer[':status'], 503);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_IP_LIMIT', 'ERR_SHUTTING_DOWN'],
  );
  client.destroy();
  await ended;
});

test('RT-08: a hook that takes too long is answered with 503; the client may also reset the stream', async (t) => {
  const clock = new VirtualClock();
  const signals: AbortSignal[] = [];
  const { server, session } = await http2Site(t, undefined, {
    clock,
    upgradeTimeoutMs: 1_000,
    upgrade: ({ signal }) => {
      signals.push(signal);
      return new Promise<void>(() => {});
    },
  });
  const client = await session();
  const slow = ask(client);
  await waitUntil(() => signals.length === 1);
  clock.advance(1_000);
  const { answer, stream } = await slow;
  assert.equal(answer[':status'], 503);
  // The client does not end its half: after a second, the server asks it to stop.
  clock.advance(1_000);
  await once(stream, 'close');
  assert.equal(stream.rstCode, 0);
  const impatient = client.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  await waitUntil(() => signals.length === 2);
  impatient.close(8);
  await waitUntil(() => signals[1]!.aborted);
  await waitUntil(() => server.stats().handshakes.pending === 0);
});

test('RT-08: a shutdown closes every stream with a Close, and the HTTP server goes on', async (t) => {
  const web = createServer(
    { settings: { enableConnectProtocol: true } },
    (_, response) => void response.end('page'),
  );
  const { server, session, closes } = await http2Site(t, web);
  const client = await session();
  const all = await Promise.all([open(client), open(client), open(client)]);
  const ended = server.shutdown();
  for (const { raw, stream } of all) {
    assert.equal(await closeCode(raw), 1001);
    raw.send(close(1001));
    stream.end();
  }
  const { closed } = await ended;
  assert.equal(closed, 3);
  assert.equal(closes.length, 3);
  const page = client.request({ ':path': '/' });
  assert.equal((await RawClient.over(page).receivedUntilEnd()).toString(), 'page');
  // Detached: Node itself refuses CONNECT.
  const late = await ask(client);
  assert.equal(late.answer[':status'], 405);
  late.stream.end();
});

test('RT-08: terminate resets the stream with CANCEL, also while output waits', async (t) => {
  const { server, session, closes } = await http2Site(t);
  const { stream } = await open(await session());
  stream.pause();
  const [connection] = server.connections;
  connection!.send(Buffer.alloc(500_000));
  await eventLoopTurns(3);
  connection!.terminate();
  stream.resume();
  await once(stream, 'close');
  assert.equal(stream.rstCode, 8);
  assert.equal(closes[0]!.cause, 'terminated');
});

test('RT-08: flow control is the back-pressure in both directions', async (t) => {
  const { server, session } = await http2Site(t);
  const { raw, stream } = await open(await session());
  const [connection] = server.connections;
  stream.pause();
  for (let i = 0; i < 20; i++) connection!.send(Buffer.alloc(20_000));
  await eventLoopTurns(20);
  assert.ok(connection!.bufferedBytes > 100_000, `${connection!.bufferedBytes}`);
  stream.resume();
  for (let i = 0; i < 20; i++) assert.equal((await raw.nextFrame()).payload.length, 20_000);
  await waitUntil(() => connection!.bufferedBytes === 0);

  connection!.pause();
  let received = 0;
  connection!.on('message', (message) => void (received += message.length));
  for (let i = 0; i < 20; i++) raw.send(text('a'.repeat(20_000)));
  await eventLoopTurns(20);
  assert.equal(received, 0);
  assert.ok(stream.writableLength > 0);
  connection!.resume();
  await waitUntil(() => received === 400_000);
});

test('RT-08: the refused attach says what to change; with allowHTTP1 the server serves upgrades only', (t) => {
  const server = new WebSocketServer();
  t.after(() => server.shutdown());
  const off = createServer();
  assert.throws(() => server.attach(off), {
    code: 'ERR_OPTION',
    message: /enableConnectProtocol is off; create it with settings: \{ enableConnectProtocol: true \}/,
  });
  assert.equal(off.listenerCount('stream'), 0);
  const on = WEBS['TLS with HTTP/1.1']!();
  const before = on.eventNames().map((name) => [name, on.listenerCount(name)]);
  server.attach(on);
  assert.equal(on.listenerCount('stream'), 1);
  assert.equal(server.detach(on), true);
  assert.deepEqual(
    on.eventNames().map((name) => [name, on.listenerCount(name)]),
    before,
  );
});
