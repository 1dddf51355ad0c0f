import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { CHANNELS } from '../../src/observe/index.ts';
import { messageStreams } from '../../src/index.ts';
import { eventLoopTurns, pair, text, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { record, recordTrace } from './recorder.ts';

const PLAIN = [
  CHANNELS.connectionOpen,
  CHANNELS.connectionDrain,
  CHANNELS.connectionClose,
  CHANNELS.messageReceive,
  CHANNELS.messageSend,
  CHANNELS.topicPublish,
];

test('LG-03: each plain channel publishes the documented payload, for the server and for the client', async (t) => {
  const published = record(t, PLAIN);
  await using joined = await pair({ server: { highWaterMarkBytes: 200_000, maxBufferedBytes: 4_000_000 } });
  const { server, client, webSocketServer } = joined;
  for (const connection of [server, client]) connection.on('message', () => {});
  server.subscribe('news');
  client.send('grüße');
  server.send(Buffer.from('text'), { binary: false });
  webSocketServer.publish('news', 'to all');
  webSocketServer.publish('empty', 'to none');
  webSocketServer.broadcast(Buffer.alloc(300));
  await eventLoopTurns(6);
  client.close(4000, 'done');
  const [info, clientInfo] = await Promise.all([server.closed, client.closed]);
  const names = new Map<unknown, string>([
    [server, 'server'],
    [client, 'client'],
  ]);
  const seen = published.map(([name, { connection, ...rest }]) => [name, names.get(connection), rest]);
  const delivery = { sent: 1, skipped: 0, failed: 0 };
  assert.deepEqual(
    seen.filter(([name]) => name !== CHANNELS.messageReceive),
    [
      [CHANNELS.connectionOpen, 'server', {}],
      [CHANNELS.connectionOpen, 'client', {}],
      [CHANNELS.messageSend, 'client', { bytes: 7, isText: true }],
      [CHANNELS.messageSend, 'server', { bytes: 4, isText: true }],
      [CHANNELS.messageSend, undefined, { bytes: 6, isText: true, recipients: 1 }],
      [CHANNELS.topicPublish, undefined, { topic: 'news', bytes: 6, delivery }],
      [CHANNELS.topicPublish, undefined, { topic: 'empty', bytes: 7, delivery: { ...delivery, sent: 0 } }],
      [CHANNELS.messageSend, undefined, { bytes: 300, isText: false, recipients: 1 }],
      [CHANNELS.connectionClose, 'client', { info: clientInfo }],
      [CHANNELS.connectionClose, 'server', { info }],
    ],
  );
  const received = seen.filter(([name]) => name === CHANNELS.messageReceive);
  assert.deepEqual(
    received.map(([, who, rest]) => [who, rest]),
    [
      ['server', { bytes: 7, isText: true, message: 'grüße' }],
      ['client', { bytes: 4, isText: true, message: 'text' }],
      ['client', { bytes: 6, isText: true, message: 'to all' }],
      ['client', { bytes: 300, isText: false, message: Buffer.alloc(300) }],
    ],
  );
});

const GREETING = 'grüße '.repeat(2_000);
const BYTES = Buffer.alloc(5_000, 'bytes ');
const RECEIVED = [16_000, 5_000, 0, 16_003, 5_000];

for (const [how, options, isStreamed = false] of [
  ['as text', {}],
  ['as bytes', { textAs: 'buffer' }],
  ['compressed', { perMessageDeflate: { thresholdBytes: 1, asyncThresholdBytes: 10_000 } }],
  ['in parts', {}, true],
  ['after a pause', { receiveAheadBytes: 1 }],
] as const)
  test(`LG-03: the published size of a received message is that of its payload, ${how}`, async (t) => {
    const published = record(t, [CHANNELS.messageReceive]);
    await using joined = await pair({ server: options, client: options });
    const { server, client } = joined;
    const isPaused = how === 'after a pause';
    if (isPaused) server.pause();
    const delivered: unknown[] = [];
    if (!isStreamed) server.on('message', (message) => void delivered.push(message));
    const streams = isStreamed ? messageStreams(server) : undefined;
    client.send(GREETING);
    client.send(BYTES);
    client.send('');
    const sent = [
      client.sendStream(['add', GREETING], { binary: false }),
      client.sendStream([BYTES.subarray(0, 7), BYTES.subarray(7)], { binary: true }),
    ];
    await eventLoopTurns(4);
    if (isPaused) assert.ok(published.length < RECEIVED.length);
    server.resume();
    if (streams !== undefined)
      for (const bytes of RECEIVED) {
        const { value } = await streams.next();
        for await (const _ of value!);
        assert.equal(value!.bytesReceived, bytes);
      }
    await waitUntil(() => published.length === RECEIVED.length);
    await Promise.all(sent);
    assert.deepEqual(
      published.map(([, { connection, bytes }]) => [connection === server, bytes]),
      RECEIVED.map((bytes) => [true, bytes]),
    );
    if (!isStreamed) await waitUntil(() => delivered.length === RECEIVED.length);
  });

test('LG-03: drain is published for a connection whose send returned false', async (t) => {
  const published = record(t, [CHANNELS.connectionDrain]);
  const { join } = live(t, { highWaterMarkBytes: 200_000 });
  const { raw, connection } = await join();
  raw.pause();
  while (connection.send('x'.repeat(1_000)));
  raw.resume();
  await connection.drained();
  assert.deepEqual(published, [[CHANNELS.connectionDrain, { connection }]]);
});

test('LG-03: a message that is not accepted is not published as sent; one without a consumer is published as received', async (t) => {
  const published = record(t, [CHANNELS.messageSend, CHANNELS.messageReceive]);
  const { join, server } = live(t);
  const { raw, connection } = await join();
  raw.send(text('unclaimed'));
  await eventLoopTurns(4);
  connection.close();
  assert.equal(connection.send('too late'), false);
  assert.equal(server.broadcast('too late').sent, 0);
  assert.deepEqual(published, [
    [CHANNELS.messageReceive, { connection, bytes: 9, isText: true, message: 'unclaimed' }],
  ]);
});

test('LG-03: a subscriber of one part of a tracing channel is enough; without subscribers nothing is published', async (t) => {
  const { join, server } = live(t);
  const handled: unknown[] = [];
  server.on('message', (_, message) => void handled.push(message));
  const { raw } = await join();
  raw.send(text('unseen'));
  await eventLoopTurns(4);
  const published = recordTrace(t, CHANNELS.handler);
  raw.send(text('seen'));
  await eventLoopTurns(4);
  assert.deepEqual(
    published.map(([part, { message }]) => [part, message]),
    [
      ['start', 'seen'],
      ['end', 'seen'],
    ],
  );
  assert.deepEqual(handled, ['unseen', 'seen']);
});

test('LG-03: subscribers and stores that throw, on every channel, affect no connection', () => {
  const child = join(import.meta.dirname, 'throwing-subscribers-child.js');
  const said = execFileSync(process.execPath, [child], { encoding: 'utf8', timeout: 60_000 });
  const { closes, echoes, uncaught } = JSON.parse(said) as Record<string, unknown>;
  assert.deepEqual({ closes, echoes }, { closes: [1000, 1000], echoes: ['sync', 'async', 'sync', 'async'] });
  assert.deepEqual(uncaught, [...Object.values(CHANNELS).sort(), 'a store'].sort());
});

test('LG-03: every name in CHANNELS begins with hawser: and has one channel', () => {
  const names: readonly string[] = Object.values(CHANNELS);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^hawser:[a-z]+(:[a-z]+)?$/);
  assert.ok(Object.isFrozen(CHANNELS));
});
