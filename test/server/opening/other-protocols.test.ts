import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { listening, nextText } from '../live.ts';
import { site, echo, plain, secure } from './attached-site.ts';

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
