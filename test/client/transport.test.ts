import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect as connectTcp, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { connect, type ConnectOptions, ReconnectingClient } from '../../src/client/index.ts';
import { type Connection, WebSocketServer } from '../../src/index.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { HandleTransport } from '../../src/sockets/handle-transport.ts';
import { SocketTransport } from '../../src/sockets/socket-transport.ts';
import { StreamTransport } from '../../src/sockets/stream-transport.ts';
import { pair, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { atEnd } from './live.ts';
import { tunnelProxy } from './proxy-server.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());

/** An echo server, and a record of the transports of all clients in this process. */
async function echo(t: TestContext, secure: boolean, path?: string) {
  atEnd(t, () => undefined);
  const checks = defaultEngine.part(SocketChecks);
  await Promise.all([checks.checkSockets(false), checks.checkSockets(true), checks.checkDials()]);
  // The server uses streams, so every driven transport in this test belongs to a client.
  const server = new WebSocketServer({ transport: 'stream', ...(secure ? { tls: TLS } : {}) });
  server.on('message', (connection, message) => void connection.send(message));
  if (path === undefined) await server.listen(0, '127.0.0.1');
  else await server.listen({ path });
  atEnd(t, () => server.shutdown({ timeoutMs: 1_000 }));
  const { mock } = t.mock.method(StreamTransport.prototype, 'handTo');
  const dialled = t.mock.method(HandleTransport.prototype, 'handTo').mock;
  const { port } = server.address() as { port: number };
  return {
    server,
    url: path === undefined ? `${secure ? 'wss' : 'ws'}://localhost:${port}/` : `ws+unix:${path}:/`,
    /** How many connections bypass the streams of their sockets, or have no socket. */
    driven: () =>
      new Set(dialled.calls.map(({ this: transport }) => transport)).size +
      [...new Set(mock.calls.map(({ this: transport }) => transport))].filter(
        (transport: unknown) => transport instanceof SocketTransport && transport.isDriven,
      ).length,
  };
}

/** A subclass may override how a socket reads and writes. */
class OwnSocket extends Socket {}

type Way = readonly [
  way: string,
  secure: boolean,
  isDriven: boolean,
  options: (t: TestContext) => ConnectOptions | Promise<ConnectOptions>,
  path?: string,
];
const WAYS: readonly Way[] = [
  ['TCP', false, true, () => ({})],
  ['TLS', true, true, () => ({})],
  ['TCP, with transport: stream', false, false, () => ({ transport: 'stream' })],
  ['TLS, with transport: stream', true, false, () => ({ transport: 'stream' })],
  ['TCP through a proxy', false, true, async (t) => ({ proxy: (await tunnelProxy(t)).url })],
  ['TLS through a proxy', true, true, async (t) => ({ proxy: (await tunnelProxy(t)).url })],
  [
    'TCP through a proxy with TLS',
    false,
    true,
    async (t) => ({ proxy: (await tunnelProxy(t, { tls: TLS })).url, proxyTls: { ca: TLS.cert } }),
  ],
  [
    'TLS through a proxy with TLS',
    true,
    false,
    async (t) => ({ proxy: (await tunnelProxy(t, { tls: TLS })).url, proxyTls: { ca: TLS.cert } }),
  ],
  [
    'a socket of createConnection',
    false,
    true,
    () => ({ createConnection: (to) => connectTcp(to as never) }),
  ],
  [
    'TLS over a socket of createConnection',
    true,
    true,
    () => ({ createConnection: (to) => connectTcp(to as never) }),
  ],
  [
    'a subclass of Socket',
    false,
    false,
    () => ({ createConnection: (to) => new OwnSocket().connect(to as never) }),
  ],
  [
    'a socket that other code reads from',
    false,
    false,
    () => ({ createConnection: (to) => connectTcp(to as never).on('data', () => undefined) }),
  ],
  ...(process.platform === 'win32'
    ? []
    : [
        [
          'a Unix socket',
          false,
          true,
          () => ({}),
          join(tmpdir(), `hawser-client-${process.pid}.sock`),
        ] as const,
      ]),
];
for (const [way, secure, isDriven, optionsOf, path] of WAYS) {
  test(`${way}: the client ${isDriven ? 'bypasses the streams of its socket' : 'uses streams'}; echo and close`, async (t) => {
    const { url, driven } = await echo(t, secure, path);
    const client = await connect(url, { tls: { ca: TLS.cert }, ...(await optionsOf(t)) });
    atEnd(t, () => client.terminate());
    assert.equal(driven(), isDriven ? 1 : 0);
    for (const message of ['small', 'large '.repeat(100_000)]) {
      client.send(message);
      assert.deepEqual(await waitForEvent(client, 'message'), [message, true]);
    }
    client.close(1000);
    const { code, wasClean } = await client.closed;
    assert.deepEqual([code, wasClean], [1000, true]);
  });
}

for (const secure of [false, true]) {
  for (const transport of ['auto', 'stream'] as const) {
    const how = `${secure ? 'TLS' : 'TCP'}, transport: '${transport}'`;

    test(`${how}: terminate() drops unsent data, a reset or an abort ends the client, and nothing stays open`, async (t) => {
      const { server, url } = await echo(t, secure);
      const options = { transport, tls: { ca: TLS.cert } } as const;
      const opened = waitForEvent(server, 'connection');
      const client = await connect(url, options);
      const [peer] = (await opened) as [Connection];
      peer.pause();
      while (client.bufferedBytes === 0) client.send(Buffer.alloc(500_000));
      client.terminate();
      assert.equal((await client.closed).cause, 'terminated');
      assert.equal(client.bufferedBytes, 0);

      const next = waitForEvent(server, 'connection');
      const other = await connect(url, options);
      const [otherPeer] = (await next) as [Connection];
      otherPeer.terminate();
      assert.equal((await other.closed).code, 1006);

      const controller = new AbortController();
      const aborted = connect(url, { ...options, signal: controller.signal });
      controller.abort(new Error('not wanted'));
      await assert.rejects(aborted, /^Error: not wanted$/);
    });

    test(`${how}: a reconnecting client reconnects and loses no queued message`, async (t) => {
      const { server, url } = await echo(t, secure);
      const client = new ReconnectingClient(url, {
        transport,
        tls: { ca: TLS.cert },
        baseDelayMs: 1,
        maxFirstDelayMs: 1,
      });
      atEnd(t, async () => {
        client.close();
        await client.closed;
      });
      const received: string[] = [];
      client.on('message', (message) => void received.push(String(message)));
      const due: string[] = [];
      for (let round = 0; round < 5; round++) {
        await waitUntil(() => server.connections.size === 1);
        due.push(`message ${round}`);
        client.send(`message ${round}`);
        await waitUntil(() => received.length === due.length);
        for (const connection of server.connections) connection.terminate();
        await waitUntil(() => server.connections.size === 0);
      }
      assert.deepEqual(received, due);
    });
  }
}

test('a connection over an in-memory stream works with both values of transport', async (t) => {
  for (const transport of ['auto', 'stream'] as const) {
    const joined = await pair({ client: { transport } });
    t.after(() => joined.client.terminate());
    joined.server.send('hello');
    assert.deepEqual(await waitForEvent(joined.client, 'message'), ['hello', true]);
  }
});

/** Runs a program in a new process, in which no self-check has run yet. */
function run(program: string): {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
} {
  const file = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import net from 'node:net';
       const { connect, WebSocketServer } = await import(${file('index.js')});
       const { SocketTransport } = await import(${file('sockets/socket-transport.js')});
       const { StreamTransport } = await import(${file('sockets/stream-transport.js')});
       const { SocketChecks } = await import(${file('sockets/handle-check.js')});
       const { defaultEngine } = await import(${file('engine/engine.js')});
       const checks = defaultEngine.part(SocketChecks);
       const found = new Set();
       const isDriven = () => [...found].map((transport) => transport.isDriven).join();
       const { handTo } = StreamTransport.prototype;
       StreamTransport.prototype.handTo = function (owner) {
         if (this instanceof SocketTransport) found.add(this);
         return handTo.call(this, owner);
       };
       const server = new WebSocketServer({ transport: 'stream' });
       server.on('message', (connection, message) => void connection.send(message));
       const { port } = await server.listen(0, '127.0.0.1');
       const url = 'ws://127.0.0.1:' + port + '/';
       const echo = async (client, text) => {
         client.send(text);
         for await (const message of client) if (message === text) return;
       };
       ${program}`,
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { stdout, stderr, status };
}

test('the first client of a process starts on streams and switches to its handle when the self-check passes', () => {
  const result = run(`
    const client = await connect(url);
    const first = isDriven();
    for (let i = 0; isDriven() !== 'true'; i++) await echo(client, 'message ' + i);
    await echo(client, 'driven');
    const second = await connect(url);
    await echo(second, 'driven, too');
    console.log(first, isDriven());
    client.close();
    second.close();
    await server.shutdown();`);
  assert.deepEqual(result, { stdout: 'false true,true\n', stderr: '', status: 0 });
});

test('the third client of a process has no socket, if no other code has replaced the functions that connect sockets', () => {
  for (const replaces of [false, true]) {
    const result = run(`
      if (${replaces}) {
        const { connect } = net.Socket.prototype;
        net.Socket.prototype.connect = function (...args) { return connect.apply(this, args); };
      }
      let checked = 0;
      const { listen } = net.Server.prototype;
      net.Server.prototype.listen = function (...args) { checked++; return listen.apply(this, args); };
      const first = await connect(url);
      await checks.checkSockets(false);
      const checkedOnce = checked;
      const second = await connect(url);
      await checks.checkDials();
      const sockets = found.size;
      const third = await connect(url);
      await echo(third, 'hello');
      console.log(checkedOnce, checks.areDialsUsable, found.size - sockets);
      for (const client of [first, second, third]) client.close();
      await server.shutdown();`);
    const stdout = replaces ? '2 false 1\n' : '2 true 0\n';
    assert.deepEqual(result, { stdout, stderr: '', status: 0 });
  }
});

test('if the self-check fails, clients stay on streams, and nothing is printed', () => {
  const result = run(`
    const { listen } = net.Server.prototype;
    net.Server.prototype.listen = function () {
      process.nextTick(() => this.emit('error', new Error('no loopback interface')));
      return this;
    };
    const client = await connect(url);
    await echo(client, 'hello');
    const second = await connect(url);
    await echo(second, 'hello');
    console.log(checks.areSocketsUsable(false), isDriven());
    client.close();
    second.close();
    await server.shutdown();`);
  assert.deepEqual(result, { stdout: 'false false,false\n', stderr: '', status: 0 });
});

test('a self-check without an answer does not keep a process with a closed client alive', () => {
  const result = run(`
    net.Server.prototype.listen = function () {
      return this;
    };
    const client = await connect(url);
    client.terminate();
    await client.closed;
    await server.shutdown();
    let hasEnded = false;
    void checks.prepareSockets(false).then(() => (hasEnded = true));
    process.on('exit', () => console.log(hasEnded));`);
  assert.deepEqual(result, { stdout: 'false\n', stderr: '', status: 0 });
});
