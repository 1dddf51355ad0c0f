import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Connection, WebSocketServer } from '../../src/index.ts';
import { close, eventLoopTurns, frame, text, waitUntil } from '../../src/testing/index.ts';
import { collectGarbage, NO_COLLECTOR } from '../garbage.ts';
import { closeCode, listening, live, nextText } from '../server/live.ts';

test('EV-01 EV-05: server and connection are emitters with the documented methods', async (t) => {
  const { server, join } = live(t);
  const { connection } = await join();
  assert.ok(server instanceof EventEmitter && server instanceof WebSocketServer);
  assert.ok(connection instanceof EventEmitter && connection instanceof Connection);
  const has = (object: object, ...names: string[]): void => {
    for (const name of names) assert.equal(typeof Reflect.get(object, name), 'function', name);
  };
  has(
    server,
    'listen',
    'handleUpgrade',
    'attach',
    'detach',
    'broadcast',
    'publish',
    'shutdown',
    'stats',
    'ready',
    'address',
  );
  has(
    connection,
    'send',
    'sendJson',
    'sendStream',
    'ping',
    'close',
    'terminate',
    'pause',
    'resume',
    'subscribe',
    'unsubscribe',
    'publish',
    'drained',
  );
});

test('EV-10 GN-13: wrong event names, option names and arguments do not compile', () => {
  const server = new WebSocketServer<{ user: string }>();
  // @ts-expect-error: there is no such event
  server.on('conection', () => undefined);
  // @ts-expect-error: a message is a string or a Buffer
  server.on('message', (_, message: number) => message);
  server.on('connection', (connection) => {
    const user: string = connection.data.user;
    // @ts-expect-error: numbers cannot be sent
    assert.throws(() => connection.send(5), TypeError);
    return user;
  });
  // @ts-expect-error: there is no such option
  assert.throws(() => new WebSocketServer({ maxMesageBytes: 5 }), /maxMessageBytes/);
});

test('FB-04: send, broadcast and publish send lone surrogates as U+FFFD', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  connection.subscribe('t');
  const broken = 'a\ud800b\udc00c';
  connection.send(broken);
  server.broadcast(broken);
  server.publish('t', broken);
  connection.send(broken.repeat(1_000));
  for (const times of [1, 1, 1, 1_000]) {
    const { opcode, payload } = await raw.nextFrame();
    assert.deepEqual([opcode, payload.toString()], [1, 'a\ufffdb\ufffdc'.repeat(times)]);
  }
});

test('FB-05 EV-08: unless open, send and ping return false, are counted and do not throw', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  connection.close(1000);
  assert.deepEqual([connection.state, connection.send('x'), connection.ping()], ['closing', false, false]);
  assert.equal(await closeCode(raw), 1000);
  raw.send(close(1000));
  raw.end();
  await connection.closed;
  assert.deepEqual([connection.state, connection.send('x'), connection.ping()], ['closed', false, false]);
  assert.deepEqual([connection.droppedMessages, server.stats().messages.dropped], [2, 2]);
});

test('FB-08: send from any callback sends whole messages in order, with no ping inside a message', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  let sent = 0;
  const expected: string[] = [];
  const say = (): void => {
    const line = `${sent++} ${'x'.repeat((sent * 997) % 4_000)}`;
    expected.push(line);
    connection.send(line);
  };
  connection.on('message', say);
  connection.on('ping', say);
  for (let i = 0; i < 60; i++) {
    if (i % 3 === 0) say();
    if (i % 4 === 0) connection.ping(`${i}`);
    if (i % 5 === 0) setImmediate(say);
    if (i % 6 === 0) process.nextTick(say);
    if (i % 7 === 0) void Promise.resolve().then(say);
    raw.send(text('speak'));
    if (i % 10 === 0) await eventLoopTurns(2);
  }
  await waitUntil(() => connection.messagesReceived === 60);
  await eventLoopTurns(3);
  const got: string[] = [];
  while (got.length < expected.length) {
    const { opcode, payload, fin } = await raw.nextFrame();
    assert.ok(fin && (opcode === 1 || opcode === 9), `opcode ${opcode}`);
    if (opcode === 1) got.push(payload.toString());
  }
  assert.deepEqual(got, expected);
});

test('BP-02: bufferedBytes is above 0 while bytes are queued anywhere in the process, and 0 once the peer has them', async (t) => {
  const { server, join } = await listening(t);
  const client = await join();
  client.pause();
  const [connection] = server.connections;
  const total = 900_000;
  connection!.send(Buffer.alloc(total));
  assert.ok(connection!.bufferedBytes >= total, 'before the write of this turn');
  client.resume();
  assert.equal((await client.nextFrame()).payload.length, total);
  await waitUntil(() => connection!.bufferedBytes === 0);
});

test('FP-05 SE-17: a frame that is not masked fails the connection with 1002', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  raw.send(frame({ opcode: 1, payload: 'x', mask: false }));
  assert.equal(await closeCode(raw), 1002);
  raw[Symbol.dispose]();
  const { cause, error } = await connection.closed;
  assert.deepEqual([cause, error?.code], ['protocol-error', 'ERR_MASK_MISSING']);
});

test('SE-33 RG-02: ids come from the random source of the server, not from the client', async (t) => {
  const made: string[] = [];
  const { randomUUID, randomBytes } = await import('node:crypto');
  const random = {
    bytes: (count: number) => randomBytes(count),
    fraction: () => 0.5,
    uuid: () => {
      const id = randomUUID();
      made.push(id);
      return id;
    },
  };
  const { join } = live(t, { random });
  const peers = [await join(), await join({ 'X-Request-Id': 'mine' })];
  assert.deepEqual(
    peers.map(({ connection }) => connection.id),
    made,
  );
});

test('RG-05: hook and event get the request, and the connection does not retain it', {
  skip: NO_COLLECTOR,
}, async (t) => {
  const given: WeakRef<object>[] = [];
  const { server, join } = live(t, {
    upgrade: ({ request }) => {
      given.push(new WeakRef(request));
    },
  });
  server.on('connection', (_, request) => void given.push(new WeakRef(request)));
  const { connection } = await join();
  assert.equal(given.length, 2);
  await waitUntil(() => {
    collectGarbage();
    return given.every((reference) => reference.deref() === undefined);
  });
  assert.equal(connection.state, 'open');
});

test('BC-06 GN-15: a broadcast is written in slices of 512, and the event loop runs in between', async (t) => {
  const { server, join } = live(t, { heartbeat: false, idleTimeoutMs: false });
  const peers = [];
  for (let i = 0; i < 1_200; i++) peers.push(await join());
  assert.equal(server.broadcast('x').sent, 1_200, 'accepted by all at once');
  const written = (): number => [...server.connections].filter(({ bytesSent }) => bytesSent > 0).length;
  const slices: number[] = [written()];
  while (slices.at(-1)! < 1_200) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    slices.push(written());
  }
  assert.equal(slices[0], 0);
  for (let i = 1; i < slices.length; i++) assert.ok(slices[i]! - slices[i - 1]! <= 512, slices.join(' '));
  for (const { raw } of peers) assert.equal(await nextText(raw), 'x');
});
