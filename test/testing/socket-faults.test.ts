import assert from 'node:assert/strict';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { RawClient } from '../../src/testing/raw-client.ts';
import { type FaultySocket, socketFaults } from '../../src/testing/socket-faults.ts';
import { eventLoopTurns, waitForEvent, waitUntil } from '../../src/testing/wait-for.ts';

/** Runs `body` with faults around a TCP client and the server's socket; closes everything afterwards. */
async function overTcp(
  body: (faulty: FaultySocket, peer: RawClient, socket: Socket) => Promise<void>,
  allowHalfOpen = true,
  highWaterMarkBytes = 16_384,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening');
  const accepted = waitForEvent<[Socket]>(server, 'connection');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  const faulty = socketFaults(socket, { highWaterMarkBytes });
  faulty.end.on('error', () => {});
  const peer = RawClient.over((await accepted)[0]);
  try {
    await body(faulty, peer, socket);
  } finally {
    faulty.reset();
    peer.stream.destroy();
    server.close();
    await waitForEvent(server, 'close');
  }
}

test('TK-02 over a socket: bytes, cuts and the EOF of both sides pass', () =>
  overTcp(async (faulty, peer, socket) => {
    const client = RawClient.over(faulty.end);
    faulty.incoming.cutInto(1);
    client.send('to the peer');
    await waitUntil(() => peer.received.toString() === 'to the peer');
    peer.send('abc');
    peer.end();
    assert.equal((await client.receivedUntilEnd()).toString(), 'abc');
    client.send(', and on');
    assert.equal(await client.waitForClose(), undefined);
    assert.equal((await peer.receivedUntilEnd()).toString(), 'to the peer, and on');
    assert.equal(await peer.waitForClose(), undefined);
    await waitUntil(() => socket.closed);
  }));

test('TK-02 over a socket: stall and loss of one direction', () =>
  overTcp(async (faulty, peer) => {
    const client = RawClient.over(faulty.end);
    faulty.outgoing.stall();
    client.send('later');
    peer.send('now');
    await waitUntil(() => client.received.toString() === 'now');
    await eventLoopTurns(20);
    assert.equal(peer.received.length, 0);
    faulty.outgoing.unstall();
    await waitUntil(() => peer.received.toString() === 'later');
    faulty.incoming.lose();
    peer.end();
    client.send('!');
    await waitUntil(() => peer.received.toString() === 'later!');
    await eventLoopTurns(20);
    assert.equal(faulty.end.readableEnded, false);
  }));

test('TK-02 over a socket: reset reaches both sides', () =>
  overTcp(async (faulty, peer, socket) => {
    const client = RawClient.over(faulty.end);
    client.send('x');
    await waitUntil(() => peer.received.length === 1);
    faulty.reset();
    for (const side of [client, peer]) {
      const error: NodeJS.ErrnoException | undefined = await side.waitForClose();
      assert.equal(error?.code, 'ECONNRESET');
    }
    assert.ok(socket.destroyed);
  }));

test('TK-02 over a socket: a reset by the peer passes', () =>
  overTcp(async (faulty, peer) => {
    const client = RawClient.over(faulty.end);
    peer.send('x');
    await waitUntil(() => client.received.length === 1);
    peer.reset();
    const error: NodeJS.ErrnoException | undefined = await client.waitForClose();
    assert.equal(error?.code, 'ECONNRESET');
  }));

test('TK-02 over a socket: destroying the end sends EOF to the peer, and a reset if the peer writes', () =>
  overTcp(async (faulty, peer) => {
    const client = RawClient.over(faulty.end);
    client.send('last words');
    await waitUntil(() => peer.received.length > 0);
    faulty.end.destroy();
    assert.equal((await peer.receivedUntilEnd()).toString(), 'last words');
    peer.send('hello?');
    const error: NodeJS.ErrnoException | undefined = await peer.waitForClose();
    assert.ok(error === undefined || error.code === 'ECONNRESET' || error.code === 'EPIPE');
  }));

test('TK-02 over a socket without allowHalfOpen: the last bytes arrive, and the end closes', () =>
  overTcp(
    async (faulty, peer, socket) => {
      const client = RawClient.over(faulty.end);
      faulty.incoming.stall();
      // When the socket has closed, eight bytes are in flight and four wait for room.
      peer.send('last w');
      await waitUntil(() => socket.bytesRead === 6);
      peer.send('ords..');
      peer.end();
      await waitUntil(() => socket.closed);
      client.send('to nobody');
      faulty.incoming.unstall();
      assert.equal((await client.receivedUntilEnd()).toString(), 'last words..');
      assert.equal(await client.waitForClose(), undefined);
    },
    false,
    8,
  ));
