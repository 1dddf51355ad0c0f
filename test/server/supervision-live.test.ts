import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type Connection, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import {
  close,
  eventLoopTurns,
  leakCheck,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';

const CERTIFICATE = selfSigned(['localhost'], Date.now());
const LONG = text('x'.repeat(100_000));

/** What lies below the connections. */
const PLACES = [
  { place: 'TCP', secure: false, attached: false, transport: 'auto' },
  { place: 'TCP over streams', secure: false, attached: false, transport: 'stream' },
  { place: 'TLS', secure: true, attached: false, transport: 'auto' },
  { place: 'TLS over streams', secure: true, attached: false, transport: 'stream' },
  { place: 'node:http', secure: false, attached: true, transport: 'auto' },
  { place: 'node:https', secure: true, attached: true, transport: 'auto' },
] as const;
type Place = (typeof PLACES)[number];

/** Ways not to consume messages. */
const CONSUMERS: readonly (readonly [string, (connection: Connection) => unknown])[] = [
  ['no consumer', () => undefined],
  ['pause', (connection) => connection.on('message', () => undefined).pause()],
  ['a handler that hangs', (connection) => connection.on('message', () => new Promise(() => {}))],
  [
    'a loop that was left',
    async (connection) => {
      for await (const _ of connection) break;
    },
  ],
];

/** Starts a server there, joins it, and gives both ends. Everything is gone afterwards. */
async function withPeer(
  { secure, attached, transport }: Place,
  options: ServerOptions,
  use: (peer: {
    readonly client: RawClient;
    readonly socket: Socket;
    readonly connection: Connection;
    readonly clock: VirtualClock;
  }) => Promise<void>,
): Promise<void> {
  const leaks = leakCheck();
  const clock = new VirtualClock();
  const tls = secure && !attached ? { tls: CERTIFICATE } : {};
  const server = new WebSocketServer({
    clock,
    transport,
    pingIntervalMs: 4_000,
    pongTimeoutMs: 1_000,
    closeTimeoutMs: 5_000,
    allowedOrigins: '*',
    ...tls,
    ...options,
  });
  const web = secure ? createHttps(CERTIFICATE) : createHttp();
  let port: number;
  if (attached) {
    server.attach(web);
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    ({ port } = web.address() as AddressInfo);
  } else ({ port } = await server.listen(0, '127.0.0.1'));
  const socket: Socket | TLSSocket = secure
    ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: CERTIFICATE.cert })
    : connectTcp(port, '127.0.0.1');
  await once(socket, secure ? 'secureConnect' : 'connect');
  const client = RawClient.over(socket);
  assert.equal((await client.upgrade()).status, 101);
  const [connection] = server.connections;
  await use({ client, socket, connection: connection!, clock });
  client[Symbol.dispose]();
  let isDown = false;
  void server.shutdown().then(() => (isDown = true));
  await waitUntil(() => {
    clock.advance(500);
    return isDown;
  });
  web.close();
  await leaks.assertNothingLeft({ withinMs: 5_000 });
}

for (const place of PLACES) {
  for (const [what, consume] of CONSUMERS) {
    test(`HB-11 ${place.place}, ${what}: a peer that disappears while reading is stopped is detected by two pings`, async () => {
      await withPeer(place, { idleTimeoutMs: false }, async ({ client, socket, connection, clock }) => {
        void consume(connection);
        client.send(text('first'));
        await eventLoopTurns(5);
        client.send(LONG);
        client.send(LONG);
        await waitUntil(() => connection.messagesReceived > 0);
        await eventLoopTurns(20);
        const begunMs = clock.now();
        if (place.secure) socket.destroy();
        else socket.resetAndDestroy();
        await waitUntil(() => {
          if (connection.state !== 'closed') clock.advance(250);
          return connection.state === 'closed';
        });
        // Half an interval may pass before it, and the second ping follows after the pong timeout.
        assert.ok(clock.now() - begunMs < 10_000, `${clock.now() - begunMs} ms`);
        await waitUntil(() => {
          clock.advance(500);
          return connection.closeInfo !== undefined;
        });
        assert.match(connection.closeInfo!.cause, /^transport-(?:error|end)$/);
      });
    });
  }

  test(`HB-11 ${place.place}: after a loop was left, a Close after 100,000 unread bytes is answered`, async () => {
    await withPeer(place, {}, async ({ client, connection }) => {
      const left = (async () => {
        for await (const _ of connection) break;
      })();
      client.send(text('first'));
      await left;
      client.send(LONG);
      client.send(close(4000));
      const { opcode, payload } = await client.nextFrame();
      assert.deepEqual([opcode, payload.readUInt16BE()], [8, 4000]);
      assert.equal(connection.state, 'closing');
    });
  });

  test(`HB-11 ${place.place}: without a consumer messages are dropped after 10 s, and the Close after them is answered`, async () => {
    await withPeer(
      place,
      { heartbeat: false, idleTimeoutMs: false },
      async ({ client, connection, clock }) => {
        client.send(LONG);
        client.send(LONG);
        client.send(close(4000));
        await waitUntil(() => connection.messagesReceived > 0);
        clock.advance(9_000);
        await eventLoopTurns(10);
        assert.deepEqual([connection.state, client.received.length], ['open', 0]);
        for (let i = 0; i < 8; i++) clock.advance(250);
        const { opcode, payload } = await client.nextFrame();
        assert.deepEqual([opcode, payload.readUInt16BE()], [8, 4000]);
        assert.equal(connection.droppedMessages, 2);
        client.end();
        await connection.closed;
      },
    );
  });

  test(`HB-11 ${place.place}: terminate ends a connection with unread and undelivered bytes at once`, async () => {
    await withPeer(place, {}, async ({ client, connection }) => {
      connection.on('message', () => new Promise(() => {}));
      for (let i = 0; i < 4; i++) client.send(LONG);
      await waitUntil(() => connection.messagesReceived > 1);
      connection.terminate();
      assert.equal((await connection.closed).cause, 'terminated');
    });
  });
}
