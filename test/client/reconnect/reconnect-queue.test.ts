import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRY_BYTES } from '../../../src/protocol/limits.ts';
import { eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { boat, harbour } from './reconnecting.ts';

test('RC-04: messages sent while offline leave on the next connection, after those that `open` listeners send', async (t) => {
  const port = await harbour(t);
  await port.leave();
  const { client, clock, next } = boat(t, port.url);
  const { delayMs } = await next('retry');
  const bytes = Buffer.from('bytes');
  assert.deepEqual([client.send('one'), client.send(bytes), client.send('three')], [true, true, true]);
  bytes.fill(0);
  assert.deepEqual([client.queuedMessages, client.bufferedBytes], [3, 13 + 3 * ENTRY_BYTES]);
  client.on('open', (connection) => {
    client.send('four');
    connection.send('hello again');
  });
  await port.comeBack();
  clock.advance(delayMs);
  await client.drained();
  client.send('five');
  await waitUntil(() => port.received.length === 6);
  assert.deepEqual(port.received, ['hello again', 'one', 'bytes', 'three', 'four', 'five']);
  assert.deepEqual([client.queuedMessages, client.droppedMessages], [0, 0]);
});

test('RC-04: a full queue refuses new messages and ttlMs drops old ones; send(), unsent and the counters report both', async (t) => {
  const port = await harbour(t);
  await port.leave();
  const offlineQueue = { maxBytes: 10 + 3 * ENTRY_BYTES, maxMessages: 3, ttlMs: 20_000 };
  const { client, clock, next, told } = boat(t, port.url, { offlineQueue });
  await next('retry');
  assert.deepEqual(
    ['old', '1234567', 'x'.repeat(ENTRY_BYTES + 1), 'y'.repeat(500), ''].map((text) => client.send(text)),
    [true, true, false, false, true],
  );
  assert.equal(client.send(''), false, 'three wait');
  assert.equal(client.droppedMessages, 3);
  clock.advance(20_001);
  assert.equal(client.send('new'), true);
  assert.equal(client.droppedMessages, 6);
  const unsent = told.flatMap(([name, info]) => (name === 'unsent' ? [`${info.why} ${info.bytes}`] : []));
  assert.deepEqual(unsent, ['full 129', 'full 500', 'full 0', 'expired 3', 'expired 7', 'expired 0']);
  await port.comeBack();
  for (let i = 0; client.state !== 'open' && i < 3; i++) {
    clock.advance((await next('retry')).delayMs);
    await eventLoopTurns(3);
  }
  await waitUntil(() => port.received.length === 1);
  assert.deepEqual(port.received, ['new']);
});

test('RC-04: with offlineQueue: false, send() returns false while offline', async (t) => {
  const port = await harbour(t);
  const { client, next } = boat(t, port.url, { offlineQueue: false });
  assert.equal(client.send('too early'), false);
  assert.deepEqual(await next('unsent'), { bytes: 9, why: 'offline' });
  await next('open');
  assert.equal(client.send('now'), true);
  await waitUntil(() => port.received.length === 1);
  assert.equal(client.droppedMessages, 1);
  assert.throws(() => client.send({} as never), { code: 'ERR_ARGUMENT' });
});

test('RC-04 BP-04: a queue larger than maxBufferedBytes is flushed as the connection drains', async (t) => {
  const port = await harbour(t);
  await port.leave();
  const limits = { highWaterMarkBytes: 2_000, maxBufferedBytes: 4_000 };
  const { client, clock, next, names } = boat(t, port.url, limits);
  const { delayMs } = await next('retry');
  const sent = Array.from({ length: 300 }, (_, i) => String(i).padEnd(1_000, '.'));
  for (const text of sent) assert.equal(client.send(text), true);
  await port.comeBack();
  clock.advance(delayMs);
  await client.drained();
  await waitUntil(() => port.received.length === sent.length);
  assert.deepEqual(port.received, sent);
  assert.equal(client.droppedMessages, 0);
  assert.ok(!names().includes('down'));
});

test('RC-04 BP-03: a producer that waits for drained() continues across a reconnect, and drain is emitted', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url, {
    highWaterMarkBytes: 1_000,
    maxBufferedBytes: 1_000_000,
  });
  await next('open');
  const [connection] = port.server().connections;
  connection?.pause();
  const big = 'x'.repeat(1_000_000);
  for (let i = 0; i < 40; i++) client.send(big); // more than socket buffers take
  let drained = false;
  const waiting = client.drained().then(() => (drained = true));
  await eventLoopTurns(3);
  assert.equal(drained, false);
  connection?.terminate();
  await next('down');
  await eventLoopTurns(3);
  assert.equal(drained, false, 'no connection is open');
  clock.advance((await next('retry')).delayMs);
  await waiting;
  await next('drain');
  assert.equal(client.state, 'open');
});

test('RC-04: messages given to a connection that is lost are not sent again', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url);
  const connection = await next('open');
  client.send('handed over');
  connection.terminate();
  await next('down');
  client.send('kept');
  clock.advance((await next('retry')).delayMs);
  await waitUntil(() => port.received.includes('kept'));
  assert.deepEqual(port.received, ['kept']);
});

test('RC-04: when the client ends, queued messages are reported as unsent and drained() rejects', async (t) => {
  const { client, next } = boat(t, 'ws://127.0.0.1:1/');
  await next('retry');
  client.send('never');
  const waiting = client.drained();
  client.close();
  await assert.rejects(waiting, { code: 'ERR_CLOSED' });
  assert.deepEqual(await next('unsent'), { bytes: 5, why: 'offline' });
  await assert.rejects(client.drained(), { code: 'ERR_CLOSED' });
  assert.equal(client.droppedMessages, 1);
});
