import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns, RawClient, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { listening, nextText } from '../live.ts';

for (const [what, path, ours, others] of [
  ['left out', undefined, ['/', '/a', '/a/b?c=d'], []],
  [
    'a string',
    '/chat',
    ['/chat', '/chat?x=1', '/./chat', '/x/../chat'],
    ['/', '/chat/', '/Chat', '/chat2', '/%63hat'],
  ],
  [
    'a regular expression',
    /^\/room\/\d+$/g,
    ['/room/1', '/room/22', '/room/1?x'],
    ['/room/', '/room/1/x', '/Room/1'],
  ],
  ['a predicate', (asked: string) => asked.startsWith('/a'), ['/a', '/ab?c'], ['/b', '/']],
] as const) {
  test(`RT-01: a path that is ${what}: the query does not count, others get 404`, async (t) => {
    const { connect, refusals } = await listening(t, path === undefined ? {} : { path });
    // Twice: a pattern with a memory would say no the second time.
    for (const target of [...ours, ...ours]) {
      const client = await connect();
      assert.equal((await client.upgrade({ path: target })).status, 101, target);
      client[Symbol.dispose]();
    }
    for (const target of others) {
      const client = await connect();
      assert.equal((await client.upgrade({ path: target })).status, 404, target);
    }
    assert.deepEqual(
      new Set(refusals.map(({ code }) => code)),
      new Set(others.length === 0 ? [] : ['ERR_PATH']),
    );
  });
}

async function shared(
  t: TestContext,
  ...servers: readonly WebSocketServer[]
): Promise<{ http: Server; port: number }> {
  const http = createServer((_, response) => response.end('plain'));
  for (const server of servers) server.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await Promise.all(servers.map((server) => server.shutdown()));
    http.closeAllConnections();
    http.close();
  });
  return { http, port: (http.address() as AddressInfo).port };
}

test('RT-03 SE-09: two servers and another listener leave the sockets of each other alone, and an unclaimed upgrade gets 404', async (t) => {
  const [one, two] = [
    new WebSocketServer({ path: '/one', handshakeTimeoutMs: 150 }),
    new WebSocketServer({ path: '/two', handshakeTimeoutMs: 150 }),
  ];
  const { http, port } = await shared(t, one, two);
  const foreign: Duplex[] = [];
  http.on('upgrade', (request, socket) => {
    if (!request.url?.startsWith('/foreign')) return;
    foreign.push(socket);
    // Reads, and takes its time to answer.
    socket.on('data', () => undefined);
  });
  for (const server of [one, two])
    server.on('connection', (connection, { url }) => void connection.send(url.pathname));
  const clients = [];
  for (const path of ['/one', '/two', '/foreign', '/nobody']) {
    const client = await RawClient.connect({ port });
    t.after(() => client[Symbol.dispose]());
    clients.push({ path, client, answer: path === '/foreign' ? undefined : client.upgrade({ path }) });
    if (path === '/foreign') client.upgrade({ path }).catch(() => undefined);
  }
  const [first, second, other, nobody] = clients as [
    (typeof clients)[0],
    (typeof clients)[0],
    (typeof clients)[0],
    (typeof clients)[0],
  ];
  for (const { path, client, answer } of [first, second]) {
    assert.equal((await answer)?.status, 101);
    assert.equal(await nextText(client), path);
  }
  assert.equal((await nobody.answer)?.status, 404);
  assert.equal((await nobody.client.waitForClose()) === undefined, true);
  // The same time has passed for the foreign one, and it still has its socket.
  assert.deepEqual([foreign.length, foreign[0]?.destroyed, other.client.stream.destroyed], [1, false, false]);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/one`)).text(), 'plain');
  await one.shutdown();
  const late = await RawClient.connect({ port });
  t.after(() => late[Symbol.dispose]());
  assert.equal((await late.upgrade({ path: '/one' })).status, 404);
  assert.equal(two.connections.size, 1, 'the other server and its connection stay');
});

test('RT-03: an unclaimed upgrade waits on the clock of the server with the longest timeout, until a listener claims it', async (t) => {
  const clock = new VirtualClock();
  const { http, port } = await shared(
    t,
    new WebSocketServer({ path: '/one', handshakeTimeoutMs: 1_000, clock }),
    new WebSocketServer({ path: '/two', handshakeTimeoutMs: 60_000, clock }),
    new WebSocketServer({ path: '/three', handshakeTimeoutMs: 2_000, clock: new VirtualClock() }),
  );
  let seen = 0;
  http.on('upgrade', (request, socket) => {
    seen++;
    if (request.url === '/taken') socket.destroy();
  });
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  let status: number | undefined;
  const answer = client.upgrade({ path: '/nobody' }).then((response) => ({ status } = response));
  await waitUntil(() => seen === 1);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(59_999);
  await eventLoopTurns(5);
  assert.equal(status, undefined);
  clock.advance(1);
  await answer;
  assert.equal(status, 404);
  const other = await RawClient.connect({ port });
  t.after(() => other[Symbol.dispose]());
  other.upgrade({ path: '/taken' }).catch(() => undefined);
  await waitUntil(() => seen === 2);
  await waitUntil(() => clock.pendingTimers === 0);
});

test('SD-04 HS-15: after a shutdown the HTTP server still runs, and upgraded sockets are closed', async (t) => {
  const server = new WebSocketServer();
  const { http, port } = await shared(t, server);
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  const report = server.shutdown({ timeoutMs: 500 });
  await client.waitForClose();
  await report;
  assert.deepEqual([http.listening, http.listenerCount('upgrade')], [true, 0]);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'plain');
});

test("RG-07: a connection's socket has no Nagle, no HTTP timeout, and TCP keep-alive after a minute", async (t) => {
  const calls: unknown[] = [];
  const server = new WebSocketServer();
  const { http, port } = await shared(t);
  http.on('upgrade', (request, socket, head) => {
    for (const name of ['setNoDelay', 'setKeepAlive', 'setTimeout'] as const) {
      const own = Reflect.get(socket, name) as (...args: unknown[]) => unknown;
      Reflect.set(socket, name, (...args: unknown[]) => {
        calls.push([name, ...args]);
        return own.apply(socket, args);
      });
    }
    void server.handleUpgrade(request, socket, head);
  });
  t.after(() => server.shutdown());
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 101);
  assert.deepEqual(calls, [
    ['setTimeout', 0],
    ['setNoDelay', true],
    ['setKeepAlive', true, 60_000],
  ]);
  client[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 0);
});
