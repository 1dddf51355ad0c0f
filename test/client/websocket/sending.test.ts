// The attributes are what is tested.
/* oxlint-disable unicorn/prefer-add-event-listener */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type CloseEvent, WebSocket } from '../../../src/client/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { ended, logged, serving } from './served.ts';

test('CC-09: bufferedAmount counts payload bytes until the kernel has them, and for ever after the end', async (t) => {
  const { url, peer } = await serving(t);
  const socket = new WebSocket(url);
  await waitUntil(() => socket.readyState === 1);
  assert.equal(socket.bufferedAmount, 0);
  socket.send('häh');
  socket.send(new Uint8Array(5));
  socket.send(new Blob(['blob']));
  assert.equal(socket.bufferedAmount, 4 + 5 + 4);
  await waitUntil(() => socket.bufferedAmount === 0);
  peer().pause();
  // More than the kernel takes.
  socket.send(new Uint8Array(900_000));
  for (let i = 0; i < 20; i++) socket.send(new Uint8Array(500_000));
  await waitUntil(() => peer().messagesReceived > 0);
  assert.ok(socket.bufferedAmount > 0);
  peer().terminate();
  await ended(socket);
  const left = socket.bufferedAmount;
  assert.ok(left > 0);
  socket.send('abc');
  socket.send(new Blob(['abcd']));
  assert.equal(socket.bufferedAmount, left + 7);
});

test('CC-09: messages that an overflow policy drops do not stay in bufferedAmount', async (t) => {
  const { url, peer } = await serving(t);
  const socket = new WebSocket(url, [], {
    onOverflow: 'drop-newest',
    maxBufferedBytes: 400_000,
    highWaterMarkBytes: 10_000,
  });
  await waitUntil(() => socket.readyState === 1);
  peer().pause();
  for (let i = 0; i < 200; i++) socket.send(new Uint8Array(100_000));
  assert.ok(socket.bufferedAmount < 10_000_000);
  peer().resume();
  await waitUntil(() => socket.bufferedAmount === 0);
  socket.close();
  await ended(socket);
});

test('CC-09: a blob keeps its place among messages and the Close', async (t) => {
  const { url } = await serving(t);
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  await waitUntil(() => socket.readyState === 1);
  const seen: string[] = [];
  socket.onmessage = ({ data }) =>
    seen.push(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer).toString());
  for (const part of ['one', new Blob(['two']), new Blob(['three']), 'four']) socket.send(part);
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, ['one', 'two', 'three', 'four']);
  socket.send(new Blob(['five']));
  socket.send('six');
  const closed = once(socket, 'close');
  socket.close(4_000);
  assert.equal(socket.readyState, 2);
  const [event] = (await closed) as [CloseEvent];
  assert.deepEqual([event.code, event.wasClean, seen.length], [4_000, true, 4]);
});

test('CC-09: a blob that cannot be read ends the connection with an error', async (t) => {
  const { url } = await serving(t);
  const socket = new WebSocket(url);
  await waitUntil(() => socket.readyState === 1);
  const log = logged(socket);
  const failing = new Blob(['x']);
  Object.defineProperty(failing, 'arrayBuffer', { value: () => Promise.reject(new Error('disk')) });
  const errors: string[] = [];
  socket.onerror = ({ message }) => errors.push(message);
  socket.send(failing);
  socket.send('never');
  await ended(socket);
  assert.deepEqual([errors, log.map(([name]) => name)], [['disk'], ['error', 'close']]);
});
