import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, MisuseError, ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { pair, waitForEvent } from '../../src/testing/index.ts';

test('FB-11: sendJson sends the JSON text of a value, as text unless `binary` is true', async () => {
  await using joined = await pair();
  const received: unknown[] = [];
  joined.client.on('message', (message, isText) => void received.push([String(message), isText]));
  const { server } = joined;
  for (const value of [null, true, 1.5, 'text', [1, { a: 'ü' }], { toJSON: () => 'own form' }, new Date(0)])
    assert.equal(server.sendJson(value), true);
  server.sendJson({ b: 1 }, { binary: true, compress: false });
  server.close();
  await joined.client.closed;
  assert.deepEqual(received, [
    ['null', true],
    ['true', true],
    ['1.5', true],
    ['"text"', true],
    ['[1,{"a":"ü"}]', true],
    ['"own form"', true],
    ['"1970-01-01T00:00:00.000Z"', true],
    ['{"b":1}', false],
  ]);
  assert.equal(server.sendJson(1), false);
});

test('FB-11 GN-05: a value without a JSON form is a TypeError that names the fix, and sends nothing', async () => {
  await using joined = await pair();
  const { server } = joined;
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const fault = new Error('no form');
  const failing = {
    toJSON: () => {
      throw fault;
    },
  };
  const rows: readonly (readonly [value: unknown, message: RegExp])[] = [
    [undefined, /^connection\.sendJson: undefined has no JSON form; send null$/],
    [() => 1, /a function has no JSON form/],
    [Symbol('x'), /a symbol has no JSON form/],
    [1n, /BigInt/],
    [circle, /circular/],
    [Promise.resolve(1), /a promise has no JSON form; await it first/],
    [new Map([['a', 1]]), /a Map has no JSON form; send Object\.fromEntries/],
    [new Set([1]), /a Set has no JSON form; send \[\.\.\.value\]/],
    [failing, /no form/],
  ];
  for (const [value, message] of rows)
    assert.throws(
      () => server.sendJson(value),
      (error) =>
        error instanceof MisuseError &&
        error instanceof TypeError &&
        error.code === 'ERR_ARGUMENT' &&
        message.test(error.message),
      String(message),
    );
  assert.throws(() => server.sendJson(failing), { cause: fault });
  assert.throws(
    () => server.sendJson(1, (() => undefined) as object),
    /takes no callback; await connection\.drained\(\)/,
  );
  assert.equal(server.messagesSent, 0);
});

test('FB-11 RC-04: a reconnecting client writes the JSON at once, also for its offline queue', async () => {
  const server = new WebSocketServer();
  const { port } = await server.listen(0, '127.0.0.1');
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`);
  const value = { state: 'queued' };
  assert.equal(client.sendJson(value), true);
  value.state = 'changed';
  assert.throws(() => client.sendJson(undefined), { code: 'ERR_ARGUMENT', message: /^client\.sendJson/ });
  const [connection] = await waitForEvent(server, 'connection');
  assert.ok(connection instanceof Connection);
  assert.deepEqual(await waitForEvent(connection, 'message'), ['{"state":"queued"}', true]);
  client.close();
  await client.closed;
  await server.shutdown();
});
