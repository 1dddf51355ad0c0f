import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { defaultEngine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { duplexPair, selfSigned, waitUntil } from '../../src/testing/index.ts';
import { type Client, hawser } from './both.ts';

const rawSocketOf = (socket: Client): Socket => (socket as unknown as { _socket: Socket })._socket;

/** A connected pair over TCP or TLS, after the self-check of the sockets. */
async function connected(t: TestContext, isSecure: boolean, options: object = {}) {
  const checks = defaultEngine.part(SocketChecks);
  void checks.prepareSockets(isSecure);
  await waitUntil(() => checks.areSocketsUsable(isSecure));
  const { key, cert } = selfSigned(['127.0.0.1']);
  const http = isSecure ? createTlsServer({ key, cert }) : createServer();
  const server = new hawser.WebSocketServer({ server: http, ...options });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const joined = once(server, 'connection') as Promise<[Client]>;
  const { port } = http.address() as AddressInfo;
  const client = new hawser(`${isSecure ? 'wss' : 'ws'}://127.0.0.1:${port}`, { ca: cert, ...options });
  await once(client, 'open');
  const [peer] = await joined;
  t.after(() => {
    client.terminate();
    peer.terminate();
    server.close();
    http.close();
  });
  return { client, peer };
}

for (const isSecure of [false, true]) {
  const over = isSecure ? 'TLS' : 'TCP';

  test(`CD-01: over ${over} both sides bypass the streams of their sockets, and echo every size`, async (t) => {
    const { client, peer } = await connected(t, isSecure, { perMessageDeflate: true });
    for (const socket of [client, peer]) assert.equal(Object.hasOwn(rawSocketOf(socket), 'write'), true);
    peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    const seen: Buffer[] = [];
    client.on('message', (data) => seen.push(data as Buffer));
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 1_000_000];
    for (const size of sizes) client.send(Buffer.alloc(size, 'size'), { binary: size % 2 === 0 });
    await waitUntil(() => seen.length === sizes.length);
    for (const [at, size] of sizes.entries())
      assert.equal(Buffer.compare(seen[at]!, Buffer.alloc(size, 'size')), 0, `${size} bytes`);
    client.close(1000, 'done');
    const [code, reason] = (await once(peer, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [1000, 'done']);
  });

  test(`CD-01: over ${over} a paused connection gets nothing until resume, and keeps the rest`, async (t) => {
    const { client, peer } = await connected(t, isSecure);
    const seen: string[] = [];
    peer.on('message', (data) => {
      seen.push((data as Buffer).toString());
      if (seen.length === 2) peer.pause();
    });
    for (let i = 0; i < 5; i++) client.send(`${i}`);
    await waitUntil(() => seen.length === 2);
    assert.deepEqual([peer.isPaused, rawSocketOf(peer).isPaused()], [true, true]);
    // A pong of the same connection would have followed the messages.
    client.ping();
    peer.resume();
    assert.deepEqual([peer.isPaused, rawSocketOf(peer).isPaused()], [false, false]);
    await waitUntil(() => seen.length === 5);
    assert.deepEqual(seen, ['0', '1', '2', '3', '4']);
  });
}

test('CD-01: setSocket takes any stream whose handshake is done, in both roles', async () => {
  const { client: one, server: other } = duplexPair();
  const side = (isServer: boolean, stream: typeof one): Client => {
    const socket = new hawser(null, undefined, {});
    const internal = socket as unknown as {
      _isServer: boolean;
      setSocket(socket: unknown, head: Buffer, options: object): void;
    };
    internal._isServer = isServer;
    internal.setSocket(stream, Buffer.alloc(0), { maxPayload: 10 });
    return socket;
  };
  const server = side(true, one);
  const client = side(false, other);
  const seen: string[] = [];
  server.on('message', (data) => server.send(data));
  client.on('message', (data) => seen.push((data as Buffer).toString()));
  client.send('hello');
  await waitUntil(() => seen.length === 1);
  client.close(4000);
  const [code] = (await once(server, 'close')) as [number];
  assert.equal(code, 4000);
  await waitUntil(() => client.readyState === 3);
});
