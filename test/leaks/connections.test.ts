import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../src/index.ts';
import { buildFrame } from '../../src/protocol/outgoing/frame-builder.ts';
import { close, EXAMPLE_KEY, leakCheck, text, waitUntil } from '../../src/testing/index.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { NO_COLLECTOR } from '../garbage.ts';
import { TRANSPORT } from '../server/transport.ts';
import { heldBytes, leastGrowth } from './held-bytes.ts';

const HEAD = Buffer.from(
  `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
);
const HELLO = text('hello');
const CLOSE = close(1000);
const ANSWER_BYTES = buildFrame(1, 'hello', undefined).length;

/** How a client of the wave ends its connection. */
type Ending = 'closes' | 'resets' | 'ends' | 'breaks a rule';
const ENDINGS: readonly Ending[] = ['closes', 'resets', 'ends', 'breaks a rule'];

/** A minimal client: upgrade, one echo, end. */
async function visit(port: number, ending: Ending, secure = false): Promise<void> {
  const raw = connect({ port, host: '127.0.0.1' });
  raw.on('error', () => undefined);
  const socket = secure ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
  socket.on('error', () => undefined);
  const gone = once(socket, 'close').catch(() => undefined);
  socket.write(Buffer.concat([HEAD, HELLO]));
  await received(socket);
  if (ending === 'closes') socket.write(CLOSE);
  else if (ending === 'breaks a rule') socket.write(Buffer.of(0xff, 0));
  else if (ending === 'resets') raw.resetAndDestroy();
  else socket.end();
  socket.resume();
  await gone;
}

/** Waits for the 101 and the echo. */
function received(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0 || bytes.length < end + 4 + ANSWER_BYTES) return;
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    socket.once('close', () => reject(new Error('closed before the echo')));
  });
}

test('TS-10 RG-06 TO-02 TO-04: ten thousand connections open and close, and nothing leaks', {
  timeout: 300_000,
  skip: NO_COLLECTOR,
}, async () => {
  const leaks = leakCheck();
  const server = new WebSocketServer({ ...TRANSPORT, maxConnections: 20_000 });
  server.on('connection', (connection) => {
    connection.subscribe('all');
    connection.subscribe(connection.id);
    connection.on('close', () => undefined);
  });
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const wave = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, i) => visit(port, ENDINGS[i % ENDINGS.length]!)));
    await waitUntil(() => server.connections.size === 0, { deadlineMs: 30_000 });
  };
  // The first connections fill caches, tables and compiled code.
  for (let i = 0; i < 8; i++) await wave(250);
  const growth = await leastGrowth(4, async () => {
    for (let i = 0; i < 10; i++) await wave(250);
  });
  assert.ok(growth < 250_000, `${growth} bytes more after 2,500 connections`);

  const { connections, handshakes, topics, messages } = server.stats();
  assert.deepEqual([connections.now, connections.opened, connections.closed], [0, 12_000, 12_000]);
  assert.equal(handshakes.pending, 0);
  assert.deepEqual(topics, { count: 0, subscriptions: 0 });
  assert.equal(messages.received, 12_000);
  await server.shutdown();
  await leaks.assertNothingLeft({ withinMs: 10_000 });
});

for (const attached of [false, true]) {
  test(`TS-10 TL-01: connections over TLS${attached ? ' of an attached server' : ''} open and close, and nothing leaks`, {
    timeout: 120_000,
    skip: NO_COLLECTOR,
  }, async () => {
    const certified = selfSigned(['localhost'], Date.now());
    if (TRANSPORT.transport === 'auto') await defaultEngine.part(SocketChecks).checkSockets(true);
    const leaks = leakCheck();
    const server = new WebSocketServer({ ...TRANSPORT, ...(attached ? {} : { tls: certified }) });
    server.on('message', (connection, message) => void connection.send(message));
    const https = attached ? createServer(certified) : undefined;
    if (https === undefined) await server.listen(0, '127.0.0.1');
    else {
      server.attach(https);
      await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
    }
    const { port } = (https ?? server).address() as AddressInfo;
    const wave = async (count: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: count }, (_, i) => visit(port, ENDINGS[i % ENDINGS.length]!, true)),
      );
      await waitUntil(() => server.connections.size === 0, { deadlineMs: 30_000 });
    };
    for (let i = 0; i < 4; i++) await wave(40);
    const growth = await leastGrowth(3, async () => {
      for (let i = 0; i < 4; i++) await wave(40);
    });
    assert.ok(growth < 333_000, `${growth} bytes more after 160 connections`);
    await server.shutdown();
    https?.close();
    await leaks.assertNothingLeft({ withinMs: 10_000 });
  });
}

test('PF-12 SE-23 TO-04: an idle connection holds no read buffer and no queue', {
  timeout: 120_000,
  skip: NO_COLLECTOR,
}, async () => {
  const leaks = leakCheck();
  const server = new WebSocketServer(TRANSPORT);
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const sockets: Socket[] = [];
  const join = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.write(Buffer.concat([HEAD, HELLO]));
      await received(socket);
      socket.pause();
      sockets.push(socket);
    }
  };
  await join(100);
  const before = process.memoryUsage().arrayBuffers;
  const heap = await heldBytes();
  await join(500);
  const each = ((await heldBytes()) - heap) / 500;
  const buffers = (process.memoryUsage().arrayBuffers - before) / 500;
  // Both ends are in this process: two sockets with handles and streams, and one connection.
  assert.ok(each < 24_000, `${Math.round(each)} bytes for each connection and its client`);
  assert.ok(buffers < 1_000, `${Math.round(buffers)} bytes of buffers for each`);
  for (const socket of sockets) socket.destroy();
  await waitUntil(() => server.connections.size === 0, { deadlineMs: 10_000 });
  await server.shutdown();
  await leaks.assertNothingLeft({ withinMs: 10_000 });
});
