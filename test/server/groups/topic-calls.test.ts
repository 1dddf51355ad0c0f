import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, WebSocketServer } from '../../../src/index.ts';
import { pair } from '../../../src/testing/index.ts';

type Any<Of> = { [Name in keyof Of]: (...args: unknown[]) => unknown };

test('GN-05 calls about topics refuse wrong, unknown and surplus arguments, and name them', async (t) => {
  const joined = await pair({ server: { history: { match: '*' }, presence: { match: '*' } } });
  t.after(() => joined[Symbol.asyncDispose]());
  const connection = joined.server as unknown as Any<Connection>;
  const client = joined.client as unknown as Any<Connection>;
  const server = joined.webSocketServer as unknown as Any<WebSocketServer>;
  const handler = (): void => {};
  const rows: readonly (readonly [call: () => unknown, code: string, says: RegExp])[] = [
    [() => connection.subscribeFrom(5), 'ERR_ARGUMENT', /^a topic must be a string/],
    [
      () => connection.subscribeFrom('t', 5),
      'ERR_ARGUMENT',
      /^connection\.subscribeFrom: since is 5; it must be a position/,
    ],
    [() => connection.subscribeFrom('t', { epoch: 'a b', offset: 1 }), 'ERR_ARGUMENT', /since is an object/],
    [
      () => connection.subscribeFrom('t', undefined, handler),
      'ERR_ARGUMENT',
      /takes no callback; pass \{ deliver \}/,
    ],
    [() => connection.subscribeFrom('t', undefined, { delivr: handler }), 'ERR_OPTION', /nearest is deliver/],
    [
      () => connection.subscribeFrom('t', undefined, { lost: 5 }),
      'ERR_OPTION',
      /lost is 5; it must be a function/,
    ],
    [() => connection.subscribeFrom('t', undefined, { signal: {} }), 'ERR_OPTION', /signal is an object/],
    [() => connection.subscribeFrom('t', undefined, {}, 5), 'ERR_ARGUMENT', /takes no such argument as 5/],
    [() => connection.enter(''), 'ERR_ARGUMENT', /^a topic must not be empty/],
    [
      () => connection.enter('t', { key: '' }),
      'ERR_OPTION',
      /^connection\.enter: key must be a string of 1 to 128 bytes/,
    ],
    [() => connection.enter('t', { key: 'é'.repeat(65) }), 'ERR_OPTION', /key must be/],
    [
      () => connection.enter('t', { info: 'x'.repeat(1_024) }),
      'ERR_OPTION',
      /info must be a JSON value of at most 1024 bytes/,
    ],
    [() => connection.enter('t', { info: handler }), 'ERR_OPTION', /info must be/],
    [() => connection.enter('t', { name: 'x' }), 'ERR_OPTION', /no option name/],
    [() => connection.enter('t', {}, 5), 'ERR_ARGUMENT', /takes no such argument/],
    [() => connection.leave(5), 'ERR_ARGUMENT', /^a topic must be/],
    [() => connection.leave('t', 5), 'ERR_ARGUMENT', /takes no such argument/],
    [() => connection.request(''), 'ERR_ARGUMENT', /^connection\.request: name is ""/],
    [() => connection.request('x', 1, { timeoutMs: 0 }), 'ERR_OPTION', /timeoutMs is 0/],
    [() => connection.request('x', 1, handler), 'ERR_ARGUMENT', /takes no callback; await/],
    [() => connection.request('x', 1), 'ERR_STATE', /needs a connection with the subprotocol hawser\.v1/],
    [() => connection.publish('t', 'x', { local: 1 }), 'ERR_OPTION', /local is 1; it must be true or false/],
    [() => server.position(5), 'ERR_ARGUMENT', /^a topic must be/],
    [() => server.position('t', 5), 'ERR_ARGUMENT', /takes no such argument/],
    [() => server.presence(5), 'ERR_ARGUMENT', /^a topic must be/],
    [() => server.watch('t', handler), 'ERR_ARGUMENT', /takes no callback; listen to 'join' and 'leave'/],
    [() => server.unwatch(5), 'ERR_ARGUMENT', /^a topic must be/],
    [() => server.handle(5, handler), 'ERR_ARGUMENT', /^server\.handle: name is 5/],
    [() => server.handle('x', 5), 'ERR_ARGUMENT', /handler is 5; it must be a function/],
    [
      () => server.handle('x', handler, { schema: {} }),
      'ERR_OPTION',
      /schema is an object; it must be a Standard Schema/,
    ],
    [() => server.handle('x', handler, { timeoutMs: 0 }), 'ERR_OPTION', /timeoutMs is 0/],
    [() => client.subscribeFrom('t'), 'ERR_STATE', /topics/],
    [() => client.enter('t'), 'ERR_STATE', /topics/],
    [() => client.leave('t'), 'ERR_STATE', /topics/],
    [() => client.request('x'), 'ERR_STATE', /hawser\.v1/],
  ];
  for (const [call, code, says] of rows)
    await assert.rejects(
      async () => call(),
      (error: Error & { code: string }) => {
        assert.deepEqual([error.name, error.code], ['MisuseError', code], call.toString());
        assert.match(error.message, says);
        return true;
      },
    );
  assert.equal(server.handle('x', handler), server, 'it can be chained');
});
