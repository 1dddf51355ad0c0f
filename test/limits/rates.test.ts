import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binary, close, continuation, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, listening } from '../server/live.ts';

const RATE = { bytesPerSecond: 1_000, burstBytes: 2_000, action: 'close' } as const;
const QUIET = { heartbeat: false, idleTimeoutMs: false } as const;
/** 500 bytes on the wire. */
const MESSAGE = binary(Buffer.alloc(492));

test("RL-02 SE-26: with action 'close' no frame beyond burstBytes of one read is delivered", async (t) => {
  const { server, join } = await listening(t, { rateLimit: RATE });
  let got = 0;
  server.on('message', (_, message) => void (got += message.length));
  assert.equal(MESSAGE.length, 500);
  const client = await join();
  client.send(Buffer.concat(Array.from({ length: 129 }, () => MESSAGE)));
  assert.equal(await closeCode(client), 1008);
  assert.equal(got, 4 * 492, 'as many as fit into the burst');
});

test("RL-02: with action 'close' a message or fragment larger than burstBytes closes the connection", async (t) => {
  const { server, join } = live(t, { ...QUIET, rateLimit: RATE });
  server.on('message', () => assert.fail('delivered'));
  for (const bytes of [binary(Buffer.alloc(1_993)), binary(Buffer.alloc(5_000)).subarray(0, 2_009)]) {
    const { raw, connection } = await join();
    raw.send(bytes);
    assert.equal(await closeCode(raw), 1008);
    raw[Symbol.dispose]();
    assert.equal((await connection.closed).cause, 'rate-limit');
  }
});

test("RL-02: with action 'close' exactly burstBytes are delivered, and so is a large message within the rate", async (t) => {
  const { server, join, pass } = live(t, { ...QUIET, rateLimit: RATE });
  const got: number[] = [];
  server.on('message', (_, message) => void got.push(message.length));
  const { raw, connection } = await join();
  raw.send(Buffer.concat(Array.from({ length: 4 }, () => MESSAGE)));
  await waitUntil(() => got.length === 4);
  await pass(2_000);
  raw.send(binary(Buffer.alloc(1_992), { fin: false }));
  await eventLoopTurns(6);
  for (let i = 0; i < 8; i++) {
    await pass(1_000);
    raw.send(continuation(Buffer.alloc(992), { fin: i === 7 }));
    await eventLoopTurns(6);
  }
  assert.equal(connection.state, 'open');
  assert.deepEqual(got, [492, 492, 492, 492, 1_992 + 8 * 992]);
});

test("RL-02 CL-04: a Close within burstBytes counts as the peer's, whatever comes after it", async (t) => {
  const { server, join } = live(t, { ...QUIET, rateLimit: RATE });
  server.on('message', () => undefined);
  const { raw, connection } = await join();
  raw.send(Buffer.concat([MESSAGE, close(4_000), Buffer.alloc(10_000)]));
  assert.equal(await closeCode(raw), 4_000);
  raw[Symbol.dispose]();
  assert.equal((await connection.closed).cause, 'peer-close');
});

test('RL-02 HB-07: bytes sent within the rate while the server does not read are within the rate', async (t) => {
  const { server, join, pass } = live(t, {
    ...QUIET,
    receiveAheadBytes: 1,
    rateLimit: { ...RATE, messagesPerSecond: 2, burstMessages: 4 },
  });
  let got = 0;
  server.on('message', () => void got++);
  const { raw, connection } = await join();
  connection.pause();
  for (let i = 0; i < 20; i++) {
    raw.send(MESSAGE);
    await pass(500);
  }
  connection.resume();
  await waitUntil(() => got === 20);
  assert.equal(connection.state, 'open');
  await pass(60_000, 1_000);
  raw.send(Buffer.concat(Array.from({ length: 30 }, () => MESSAGE)));
  assert.equal(await closeCode(raw), 1008);
  assert.ok(got < 50);
});

test("RL-03: with action 'throttle' a read beyond burstBytes is delivered, and delays the next read", async (t) => {
  const { server, join, pass } = live(t, { ...QUIET, rateLimit: { ...RATE, action: 'throttle' } });
  const got: string[] = [];
  server.on('message', (_, message) => void got.push(message.toString()));
  const { raw, connection } = await join();
  raw.send(text('x'.repeat(4_992)));
  await waitUntil(() => got.length === 1);
  raw.send(text('y'));
  await pass(2_000);
  assert.equal(got.length, 1);
  await pass(1_500);
  assert.deepEqual([got.length, connection.state], [2, 'open']);
});
