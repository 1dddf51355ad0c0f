import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { duplexPair } from '../../src/testing/memory-duplex.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { eventLoopTurns, waitForEvent, waitUntil } from '../../src/testing/wait-for.ts';
import { quiet, recordedPair } from './recorded-pair.ts';

test('TK-01 bytes pass both ways, in order, in the pieces written', async () => {
  const { client, server, atServer, atClient } = recordedPair();
  client.write('a');
  client.write('bc');
  server.write('d');
  await quiet();
  assert.deepEqual(atServer.pieces, ['a', 'bc']);
  assert.deepEqual(atClient.pieces, ['d']);
});

test('TK-01 nothing arrives on the stack of the writer or in its microtasks', async () => {
  const { client, atServer } = recordedPair();
  await quiet();
  client.write('a');
  assert.deepEqual(atServer.pieces, []);
  await Promise.resolve();
  assert.deepEqual(atServer.pieces, []);
  await quiet();
  assert.deepEqual(atServer.pieces, ['a']);
});

test('TK-01 corked writes arrive as one piece', async () => {
  const { client, atServer } = recordedPair();
  client.cork();
  client.write('a');
  client.write('b');
  client.uncork();
  await quiet();
  assert.deepEqual(atServer.pieces, ['ab']);
});

test('TK-01 delivered bytes are a copy: the receiver may overwrite them', async () => {
  const { client, server } = duplexPair();
  const sent = Buffer.from('abc');
  client.write(sent);
  const [chunk] = await waitForEvent<[Buffer]>(server, 'data');
  chunk.fill(0);
  assert.equal(sent.toString(), 'abc');
});

test('TK-01 each half can be ended alone, and both ends close after the second', async () => {
  const { client, server, atServer, atClient } = recordedPair();
  client.end('last');
  await quiet();
  assert.deepEqual(atServer.pieces, ['last']);
  assert.ok(atServer.ended && !atServer.closed && !atClient.closed);
  server.end('answer');
  await quiet();
  assert.deepEqual(atClient.pieces, ['answer']);
  assert.ok(atServer.closed && atClient.closed);
  assert.equal(atServer.error ?? atClient.error, undefined);
});

test('TK-01 an end has the address of its peer; the fields can be set', () => {
  const { server, client } = duplexPair({ remoteAddress: '192.0.2.7', remotePort: 1234 });
  assert.equal(`${server.remoteAddress} ${server.remotePort}`, '192.0.2.7 1234');
  assert.equal(`${client.remoteAddress} ${client.remotePort}`, '127.0.0.1 80');
  server.remoteAddress = '::1';
  assert.equal(server.remoteAddress, '::1');
  assert.equal(duplexPair().server.remotePort, 50_000);
});

test('TK-02 full buffers: writes stay pending while the reader pauses, and all bytes arrive when it resumes', async () => {
  const { client, server } = duplexPair({ highWaterMarkBytes: 100 });
  let written = 0;
  const chunk = Buffer.alloc(60, 'x');
  server.read(0);
  for (let i = 0; i < 10; i++) client.write(chunk, () => written++);
  await quiet();
  // Without a reader the lane holds 100 bytes, and the stream of the server 100 bytes and at most one more piece.
  assert.ok(server.readableLength >= 100 && server.readableLength <= 160, String(server.readableLength));
  assert.ok(written >= 1 && written < 10, String(written));
  assert.equal(client.writableNeedDrain, true);
  assert.ok(client.writableLength >= 600 - 300, String(client.writableLength));
  let received = 0;
  server.on('data', (bytes: Buffer) => (received += bytes.length));
  await waitForEvent(client, 'drain');
  await waitUntil(() => received === 600);
  assert.equal(written, 10);
});

test('TK-02 full buffers: a write larger than the buffers arrives in parts', async () => {
  const { client, atServer } = recordedPair({ highWaterMarkBytes: 4 });
  client.write('0123456789');
  await quiet();
  assert.equal(atServer.pieces.join(''), '0123456789');
  assert.ok(atServer.pieces.every((piece) => piece.length <= 4));
});

test('TK-02 stall: writes stay pending, the other direction works, and unstall delivers all bytes', async () => {
  const { client, server, toServer, atServer, atClient } = recordedPair({ highWaterMarkBytes: 8 });
  toServer.stall();
  let written = 0;
  for (const payload of ['aaaa', 'bbbb', 'cccc', 'dddd']) client.write(payload, () => written++);
  client.end();
  server.write('hello');
  await quiet();
  assert.deepEqual(atServer.pieces, []);
  assert.equal(written, 2);
  assert.deepEqual(atClient.pieces, ['hello']);
  toServer.unstall();
  await quiet();
  assert.equal(atServer.pieces.join(''), 'aaaabbbbccccdddd');
  assert.ok(atServer.ended);
});

test('TK-02 stall also holds bytes in flight', async () => {
  const { client, toServer, atServer } = recordedPair();
  await quiet();
  client.write('a');
  toServer.stall();
  await quiet();
  assert.deepEqual(atServer.pieces, []);
});

test('TK-02 lose: drops bytes and EOF of one direction, writes succeed, the other direction works', async () => {
  const { client, server, toServer, atServer, atClient } = recordedPair({ highWaterMarkBytes: 8 });
  client.write('under');
  toServer.lose();
  let written = 0;
  for (let i = 0; i < 10; i++) client.write('12345678', () => written++);
  client.end();
  server.write('still here');
  await quiet();
  assert.deepEqual(atServer.pieces, []);
  assert.ok(!atServer.ended);
  assert.equal(written, 10);
  assert.equal(atClient.pieces.join(''), 'still here');
});

test('TK-02 lose both ways: neither end sees the other close', async () => {
  const { client, server, toServer, toClient, atServer } = recordedPair();
  toServer.lose();
  toClient.lose();
  client.resetAndDestroy();
  server.write('anybody?');
  await quiet();
  assert.ok(!atServer.ended && !atServer.closed);
  assert.equal(atServer.error, undefined);
  server.destroy();
});

test('TK-02 lose one way: drops a reset that would return that way', async () => {
  const { client, server, toClient, atClient } = recordedPair({ highWaterMarkBytes: 4 });
  toClient.lose();
  server.destroy();
  await quiet();
  let written = 0;
  client.write('anybody?', () => written++);
  await quiet();
  assert.equal(written, 1);
  assert.ok(!atClient.ended && !atClient.closed);
  client.destroy();
});

test('TK-02 lose: a dropped byte causes no reset', async () => {
  const { client, server, toServer, atClient } = recordedPair();
  toServer.lose();
  server.destroy();
  await quiet();
  assert.ok(atClient.ended);
  client.write('anybody?');
  await quiet();
  assert.ok(!atClient.closed);
  client.destroy();
});

test('TK-02 lose completes writes that waited for room', async () => {
  const { client, toServer } = recordedPair({ highWaterMarkBytes: 4 });
  toServer.stall();
  let written = 0;
  client.write('0123456789', () => written++);
  await quiet();
  assert.equal(written, 0);
  toServer.lose();
  await quiet();
  assert.equal(written, 1);
});

test('TK-02 cutInto: pieces of the given size, one per turn, until Infinity undoes it', async () => {
  const { client, toServer, atServer, server } = recordedPair();
  const turns: number[] = [];
  let turn = 0;
  server.on('data', () => turns.push(turn));
  toServer.cutInto(3);
  client.write('01234567');
  client.write('89');
  for (; turn < 20; turn++) await eventLoopTurns(1);
  assert.deepEqual(atServer.pieces, ['012', '345', '67', '89']);
  assert.equal(new Set(turns).size, 4);
  toServer.cutInto(Number.POSITIVE_INFINITY);
  client.write('whole again');
  await quiet();
  assert.equal(atServer.pieces.at(-1), 'whole again');
});

test('TK-02 latency: bytes and EOF arrive at their due time, in order', async () => {
  const clock = new VirtualClock();
  const { client, toServer, atServer, atClient } = recordedPair();
  toServer.latency(50, clock);
  client.write('a');
  await quiet();
  clock.advance(20);
  client.write('b');
  client.end();
  clock.advance(29);
  await quiet();
  assert.deepEqual(atServer.pieces, []);
  clock.advance(1);
  await quiet();
  assert.deepEqual(atServer.pieces, ['a']);
  clock.advance(19);
  await quiet();
  assert.deepEqual(atServer.pieces, ['a']);
  clock.advance(1);
  await quiet();
  assert.deepEqual(atServer.pieces, ['a', 'b']);
  assert.ok(atServer.ended && !atClient.closed);
  assert.equal(clock.pendingTimers, 0);
});

test('TK-02 latency set to 0 does not reorder bytes', async () => {
  const clock = new VirtualClock();
  const { client, toServer, atServer } = recordedPair();
  toServer.latency(50, clock);
  client.write('slow');
  toServer.latency(0, clock);
  client.write('fast');
  await quiet();
  assert.deepEqual(atServer.pieces, []);
  clock.advance(50);
  await quiet();
  assert.deepEqual(atServer.pieces, ['slow', 'fast']);
  client.write('at once');
  await quiet();
  assert.equal(atServer.pieces.at(-1), 'at once');
});

test('TK-02 latency leaves no timer when the connection closes', async () => {
  for (const go of ['reset', 'destroy', 'lose'] as const) {
    const clock = new VirtualClock();
    const { client, server, toServer, reset } = recordedPair();
    await quiet();
    toServer.latency(50, clock);
    client.write('a');
    await quiet();
    assert.equal(clock.pendingTimers, 1, go);
    if (go === 'reset') reset();
    else if (go === 'destroy') server.destroy();
    else toServer.lose();
    await quiet();
    assert.equal(clock.pendingTimers, 0, go);
    client.destroy();
  }
});

test('TK-01 a megabyte each way arrives whole through small buffers and uneven cuts', async () => {
  const { client, server, toServer, toClient } = duplexPair({ highWaterMarkBytes: 5_000 });
  toServer.cutInto(777);
  const megabyte = Buffer.alloc(1 << 20, 'hawser');
  const collect = (stream: Duplex) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return waitForEvent(stream, 'end', { deadlineMs: 60_000 }).then(() => Buffer.concat(chunks));
  };
  client.end(megabyte);
  server.end(megabyte);
  for (const received of await Promise.all([collect(client), collect(server)])) {
    assert.ok(received.equals(megabyte));
  }
  toClient.end();
});

const MISUSES: [string, string, () => unknown][] = [
  ['a buffer of 0 bytes', 'ERR_ARGUMENT', () => duplexPair({ highWaterMarkBytes: 0 })],
  ['a buffer of 1.5 bytes', 'ERR_ARGUMENT', () => duplexPair({ highWaterMarkBytes: 1.5 })],
  ['pieces of 0 bytes', 'ERR_ARGUMENT', () => duplexPair().toServer.cutInto(0)],
  ['pieces of NaN bytes', 'ERR_ARGUMENT', () => duplexPair().toServer.cutInto(Number.NaN)],
  ['negative latency', 'ERR_ARGUMENT', () => duplexPair().toServer.latency(-1, new VirtualClock())],
  [
    'endless latency',
    'ERR_ARGUMENT',
    () => duplexPair().toServer.latency(Number.POSITIVE_INFINITY, new VirtualClock()),
  ],
  [
    'a second clock while bytes are in flight',
    'ERR_STATE',
    () => {
      const { client, toServer } = duplexPair();
      toServer.latency(5, new VirtualClock());
      client.write('a');
      toServer.latency(5, new VirtualClock());
    },
  ],
];
for (const [what, code, misuse] of MISUSES) {
  test(`TK-02 ${what} is misuse`, () => {
    assert.throws(misuse, { name: 'MisuseError', code });
  });
}
