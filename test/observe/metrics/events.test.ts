import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, duplexPair, eventLoopTurns, RawClient, text } from '../../../src/testing/index.ts';
import { live, upgradeRequest } from '../../server/live.ts';
import { scrape, sumOf } from './scrape.ts';

test('MT-01 a slow connection is counted from the high-water mark until it has drained to half, or is closed', async (t) => {
  const { server, join } = live(t, { highWaterMarkBytes: 20_000, maxBufferedBytes: 1_000_000 });
  const slow = () => scrape(server).get('hawser_slow_connections');
  const [reading, leaving] = [await join(), await join()];
  for (const { wire, connection } of [reading, leaving]) {
    wire.toClient.stall();
    for (let at = 0; at < 10; at++) connection.send(Buffer.alloc(10_000));
    await eventLoopTurns(2);
  }
  assert.equal(slow(), 2);
  assert.equal(server.stats().slowConnections, 2);
  reading.wire.toClient.unstall();
  await reading.connection.drained();
  assert.equal(slow(), 1);
  leaving.connection.terminate();
  await leaving.connection.closed;
  assert.equal(slow(), 0);
});

test('MT-01 a peer above the rate limit is counted by action', async (t) => {
  for (const action of ['close', 'throttle'] as const) {
    const { server, join, pass } = live(t, { rateLimit: { messagesPerSecond: 1, burstMessages: 2, action } });
    server.on('message', () => {});
    const { raw } = await join();
    for (let at = 0; at < 4; at++) raw.send(text('x'));
    await eventLoopTurns(3);
    assert.equal(scrape(server).get(`hawser_rate_limited_total{action="${action}"}`), 1);
    await pass(3_000);
    const limited = scrape(server).get(`hawser_rate_limited_total{action="${action}"}`);
    // Each wait of a throttled peer counts.
    assert.equal(limited, action === 'close' ? 1 : 2);
    assert.equal(sumOf(scrape(server), 'rate_limited_total'), limited);
  }
});

test('MT-01 compressed messages count raw and compressed, a broadcast once per recipient, others not at all', async (t) => {
  const { server, join } = live(t, { perMessageDeflate: { thresholdBytes: 1_000 } });
  server.on('message', () => {});
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  const first = await join(offer);
  await join(offer);
  await join();
  first.connection.send('short');
  first.connection.send('x'.repeat(2_000));
  server.broadcast('y'.repeat(5_000));
  await eventLoopTurns(2);
  const samples = scrape(server);
  const bytes = (stage: string): number =>
    samples.get(`hawser_compression_bytes_total{direction="sent",stage="${stage}"}`)!;
  assert.equal(bytes('raw'), 2_000 + 2 * 5_000);
  assert.ok(bytes('compressed') > 0 && bytes('compressed') < 200, `${bytes('compressed')}`);
  const frame = (await first.raw.nextFrame(), await first.raw.nextFrame());
  assert.equal(frame.rsv1, true);
  first.raw.send(text(frame.payload, { rsv1: true }));
  await eventLoopTurns(3);
  const received = scrape(server);
  assert.equal(
    received.get('hawser_compression_bytes_total{direction="received",stage="compressed"}'),
    frame.payload.length,
  );
  assert.equal(received.get('hawser_compression_bytes_total{direction="received",stage="raw"}'), 2_000);
});

test('MT-01 durations of hook, handshake and connection, on the clock of the server', async (t) => {
  let decide = (): void => {};
  const { server, clock, pass } = live(t, {
    upgrade: () =>
      new Promise((resolve) => {
        decide = () => resolve(undefined);
      }),
  });
  const wire = duplexPair();
  const raw = RawClient.over(wire.client);
  t.after(() => raw[Symbol.dispose]());
  const upgraded = server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
  await pass(300);
  decide();
  const connection = (await upgraded)!;
  clock.advance(4_000);
  raw.send(close(1000));
  raw.end();
  await connection.closed;
  const samples = scrape(server);
  const sum = (name: string) => Math.round(samples.get(`hawser_${name}_sum`)! * 1_000);
  assert.deepEqual(
    ['upgrade_hook_seconds', 'handshake_seconds', 'connection_seconds'].map(sum),
    [300, 300, 4_000],
  );
  assert.equal(samples.get('hawser_handshake_seconds_bucket{le="0.25"}'), 0);
  assert.equal(samples.get('hawser_handshake_seconds_bucket{le="0.5"}'), 1);
});

test('MT-01 a promise that a listener returns belongs to the handler time', async (t) => {
  const { server, clock, join } = live(t, { metrics: { handlerTimeOneIn: 1 } });
  let finish = (): void => {};
  server.on(
    'message',
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const { raw } = await join();
  raw.send(text('x'));
  await eventLoopTurns(3);
  assert.equal(scrape(server).get('hawser_handler_seconds_count'), 0);
  clock.advance(40);
  finish();
  await eventLoopTurns(2);
  const samples = scrape(server);
  assert.equal(samples.get('hawser_handler_seconds_count'), 1);
  assert.equal(samples.get('hawser_handler_seconds_sum'), 0.04);
});

test('MT-01 messages that a loop takes are counted, but there is no handler to measure', async (t) => {
  const { server, join } = live(t, { metrics: { handlerTimeOneIn: 1 } });
  const { raw, connection } = await join();
  raw.send(text('one'));
  raw.send(text('two'));
  const taken: unknown[] = [];
  for await (const message of connection) {
    taken.push(message);
    if (taken.length === 2) break;
  }
  assert.deepEqual(taken, ['one', 'two']);
  const samples = scrape(server);
  assert.equal(samples.get('hawser_messages_received_total{kind="text"}'), 2);
  assert.equal(samples.get('hawser_handler_seconds_count'), 0);
});
