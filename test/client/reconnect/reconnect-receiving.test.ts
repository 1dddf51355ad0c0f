import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { boat, harbour } from './reconnecting.ts';

test('RC-01 EV-07: one for-await loop receives messages of consecutive connections in order until close()', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url);
  const messages: unknown[] = [];
  const loop = (async () => {
    for await (const message of client) messages.push(message);
  })();
  for (let round = 0; round < 3; round++) {
    await next('open');
    for (let i = 0; i < 3; i++) port.server().broadcast(`${round}.${i}`);
    await port.leave();
    await port.comeBack();
    clock.advance((await next('retry')).delayMs);
  }
  assert.throws(() => client[Symbol.asyncIterator](), { code: 'ERR_STATE' });
  await next('open');
  client.close();
  await loop;
  assert.deepEqual(messages, ['0.0', '0.1', '0.2', '1.0', '1.1', '1.2', '2.0', '2.1', '2.2']);
  for await (const message of client) assert.fail(`after the end: ${String(message)}`);
});

test('RC-01: a slow listener loses no message in a reconnect and does not delay it', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url);
  const messages: string[] = [];
  let goOn = (): void => {};
  client.on('message', (message) => {
    messages.push(String(message).slice(0, 3));
    return new Promise<void>((resolve) => {
      goOn = resolve;
    });
  });
  await next('open');
  for (let i = 0; i < 20; i++) port.server().broadcast(`a${i}`.padEnd(500, '.'));
  await waitUntil(() => messages.length === 1);
  await port.leave();
  await port.comeBack();
  clock.advance((await next('retry')).delayMs);
  await next('open');
  port.server().broadcast('b0.');
  while (!messages.includes('b0.')) {
    goOn();
    await eventLoopTurns(1);
  }
  goOn();
  const expected = [...Array.from({ length: 20 }, (_, i) => `a${i}`.padEnd(3, '.')), 'b0.'];
  assert.deepEqual(messages, expected);
  assert.equal(client.droppedMessages, 0);
});

test('RC-01: messages received before a connection is lost are delivered, also beyond receiveAheadBytes', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url, { receiveAheadBytes: 1_000 });
  const messages: string[] = [];
  client.pause();
  client.on('message', (message) => void messages.push(String(message).trimEnd()));
  const connection = await next('open');
  for (let i = 0; i < 20; i++) port.server().broadcast(`a${i}`.padEnd(300));
  await waitUntil(() => connection.messagesReceived >= 4);
  const [peer] = port.server().connections;
  peer!.terminate();
  // The client does not read, so only its pings detect the reset.
  await waitUntil(() => {
    if (connection.state !== 'closed') clock.advance(500);
    return connection.state === 'closed';
  });
  await next('down');
  clock.advance((await next('retry')).delayMs);
  await next('open');
  assert.equal(messages.length, 0);
  client.resume();
  port.server().broadcast('b0');
  await waitUntil(() => messages.includes('b0'));
  const kept = messages.slice(0, -1);
  assert.equal(kept.length, connection.messagesReceived);
  assert.deepEqual(
    kept,
    kept.map((_, i) => `a${i}`),
    'in order, without a gap',
  );
  assert.equal(client.droppedMessages, 0);
});

test('RC-01 BP-10: a client whose handlers do not return applies back-pressure to the server, also with many handlers at once', async (t) => {
  const port = await harbour(t, { maxBufferedBytes: 100_000_000 });
  const { client, next } = boat(t, port.url, { receiveAheadBytes: 10_000, maxConcurrentMessages: 4 });
  let taken = 0;
  client.on('message', () => void taken++);
  client.pause();
  await next('open');
  for (let i = 0; i < 40; i++) port.server().broadcast(Buffer.alloc(500_000));
  const [connection] = port.server().connections;
  await eventLoopTurns(200);
  assert.ok(
    connection!.bufferedBytes > 5_000_000,
    `${connection!.bufferedBytes} bytes buffered at the server`,
  );
  assert.equal(taken, 0);
  client.resume();
  await waitUntil(() => taken === 40);
});

test('RC-01: unconsumed messages do not keep a client that gave up from ending', async (t) => {
  const port = await harbour(t);
  const { client, clock, next, names } = boat(t, port.url);
  await next('open');
  port.server().broadcast('is there anybody?');
  const [connection] = port.server().connections;
  connection?.close(4000);
  await next('giveUp');
  await eventLoopTurns(3);
  assert.equal(client.state, 'closing');
  for (let i = 0; i < 51; i++) clock.advance(100);
  await next('close');
  assert.equal(client.droppedMessages, 1);
  assert.deepEqual(names(), ['open', 'down', 'giveUp', 'close']);
});

test('RC-01: a listener attached late receives the buffered message before the end', async (t) => {
  const port = await harbour(t);
  const { client, next, names } = boat(t, port.url);
  await next('open');
  port.server().broadcast('late');
  const [connection] = port.server().connections;
  connection?.close(4000);
  await next('giveUp');
  const messages: unknown[] = [];
  client.on('message', (message) => void messages.push([message, names().includes('close')]));
  await client.closed;
  assert.deepEqual(messages, [['late', false]]);
});

test('RC-01: close() after leaving the for-await loop does not wait for unconsumed messages', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url);
  await next('open');
  for (let i = 0; i < 5; i++) port.server().broadcast(String(i));
  for await (const message of client) {
    assert.equal(message, '0');
    break;
  }
  await waitUntil(() => client.connection?.messagesReceived === 5);
  client.close();
  await client.closed;
  assert.deepEqual([client.droppedMessages, clock.now()], [4, 0]);
});
