import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { close, eventLoopTurns, pair, ping, text, waitForEvent } from '../../src/testing/index.ts';
import { harbour } from '../client/reconnect/reconnecting.ts';
import { assignForeign } from '../properties.ts';
import { closeCode, live, nextText } from '../server/live.ts';

test('GN-16 properties that an application assigns to a connection of a server change nothing', async (t) => {
  const { server, join } = live(t, { maxConnections: 2 });
  const told: string[] = [];
  server.on('connection', (connection) => assert.ok(assignForeign(connection) > 300));
  server.on('message', (connection, message) => void connection.send(message));
  const { raw, connection } = await join();
  const other = await join();
  for (const name of ['ping', 'close', 'stateChange'] as const)
    connection.on(name, () => void told.push(name));
  raw.send(text('echo'));
  raw.send(ping('p'));
  assert.equal(await nextText(raw), 'echo');
  assert.equal((await raw.nextFrame()).opcode, 10);
  connection.once('message', () => void told.push('message'));
  raw.send(text('again'));
  raw.send(text('and again'));
  assert.deepEqual([await nextText(raw), await nextText(raw)], ['again', 'and again']);
  assert.ok(connection.subscribe('room') && other.connection.subscribe('room'));
  const { sent, skipped, failed } = server.publish('room', 'to the room', { except: other.connection });
  assert.deepEqual([sent, skipped, failed], [1, 1, 0]);
  assert.equal(await nextText(raw), 'to the room');
  assert.equal(server.broadcast('to all', { to: [connection], where: () => true }).sent, 1);
  assert.equal(await nextText(raw), 'to all');
  assert.deepEqual([...server.topics.subscribers('room')], [connection, other.connection]);
  assert.deepEqual([connection.messagesReceived, connection.messagesSent], [3, 5]);
  connection.close(4000, 'bye');
  assert.equal(await closeCode(raw), 4000);
  raw.send(close(4000));
  raw.end();
  assert.equal((await connection.closed).code, 4000);
  assert.deepEqual(told, ['ping', 'message', 'stateChange', 'stateChange', 'close']);
  other.raw.send(close(1000));
  assert.equal(await closeCode(other.raw), 1000);
  other.raw.end();
  await other.connection.closed;
  // Both places are free again.
  await join();
  await join();
});

test('GN-16 properties that an application assigns to a client connection change nothing', async () => {
  await using joined = await pair();
  const { client, server } = joined;
  assert.ok(assignForeign(client) > 300);
  const messages: unknown[] = [];
  client.on('message', (message) => void messages.push(message));
  server.on('message', (message) => void server.send(message));
  client.send('echo');
  await waitForEvent(client, 'message');
  assert.deepEqual(messages, ['echo']);
  client.ping('p');
  await waitForEvent(client, 'pong');
  client.close(4001, 'bye');
  assert.equal((await server.closed).code, 4001);
  assert.equal((await client.closed).wasClean, true);
});

test('GN-16 properties that an application assigns to a server change nothing: it serves, counts and shuts down', async () => {
  const server = new WebSocketServer({ maxConnections: 1 });
  assert.ok(assignForeign(server) > 300);
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const told: string[] = [];
  server.on('closed', () => void told.push('closed'));
  server.on('close', () => void told.push('close'));
  for (let round = 0; round < 2; round++) {
    const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { maxAttempts: 20 });
    assert.ok(assignForeign(client) > 300);
    client.send('echo');
    assert.deepEqual(await waitForEvent(client, 'message'), ['echo', true]);
    assert.deepEqual([server.connections.size, server.ready()], [1, false]);
    client.close();
    assert.equal((await client.closed).why, 'close');
  }
  const { forced } = await server.shutdown();
  assert.deepEqual([forced, told], [0, ['close', 'close', 'closed']]);
});

test('GN-16 properties that an application assigns to a reconnecting client, or to its connections, change nothing', async (t) => {
  const { url, received, server, leave, comeBack } = await harbour(t);
  const client = new ReconnectingClient(url, { baseDelayMs: 100, maxDelayMs: 100 });
  assert.ok(assignForeign(client) > 300);
  client.on('open', (connection) => {
    assignForeign(connection);
    // An application cannot remove listeners of the library.
    connection.removeAllListeners();
    setImmediate(() => connection.removeAllListeners());
  });
  const messages: unknown[] = [];
  client.on('message', (message) => void messages.push(message));
  client.send('one');
  await waitForEvent(client, 'open');
  await waitForEvent(server(), 'message').catch(() => undefined);
  server().broadcast('first');
  await waitForEvent(client, 'message');
  const opened = waitForEvent(client, 'open');
  await leave();
  await comeBack();
  await opened;
  client.send('two');
  await waitForEvent(server(), 'message').catch(() => undefined);
  server().broadcast('second');
  await waitForEvent(client, 'message');
  assert.deepEqual(
    [received, messages],
    [
      ['one', 'two'],
      ['first', 'second'],
    ],
  );
  client.close();
  await client.closed;
});

test('GN-16 only subscribe and unsubscribe change connection.topics, and no two connections share it', async (t) => {
  const { server, join } = live(t);
  const [one, two] = [(await join()).connection, (await join()).connection];
  const change = one.topics as Set<string>;
  for (const method of [() => change.add('x'), () => change.delete('x'), () => change.clear()]) {
    assert.throws(method, { code: 'ERR_STATE', message: /call connection\.subscribe/ });
  }
  assert.deepEqual([one.topics.size, two.topics.size], [0, 0]);
  one.subscribe('a');
  const own = one.topics as Set<string>;
  assert.throws(() => own.delete('a'), { code: 'ERR_STATE' });
  assignForeign(own);
  for (const name of ['add', 'delete', 'has', 'clear', 'values', 'size'] as const) {
    Object.defineProperty(own, name, { value: () => assert.fail(name), configurable: true });
  }
  assert.deepEqual([one.subscribe('b'), one.subscribe('a'), one.unsubscribe('a')], [true, false, true]);
  assert.equal(server.publish('b', 'x').sent, 1);
  one.terminate();
  await one.closed;
  assert.deepEqual(server.stats().topics, { count: 0, subscriptions: 0 });
});

test('GN-16 objects that a server exposes for reading cannot be changed', async (t) => {
  const { server, join } = live(t);
  const { connection } = await join();
  connection.subscribe('room');
  assignForeign(server.connections);
  for (const change of ['add', 'remove', 'set', 'delete', 'clear']) {
    assert.equal(Reflect.has(server.topics, change), false, change);
  }
  assert.deepEqual([...server.connections], [connection]);
  assert.equal(server.broadcast('x').sent, 1);
  await eventLoopTurns(2);
  assert.equal(connection.messagesSent, 1);
});
