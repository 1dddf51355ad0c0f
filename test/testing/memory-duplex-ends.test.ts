import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duplexPair } from '../../src/testing/memory-duplex.ts';
import { quiet, record, recordedPair } from './recorded-pair.ts';

test('TK-02 reset: both ends fail with ECONNRESET, and the bytes in flight are lost', async () => {
  const { client, atServer, atClient, reset } = recordedPair();
  client.write('a');
  reset();
  await quiet();
  assert.equal(atServer.error?.code, 'ECONNRESET');
  assert.equal(atClient.error?.code, 'ECONNRESET');
  assert.deepEqual(atServer.pieces, []);
  assert.ok(atServer.closed && atClient.closed && !atServer.ended);
});

test('TK-02 resetAndDestroy closes its own end without an error; the other end fails with ECONNRESET', async () => {
  const { client, atServer, atClient } = recordedPair();
  client.resetAndDestroy();
  await quiet();
  assert.equal(atServer.error?.code, 'ECONNRESET');
  assert.equal(atClient.error, undefined);
  assert.ok(atClient.closed);
});

test('TK-02 end: the receiver sees EOF after the bytes in flight; later bytes of the sender are dropped', async () => {
  const { client, toServer, atServer, atClient, server } = recordedPair({ highWaterMarkBytes: 4 });
  client.write('a');
  toServer.end();
  let written = 0;
  for (let i = 0; i < 5; i++) client.write('bbb', () => written++);
  server.write('c');
  await quiet();
  assert.deepEqual(atServer.pieces, ['a']);
  assert.ok(atServer.ended && !atClient.ended);
  assert.equal(written, 5);
  assert.deepEqual(atClient.pieces, ['c']);
  client.end();
  server.end();
  await quiet();
  assert.ok(atServer.closed && atClient.closed);
});

test('TK-01 an end destroyed without unread bytes: the other sees EOF, and a reset only if it writes', async () => {
  const { client, server, atServer, atClient } = recordedPair();
  client.write('last words');
  client.destroy();
  await quiet();
  assert.deepEqual(atServer.pieces, ['last words']);
  assert.ok(atServer.ended && atClient.closed && !atServer.closed);
  const failed: unknown[] = [];
  server.write('hello?', (error) => failed.push(error));
  await quiet();
  assert.deepEqual(failed, [atServer.error]);
  assert.equal(atServer.error?.code, 'ECONNRESET');
  assert.ok(atServer.closed);
});

test('TK-01 RFC 1122 §4.2.2.13 an end destroyed with unread bytes resets the other', async () => {
  for (const arrived of [false, true]) {
    const pair = duplexPair();
    const atClient = record(pair.client);
    pair.server.on('error', () => assert.fail('the destroyed end must not emit an error'));
    if (arrived) pair.server.read(0);
    pair.client.write('unread');
    await quiet();
    assert.equal(pair.server.readableLength, arrived ? 6 : 0);
    pair.server.destroy();
    await quiet();
    assert.equal(atClient.error?.code, 'ECONNRESET', String(arrived));
  }
});

test('TK-01 an end destroyed while its write waits for room: the callback of the write is called', async () => {
  const { client, toServer, atClient } = recordedPair({ highWaterMarkBytes: 4 });
  toServer.stall();
  let calls = 0;
  client.write('0123456789', () => calls++);
  await quiet();
  client.destroy();
  await quiet();
  assert.equal(calls, 1);
  assert.equal(atClient.error, undefined);
  assert.ok(atClient.closed);
});
