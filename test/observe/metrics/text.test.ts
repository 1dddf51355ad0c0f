import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemRandom } from '../../../src/engine/random.ts';
import { METRICS, metricsText } from '../../../src/observe/index.ts';
import { NODE_VERSION, VERSION } from '../../../src/observe/version.ts';
import { binary, close, eventLoopTurns, ping, pong, text, waitUntil } from '../../../src/testing/index.ts';
import { live, nextText } from '../../server/live.ts';
import { scrape } from './scrape.ts';

const ROOT = join(import.meta.dirname, '../../../..');

test('MT-01 the version in the text is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  assert.equal(VERSION, version);
});

test('MT-01 names are unique; counters end in _total, and units are seconds, bytes and ratios', () => {
  assert.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
  for (const { name, kind, unit, labels, help, buckets } of METRICS) {
    assert.match(name, /^hawser_[a-z][a-z_]*[a-z]$/);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
    if (unit !== '') assert.match(name, new RegExp(`_${unit}(_total)?$`));
    for (const label of labels) assert.match(label, /^[a-z]+$/);
    assert.doesNotMatch(help, /[\n\\.]$|\n/);
    assert.equal(kind === 'histogram', buckets !== undefined, name);
    assert.deepEqual(
      buckets,
      buckets?.toSorted((a, b) => a - b),
    );
  }
});

test('MT-01 the text of a short life is the committed one', async (t) => {
  const {
    server,
    clock,
    join: enter,
    pass,
  } = live(t, {
    metrics: { handlerTimeOneIn: 1 },
    name: 'golden "1"',
    upgrade: () => ({}),
  });
  server.on('message', (connection, message, isText) => {
    clock.advance(2);
    connection.send(message, { binary: !isText });
  });
  const first = await enter();
  const second = await enter();
  first.connection.subscribe('room');
  first.raw.send(text('héllo'));
  assert.equal(await nextText(first.raw), 'héllo');
  first.raw.send(binary(Buffer.alloc(300)));
  assert.equal((await first.raw.nextFrame()).payload.length, 300);
  server.broadcast('to all');
  server.publish('room', Buffer.alloc(5_000));
  server.publish('nobody', '');
  await eventLoopTurns(2);
  clock.advance(7_000);
  second.raw.send(close(4321));
  second.raw.end();
  await second.connection.closed;
  await pass(100);
  const written = metricsText(server, { process: false })
    .replace(`node="${NODE_VERSION}"`, 'node="v20.19.0"')
    .replace(`version="${VERSION}"`, 'version="1.2.3"');
  const golden = readFileSync(join(ROOT, 'test/observe/metrics/golden.txt'), 'utf8').replaceAll('\r\n', '\n');
  assert.equal(written, golden);
});

test('MT-01 without the option metrics, the metrics of the meter are left out, and messages have no kind', async (t) => {
  const { server, join: enter } = live(t);
  const { raw, connection } = await enter();
  connection.on('message', () => connection.send('x'));
  raw.send(text('x'));
  await nextText(raw);
  const samples = scrape(server);
  assert.equal(samples.get('hawser_messages_received_total'), 1);
  assert.equal(samples.get('hawser_messages_sent_total'), 1);
  for (const { name, from } of METRICS)
    if (from === 'meter') assert.ok(!server.metrics().includes(name), name);
  assert.equal(server.stats().messages.byKind, undefined);
});

test('MT-01 metrics of the process: the delay of the event loop from the second reading on', async (t) => {
  const { server } = live(t);
  let samples = scrape(server);
  await waitUntil(() => {
    samples = scrape(server);
    return samples.has('hawser_event_loop_delay_seconds{stat="mean"}');
  });
  for (const stat of ['mean', 'p99', 'max'])
    assert.ok(samples.get(`hawser_event_loop_delay_seconds{stat="${stat}"}`)! >= 0, stat);
  const utilization = samples.get('hawser_event_loop_utilization_ratio')!;
  assert.ok(utilization >= 0 && utilization <= 1, `${utilization}`);
  assert.ok(samples.get('hawser_cpu_seconds_total')! > 0);
  assert.ok(samples.get('hawser_heap_used_bytes')! < samples.get('hawser_heap_limit_bytes')!);
  assert.ok(samples.get('hawser_resident_memory_bytes')! > 1e6);
});

test('HB-10 MT-01 round trips, overdue pings and timeouts', async (t) => {
  const {
    server,
    pass,
    join: enter,
  } = live(t, {
    pingIntervalMs: 1_000,
    pongTimeoutMs: 500,
    idleTimeoutMs: false,
    // The first ping is sent after one interval.
    random: { ...systemRandom, fraction: () => 1 },
  });
  const { raw } = await enter();
  const answered = await enter();
  await pass(1_000);
  const { payload } = await answered.raw.nextFrame();
  answered.raw.send(pong(payload));
  await pass(600);
  const { heartbeat } = server.stats();
  assert.deepEqual([heartbeat.suspects, heartbeat.rttSeconds.count], [1, 1]);
  assert.equal(scrape(server).get('hawser_suspect_connections'), 1);
  raw.send(ping(''));
  await eventLoopTurns(3);
  assert.equal(server.stats().heartbeat.suspects, 0);
  answered.raw.end();
  await pass(3_000);
  const samples = scrape(server);
  assert.equal(samples.get('hawser_suspect_connections'), 0);
  assert.equal(samples.get('hawser_ping_timeouts_total'), 1);
  assert.equal(samples.get('hawser_ping_rtt_seconds_count'), 1);
});
