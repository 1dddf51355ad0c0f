import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANNELS, type HandlerMessage } from '../../src/observe/index.ts';
import { ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, text } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { bindStore, recordTrace } from './recorder.ts';

test('LG-03: sync and async listeners of connection and server run in the store of their message, also after await', async (t) => {
  const store = bindStore<HandlerMessage>(t, CHANNELS.handler);
  const { join, server } = live(t);
  const seen: string[] = [];
  const note = (where: string): void => {
    const at = store.getStore();
    seen.push(
      `${where} ${String(at?.message)} ${at?.connection?.id === undefined ? '-' : ids.get(at.connection.id)}`,
    );
  };
  const ids = new Map<string, string>();
  server.on('message', async (_, message) => {
    note(`server ${String(message)}`);
    await eventLoopTurns(2);
    note(`server later ${String(message)}`);
  });
  const [a, b] = [await join(), await join()];
  for (const [name, { connection }] of [
    ['a', a],
    ['b', b],
  ] as const) {
    ids.set(connection.id, name);
    connection.on('message', (message) => note(`connection ${String(message)}`));
    connection.on('close', () => note('close'));
  }
  // Both in one turn, and two for each connection.
  for (const [name, { raw }] of [
    ['a', a],
    ['b', b],
  ] as const)
    raw.send(Buffer.concat([text(`${name}1`), text(`${name}2`)]));
  await eventLoopTurns(12);
  const expected = ['a1', 'a2', 'b1', 'b2'].flatMap((message) =>
    ['connection', 'server', 'server later'].map((where) => `${where} ${message} ${message} ${message[0]}`),
  );
  assert.deepEqual(seen.sort(), expected.sort());
  assert.equal(store.getStore(), undefined);
});

const failure = new Error('of the application');

for (const [what, listener, parts] of [
  ['returns', () => {}, ['start', 'end']],
  ['returns a promise', async () => eventLoopTurns(1), ['start', 'end', 'asyncStart', 'asyncEnd']],
  [
    'throws',
    () => {
      throw failure;
    },
    ['start', 'error', 'end'],
  ],
  ['rejects', async () => Promise.reject(failure), ['start', 'end', 'error', 'asyncStart', 'asyncEnd']],
] as const) {
  test(`LG-03: a listener that ${what} publishes ${parts.join(', ')}`, async (t) => {
    const published = recordTrace(t, CHANNELS.handler);
    const { join, errors } = live(t);
    const { raw, connection } = await join();
    connection.on('message', listener);
    raw.send(text('hello'));
    await eventLoopTurns(8);
    errors.length = 0;
    assert.deepEqual(
      published.map(([part, { error, ...rest }]) => [part, rest, error]),
      parts.map((part, at) => {
        const failedAt = (parts as readonly string[]).indexOf('error');
        const hasFailed = failedAt >= 0 && at >= failedAt;
        return [part, { connection, message: 'hello', isText: true }, hasFailed ? failure : undefined];
      }),
    );
  });
}

test('LG-03: a message has one trace, whatever the number of its listeners; without a listener it has none', async (t) => {
  const published = recordTrace(t, CHANNELS.handler);
  const { join, server } = live(t);
  const { raw, connection } = await join();
  const iterator = connection[Symbol.asyncIterator]();
  const first = iterator.next();
  raw.send(text('to the loop'));
  assert.deepEqual(await first, { done: false, value: 'to the loop' });
  assert.equal(published.length, 0);
  const gone: string[] = [];
  connection.on('message', async () => {
    await eventLoopTurns(1);
    gone.push('one');
  });
  server.on('message', async () => {
    await eventLoopTurns(3);
    gone.push('two');
  });
  const second = iterator.next();
  raw.send(text('to all'));
  await second;
  await eventLoopTurns(10);
  assert.deepEqual(
    published.map(([part]) => part),
    ['start', 'end', 'asyncStart', 'asyncEnd'],
  );
  assert.deepEqual(gone, ['one', 'two']);
  await iterator.return?.();
});

test('LG-03: a message of a ReconnectingClient has one trace, with its connection', async (t) => {
  const server = new WebSocketServer();
  server.on('connection', (connection) => void connection.send('welcome'));
  const { port } = await server.listen(0, '127.0.0.1');
  const published = recordTrace(t, CHANNELS.handler);
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`);
  const message = await new Promise((resolve) => client.once('message', resolve));
  assert.equal(message, 'welcome');
  const { connection } = client;
  assert.ok(connection);
  assert.deepEqual(published, [
    ['start', { connection, message: 'welcome', isText: true }],
    ['end', { connection, message: 'welcome', isText: true }],
  ]);
  client.close();
  await client.closed;
  await server.shutdown();
});
