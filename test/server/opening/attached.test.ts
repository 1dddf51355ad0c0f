import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { type RefusedInfo, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import {
  EXAMPLE_KEY,
  eventLoopTurns,
  RawClient,
  VirtualClock,
  waitUntil,
} from '../../../src/testing/index.ts';
import { listening, nextText } from '../live.ts';

const { key, cert } = selfSigned(['localhost'], Date.now());

const upgradeText = (path = '/'): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;

/** Answers with the method, the path and the body of the request. */
const echo: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk) => void (body += String(chunk)));
  request.on('end', () => void response.end(`${request.method} ${request.url} ${body}`));
};

interface Site {
  readonly web: Server;
  readonly server: WebSocketServer;
  readonly errors: Error[];
  readonly refusals: RefusedInfo[];
  readonly open: () => Promise<RawClient>;
}

/** An HTTP server and a WebSocket server that greets; a test attaches it. */
async function site(t: TestContext, web: Server, options: ServerOptions = {}): Promise<Site> {
  const server = new WebSocketServer(options);
  const errors: Error[] = [];
  const refusals: RefusedInfo[] = [];
  server.on('connection', (connection) => void connection.send('hello'));
  server.on('error', (error) => void errors.push(error));
  server.on('refused', (info) => void refusals.push(info));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as AddressInfo;
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
    web.closeAllConnections();
    web.close();
    assert.deepEqual(errors, []);
  });
  return {
    web,
    server,
    errors,
    refusals,
    open: async () => {
      const client =
        'setSecureContext' in web
          ? RawClient.over(connectTls({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }))
          : await RawClient.connect({ port });
      clients.push(client);
      return client;
    },
  };
}

const plain = (listener?: RequestListener): Server => createServer(listener);
const secure = (listener?: RequestListener): Server => createSecureServer({ key, cert }, listener);

for (const [where, create] of Object.entries({ plain, secure })) {
  for (const how of ['attach', 'handleUpgrade'] as const) {
    test(`RFC 9112 §9.3.2 ${where}, ${how}: an upgrade waits for the responses to earlier requests on its socket`, async (t) => {
      const finish: (() => void)[] = [];
      const web = create((request, response) => {
        response.write(`${request.url} begins,`);
        finish.push(() => void response.end(' ends\n'));
      });
      const { server, open } = await site(t, web);
      if (how === 'attach') server.attach(web);
      else web.on('upgrade', (...upgrade) => void server.handleUpgrade(...upgrade));
      const client = await open();
      client.send(`GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
      await client.nextUntil('/1 begins,');
      await waitUntil(() => finish.length === 2);
      finish[0]!();
      await client.nextUntil('/2 begins,');
      await eventLoopTurns(5);
      assert.equal(server.connections.size, 0);
      finish[1]!();
      const rest = await client.nextUntil('101 Switching');
      assert.match(rest.toString(), /^\r\n6\r\n ends\n\r\n0\r\n\r\nHTTP\/1\.1 101 Switching$/);
      await client.nextUntil('\r\n\r\n');
      assert.equal(await nextText(client), 'hello');
    });
  }
}

test('RFC 9112 §9.3.2: an upgrade after a response that ends the connection is not answered', async (t) => {
  const web = createServer((_, response) => {
    setImmediate(() => response.writeHead(200, { connection: 'close' }).end('last'));
  });
  const { server, open } = await site(t, web);
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
  const received = (await client.receivedUntilEnd()).toString();
  assert.match(received, /last\r\n0\r\n\r\n$|last$/);
  assert.equal(server.stats().handshakes.pending, 0);
});

test('RFC 9112 §9.3.2: an upgrade waits for handshakeTimeoutMs; then the socket ends, without bytes inside the response', async (t) => {
  const clock = new VirtualClock();
  const web = createServer((_, response) => void response.write('never ends'));
  const { server, open, refusals } = await site(t, web, { clock, handshakeTimeoutMs: 5_000 });
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText('/late')}`);
  await client.nextUntil('never ends');
  await waitUntil(() => clock.pendingTimers > 0);
  clock.advance(4_900);
  await eventLoopTurns(3);
  assert.equal(client.stream.destroyed, false);
  clock.advance(200);
  await client.waitForClose();
  assert.doesNotMatch(client.received.toString(), /HTTP/);
  assert.deepEqual(
    refusals.map(({ status, code, url }) => [status, code, url]),
    [[0, 'ERR_UPGRADE_TIMEOUT', '/late']],
  );
});

test('RFC 9112 §9.3.2: a client that disconnects while its upgrade waits leaves no state, and a shutdown waits for it', async (t) => {
  const responses: { end: (text: string) => unknown }[] = [];
  const web = createServer((_, response) => void responses.push(response));
  const { server, open } = await site(t, web);
  server.attach(web);
  const [leaving, staying] = [await open(), await open()];
  for (const client of [leaving, staying]) client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
  await waitUntil(() => responses.length === 2);
  leaving[Symbol.dispose]();
  const down = server.shutdown();
  await eventLoopTurns(5);
  for (const response of responses) response.end('done');
  await staying.nextUntil('done');
  assert.equal((await staying.nextHead()).status, 503);
  await down;
});

test('RFC 9112 §9.3.2 RT-03: the 404 for a path of no attached server waits for earlier responses', async (t) => {
  const web = createServer((_, response) => void setImmediate(() => response.end('first')));
  const { server, open } = await site(t, web, { path: '/ours' });
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText('/nobody')}`);
  await client.nextUntil('first');
  assert.equal((await client.nextHead()).status, 404);
});

/** Answers a little later, in a way that no stream shows before. */
const answerLater = (socket: Duplex): void =>
  void setImmediate(() => setImmediate(() => socket.write('HTTP/1.1 101 Mine\r\n\r\n')));
/** Ways in which another listener answers an upgrade, or takes its socket, at once. */
const CLAIMS: Readonly<Record<string, (socket: Duplex) => void>> = {
  'writes an answer': (socket) => void socket.write('HTTP/1.1 101 Mine\r\n\r\n'),
  'ends with an answer': (socket) => void socket.end('HTTP/1.1 418 Mine\r\n\r\n'),
  'reads the socket': (socket) => {
    socket.on('data', () => undefined);
    answerLater(socket);
  },
  'pipes the socket': (socket) => {
    socket.pipe(socket);
    answerLater(socket);
  },
  'pauses the socket': (socket) => {
    socket.pause();
    answerLater(socket);
  },
};
for (const [what, claim] of Object.entries(CLAIMS)) {
  for (const order of ['before', 'after'] as const) {
    test(`RT-03 attached without path ${order} a listener that ${what}: the socket is that listener's`, async (t) => {
      const web = createServer();
      const { server, open } = await site(t, web);
      const claimOwn = (request: IncomingMessage, socket: Duplex): void => {
        socket.on('error', () => undefined);
        if (request.url === '/foreign') claim(socket);
      };
      if (order === 'after') web.on('upgrade', claimOwn);
      server.attach(web);
      if (order === 'before') web.on('upgrade', claimOwn);
      const client = await open();
      client.send(upgradeText('/foreign'));
      const { status, reason } = await client.nextHead();
      assert.ok(status === 101 || status === 418);
      assert.equal(reason, 'Mine');
      await eventLoopTurns(10);
      assert.equal(client.received.length, 0);
      assert.equal(server.connections.size, 0);
      const other = await open();
      assert.equal((await other.upgrade({ path: '/ours' })).status, 101);
      assert.equal(await nextText(other), 'hello');
    });
  }
}

for (const transport of ['auto', 'stream'] as const) {
  test(`RT-03 attached without path: an upgrade that another listener gives to handleUpgrade is left alone (${transport})`, async (t) => {
    const web = createServer();
    const { server, open } = await site(t, web, { transport });
    server.attach(web);
    let decide: () => void = () => undefined;
    const other = new WebSocketServer({
      transport,
      upgrade: () => new Promise<undefined>((resolve) => (decide = () => resolve(undefined))),
    });
    other.on('connection', (connection) => void connection.send('other'));
    t.after(() => other.shutdown());
    web.on('upgrade', (...upgrade) => void other.handleUpgrade(...upgrade));
    // Twice: the first socket may come before it is known whether sockets can be driven past their streams.
    for (let i = 0; i < 2; i++) {
      const client = await open();
      const answer = client.upgrade();
      await eventLoopTurns(10);
      decide();
      assert.equal((await answer).status, 101);
      assert.equal(await nextText(client), 'other');
    }
    assert.equal(server.connections.size, 0);
  });
}

test('RT-03 a socket left to other listeners has an error listener until the 404 is due, and then no longer', async (t) => {
  const clock = new VirtualClock();
  const web = createServer();
  const { server, open } = await site(t, web, { path: '/ours', clock, handshakeTimeoutMs: 1_000 });
  server.attach(web);
  const sockets: Duplex[] = [];
  web.on('upgrade', (_, socket) => void sockets.push(socket));
  const failing = await open();
  failing.send(upgradeText('/other'));
  await waitUntil(() => sockets.length === 1);
  sockets[0]!.destroy(new Error('as when the peer resets'));
  await failing.waitForClose();
  const claimed = await open();
  claimed.send(upgradeText('/other'));
  await waitUntil(() => sockets.length === 2);
  const own = (): number => sockets[1]!.listenerCount('error');
  const before = own();
  sockets[1]!.write('HTTP/1.1 101 Mine\r\n\r\n');
  clock.advance(1_000);
  assert.equal(own(), before - 1);
  assert.equal((await claimed.nextHead()).reason, 'Mine');
});

const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
/** Requests that offer another protocol, each after the request line and Host; and the body that the listener gets. */
const OFFERS: Readonly<Record<string, readonly [method: string, rest: string, body: string]>> = {
  'GET with h2c, as curl --http2 sends it': ['GET', `${H2C}\r\n`, ''],
  'GET with TLS/1.0': ['GET', 'Connection: upgrade\r\nUpgrade: TLS/1.0\r\n\r\n', ''],
  'GET with several protocols': ['GET', 'Connection: close2, Upgrade\r\nUpgrade: h2c, IRC/6.9\r\n\r\n', ''],
  'POST with a length': ['POST', `${H2C}Content-Length: 5\r\n\r\nhello`, 'hello'],
  'POST in chunks': [
    'POST',
    `${H2C}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`,
    'hello',
  ],
  'POST with text of Latin-1 in a field': ['POST', `${H2C}X: caf\xe9\r\nContent-Length: 2\r\n\r\nhi`, 'hi'],
};
for (const [where, create] of Object.entries({ plain, secure })) {
  for (const [what, [method, rest, body]] of Object.entries(OFFERS)) {
    test(`RFC 9110 §7.8 ${where}: a ${what} reaches the request listeners, whole or split`, async (t) => {
      const web = create(echo);
      const { server, open } = await site(t, web);
      const second = new WebSocketServer({ path: '/second' });
      t.after(() => second.shutdown());
      server.attach(web);
      second.attach(web);
      const text = Buffer.from(`${method} /x HTTP/1.1\r\nHost: a\r\n${rest}`, 'latin1');
      for (const cut of [text.length, text.length - 1, text.indexOf('\r\n\r\n') + 4, 30]) {
        const client = await open();
        client.send(text.subarray(0, cut));
        await eventLoopTurns(4);
        client.send(text.subarray(cut));
        const { status, fields } = await client.nextHead();
        assert.equal(status, 200);
        const answer = await client.nextUntil(`${method} /x ${body}`);
        assert.equal(answer.length, Number(fields.get('content-length')));
        // The connection is an ordinary one of HTTP still, and may be upgraded.
        client.send('GET /again HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.equal((await client.nextHead()).status, 200);
        await client.nextUntil('GET /again ');
        assert.equal((await client.upgrade()).status, 101);
        assert.equal(await nextText(client), 'hello');
      }
    });
  }
}

test('RFC 9110 §7.8: later requests on the connection are served, and listeners do not accumulate', async (t) => {
  const web = createServer(echo);
  const { server, open } = await site(t, web);
  server.attach(web);
  const sockets = new Set<Duplex>();
  web.on('request', ({ socket }) => void sockets.add(socket));
  const client = await open();
  const counts: number[] = [];
  for (let i = 0; i < 12; i++) {
    client.send(`GET /${i} HTTP/1.1\r\nHost: a\r\n${H2C}\r\n`);
    assert.equal((await client.nextHead()).status, 200);
    await client.nextUntil(`GET /${i} `);
    const [socket] = sockets;
    counts.push(socket!.eventNames().reduce((sum, name) => sum + socket!.listenerCount(name), 0));
  }
  assert.equal(sockets.size, 1);
  assert.deepEqual(new Set(counts.slice(1)).size, 1, counts.join());
});

test('RFC 9110 §7.8: an offer of another protocol waits for an unfinished earlier response', async (t) => {
  const finish: (() => void)[] = [];
  const web = createServer((request, response) => void finish.push(() => response.end(request.url)));
  const { server, open } = await site(t, web);
  server.attach(web);
  const client = await open();
  client.send(`GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n${H2C}\r\n`);
  await waitUntil(() => finish.length > 0);
  await eventLoopTurns(5);
  finish.shift()!();
  await client.nextUntil('/first');
  await waitUntil(() => finish.length > 0);
  finish.shift()!();
  await client.nextUntil('/second');
});

test('RFC 9110 §7.8: an offer of another protocol is left to other upgrade listeners first, then to request listeners', async (t) => {
  const clock = new VirtualClock();
  const web = createServer(echo);
  const { server, open } = await site(t, web, { clock, handshakeTimeoutMs: 1_000 });
  server.attach(web);
  let seen = 0;
  web.on('upgrade', (request, socket) => {
    seen++;
    if (request.url === '/taken') socket.end('HTTP/1.1 101 Mine\r\n\r\n');
  });
  const [taken, left] = [await open(), await open()];
  taken.send(`GET /taken HTTP/1.1\r\nHost: a\r\n${H2C}\r\n`);
  assert.equal((await taken.nextHead()).reason, 'Mine');
  left.send(`GET /left HTTP/1.1\r\nHost: a\r\n${H2C}\r\n`);
  await waitUntil(() => seen === 2);
  clock.advance(1_000);
  assert.equal((await left.nextHead()).status, 200);
  await left.nextUntil('GET /left ');
});

test('RFC 9110 §7.8: a head from which Node dropped fields is refused, because a body length may be among them', async (t) => {
  const web = createServer({ maxHeaderSize: 65_536 }, echo);
  web.maxHeadersCount = 10;
  const { server, open } = await site(t, web);
  server.attach(web);
  const client = await open();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\n${H2C}${'X: y\r\n'.repeat(10)}Content-Length: 4\r\n\r\nbody`);
  const { status } = await client.nextHead();
  // Where Node asks before the event, the request stays with Node, which answers as its version does.
  assert.ok(status === 431 || 'shouldUpgradeCallback' in web, String(status));
});

test('RFC 9110 §7.8: shouldUpgradeCallback skips offers of other protocols, and detach restores the previous callback', async (t) => {
  const web = createServer(echo) as Server & { shouldUpgradeCallback?: unknown };
  const { server } = await site(t, web);
  const asked: string[] = [];
  const own = (request: IncomingMessage): boolean => asked.push(request.headers.upgrade!) > 0;
  web.shouldUpgradeCallback = own;
  server.attach(web);
  const ask = (upgrade: string): boolean =>
    (web.shouldUpgradeCallback as typeof own)({ headers: { upgrade } } as IncomingMessage);
  assert.deepEqual([ask('h2c'), ask('websocket'), ask('h2c, WebSocket,')], [false, true, true]);
  const foreign = (): undefined => undefined;
  web.on('upgrade', foreign);
  assert.equal(ask('h2c'), true);
  web.off('upgrade', foreign);
  assert.deepEqual(asked, ['websocket', 'h2c, WebSocket,', 'h2c']);
  server.detach(web);
  assert.equal(web.shouldUpgradeCallback, own);
});

test("RFC 9110 §7.8 HS-14: on the server's own port the request hook answers offers of other protocols", async (t) => {
  const { connect: open } = await listening(t, {
    request: ({ method, url, body }) => new Response(`${method} ${url.pathname} ${body.toString()}`),
  });
  for (const [method, rest, body] of Object.values(OFFERS)) {
    const client = await open();
    client.send(Buffer.from(`${method} /x HTTP/1.1\r\nHost: a\r\n${rest}`, 'latin1'));
    const isChunked = rest.includes('chunked');
    assert.equal((await client.nextHead()).status, isChunked ? 411 : 200);
    if (!isChunked) await client.nextUntil(`${method} /x ${body}`);
  }
});

test('RFC 9110 §7.8: handing requests back to Node causes no warning', async (t) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const web = createServer(echo);
  const { server, open } = await site(t, web);
  server.attach(web);
  const client = await open();
  for (let i = 0; i < 15; i++) {
    client.send(`GET /${i} HTTP/1.1\r\nHost: a\r\n${H2C}\r\n`);
    await client.nextUntil(`GET /${i} `);
  }
  const closed = once(client.stream, 'close');
  client[Symbol.dispose]();
  await closed;
  await eventLoopTurns(2);
  assert.deepEqual(warnings, []);
});
