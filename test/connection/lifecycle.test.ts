import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type Connection, type ConnectionState, MemoryBudget } from '../../src/index.ts';
import { moveState } from '../../src/connection/states.ts';
import { ENTRY_BYTES } from '../../src/protocol/limits.ts';
import {
  close,
  duplexPair,
  eventLoopTurns,
  ping,
  pong,
  RawClient,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { closeCode, listening, live, nextText, upgradeRequest } from '../server/live.ts';

const STATES: readonly ConnectionState[] = ['connecting', 'open', 'closing', 'closed'];
const LEGAL = new Set([
  'connecting open',
  'connecting closed',
  'open closing',
  'open closed',
  'closing closed',
]);

test('ST-01 ST-02: states change as in the table and in no other way', () => {
  for (const from of STATES)
    for (const to of STATES) {
      if (LEGAL.has(`${from} ${to}`)) assert.equal(moveState(from, to), to);
      else assert.throws(() => moveState(from, to), { code: 'ERR_STATE' }, `${from} to ${to}`);
    }
});

test('ST-03 ST-04: stateChange is emitted after the side effects of the change', async (t) => {
  const { server, clock, join } = live(t);
  const { raw, connection } = await join();
  connection.subscribe('t');
  const seen: unknown[] = [];
  connection.on('stateChange', (next, previous) => {
    const { open, closing } = server.stats().connections;
    const subscribers = server.topics.subscriberCount('t');
    seen.push([next, previous, connection.state, open, closing, subscribers]);
  });
  connection.close(1000);
  assert.equal(connection.send('too late'), false);
  assert.equal(await closeCode(raw), 1000);
  raw.send(close(1000));
  raw.end();
  await connection.closed;
  assert.deepEqual(seen, [
    ['closing', 'open', 'closing', 0, 1, 1],
    ['closed', 'closing', 'closed', 0, 0, 0],
  ]);
  await eventLoopTurns(3);
  assert.equal(clock.pendingTimers, 0);
});

test('RG-01 RG-02 RG-04: the registry finds connections by id, and they have the documented fields', async (t) => {
  const { server, port, join } = await listening(t);
  assert.equal(server.connections.get(randomUUID()), undefined);
  const [client] = [await join(), await join()];
  assert.equal(server.connections.size, 2);
  const ids = new Set<string>();
  for (const connection of server.connections) {
    ids.add(connection.id);
    assert.equal(server.connections.get(connection.id), connection);
    assert.match(connection.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.equal(ids.size, 2);
  const [connection] = server.connections as Iterable<Connection>;
  const { localPort } = client.stream as unknown as { localPort: number };
  const { remoteAddress, remotePort, state, protocol, extensions, bufferedBytes, droppedMessages } =
    connection!;
  assert.deepEqual(
    { remoteAddress, remotePort, state, protocol, extensions, bufferedBytes, droppedMessages },
    {
      remoteAddress: '127.0.0.1',
      remotePort: localPort,
      state: 'open',
      protocol: '',
      extensions: '',
      bufferedBytes: 0,
      droppedMessages: 0,
    },
  );
  assert.notEqual(port, localPort);
  assert.ok(connection!.connectedAt instanceof Date && connection!.lastReceivedAgoMs >= 0);
  assert.deepEqual(
    [connection!.closeInfo, connection!.expiresAt, connection!.rttMs],
    [undefined, undefined, undefined],
  );
});

test('EV-03: handleUpgrade resolves with the connection, over any Duplex, and with undefined for a refusal', async (t) => {
  const { server, refusals } = live(t, { path: '/ours' });
  const { client, server: socket } = duplexPair();
  const raw = RawClient.over(client);
  assert.equal(await server.handleUpgrade(upgradeRequest({}, '/other'), socket, Buffer.alloc(0)), undefined);
  assert.equal((await raw.nextHead()).status, 404);
  raw[Symbol.dispose]();
  await eventLoopTurns(3);
  assert.deepEqual(
    refusals.map(({ status, code, url }) => [status, code, url]),
    [[404, 'ERR_PATH', '/other']],
  );
});

test('BP-13 SE-08: a listener attached after an await gets every message', async (t) => {
  const { server, join } = live(t);
  const got: string[] = [];
  server.on('connection', async (connection) => {
    await eventLoopTurns(10);
    connection.on('message', (message) => void got.push(String(message)));
  });
  const { raw } = await join();
  raw.send(Buffer.concat([text('1'), text('2')]));
  raw.send(text('3'));
  await waitUntil(() => got.length === 3);
  assert.deepEqual(got, ['1', '2', '3']);
});

test('BP-12: a Close is answered at once, and close is emitted after the undelivered messages', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const seen: string[] = [];
  connection.pause();
  connection.on('message', (message) => void seen.push(String(message)));
  connection.on('close', () => void seen.push('close'));
  raw.send(Buffer.concat([text('1'), text('2'), close(4000)]));
  assert.equal(await closeCode(raw), 4000);
  raw.end();
  await eventLoopTurns(5);
  assert.deepEqual(seen, []);
  connection.resume();
  assert.equal((await connection.closed).wasClean, true);
  assert.deepEqual(seen, ['1', '2', 'close']);
});

for (const [what, leave] of [
  ['a Close', close(4000)],
  ['an end', undefined],
] as const) {
  test(`BP-12 BP-08: undelivered messages are dropped closeTimeoutMs after ${what}, and their memory is released`, async (t) => {
    const memoryBudget = new MemoryBudget({ maxBytes: 1_000_000 });
    const { server, join, pass } = live(t, { closeTimeoutMs: 1_000, memoryBudget });
    const { raw, connection } = await join();
    connection.pause();
    raw.send(Buffer.concat([text('x'.repeat(10_000)), text('2')]));
    if (leave !== undefined) raw.send(leave);
    raw.end();
    await pass(900);
    assert.equal(server.stats().closes.byCause['peer-close'], undefined);
    assert.ok(server.stats().bytes.buffered >= 10_001);
    await pass(200);
    await connection.closed;
    assert.equal(connection.droppedMessages, 2);
    assert.deepEqual([memoryBudget.usedBytes, server.stats().bytes.buffered], [0, 0]);
  });
}

test('BP-12 BP-08: messages delivered after the end of the connection release their memory', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 1_000_000 });
  const { server, join } = live(t, { memoryBudget });
  const { raw, connection } = await join();
  const got: number[] = [];
  connection.on('message', (message) => void got.push(message.length));
  connection.pause();
  raw.send(Buffer.concat([text('x'.repeat(10_000)), close(1000)]));
  raw.end();
  await waitUntil(() => connection.state === 'closed');
  assert.ok(memoryBudget.usedBytes >= 10_000);
  connection.resume();
  await connection.closed;
  assert.deepEqual(got, [10_000]);
  assert.deepEqual([memoryBudget.usedBytes, server.stats().bytes.buffered], [0, 0]);
});

test('HB-07: idle and message timeouts stand still while reading is paused, and go on afterwards', async (t) => {
  const { server, join, pass } = live(t, { receiveAheadBytes: 1_000, messageTimeoutMs: 5_000 });
  const { raw, connection } = await join();
  connection.on('message', () => undefined);
  connection.pause();
  // Fills the read-ahead, then sends an unfinished message.
  raw.send(Buffer.concat([text('x'.repeat(2_000)), text('half', { fin: false })]));
  await pass(200_000, 1_000);
  assert.equal(connection.state, 'open');
  assert.equal(server.stats().heartbeat.timeouts, 0);
  connection.resume();
  await pass(6_000);
  assert.equal(connection.state, 'closing');
  raw[Symbol.dispose]();
  assert.equal((await connection.closed).cause, 'message-timeout');
});

test('CT-04: unsolicited pongs are counted and give no round-trip time', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  for (let i = 0; i < 10; i++) raw.send(pong(Buffer.alloc(8, i)));
  raw.send(ping('still there?'));
  assert.equal((await raw.nextFrame()).payload.toString(), 'still there?');
  assert.equal(server.stats().heartbeat.pongsReceived, 10);
  assert.equal(connection.rttMs, undefined);
});

test('CT-02 SE-19: for a peer that does not read, at most sixteen pongs and one for its newest ping are queued, until the write timeout', async (t) => {
  const { server, join, pass } = live(t, { writeTimeoutMs: 2_000 });
  const { raw, connection } = await join();
  raw.pause();
  connection.send(Buffer.alloc(100_000));
  await eventLoopTurns(5);
  const before = connection.bufferedBytes;
  for (let i = 0; i < 5_000; i++) raw.send(ping(Buffer.alloc(100, i)));
  await waitUntil(() => server.stats().heartbeat.pingsReceived === 5_000);
  const answers = connection.bufferedBytes - before;
  assert.ok(answers > 0 && answers <= 17 * (102 + ENTRY_BYTES), `${answers} bytes of answers`);
  await pass(2_200);
  assert.equal((await connection.closed).cause, 'write-timeout');
});

test('HB-04: a dead peer is reported at once as 1006; its socket is destroyed within a second', async (t) => {
  const { join, pass, clock } = live(t, { pingIntervalMs: 1_000, pongTimeoutMs: 500, idleTimeoutMs: false });
  const { connection, wire } = await join();
  await pass(2_100);
  const { code, cause, sentCode, wasClean } = await connection.closed;
  assert.deepEqual(
    { code, cause, sentCode, wasClean },
    { code: 1006, cause: 'ping-timeout', sentCode: 1001, wasClean: false },
  );
  await pass(1_000);
  assert.equal(wire.server.destroyed, true);
  assert.equal(clock.pendingTimers, 0);
});

test('RG-07: a socket error after the end of the connection is ignored', async (t) => {
  const { join, errors } = live(t);
  const { connection, wire } = await join();
  connection.terminate();
  await connection.closed;
  wire.server.emit('error', new Error('late'));
  assert.deepEqual(errors, []);
});

test('ER-04: an error event without a listener has no effect', async (t) => {
  const { server, join } = live(t);
  server.removeAllListeners('error');
  const { raw, connection } = await join();
  connection.on('message', () => {
    throw new Error('as a test');
  });
  raw.send(text('x'));
  assert.equal(await closeCode(raw), 1011);
  raw[Symbol.dispose]();
  assert.equal((await connection.closed).cause, 'handler-error');
  const other = await join();
  other.wire.reset();
  assert.equal((await other.connection.closed).cause, 'transport-error');
});

test('ER-06 CL-08: a reset is an ordinary end: cause transport-error and one debug line', async (t) => {
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${Reflect.get(fields, 'cause')}`);
  const { join } = live(t, {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  });
  const { connection, wire } = await join();
  wire.reset();
  const { cause, code, error } = await connection.closed;
  assert.deepEqual([cause, code, error?.code], ['transport-error', 1006, 'ERR_TRANSPORT']);
  await eventLoopTurns(2);
  assert.deepEqual(lines, ['debug connection closed transport-error']);
});

test('CL-08: a reset after both Close frames is not a failure: neither an error event nor an error in the statistics', async (t) => {
  const { server, join } = live(t);
  for (const initiator of ['remote', 'local'] as const) {
    const { connection, raw, wire } = await join();
    const errors: string[] = [];
    connection.on('error', ({ code }) => errors.push(code));
    if (initiator === 'local') connection.close(1000);
    raw.send(close(1000));
    assert.equal(await closeCode(raw), 1000);
    wire.reset();
    const { wasClean, code, error } = await connection.closed;
    assert.deepEqual([wasClean, code, error, errors], [true, 1000, undefined, []], initiator);
  }
  assert.deepEqual({ ...server.stats().errorsByCode }, {});
});

test('CL-08: a reset before the answer to a Close was sent is a failure', async (t) => {
  const { join } = live(t);
  const { connection, raw, wire } = await join();
  wire.toClient.stall();
  connection.send(Buffer.alloc(200_000));
  connection.send('queued');
  raw.send(close(1000));
  await waitUntil(() => connection.state === 'closing');
  wire.reset();
  const { code, error } = await connection.closed;
  assert.deepEqual([code, error?.code], [1000, 'ERR_TRANSPORT']);
});

test('HS-12: after the 101, an HTTP request is an invalid frame', async (t) => {
  const { join } = await listening(t);
  const client = await join();
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(await closeCode(client), 1002);
});

test('HS-29: the same key opens any number of connections', async (t) => {
  const { join } = live(t, {});
  for (let i = 0; i < 3; i++) await nextTextOf(await join());
  async function nextTextOf({ raw, connection }: Awaited<ReturnType<typeof join>>): Promise<void> {
    connection.send('fine');
    assert.equal(await nextText(raw), 'fine');
  }
});
