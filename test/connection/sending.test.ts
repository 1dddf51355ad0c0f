import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, MisuseError } from '../../src/index.ts';
import { eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, nextText } from '../server/live.ts';

const LOW = { highWaterMarkBytes: 10_000, maxBufferedBytes: 50_000 };

test('BP-01 BP-03: send returns false above the mark, and drain follows below half of it', async (t) => {
  // More than the buffers between server and client hold.
  const { server, join } = live(t, { highWaterMarkBytes: 200_000 });
  const { raw, connection } = await join();
  raw.pause();
  const drains: string[] = [];
  connection.on('drain', () => void drains.push('connection'));
  server.on('drain', (from) => void drains.push(from === connection ? 'server' : '?'));
  let accepted = 0;
  while (connection.send('x'.repeat(1_000))) accepted++;
  assert.ok(connection.bufferedBytes > 200_000 && connection.bufferedBytes < 202_000);
  assert.equal(connection.droppedMessages, 0);
  let resolved = false;
  const drained = connection.drained().then(() => (resolved = true));
  await eventLoopTurns(5);
  assert.deepEqual(drains, []);
  assert.equal(resolved, false);
  raw.resume();
  await drained;
  assert.deepEqual(drains, ['connection', 'server']);
  assert.ok(connection.bufferedBytes <= 100_000);
  for (let i = 0; i <= accepted; i++) assert.equal((await nextText(raw)).length, 1_000);
});

test('BP-03: drained resolves at once below the mark, rejects with the reason of its signal, and with ERR_CLOSED', async (t) => {
  const { join } = live(t, LOW);
  const { raw, connection } = await join();
  await connection.drained();
  raw.pause();
  while (connection.send('x'.repeat(1_000)));
  const abort = new AbortController();
  const aborted = assert.rejects(connection.drained({ signal: abort.signal }), /enough/);
  abort.abort(new Error('enough'));
  await aborted;
  const error = {
    code: 'ERR_CLOSED',
    message: 'the connection closed with 1006 (terminated) before buffered data was sent',
  };
  const ended = assert.rejects(connection.drained(), error);
  connection.terminate();
  await ended;
  await assert.rejects(connection.drained(), error);
});

test("BP-04 BP-05: 'close': a slow consumer is closed with 1013, other connections go on", async (t) => {
  const { join, closes } = live(t, LOW);
  const [slow, bystander] = [await join(), await join()];
  slow.raw.pause();
  for (let i = 0; i < 100; i++) {
    slow.connection.send('x'.repeat(1_000));
    bystander.connection.send(`${i}`);
    if (i % 10 === 0) await eventLoopTurns(2);
  }
  assert.notEqual(slow.connection.state, 'open');
  assert.ok(slow.connection.droppedMessages > 0);
  for (let i = 0; i < 100; i++) assert.equal(await nextText(bystander.raw), `${i}`);
  slow.raw.resume();
  let last = await slow.raw.nextFrame();
  while (last.opcode !== 8) last = await slow.raw.nextFrame();
  assert.equal(last.payload.readUInt16BE(), 1013);
  slow.raw[Symbol.dispose]();
  await slow.connection.closed;
  assert.deepEqual(
    closes.map(({ cause }) => cause),
    ['slow-consumer'],
  );
});

for (const [policy, kept] of [
  ['drop-newest', 'first'],
  ['drop-oldest', 'last'],
] as const) {
  test(`BP-05: '${policy}': the ${kept} messages arrive, whole and in order, and each drop is reported`, async (t) => {
    const { join } = live(t, { ...LOW, onOverflow: policy });
    const { raw, connection } = await join();
    raw.pause();
    const dropped: unknown[] = [];
    connection.on('dropped', (info) => void dropped.push(info));
    for (let i = 0; i < 200; i++) {
      connection.send(String(i).padStart(1_000, '0'));
      if (i % 10 === 0) await eventLoopTurns(1);
    }
    assert.equal(connection.state, 'open');
    assert.equal(dropped.length, connection.droppedMessages);
    assert.ok(dropped.length > 50);
    assert.deepEqual(Object.keys(dropped[0] as object).sort(), ['bytes', 'policy']);
    raw.resume();
    const seen: number[] = [];
    for (let i = 0; i < 200 - dropped.length; i++) seen.push(Number(await nextText(raw)));
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    assert.equal(seen.includes(kept === 'first' ? 1 : 199), true);
    assert.equal(seen.includes(kept === 'first' ? 199 : 100), false);
  });
}

test('BP-07: a peer that accepts no byte for writeTimeoutMs is disconnected', async (t) => {
  const { join, pass, closes } = live(t, { writeTimeoutMs: 2_000, heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  raw.pause();
  connection.send(Buffer.alloc(500_000));
  await pass(1_900, 100);
  assert.equal(connection.state, 'open');
  await pass(300, 50);
  await connection.closed;
  assert.deepEqual(
    closes.map(({ cause, code }) => [cause, code]),
    [['write-timeout', 1006]],
  );
});

test('FB-03: everything sent in one turn leaves in one write, in order', async (t) => {
  const { join } = live(t);
  const { raw, connection, wire } = await join();
  const chunks: number[] = [];
  wire.client.on('data', (chunk: Buffer) => void chunks.push(chunk.length));
  for (let i = 0; i < 50; i++) connection.send(i % 2 === 0 ? `${i}` : Buffer.from(`${i}`));
  for (let i = 0; i < 50; i++) assert.equal(await nextText(raw), `${i}`);
  assert.equal(chunks.length, 1);
});

test('FB-06: small payloads are copied by send; large ones are sent without a copy', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const small = Buffer.from('small');
  connection.send(small);
  small.fill('x');
  const large = Buffer.alloc(300_000, 'l');
  connection.send(large);
  assert.equal(await nextText(raw), 'small');
  assert.equal((await nextText(raw)).length, 300_000);
});

type Misuse = readonly [what: string, call: (connection: Connection) => unknown];
const MISUSES: readonly Misuse[] = [
  ['send(undefined)', (c) => c.send(undefined as unknown as string)],
  ['send({})', (c) => c.send({} as unknown as string)],
  ['ping of 126 bytes', (c) => c.ping('x'.repeat(126))],
  ['close(1004)', (c) => c.close(1004)],
  ['close(999)', (c) => c.close(999)],
  ["close('1000')", (c) => c.close('1000' as unknown as number)],
  ['a reason that is no string', (c) => c.close(1000, 5 as unknown as string)],
  ['subscribe("")', (c) => c.subscribe('')],
  ['subscribe with a line break', (c) => c.subscribe('a\nb')],
  ['publish of nothing', (c) => c.publish('t', null as unknown as string)],
];
for (const [what, call] of MISUSES) {
  test(`ER-03: ${what} throws at once, and the connection stays open`, async (t) => {
    const { server, join } = live(t);
    server.on('message', (from, message) => void from.send(message));
    const { raw, connection } = await join();
    assert.throws(() => call(connection), MisuseError);
    assert.equal(connection.state, 'open');
    raw.send(text('still here'));
    assert.equal(await nextText(raw), 'still here');
  });
}

test('CL-03: a reason that is too long is cut at a character', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  connection.close(1000, '€'.repeat(50));
  const { payload } = await raw.nextFrame();
  assert.equal(payload.toString('utf8', 2), '€'.repeat(41));
});

test('FB-09: messages accepted before a close arrive, even at a slow peer', async (t) => {
  const { join } = live(t);
  const { raw, connection, wire } = await join();
  wire.toClient.cutInto(1_000);
  for (let i = 0; i < 20; i++) connection.send(String(i).padStart(5_000, ' '));
  connection.close(1000);
  for (let i = 0; i < 20; i++) assert.equal(Number(await nextText(raw)), i);
  assert.equal(await closeCode(raw), 1000);
});

test('EV-11: counters of connection and server equal the traffic', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  server.on('message', () => undefined);
  connection.send('12345');
  raw.send(text('abc'));
  await waitUntil(() => connection.messagesReceived === 1);
  assert.equal((await raw.nextFrame()).payload.length, 5);
  assert.deepEqual(
    [connection.messagesSent, connection.bytesSent, connection.bytesReceived, connection.bufferedBytes],
    [1, 7, 9, 0],
  );
  const { messages, bytes } = server.stats();
  assert.deepEqual([messages.sent, messages.received, messages.dropped], [1, 1, 0]);
  assert.deepEqual(bytes, { received: 9, sent: 7, buffered: 0 });
});
