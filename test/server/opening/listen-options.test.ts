import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type ListenOptions, MisuseError, WebSocketServer } from '../../../src/index.ts';
import { RawClient, waitUntil } from '../../../src/testing/index.ts';
import { listening, live } from '../live.ts';
import { TRANSPORT } from '../transport.ts';

/** Addresses that cannot be listened on, and what the error says. */
const WRONG: readonly (readonly [options: ListenOptions, says: string])[] = [
  [{ port: -1 }, 'server.listen: port is -1; it must be a whole number from 0 to 65535'],
  [{ port: 65_536 }, 'server.listen: port is 65536; it must be a whole number from 0 to 65535'],
  [{ port: 80.5 }, 'server.listen: port is 80.5; it must be a whole number from 0 to 65535'],
  [{ path: '' }, 'server.listen: path is ""; it must be the path of a Unix socket'],
  [{ path: 5 as unknown as string }, 'server.listen: path is 5; it must be the path of a Unix socket'],
  [{ path: '/tmp/a', port: 80 }, "server.listen takes path, or port and host, not both (path is '/tmp/a')"],
];
for (const [options, says] of WRONG) {
  test(`EV-02 ER-01: listen(${JSON.stringify(options)}) is misuse, and nothing listens`, async () => {
    const server = new WebSocketServer(TRANSPORT);
    await assert.rejects(server.listen(options), (error) => {
      assert.ok(error instanceof MisuseError && error.code === 'ERR_OPTION');
      assert.equal(error.message, says);
      return true;
    });
    assert.equal(server.address(), null);
    const { port } = await server.listen({ port: 0, host: '127.0.0.1', backlog: 5 });
    assert.ok(port > 0);
    await server.shutdown();
  });
}

test('EV-02: a signal prevents or stops listening, and connections stay open', async (t) => {
  const early = new WebSocketServer(TRANSPORT);
  await assert.rejects(early.listen({ port: 0, signal: AbortSignal.abort(new Error('no')) }), /^Error: no$/);
  assert.equal(early.address(), null);

  const meanwhile = new WebSocketServer(TRANSPORT);
  const stop = new AbortController();
  const began = meanwhile.listen({ port: 0, host: '127.0.0.1', signal: stop.signal });
  stop.abort(new Error('not now'));
  await assert.rejects(began, /^Error: not now$/);
  assert.equal(meanwhile.address(), null);

  const server = new WebSocketServer(TRANSPORT);
  server.on('message', (connection, message) => void connection.send(message));
  const end = new AbortController();
  const { port } = await server.listen({ port: 0, host: '127.0.0.1', signal: end.signal });
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 101);
  end.abort();
  await waitUntil(() => server.address() === null);
  const late = await RawClient.connect({ port }).catch((error: unknown) => error);
  assert.ok(late instanceof Error);
  assert.equal(server.connections.size, 1);
  client[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 0);
  await server.shutdown();
});

test('TL-03 ER-01: reloadTls throws on a server without TLS', async () => {
  const server = new WebSocketServer(TRANSPORT);
  assert.throws(
    () => server.reloadTls({ cert: 'a', key: 'b' }),
    (error) => error instanceof MisuseError && error.code === 'ERR_STATE',
  );
  await server.shutdown();
});

test('RG-02: connections are found by their id', async (t) => {
  const { server, join } = live(t);
  const { connection } = await join();
  assert.equal(server.connections.get(connection.id), connection);
  assert.equal(server.connections.has(connection.id), true);
  assert.equal(server.connections.get('another'), undefined);
  assert.equal(server.connections.has('another'), false);
});

test('RG-05: method, URL and fields of the request, one by one and joined by name', async (t) => {
  const { server, join } = await listening(t);
  const seen: unknown[] = [];
  server.on('connection', (_, request) => {
    const { method, url, headers, rawHeaders } = request;
    const at = rawHeaders.indexOf('x-one');
    seen.push(method, url.href, headers['x-one'], rawHeaders.slice(at, at + 4));
  });
  await join({ path: '/a?b=c', headers: { Host: 'h.example', 'X-One': '1', 'x-one': '2' } });
  assert.deepEqual(seen, ['GET', 'http://h.example/a?b=c', '1, 2', ['x-one', '1', 'x-one', '2']]);
});

test('RT-03: attached, targets in absolute form are matched by path, and the path of attach holds for that server alone', async (t) => {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const server = new WebSocketServer({ path: (path) => path.startsWith('/chat/') });
  server.attach(http, { path: '/chat/one' });
  t.after(async () => {
    await server.shutdown();
    http.closeAllConnections();
    http.close();
  });
  for (const [target, status] of [
    ['/chat/one', 101],
    ['/chat/../chat/one?x=y', 101],
    ['http://localhost/chat/one', 101],
    ['/chat/two', 404],
    ['*', 404],
  ] as const) {
    const client = await RawClient.connect({ port });
    client.send(
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    assert.equal((await client.nextHead()).status, status, target);
    client[Symbol.dispose]();
  }
  // Without a `request` listener, no listener would answer the request that offers another protocol.
  const other = await RawClient.connect({ port });
  other.send('GET /chat/one HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n');
  assert.equal((await other.nextHead()).status, 404);
  other[Symbol.dispose]();
});
