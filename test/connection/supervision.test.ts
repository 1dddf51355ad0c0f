import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, ServerOptions } from '../../src/index.ts';
import { close, eventLoopTurns, pair, ping, pong, text, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, nextText, type Peer } from '../server/live.ts';

const TIMES: ServerOptions = {
  pingIntervalMs: 4_000,
  pongTimeoutMs: 1_000,
  maxMissedPongs: 2,
  idleTimeoutMs: 6_000,
  closeTimeoutMs: 5_000,
  receiveAheadBytes: 1_000,
};
const LONG = text('x'.repeat(2_000));

/** Ways to stop reading while there is a consumer, and to continue. */
const STOPPED: readonly {
  readonly what: string;
  readonly stop: (connection: Connection) => () => unknown;
}[] = [
  {
    what: 'pause',
    stop: (connection) => {
      connection.on('message', () => undefined);
      connection.pause();
      return () => connection.resume();
    },
  },
  {
    what: 'a handler that hangs',
    stop: (connection) => {
      let goOn = (): void => {};
      const hanging = new Promise<void>((resolve) => (goOn = resolve));
      connection.on('message', () => hanging);
      return () => goOn();
    },
  },
  {
    what: 'a loop that does not ask',
    stop: (connection) => {
      const loop = connection[Symbol.asyncIterator]();
      return async () => {
        for (let next = await loop.next(); next.done !== true; ) next = await loop.next();
      };
    },
  },
];

/** Fills the read-ahead, so that the server stops reading with a message still unread. */
async function fill({ raw }: Peer): Promise<void> {
  for (let i = 0; i < 3; i++) {
    raw.send(LONG);
    await eventLoopTurns(6);
  }
}

for (const { what, stop } of STOPPED) {
  test(`HB-11 pings go on while ${what} stops reading, and missing pongs do not end the connection`, async (t) => {
    const { server, join, pass } = live(t, TIMES);
    const peer = await join();
    const { raw, connection } = peer;
    const goOn = stop(connection);
    await fill(peer);
    await pass(30_000);
    assert.equal(connection.state, 'open', 'neither two missed pongs nor silence end it');
    // Each ping is repeated once, a second later.
    const { pingsSent } = server.stats().heartbeat;
    assert.ok(pingsSent >= 12 && pingsSent <= 16, `${pingsSent} pings`);
    for (let i = 0; i < pingsSent; i++) assert.equal((await raw.nextFrame()).opcode, 9);
    void goOn();
    raw.send(ping('still here'));
    assert.deepEqual((await raw.nextFrame()).payload.toString(), 'still here');
    // From here on the server reads, so silence counts again.
    await pass(8_000);
    assert.equal(connection.state, 'closed');
    assert.equal((await connection.closed).cause, 'ping-timeout');
  });

  test(`HB-11 a reset is detected within one interval while ${what} stops reading`, async (t) => {
    const { join, pass } = live(t, TIMES);
    const peer = await join();
    stop(peer.connection);
    await fill(peer);
    peer.wire.reset();
    await pass(4_000);
    assert.equal(peer.connection.state, 'closed');
    await pass(5_100);
    assert.equal((await peer.connection.closed).cause, 'transport-error');
  });
}

test('HB-11 a pong to a ping that was sent while reading was paused costs no rate limit token and gives no round-trip time', async (t) => {
  const { server, join, pass } = live(t, {
    ...TIMES,
    rateLimit: {
      messagesPerSecond: 1,
      burstMessages: 2,
      bytesPerSecond: 3_000,
      burstBytes: 9_000,
      action: 'close',
    },
  });
  const peer = await join();
  const { raw, connection } = peer;
  connection.on('message', () => undefined);
  connection.pause();
  raw.send(LONG);
  await waitUntil(() => connection.messagesReceived === 1);
  await pass(30_000);
  const { pingsSent } = server.stats().heartbeat;
  assert.ok(pingsSent > 10);
  for (let i = 0; i < pingsSent; i++) raw.send(pong((await raw.nextFrame()).payload));
  await pass(1_000);
  connection.resume();
  await pass(1_000);
  assert.equal(server.stats().heartbeat.pongsReceived, pingsSent);
  assert.deepEqual([connection.state, connection.rttMs], ['open', undefined]);
  // One more pong than pings is an ordinary frame and costs a token. The tokens earned while nothing was read are still
  // there.
  for (let i = 0; i < 60; i++) raw.send(pong('unasked'));
  await pass(6_000);
  assert.equal((await connection.closed).cause, 'rate-limit');
});

test('HB-11 a connection without a consumer buffers messages for 10 s, then drops and counts them and reads on', async (t) => {
  const { server, join, pass } = live(t, { ...TIMES, heartbeat: false, idleTimeoutMs: false });
  const peer = await join();
  const { raw, connection } = peer;
  await fill(peer);
  raw.send(ping('behind'));
  await pass(9_000);
  assert.deepEqual([connection.droppedMessages, raw.received.length], [0, 0]);
  await pass(1_500);
  assert.deepEqual((await raw.nextFrame()).payload.toString(), 'behind', 'it reads again');
  assert.equal(connection.droppedMessages, connection.messagesReceived);
  assert.equal(connection.messagesReceived, 3);
  raw.send(text('late'));
  await waitUntil(() => connection.messagesReceived === 4);
  assert.equal(server.stats().messages.dropped, 4);
  // A consumer added now gets later messages only.
  const got: unknown[] = [];
  connection.on('message', (message) => void got.push(message));
  raw.send(text('heard'));
  await waitUntil(() => got.length > 0);
  assert.deepEqual(got, ['heard']);
  raw.send(close(1000));
  assert.equal(await closeCode(raw), 1000);
  raw.end();
  assert.equal((await connection.closed).cause, 'peer-close');
});

test('HB-11 BP-13 a listener of connection or server within 10 s gets every early message', async (t) => {
  const { server, join, pass } = live(t, { ...TIMES, heartbeat: false, idleTimeoutMs: false });
  const [one, two] = [await join(), await join()];
  for (const { raw, connection } of [one, two]) {
    raw.send(text('early'));
    await waitUntil(() => connection.messagesReceived === 1);
  }
  await pass(9_500);
  const [own, all]: [unknown[], unknown[]] = [[], []];
  one.connection.on('message', (message) => void own.push(message));
  assert.deepEqual(own, ['early']);
  server.on('message', (_, message) => void all.push(message));
  assert.deepEqual(all, ['early']);
  await pass(5_000);
  assert.equal(server.stats().messages.dropped, 0);
});

test('HB-11 messages are buffered for 10 s after the last listener was removed, or a loop was left', async (t) => {
  const { server, join, pass } = live(t, { ...TIMES, heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  await pass(20_000);
  const got: unknown[] = [];
  const listener = (message: unknown): void => void got.push(message);
  connection.on('message', listener);
  connection.off('message', listener);
  raw.send(text('one'));
  await pass(9_000);
  connection.on('message', listener);
  assert.deepEqual(got, ['one']);
  connection.removeAllListeners();
  await pass(20_000);
  raw.send(text('two'));
  await waitUntil(() => connection.droppedMessages === 1);
  server.on('message', (_, message) => listener(message));
  server.removeAllListeners('message');
  raw.send(text('three'));
  await pass(9_000);
  raw.send(text('four'));
  const left = connection[Symbol.asyncIterator]();
  assert.equal(String((await left.next()).value), 'three');
  await left.return!();
  await pass(9_000);
  const next = connection[Symbol.asyncIterator]();
  assert.equal(String((await next.next()).value), 'four');
  await next.return!();
  raw.send(text('five'));
  await pass(11_000);
  assert.equal(connection.droppedMessages, 2);
});

test('HB-11 paused messages are buffered without a time limit, and for 10 s after resume without a consumer', async (t) => {
  const { join, pass } = live(t, { ...TIMES, heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  connection.pause();
  raw.send(text('kept'));
  await pass(60_000);
  connection.resume();
  await pass(9_000);
  const got: unknown[] = [];
  connection.on('message', (message) => void got.push(message));
  assert.deepEqual([got, connection.droppedMessages], [['kept'], 0]);
});

test('HB-11 after leaving a loop, a Close after more than the read-ahead is answered at once', async (t) => {
  const { join, pass } = live(t, TIMES);
  const { raw, connection } = await join();
  raw.send(text('first'));
  for await (const message of connection) {
    assert.equal(message, 'first');
    break;
  }
  for (let i = 0; i < 5; i++) raw.send(LONG);
  raw.send(close(4000));
  assert.equal(await closeCode(raw), 4000);
  assert.deepEqual([connection.messagesReceived, connection.droppedMessages], [6, 0]);
  raw.end();
  // Another loop still gets them; without one, `close` is emitted after closeTimeoutMs.
  const rest = connection[Symbol.asyncIterator]();
  assert.equal(String((await rest.next()).value).length, 2_000);
  await rest.return!();
  await pass(5_100);
  assert.equal((await connection.closed).code, 4000);
  assert.equal(connection.droppedMessages, 4);
});

test('HB-11 after leaving a loop, the server reads at most maxMessageBytes ahead until the 10 s are over', async (t) => {
  const { join, pass } = live(t, {
    ...TIMES,
    maxMessageBytes: 4_000,
    heartbeat: false,
    idleTimeoutMs: false,
  });
  const { raw, connection } = await join();
  raw.send(text('first'));
  for await (const _ of connection) break;
  for (let i = 0; i < 5; i++) raw.send(LONG);
  raw.send(close(4000));
  await pass(9_000);
  assert.deepEqual([connection.messagesReceived, raw.received.length], [3, 0]);
  await pass(1_500);
  assert.equal(await closeCode(raw), 4000);
  raw.end();
  await connection.closed;
  assert.equal(connection.droppedMessages, 5);
});

for (const [what, use] of [
  ['without a consumer', () => undefined],
  ['that is paused', (connection: Connection) => connection.pause()],
  [
    'with a handler that hangs',
    (connection: Connection) => void connection.on('message', () => new Promise(() => {})),
  ],
] as const) {
  test(`HB-11 terminate ends a connection ${what} at once, with undelivered and unread bytes`, async (t) => {
    const { join } = live(t, TIMES);
    const peer = await join();
    const { connection } = peer;
    use(connection);
    await fill(peer);
    peer.raw.send(LONG);
    connection.terminate();
    assert.equal(connection.state, 'closed');
    const { cause } = await connection.closed;
    assert.equal(cause, 'terminated');
    const delivered = what === 'with a handler that hangs' ? 1 : 0;
    assert.equal(connection.droppedMessages, connection.messagesReceived - delivered);
  });
}

test('HB-11 terminate emits close at once if only undelivered messages delay it', async (t) => {
  const { join } = live(t, TIMES);
  const { raw, connection, wire } = await join();
  connection.on('message', () => new Promise(() => {}));
  raw.send(text('one'));
  raw.send(text('two'));
  await waitUntil(() => connection.messagesReceived === 2);
  wire.reset();
  await waitUntil(() => connection.state === 'closed');
  let isOver = false;
  connection.on('close', () => void (isOver = true));
  connection.terminate();
  assert.equal(isOver, true);
  assert.equal(connection.droppedMessages, 1);
});

test('HB-11 shutdown does not wait for messages that no consumer takes', async () => {
  await using joined = await pair({ server: { ...TIMES, heartbeat: false } });
  joined.client.send('nobody takes it');
  await waitUntil(() => joined.server.messagesReceived === 1);
  const { forced } = await joined.webSocketServer.shutdown();
  assert.equal(forced, 0);
  assert.equal(joined.server.droppedMessages, 1);
  assert.equal((await joined.client.closed).code, 1001);
});

test('HB-11 a client without a consumer also reads on after 10 s: it answers the Close of the server', async () => {
  await using joined = await pair({ client: { receiveAheadBytes: 1_000, heartbeat: false } });
  for (let i = 0; i < 5; i++) joined.server.send('x'.repeat(2_000));
  joined.server.close(4000);
  await joined.pass(5_000);
  assert.equal(joined.client.state, 'open');
  await joined.pass(6_000);
  assert.equal((await joined.client.closed).code, 4000);
});

test('HB-11 a consumer added after a drop gets later messages in order, none twice', async (t) => {
  const { join, pass } = live(t, { ...TIMES, heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  for (let i = 0; i < 30; i++) raw.send(text(`${i}`.padEnd(100)));
  await pass(10_500);
  const got: number[] = [];
  connection.on('message', (message) => void got.push(Number(message)));
  for (let i = 30; i < 40; i++) raw.send(text(`${i}`.padEnd(100)));
  await waitUntil(() => got.length === 10);
  assert.deepEqual(got, [30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
  assert.equal(connection.droppedMessages, 30);
  connection.send('done');
  assert.equal(await nextText(raw), 'done');
});

test('HB-11 a server that only pushes detects closes, resets and silence of its clients', async (t) => {
  const { server, clock, join, pass, closes } = live(t, {
    onOverflow: 'drop-oldest',
    maxBufferedBytes: 4_096,
    highWaterMarkBytes: 1_024,
    heartbeat: true,
    idleTimeoutMs: false,
  });
  const [closing, resetting, silent, staying] = [await join(), await join(), await join(), await join()];
  const all = [closing, resetting, silent, staying];
  for (const { raw } of all) for (let i = 0; i < 3; i++) raw.send(text('x'.repeat(50_000)));
  closing.raw.send(close(1000));
  closing.raw.end();
  resetting.wire.reset();
  staying.wire.client.on('data', () => undefined);
  for (let i = 0; i < 100; i++) {
    server.broadcast(`${clock.now()}`);
    await pass(1_000, 250);
    staying.raw.send(pong(''));
  }
  assert.deepEqual(closes.map(({ cause }) => cause).sort(), [
    'peer-close',
    'ping-timeout',
    'transport-error',
  ]);
  assert.deepEqual([...server.connections], [staying.connection]);
  assert.equal(staying.connection.droppedMessages, 3);
});
