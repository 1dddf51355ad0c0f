import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { messageStreams, MemoryBudget } from '../../src/index.ts';
import { binary, continuation, eventLoopTurns, pair, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { errorOf, nextOf, readAll } from './read-messages.ts';

test('FR-10 BP-10: an unread message stops the peer after the read-ahead, and loses nothing when it is read', async () => {
  await using joined = await pair({
    server: { maxMessageBytes: 20_000_000, receiveAheadBytes: 65_536 },
    client: { highWaterMarkBytes: 65_536 },
  });
  const { client, server } = joined;
  const loop = messageStreams(server);
  let produced = 0;
  function* source(): Generator<Buffer> {
    for (; produced < 1_000; produced++) yield Buffer.alloc(10_000, produced);
  }
  const sending = client.sendStream(source());
  const stream = await nextOf(loop);
  await eventLoopTurns(100);
  const stopped = produced;
  await eventLoopTurns(100);
  assert.equal(produced, stopped);
  assert.ok(stopped < 500, `${stopped}`);
  assert.ok(stream.bytesReceived <= 65_536 + 65_536, `${stream.bytesReceived}`);
  let at = 0;
  for await (const chunk of stream) {
    for (const byte of chunk) if (byte !== (Math.floor(at++ / 10_000) & 255)) assert.fail(`byte ${at}`);
    assert.ok(stream.bytesReceived - at <= 131_072, `${stream.bytesReceived - at}`);
  }
  assert.equal(at, 10_000_000);
  assert.equal(await sending, 10_000_000);
});

test('FR-10: messages that were not requested, and empty ones, are bounded by the read-ahead too', async (t) => {
  const { server, join } = live(t, { receiveAheadBytes: 2_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(Buffer.concat(Array.from({ length: 100 }, () => binary(''))));
  await eventLoopTurns(5);
  assert.ok(connection.messagesReceived <= 17, `${connection.messagesReceived}`);
  assert.ok(server.stats().bytes.buffered >= 2_000, `${server.stats().bytes.buffered}`);
  for (let i = 0; i < 100; i++) assert.deepEqual(await readAll(await nextOf(loop)), Buffer.alloc(0));
  assert.equal(server.stats().bytes.buffered, 0);
});

test('FR-10 FR-07: messageTimeoutMs counts only the time in which the application reads', async (t) => {
  const { join, pass } = live(t, { messageTimeoutMs: 1_000, receiveAheadBytes: 1_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(binary(Buffer.alloc(2_000), { fin: false }));
  const stream = await nextOf(loop);
  await pass(5_000);
  assert.equal(connection.state, 'open');
  const failed = errorOf(stream);
  await pass(500);
  assert.equal(connection.state, 'open');
  await pass(600);
  assert.equal((await failed).code, 'ERR_MESSAGE_TIMEOUT');
});

test('FR-10 SE-15: a peer that sends one message for ever is held to its limits, read or not', async (t) => {
  const { join } = live(t, { maxMessageBytes: 1_000_000, maxFragments: 50 });
  const rows: readonly (readonly [bytes: number, code: string])[] = [
    [100_000, 'ERR_MESSAGE_TOO_BIG'],
    [0, 'ERR_TOO_MANY_FRAGMENTS'],
  ];
  for (const [bytes, code] of rows) {
    const { raw, connection } = await join();
    const loop = messageStreams(connection);
    raw.send(binary('x', { fin: false }));
    const failed = errorOf(await nextOf(loop));
    for (let i = 0; i < 60 && connection.state === 'open'; i++) {
      raw.send(continuation(Buffer.alloc(bytes), { fin: false }));
      await eventLoopTurns(2);
    }
    assert.equal((await failed).code, code);
    assert.equal(connection.messagesReceived, 0);
  }
});

test('FR-10 RL-01: a rate limit counts a message once, and its bytes as they arrive', async (t) => {
  const rows = [
    { action: 'throttle', bytesPerSecond: 10_000 },
    { action: 'close', bytesPerSecond: 10_000 },
    { action: 'close', messagesPerSecond: 1 },
  ] as const;
  for (const rateLimit of rows) {
    const { join, pass } = live(t, { rateLimit, heartbeat: false, idleTimeoutMs: false });
    const { raw, connection } = await join();
    const loop = messageStreams(connection);
    raw.send(binary('first', { fin: false }));
    const reading = readAll(await nextOf(loop)).then(
      (bytes) => bytes.length,
      (error: { code: string }) => error.code,
    );
    for (let i = 0; i < 100; i++) {
      raw.send(continuation(Buffer.alloc(1_000), { fin: false }));
      await eventLoopTurns(1);
    }
    raw.send(continuation(''));
    await pass(20_000);
    const limited = 'bytesPerSecond' in rateLimit && rateLimit.action === 'close';
    assert.equal(await reading, limited ? 'ERR_RATE' : 100_005);
  }
});

test('FR-10 BP-08: unread chunks count in the memory budget; a connection that is shed fails its messages', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 150_000 });
  const { join, server, errors } = live(t, { memoryBudget, receiveAheadBytes: 1_000_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(Buffer.concat([binary(Buffer.alloc(50_000)), binary(Buffer.alloc(90_000), { fin: false })]));
  const [whole, begun] = [await nextOf(loop), await nextOf(loop)];
  await waitUntil(() => server.stats().bytes.buffered > 140_000);
  raw.send(continuation(Buffer.alloc(20_000), { fin: false }));
  await waitUntil(() => connection.state !== 'open');
  for (const stream of [whole, begun]) assert.equal((await errorOf(stream)).code, 'ERR_MEMORY_CAP');
  assert.ok(connection.droppedMessages >= 2);
  assert.deepEqual(
    errors.splice(0).map((error) => (error as { code?: string }).code),
    ['ERR_MEMORY_CAP'],
  );
  // Only the Close is left.
  assert.ok(server.stats().bytes.buffered < 1_000, `${server.stats().bytes.buffered}`);
});
