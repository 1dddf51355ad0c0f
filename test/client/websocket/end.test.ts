// The attributes are what is tested.
/* oxlint-disable unicorn/prefer-add-event-listener */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from '../../../src/client/index.ts';
import type { MisuseError } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { ended, logged, serving } from './served.ts';

test('CC-09: close before the handshake is done ends in error and close, and frees the socket', async (t) => {
  const { url, server } = await serving(t);
  const socket = new WebSocket(url);
  const log = logged(socket);
  const errors: unknown[] = [];
  socket.onerror = ({ error, message }) => errors.push((error as MisuseError).code, message);
  socket.close(1000, 'changed my mind');
  assert.equal(socket.readyState, WebSocket.CLOSING);
  assert.deepEqual(log, []);
  await ended(socket);
  assert.deepEqual(log, [
    ['error', 3, 'error', true],
    ['close', 3, 1006, '', false],
  ]);
  assert.equal(errors[0], 'ERR_STATE');
  assert.match(String(errors[1]), /close was called before/);
  assert.equal(server.connections.size, 0);
});

test('CC-09: a reason without a code is sent with 1000, and no arguments send a Close without a body', async (t) => {
  const { url, server } = await serving(t);
  for (const [reason, code] of [
    ['why', 1000],
    [undefined, 1005],
  ] as const) {
    const socket = new WebSocket(url);
    await waitUntil(() => socket.readyState === 1);
    const closed = once(server, 'close') as Promise<[unknown, { code: number; reason: string }]>;
    socket.close(undefined, reason);
    await ended(socket);
    const [, info] = await closed;
    assert.deepEqual([info.code, info.reason], [code, reason ?? '']);
  }
});

test('CC-09: a connection that breaks ends in error and close 1006, and a fault of the server in error', async (t) => {
  const { url, peer, server } = await serving(t);
  const socket = new WebSocket(url, { maxMessageBytes: 10 });
  const errors: string[] = [];
  const log = logged(socket);
  socket.onerror = ({ error }) => errors.push((error as { code: string }).code);
  await waitUntil(() => socket.readyState === 1);
  peer().send('more than ten bytes');
  await ended(socket);
  assert.deepEqual([errors, log.at(-1)![2]], [['ERR_MESSAGE_TOO_BIG'], 1006]);
  const cut = new WebSocket(url);
  const cutLog = logged(cut);
  await waitUntil(() => server.connections.size === 1 && cut.readyState === 1);
  peer().terminate();
  await ended(cut);
  assert.deepEqual(
    cutLog.map(([name, , code]) => [name, code]),
    [
      ['open', undefined],
      ['error', 'error'],
      ['close', 1006],
    ],
  );
});

test('CC-09: a server that chooses none of the offered subprotocols is a failure, and open is not fired', async (t) => {
  const { url, server } = await serving(t);
  const socket = new WebSocket(url, ['x', 'y']);
  const log = logged(socket);
  await ended(socket);
  await waitUntil(() => server.connections.size === 0);
  assert.deepEqual(log, [
    ['error', 3, 'error', true],
    ['close', 3, 1006, '', false],
  ]);
});
