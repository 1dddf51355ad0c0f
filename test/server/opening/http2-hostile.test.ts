import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns, RawClient, text, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { closeCode, nextText } from '../live.ts';
import { ask, cert, connectFields, http2Site, open, WEBS } from './http2-site.ts';

const settings = { enableConnectProtocol: true };

test('RT-08: 1,000 streams of one session are 1,000 connections, and the end of the session ends all of them', async (t) => {
  const { server, session, closes } = await http2Site(t, undefined, { maxConnectionsPerIp: 1_000 });
  server.on('message', (connection, message) => void connection.send(message));
  const client = await session();
  client.setMaxListeners(0);
  const all = await Promise.all(Array.from({ length: 1_000 }, () => open(client)));
  assert.equal(server.connections.size, 1_000);
  assert.equal((await ask(client)).answer[':status'], 429);
  for (const [at, { raw }] of all.entries()) raw.send(text(`message ${at}`));
  const echoed = await Promise.all(all.map(({ raw }) => nextText(raw)));
  assert.deepEqual(
    echoed,
    all.map((_, at) => `message ${at}`),
  );
  for (const { stream } of all) stream.on('error', () => {});
  client.destroy();
  await waitUntil(() => closes.length === 1_000);
  assert.deepEqual(
    new Set(closes.map(({ code, cause }) => `${code} ${cause}`)),
    new Set(['1006 transport-end']),
  );
  assert.equal(server.connections.size, 0);
});

test('RT-08: a reset in the middle of a frame ends one connection with an error; the next stream is untouched', async (t) => {
  const { server, session, closes } = await http2Site(t);
  const client = await session();
  const broken = await open(client);
  const good = await open(client);
  const frame = text('never complete');
  broken.raw.send(frame.subarray(0, 8));
  await eventLoopTurns(5);
  // Not close(): Node's client would end its half first.
  broken.stream.destroy();
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.code, 1006);
  assert.match(closes[0]!.cause, /^transport-/);
  for (const connection of server.connections) connection.send('still here');
  assert.equal(await nextText(good.raw), 'still here');
});

test('RT-08: END_STREAM in the middle of a frame closes without a Close', async (t) => {
  const { session, closes } = await http2Site(t);
  const { raw, stream } = await open(await session());
  raw.send(text('never complete').subarray(0, 8));
  stream.end();
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.cause, 'transport-end');
  assert.equal(closes[0]!.wasClean, false);
  await once(stream, 'close');
});

test('RT-08: frames before the answer are delivered after it, up to 64 KiB', async (t) => {
  let decide: (() => void) | undefined;
  const messages: unknown[] = [];
  const { server, session } = await http2Site(t, undefined, {
    upgrade: () => new Promise<void>((resolve) => (decide = resolve)),
  });
  server.on('message', (_, message) => void messages.push(message.length));
  const client = await session();
  const stream = client.request(connectFields(), { endStream: false });
  stream.on('error', () => {});
  for (let i = 0; i < 100; i++) stream.write(text('a'.repeat(2_000)));
  await waitUntil(() => decide !== undefined);
  await eventLoopTurns(20);
  // Flow control holds the rest back in the client.
  assert.ok(stream.writableLength > 0);
  decide!();
  await waitUntil(() => messages.length === 100);
});

test('RT-08: a frame without mask fails its connection with 1002 and ends the stream', async (t) => {
  const { session, closes } = await http2Site(t);
  const { raw, stream } = await open(await session());
  raw.send(Buffer.from([0x81, 1, 65]));
  assert.equal(await closeCode(raw), 1002);
  await once(stream, 'end');
  stream.end();
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.cause, 'protocol-error');
});

test('RT-08: END_STREAM together with the request opens nothing that lasts', async (t) => {
  const { server, session } = await http2Site(t, undefined, { upgrade: () => new Promise<void>(() => {}) });
  const client = await session();
  const stream = client.request(connectFields(), { endStream: true });
  stream.on('error', () => {});
  await once(stream, 'close');
  assert.equal(stream.rstCode, 8);
  assert.equal(server.stats().handshakes.pending, 0);
});

/** Requests that Node or another listener answers, and how the stream ends. */
const FOREIGN: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'no :protocol': { ':protocol': undefined, ':path': undefined, ':scheme': undefined, ':authority': 'a:1' },
  'another :protocol': { ':protocol': 'connect-udp' },
};
for (const [what, fields] of Object.entries(FOREIGN)) {
  test(`RT-08: CONNECT with ${what}: Node answers as without Hawser`, async (t) => {
    const web = createServer({ settings }, (_, response) => void response.end());
    const { server, session } = await http2Site(t, web);
    const { answer, stream } = await ask(await session(), fields);
    assert.equal(answer[':status'], 405);
    stream.end();
    assert.equal(server.stats().handshakes.accepted, 0);
    // With a listener of the application, that listener answers.
    web.on('connect', (_, response) => void response.writeHead(501).end());
    const other = await ask(await session(), fields);
    assert.equal(other.answer[':status'], 501);
    other.stream.end();
  });
}

test('RT-08: fields that belong to a connection of HTTP/1.1 reset the stream', async (t) => {
  const { server, port } = await http2Site(t);
  const raw = await RawClient.connect({ port });
  t.after(() => raw[Symbol.dispose]());
  // Literal fields without indexing (RFC 7541 §6.2.2); the connection preface and an empty SETTINGS come first.
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);
  const block = Buffer.concat(
    Object.entries({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/',
      ':authority': 'localhost',
      'sec-websocket-version': '13',
      upgrade: 'websocket',
    }).map((field) => literal(...field)),
  );
  const header = Buffer.from([0, 0, block.length, 1, 4, 0, 0, 0, 1]);
  raw.send(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
      header,
      block,
    ]),
  );
  // RST_STREAM of stream 1 with PROTOCOL_ERROR.
  await raw.nextUntil('\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x01');
  assert.equal(server.stats().handshakes.accepted, 0);
});

/** Requests that Node's HTTP/2 refuses before the server sees them (RFC 9113 §8.1.1). */
const MALFORMED: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'a Host that is not the authority': { host: 'other.example' },
  'a path that is no path': { ':path': '*' },
};
for (const [what, fields] of Object.entries(MALFORMED)) {
  test(`RT-08: ${what} never opens a connection`, async (t) => {
    const { server, session } = await http2Site(t);
    const asked = ask(await session(), fields).then(({ answer }) => answer[':status']);
    assert.notEqual(await asked.catch(() => 'reset'), 200);
    assert.equal(server.stats().handshakes.accepted, 0);
  });
}

test('RT-08: CONNECT of HTTP/1.1 ends its socket, as without Hawser', async (t) => {
  const { port } = await http2Site(t, WEBS['TLS with HTTP/1.1']!());
  const { connect } = await import('node:tls');
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: cert,
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
  });
  const raw = RawClient.over(socket);
  raw.send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
  assert.equal((await raw.receivedUntilEnd()).length, 0);
});

test('RT-08: another stream listener that answers at once keeps the stream', async (t) => {
  const { web, server, session } = await http2Site(t);
  const answers = (stream: ServerHttp2Stream, headers: { readonly ':path'?: string }): void => {
    if (headers[':path'] !== '/mine') return;
    stream.respond({ ':status': 418 });
    stream.end();
  };
  web.on('stream', answers);
  const client = await session();
  const { answer, stream } = await ask(client, { ':path': '/mine' });
  assert.equal(answer[':status'], 418);
  stream.end();
  await open(client);
  assert.equal(server.connections.size, 1);
});

test('RT-08: a path that no server serves gets 404: at once, or when no other listener has answered in time', async (t) => {
  const clock = new VirtualClock();
  const { web, session } = await http2Site(t, undefined, { path: '/chat', clock, handshakeTimeoutMs: 5_000 });
  const second = new WebSocketServer({ path: '/news', clock });
  second.attach(web);
  t.after(() => second.shutdown());
  const client = await session();
  const { answer, stream } = await ask(client, { ':path': '/other' });
  assert.equal(answer[':status'], 404);
  stream.end();
  const news = await open(client, { ':path': '/news' });
  let seen = 0;
  web.on('stream', () => seen++);
  const late = ask(client, { ':path': '/other' });
  await waitUntil(() => seen === 1);
  await eventLoopTurns(3);
  assert.equal(clock.pendingTimers > 0, true);
  clock.advance(10_000);
  assert.equal((await late).answer[':status'], 404);
  (await late).stream.end();
  assert.equal(second.connections.size, 1);
  news.stream.on('error', () => {});
});

test('RT-08: GOAWAY lets open streams finish; the loss of the socket ends them', async (t) => {
  const { server, session, sessions, closes } = await http2Site(t);
  const client = await session();
  const { raw } = await open(client);
  client.goaway(0);
  await eventLoopTurns(5);
  for (const connection of server.connections) connection.send('after GOAWAY');
  assert.equal(await nextText(raw), 'after GOAWAY');
  raw.stream.on('error', () => {});
  sessions[0]!.destroy(new Error('gone'));
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.code, 1006);
  assert.equal(closes[0]!.error?.message.includes('gone'), true);
});

test('RT-08: bytes that are no HTTP/2 harm no other session', async (t) => {
  const { server, port, session } = await http2Site(t);
  const { raw } = await open(await session());
  const socket = connectTcp({ port, host: '127.0.0.1' });
  socket.on('error', () => {}).resume();
  socket.write('GARBAGE '.repeat(100));
  await once(socket, 'close');
  for (const connection of server.connections) connection.send('still here');
  assert.equal(await nextText(raw), 'still here');
});
