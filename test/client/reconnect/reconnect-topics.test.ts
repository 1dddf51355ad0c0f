import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ServerOptions } from '../../../src/index.ts';
import { WebSocketServer as RawServer } from '../../../src/ws/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { ReconnectingClient } from '../dialling.ts';
import { boat, harbour, short } from './reconnecting.ts';

const PROTOCOLS = { protocols: ['hawser.v1'] } as const;

/** A server with the topics `room` and `other`, that echoes messages and requests. */
async function topicServer(t: TestContext, options: ServerOptions = PROTOCOLS) {
  const port = await harbour(t, {
    ...(options.protocols === undefined ? {} : { history: { match: 'room' } }),
    authorizeSubscribe: (_, topic) => topic !== 'secret',
    authorizePublish: () => true,
    ...options,
  });
  const server = port.server();
  server.on('message', (connection, message) => void connection.send(message));
  server.handle('echo', (_, data) => data);
  return { ...port, publish: (text: string) => void server.publish('room', text) };
}

/** A server whose frames a test writes: the server of `hawser/ws` knows no topics. */
async function rawServer(t: TestContext, frame: string | Buffer): Promise<string> {
  const server = new RawServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'hawser.v1' });
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  server.on('connection', (socket) => socket.send(frame));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('RC-06: send and message are the op message in both directions, also for bytes and queued messages', async (t) => {
  const server = await topicServer(t);
  const { client, next } = boat(t, server.url, PROTOCOLS);
  const seen: unknown[] = [];
  client.on('message', (message, isText) => void seen.push([message, isText]));
  assert.equal(client.send('queued'), true);
  await next('open');
  client.send(Buffer.of(0, 255));
  client.send('as bytes', { binary: true });
  client.send(Buffer.from('as text'), { binary: false, compress: false });
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, [
    ['queued', true],
    [Buffer.of(0, 255), false],
    [Buffer.from('as bytes'), false],
    ['as text', true],
  ]);
  assert.deepEqual(await client.request('echo', { a: [1] }), { a: [1] });
});

test('RC-06: messages of a loop that is slow delay reading, also over hawser.v1', async (t) => {
  const server = await topicServer(t);
  const { client, next } = boat(t, server.url, { ...PROTOCOLS, receiveAheadBytes: 1_000 });
  await next('open');
  const text = 'x'.repeat(2_000);
  const seen: unknown[] = [];
  const loop = client[Symbol.asyncIterator]();
  for (let i = 0; i < 20; i++) client.send(text);
  for (let i = 0; i < 20; i++) seen.push((await loop.next()).value);
  assert.ok(seen.every((each) => each === text));
  await loop.return?.();
});

test('RC-06: a server that did not choose hawser.v1 is a clear error, and messages stay plain', async (t) => {
  const server = await topicServer(t, {});
  const { client, next, told } = boat(t, server.url, PROTOCOLS);
  const room = client.topic('room');
  const errors: string[] = [];
  room.on('error', ({ code }) => void errors.push(code));
  const asked = client.request('x');
  await assert.rejects(asked, {
    code: 'no-protocol',
    message: /the server chose no subprotocol, not hawser\.v1/,
  });
  await next('open');
  await waitUntil(() => errors.length === 1);
  client.send('{"op":"plain"}');
  await waitUntil(() => server.received.length === 1);
  assert.deepEqual(server.received, ['{"op":"plain"}']);
  assert.deepEqual(
    told.filter(([name]) => name === 'error'),
    [],
  );
});

for (const options of [PROTOCOLS, {}] as const) {
  test(`RC-06: a listener of open may use the first topic; server options ${JSON.stringify(options)}`, async (t) => {
    const server = await topicServer(t, options);
    const { client } = boat(t, server.url, { protocols: () => ['hawser.v1'] });
    const codes: string[] = [];
    const answer = new Promise((resolve) => {
      client.on('open', () => {
        client.topic('room').on('error', ({ code }) => void codes.push(code));
        resolve(client.request('echo', 1).catch(({ code }: { code: string }) => code));
      });
    });
    assert.equal(await answer, options === PROTOCOLS ? 1 : 'no-protocol');
    assert.deepEqual(codes, options === PROTOCOLS ? [] : ['no-protocol']);
  });
}

test('RC-06: send in a listener of open is the op message, or plain after a reconnect without hawser.v1', async (t) => {
  const server = await topicServer(t);
  const { client, clock, next } = boat(t, server.url, PROTOCOLS);
  client.on('open', () => void client.send('hello'));
  await next('open');
  await waitUntil(() => server.received.length === 1);
  await server.leave();
  const { delayMs } = await next('retry');
  await server.comeBack({});
  clock.advance(delayMs);
  await next('open');
  await waitUntil(() => server.received.length === 2);
  assert.deepEqual(server.received, ['hello', 'hello']);
});

test('RC-06: without a queue, operations in a listener of open are sent', async (t) => {
  const server = await topicServer(t);
  const { client } = boat(t, server.url, { ...PROTOCOLS, offlineQueue: false });
  const room = client.topic('room');
  const answers = new Promise<unknown[]>((resolve, reject) => {
    client.on('open', () => {
      Promise.all([client.request('echo', 1), room.publish('x')]).then(resolve, reject);
    });
  });
  const [echo, published] = await answers;
  assert.equal(echo, 1);
  assert.equal((published as { position: { offset: number } }).position.offset, 1);
});

for (const [name, start] of [
  ['after terminate', 'terminated'],
  ['before an open listener that terminates', 'queued'],
] as const) {
  test(`RC-06: a publish ${name} is sent on the next connection`, async (t) => {
    const server = await topicServer(t);
    const { client, clock, next } = boat(t, server.url, PROTOCOLS);
    const room = client.topic('room');
    if (start === 'queued') client.once('open', (connection) => connection.terminate());
    else {
      await room.subscribed();
      client.connection!.terminate();
    }
    const published = Promise.all([room.publish('x'), client.request('echo', 2)]);
    published.catch(() => {});
    clock.advance((await next('retry')).delayMs);
    const [{ position }, echo] = await published;
    assert.deepEqual([position?.offset, echo], [1, 2]);
  });
}

test('RC-06: without hawser.v1 in protocols, topics and requests throw with the fix', async (t) => {
  const server = await topicServer(t);
  const { client } = boat(t, server.url, { protocols: ['chat'] });
  const fix = { code: 'ERR_STATE', message: /create it with protocols: \['hawser\.v1'\]/ };
  assert.throws(() => client.topic('room'), fix);
  assert.throws(() => client.request('room'), fix);
  assert.throws(() => client.handle('room', () => 1), fix);
});

for (const frame of ['{"op":"message","topic":1}', Buffer.of(1)]) {
  test(`HI-01: a server that breaks hawser.v1 with a ${typeof frame} is left with 1002, for good`, async (t) => {
    const { client } = boat(t, await rawServer(t, frame), PROTOCOLS);
    const loop = client.topic('room')[Symbol.asyncIterator]();
    const info = await client.closed;
    assert.deepEqual([info.why, info.close?.sentCode], ['refused', 1002]);
    assert.deepEqual(await loop.next(), { done: true, value: undefined });
    assert.throws(() => client.topic('other'), { code: 'ERR_STATE' });
  });
}

test('RC-06: a refused topic is an error of the client if the topic has no listener; a throwing listener is, too', async (t) => {
  const server = await topicServer(t);
  const { client, next } = boat(t, server.url, PROTOCOLS);
  client.topic('secret');
  assert.equal((await next('error')).code, 'forbidden');
  const room = client.topic('room');
  room.on('message', () => {
    throw new Error('broken');
  });
  await room.subscribed();
  server.publish('x');
  const failed = await next('error');
  assert.deepEqual([failed.code, (failed.cause as Error).message], ['ERR_HANDLER', 'broken']);
});

test('RC-06: close ends topics and rejects what waits; a client made later with topics starts fresh', async (t) => {
  const server = await topicServer(t);
  const { client } = boat(t, server.url, PROTOCOLS);
  const room = client.topic('room');
  await room.subscribed();
  const seen: string[] = [];
  const ended = (async () => {
    for await (const message of room) seen.push(String(message));
  })();
  server.publish('1');
  await waitUntil(() => seen.length === 1);
  client.close();
  await ended;
  assert.deepEqual(short(await client.closed), ['close', 1000]);
  assert.throws(() => client.request('x'), { code: 'ERR_STATE' });
  const lone = new ReconnectingClient(server.url, { ...PROTOCOLS });
  lone.close();
  assert.throws(() => lone.topic('x'), { code: 'ERR_STATE' });
  await lone.closed;
});
