// The attributes are what is tested.
/* oxlint-disable unicorn/prefer-add-event-listener */
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { WebSocket } from '../../../src/client/index.ts';
import type { MisuseError } from '../../../src/index.ts';
import { selfSigned, waitUntil } from '../../../src/testing/index.ts';
import { atEnd } from '../live.ts';
import { ended, logged, serving } from './served.ts';

test('CC-09: handlers run in the place where they were set, and a listener that throws is uncaught', async (t) => {
  const { url } = await serving(t);
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  atEnd(t, () => process.setUncaughtExceptionCaptureCallback(null));
  const socket = new WebSocket(url);
  const seen: unknown[] = [];
  socket.onopen = () => seen.push('replaced');
  socket.addEventListener('open', () => {
    seen.push('listener');
    throw new Error('of the application');
  });
  socket.onopen = function (this: WebSocket, event: Event) {
    seen.push('handler', this === socket, event.target === socket);
  };
  const gone = (): void => void seen.push('gone');
  socket.addEventListener('open', gone);
  socket.removeEventListener('open', gone);
  socket.onmessage = gone;
  socket.onmessage = null;
  socket.addEventListener('message', ({ data }) => seen.push(data), { once: true });
  await waitUntil(() => socket.readyState === 1 && thrown.length === 1);
  socket.send('still open');
  await waitUntil(() => seen.length === 5);
  assert.deepEqual(seen, ['handler', true, true, 'listener', 'still open']);
  socket.close();
  await ended(socket);
});

test('CC-09: options of connect are the second or third argument, and are checked at once', async (t) => {
  const tls = selfSigned(['127.0.0.1'], Date.now());
  const headers: (string | readonly string[] | undefined)[] = [];
  const { url } = await serving(t, {
    tls: { cert: tls.cert, key: tls.key },
    upgrade: ({ request }) => {
      headers.push(request.headers['x-token']);
      return undefined;
    },
  });
  const options = { headers: { 'X-Token': 'secret' }, tls: { ca: tls.cert } };
  for (const make of [
    () => new WebSocket(url, 'a', options),
    () => new WebSocket(url, undefined, { ...options, protocols: 'a' }),
    () => new WebSocket(url, { ...options, protocols: ['a'] }),
  ]) {
    const socket = make();
    await waitUntil(() => socket.readyState === 1);
    assert.equal(socket.protocol, 'a');
    socket.close();
    await ended(socket);
  }
  assert.deepEqual(headers, ['secret', 'secret', 'secret']);
  for (const [given, code] of [
    [[url, { dispatcher: 1 }], 'ERR_OPTION'],
    [[url, 'a', { maxMessageBytes: -1 }], 'ERR_OPTION'],
    [[url, 'a', 'b'], 'ERR_ARGUMENT'],
    [[url, {}, {}], 'ERR_ARGUMENT'],
  ] as const)
    assert.throws(
      () => Reflect.construct(WebSocket, given),
      (error: MisuseError) => error.code === code,
    );
  const controller = new AbortController();
  const socket = new WebSocket(url, { ...options, signal: controller.signal });
  const log = logged(socket);
  controller.abort();
  await ended(socket);
  assert.deepEqual(
    log.map(([name]) => name),
    ['error', 'close'],
  );
});
