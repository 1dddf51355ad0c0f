import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { WebSocketServer } from '../../src/index.ts';
import { EXAMPLE_KEY, eventLoopTurns, frame, leakCheck, waitUntil } from '../../src/testing/index.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { collectGarbage, NO_COLLECTOR } from '../garbage.ts';
import { TRANSPORT } from '../server/transport.ts';

const zlibJobs = defaultEngine.zlib.jobs;

const HEAD = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`;

const compressed = (text: string): Buffer =>
  frame({
    opcode: 1,
    rsv1: true,
    payload: deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
  });
const SMALL = compressed('small '.repeat(100));
const LARGE = compressed(Array.from({ length: 10_000 }, (_, i) => (i * 7_919).toString(36)).join(' '));
const UNFINISHED = frame({ opcode: 1, rsv1: true, fin: false, payload: Buffer.from('f248cdc9', 'hex') });

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.write(HEAD);
  await once(socket, 'data');
  socket.resume();
  return socket;
}

/**
 * Memory of the process after garbage collection. zlib's contexts are outside every heap, so only the resident size
 * shows them.
 */
async function heldBytes(): Promise<number> {
  await waitUntil(() => zlibJobs.running === 0);
  for (let i = 0; i < 3; i++) {
    await eventLoopTurns(3);
    collectGarbage();
  }
  return process.memoryUsage().rss;
}

const CONNECTIONS = Number(process.env['HAWSER_LEAK_CONNECTIONS'] ?? 2_000);
const AT_ONCE = 200;
const MOST_ROUNDS = 4;

for (const contextTakeover of [false, true]) {
  test(`SE-24 PD-07 PD-09 takeover ${contextTakeover}: when all connections end at once with messages in flight, no memory and no job leaks`, {
    timeout: 300_000,
    skip: NO_COLLECTOR,
  }, async () => {
    const leaks = leakCheck();
    const server = new WebSocketServer({
      ...TRANSPORT,
      maxConnections: 20_000,
      perMessageDeflate: { contextTakeover, thresholdBytes: 100, asyncThresholdBytes: 10_000 },
    });
    server.on('message', (connection, message) => {
      connection.send(message);
      connection.send(message);
    });
    const { port } = await server.listen(0, '127.0.0.1');
    const wave = async (): Promise<void> => {
      const sockets = await Promise.all(Array.from({ length: AT_ONCE }, () => open(port)));
      for (const [i, socket] of sockets.entries()) {
        socket.write(
          Buffer.concat([SMALL, i % 2 === 0 ? LARGE : SMALL, ...(i % 3 === 0 ? [UNFINISHED] : [])]),
        );
      }
      await waitUntil(() => zlibJobs.waiting > 0);
      for (const [i, socket] of sockets.entries()) {
        if (i % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
      await waitUntil(() => server.connections.size === 0, { deadlineMs: 60_000 });
      assert.equal(zlibJobs.waiting, 0, 'no job is left');
    };
    // The allocator keeps freed memory for the next wave; the first waves create that reserve.
    for (let i = 0; i < 15; i++) await wave();
    // A leak grows with every wave; memory that a busy system has not reclaimed does not.
    const held = [await heldBytes()];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      for (let i = 0; i < CONNECTIONS / AT_ONCE; i++) await wave();
      held.push(await heldBytes());
      if (held.at(-1)! < held.at(-2)! * 1.2) break;
    }
    assert.ok(
      held.at(-1)! < held.at(-2)! * 1.2,
      `bytes held, with ${CONNECTIONS} connections between: ${held.join(', ')}`,
    );
    assert.equal(zlibJobs.running, 0);
    await server.shutdown();
    await leaks.assertNothingLeft({ withinMs: 10_000 });
  });
}
