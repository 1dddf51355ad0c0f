import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { MisuseError, refuse, WebSocketServer } from '../../../src/index.ts';
import { duplexPair, EXAMPLE_KEY, RawClient, text, waitUntil } from '../../../src/testing/index.ts';
import { localPath } from '../../platform.ts';
import { listening, live, nextText, upgradeRequest } from '../live.ts';
import { TRANSPORT } from '../transport.ts';

const HEAD = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;

test('HS-01 HS-13: a head may arrive byte by byte, and frames right after it', async (t) => {
  const { server, connect: open } = await listening(t);
  server.on('message', (connection, message) => void connection.send(message));
  const slow = await open();
  for (const char of HEAD) {
    slow.send(char);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  assert.equal((await slow.nextHead()).status, 101);
  const packed = await open();
  packed.send(Buffer.concat([Buffer.from(HEAD), text('1'), text('2')]));
  assert.equal((await packed.nextHead()).status, 101);
  assert.deepEqual([await nextText(packed), await nextText(packed)], ['1', '2']);
});

test('EV-02 HS-30: a port in use rejects with the error of the system, and listening can be tried again', async (t) => {
  const other = createTcpServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const server = new WebSocketServer(TRANSPORT);
  await assert.rejects(server.listen((other.address() as AddressInfo).port, '127.0.0.1'), {
    code: 'EADDRINUSE',
  });
  assert.equal(server.address(), null);
  assert.equal(server.ready(), false);
  const { port } = await server.listen(0, '127.0.0.1');
  assert.ok(port > 0);
  await assert.rejects(
    server.listen(0),
    (error) => error instanceof MisuseError && error.code === 'ERR_STATE',
  );
  await server.shutdown();
});

test('EV-02: a Unix socket or a named pipe', async () => {
  const path = localPath('listening');
  const server = new WebSocketServer(TRANSPORT);
  server.on('message', (connection, message) => void connection.send(message));
  assert.equal(await server.listen({ path }), path);
  const client = RawClient.over(connect(path));
  assert.equal((await client.upgrade()).status, 101);
  client.send(text('over a file'));
  assert.equal(await nextText(client), 'over a file');
  assert.deepEqual(
    [...server.connections].map(({ remoteAddress }) => remoteAddress),
    [''],
  );
  client[Symbol.dispose]();
  await server.shutdown();
});

test('HS-14: without a request hook plain HTTP gets 400', async (t) => {
  const { port, refusals } = await listening(t);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('x-websocket-error'), 'ERR_NO_UPGRADE');
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_NO_UPGRADE'],
  );
});

test('HS-14: a request hook answers, with method, URL, headers and body', async (t) => {
  const { port } = await listening(t, {
    request: ({ method, url, headers, body, remoteAddress }) =>
      Response.json(
        {
          method,
          path: url.pathname + url.search,
          x: headers.get('x'),
          body: body.toString(),
          remoteAddress,
        },
        { status: 201 },
      ),
  });
  const url = `http://127.0.0.1:${port}/a?b=c`;
  const response = await fetch(url, { method: 'POST', body: 'Grüße', headers: { x: 'y' } });
  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), {
    method: 'POST',
    path: '/a?b=c',
    x: 'y',
    body: 'Grüße',
    remoteAddress: '127.0.0.1',
  });
  const head = await fetch(url, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [201, '']);
  const large = await fetch(url, { method: 'POST', body: 'x'.repeat(65_537) });
  assert.equal(large.status, 413);
});

test('HS-14: maxRequestBodyBytes sets the longest body of a plain request', async (t) => {
  const { port } = await listening(t, {
    maxRequestBodyBytes: 100_000,
    request: ({ body }) => new Response(String(body.length)),
  });
  const post = (bytes: number): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(bytes) });
  assert.equal(await (await post(100_000)).text(), '100000');
  assert.equal((await post(100_001)).status, 413);
});

test('HS-03 HS-14: two Cookie fields reach the upgrade hook and the request hook as one, joined with a semicolon', async (t) => {
  const seen: (string | null | undefined)[] = [];
  const { connect: open } = await listening(t, {
    upgrade: ({ request }) => void seen.push(request.headers['cookie'], request.headers['x-a']),
    request: ({ headers }) => {
      seen.push(headers.get('cookie'), headers.get('x-a'));
      return new Response('ok');
    },
  });
  const fields = 'Cookie: a=1\r\nX-A: 1\r\nCookie: b=2; c=3\r\nX-A: 2\r\n\r\n';
  const upgrade = await open();
  upgrade.send(`${HEAD.slice(0, -2)}${fields}`);
  assert.equal((await upgrade.nextHead()).status, 101);
  const plain = await open();
  plain.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}`);
  assert.equal((await plain.nextHead()).status, 200);
  assert.deepEqual(seen, ['a=1; b=2; c=3', '1, 2', 'a=1; b=2; c=3', '1, 2']);
});

test('HS-14 ER-05: a request hook that throws causes 500 and an error event', async (t) => {
  const { port, errors } = await listening(t, {
    request: () => {
      throw new Error('secret');
    },
  });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret/);
  assert.equal((errors.splice(0)[0]?.cause as Error | undefined)?.message, 'secret');
});

test('RT-03 HS-15: attached, other paths, other listeners and plain requests are left alone', async (t) => {
  const http = createServer((_, response) => response.end('plain'));
  const foreign: string[] = [];
  http.on('upgrade', (request, socket) => {
    if (request.url !== '/foreign') return;
    foreign.push(request.url);
    socket.end('HTTP/1.1 418 Teapot\r\n\r\n');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const [one, two] = [new WebSocketServer({ path: '/one' }), new WebSocketServer({ path: '/two' })];
  for (const [server, name] of [
    [one, 'one'],
    [two, 'two'],
  ] as const) {
    server.attach(http);
    server.on('connection', (connection) => void connection.send(name));
  }
  t.after(async () => {
    await Promise.all([one.shutdown(), two.shutdown()]);
    http.closeAllConnections();
    http.close();
  });
  assert.throws(() => one.attach(http), MisuseError);
  for (const name of ['one', 'two']) {
    const client = await RawClient.connect({ port });
    assert.equal((await client.upgrade({ path: `/${name}` })).status, 101);
    assert.equal(await nextText(client), name);
    client[Symbol.dispose]();
  }
  const stranger = await RawClient.connect({ port });
  assert.equal((await stranger.upgrade({ path: '/foreign' })).status, 418);
  stranger[Symbol.dispose]();
  assert.deepEqual(foreign, ['/foreign']);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/one`)).text(), 'plain');
  assert.equal(one.detach(http), true);
  assert.equal(one.detach(http), false);
});

test('RT-03: attached without other listeners, an unknown path gets 404', async (t) => {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const server = new WebSocketServer({ path: '/ours' }).attach(http);
  t.after(async () => {
    await server.shutdown();
    http.closeAllConnections();
    http.close();
  });
  const client = await RawClient.connect({ port });
  assert.equal((await client.upgrade({ path: '/nobody' })).status, 404);
  client[Symbol.dispose]();
});

test('AU-01 EV-09: the upgrade hook gives data, subprotocol and headers', async (t) => {
  const { server, port } = await listening(t, {
    protocols: ['v1'],
    upgrade: async ({ request, protocols, origin, secure, remoteAddress }) => {
      await Promise.resolve();
      assert.deepEqual([origin, secure, remoteAddress], [undefined, false, '127.0.0.1']);
      assert.equal(request.url.searchParams.get('token'), 't');
      return { data: { user: 'anna' }, protocol: [...protocols][1]!, headers: { 'x-room': 'blue' } };
    },
  });
  const client = await RawClient.connect({ port });
  const { status, fields } = await client.upgrade({ path: '/?token=t', protocols: ['a', 'b'] });
  assert.deepEqual([status, fields.get('sec-websocket-protocol'), fields.get('x-room')], [101, 'b', 'blue']);
  assert.deepEqual(
    [...server.connections].map(({ data }) => data),
    [{ user: 'anna' }],
  );
  client[Symbol.dispose]();
});

for (const [what, upgrade, status] of [
  ['refuses', () => refuse(401, { headers: { 'www-authenticate': 'Bearer' }, body: 'who are you?' }), 401],
  ['redirects', () => refuse(302, { headers: { location: 'https://other.example' } }), 302],
  [
    'throws',
    () => {
      throw new Error('secret');
    },
    500,
  ],
  ['rejects', () => Promise.reject(new Error('secret')), 500],
  ['refuses with a status that refuses nothing', () => new Response('fine'), 500],
  ['chooses a subprotocol that was not offered', () => ({ protocol: 'x' }), 500],
  ['sets a header that the server sets itself', () => ({ headers: { 'sec-websocket-accept': 'x' } }), 500],
] as const) {
  test(`AU-02 HS-20: an upgrade hook that ${what}: ${status}, and the place is released`, async (t) => {
    const { server, connect: open, errors, refusals } = await listening(t, { maxConnections: 1, upgrade });
    for (let i = 0; i < 3; i++) {
      const client = await open();
      const answer = await client.upgrade();
      assert.equal(answer.status, status);
      assert.doesNotMatch((await client.receivedUntilEnd()).toString(), /secret/);
    }
    assert.equal(refusals.length, 3);
    assert.equal(server.stats().connections.now, 0);
    errors.splice(0);
  });
}

test('HS-21 AU-03: a hook that exceeds upgradeTimeoutMs causes 503, its signal aborts, and a late answer changes nothing', async (t) => {
  let signal: AbortSignal | undefined;
  let finish: (decision: undefined) => void = () => {};
  const { server, clock, errors, refusals } = live(t, {
    upgradeTimeoutMs: 1_000,
    upgrade: (context) => {
      ({ signal } = context);
      return new Promise<undefined>((resolve) => {
        finish = resolve;
      });
    },
  });
  const wire = duplexPair();
  const raw = RawClient.over(wire.client);
  const connection = server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
  await waitUntil(() => signal);
  clock.advance(1_100);
  assert.equal((await raw.nextHead()).status, 503);
  assert.equal(signal?.aborted, true);
  finish(undefined);
  assert.equal(await connection, undefined);
  raw[Symbol.dispose]();
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_UPGRADE_TIMEOUT'],
  );
  errors.splice(0);
});

test('HS-04 HS-21 HS-25: heads too large, too slow and too many', async (t) => {
  const { connect: open, refusals } = await listening(t, {
    maxHeadBytes: 200,
    handshakeTimeoutMs: 100,
    maxPendingHandshakes: 2,
  });
  const large = await open();
  large.send(`GET / HTTP/1.1\r\nX: ${'x'.repeat(300)}`);
  assert.equal((await large.nextHead()).status, 431);
  const slow = await open();
  const silent = await open();
  slow.send('GET / HT');
  const surplus = await open();
  const { status, fields } = await surplus.nextHead();
  assert.equal(status, 503);
  assert.match(fields.get('retry-after') ?? '', /^([5-9]|10)$/);
  assert.equal((await slow.nextHead()).status, 408);
  assert.equal((await silent.nextHead()).status, 408);
  assert.deepEqual(refusals.map(({ code }) => code).sort(), [
    'ERR_HEAD_TIMEOUT',
    'ERR_HEAD_TIMEOUT',
    'ERR_HEAD_TOO_BIG',
    'ERR_SERVER_FULL',
  ]);
});

test('LM-01 LM-03 HS-20: connections are limited in total and per address, and places are released', async (t) => {
  const { server, join, connect: open } = await listening(t, { maxConnections: 3, maxConnectionsPerIp: 2 });
  const [first] = [await join(), await join()];
  const third = await open();
  assert.equal((await third.upgrade()).status, 429);
  first[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 1);
  await join();
  assert.equal(server.connections.size, 2);
});
