import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../src/observe/index.ts';
import { INSTRUMENT_TABLE } from '../../src/opentelemetry/instrument-table.ts';
import { WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, text } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { type CollectedMetric, sdk, skip } from './sdk.ts';

/** `nodejs.*`, `process.*` and `v8js.*` of other instrumentations report the process; the scope has the version. */
const OMITTED = [
  'hawser_build_info',
  ...METRICS.filter(({ from }) => from === 'process').map(({ name }) => name),
];

test('MT-02: every metric of METRICS has a dotted name and a unit, except those of the process', () => {
  assert.deepEqual(
    [...new Set([...Object.keys(INSTRUMENT_TABLE).map((name) => `hawser_${name}`), ...OMITTED])].sort(),
    METRICS.map(({ name }) => name).sort(),
  );
  for (const [key, row] of Object.entries(INSTRUMENT_TABLE)) {
    const metric = METRICS.find(({ name }) => name === `hawser_${key}`)!;
    assert.match(row.name, /^hawser(\.[a-z]+(_[a-z]+)*)+$/);
    assert.match(row.unit, /^(1|s|By|\{[a-z_]+\})$/);
    assert.equal(row.unit === 's', metric.unit === 'seconds', key);
    assert.equal(row.unit === 'By', metric.unit === 'bytes', key);
    assert.equal(row.kind === 'histogram', metric.kind === 'histogram', key);
    assert.equal(row.kind === 'counter', metric.kind === 'counter', key);
    if (row.kind !== 'histogram') assert.equal(row.attributes?.length ?? 0, metric.labels.length, key);
  }
});

const value = (
  metrics: ReadonlyMap<string, CollectedMetric>,
  name: string,
  attributes: object = {},
): unknown => {
  const points = metrics
    .get(name)
    ?.dataPoints.filter((point) =>
      Object.entries(attributes).every(([key, wanted]) => point.attributes[key] === wanted),
    );
  assert.equal(points?.length, 1, `${name} ${JSON.stringify(attributes)}: ${points?.length} points`);
  return points[0]!.value;
};

test('MT-02: counters and gauges agree with stats(), with the attributes of the labels', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t, { metrics: true, name: 'chat' });
  server.on('message', (connection, message) => void connection.send(message));
  otel.instrument(server);
  const [one, two] = [await join(), await join()];
  two.connection.subscribe('news');
  server.publish('news', Buffer.from('all'));
  one.raw.send(text('hello'));
  await eventLoopTurns(4);
  one.connection.terminate();
  await eventLoopTurns(4);
  const metrics = await otel.collect();
  const stats = server.stats();
  for (const [name, attributes, expected] of [
    ['hawser.connections', { 'hawser.connection.state': 'open' }, 1],
    ['hawser.connection.opened', {}, 2],
    ['hawser.handshakes', { 'hawser.handshake.result': 'accepted' }, 2],
    ['hawser.messages', { 'hawser.direction': 'received', 'hawser.kind': 'text' }, 1],
    ['hawser.messages', { 'hawser.direction': 'sent', 'hawser.kind': 'binary' }, 1],
    ['hawser.wire.io', { 'hawser.direction': 'sent' }, stats.bytes.sent],
    ['hawser.connection.closed', { 'hawser.close.code': '1006', 'hawser.close.cause': 'terminated' }, 1],
    ['hawser.subscriptions', {}, 1],
    ['hawser.broadcasts', {}, 1],
    ['hawser.message.dropped', { 'hawser.drop.policy': 'unsent' }, 0],
  ] as const)
    assert.equal(value(metrics, name, attributes), expected, name);
  for (const [name, { descriptor, dataPoints }] of metrics) {
    const row = Object.values(INSTRUMENT_TABLE).find((one) => one.name === name);
    assert.equal(descriptor.unit, row?.unit, name);
    assert.ok(descriptor.description.length > 10, name);
    for (const { attributes } of dataPoints) {
      assert.deepEqual(
        [attributes['network.protocol.name'], attributes['hawser.server.name']],
        ['websocket', 'chat'],
      );
    }
  }
});

test('MT-02: histograms are recorded per handshake, per close and for the sampled messages, with the bounds of METRICS', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join, pass, clock } = live(t, {
    upgrade: async () => {},
    pingIntervalMs: 1_000,
    pongTimeoutMs: 500,
  });
  server.on('message', async () => {
    clock.advance(20);
  });
  otel.instrument(server, { messageSpans: 1 });
  const { raw, connection } = await join();
  // To the first ping: its time is random.
  while (raw.received.length === 0) await pass(50);
  const { payload } = await raw.nextFrame();
  raw.send(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
  raw.send(text('x'.repeat(100)));
  await eventLoopTurns(4);
  server.broadcast('to all');
  await pass(2_000);
  connection.terminate();
  await eventLoopTurns(4);
  const metrics = await otel.collect();
  const histograms = Object.entries(INSTRUMENT_TABLE).filter(([, { kind }]) => kind === 'histogram');
  for (const [key, { name }] of histograms) {
    const points = metrics.get(name)?.dataPoints ?? [];
    assert.ok(points.length > 0, name);
    const bounds = METRICS.find((metric) => metric.name === `hawser_${key}`)?.buckets;
    for (const { value: histogram } of points) {
      assert.ok(typeof histogram === 'object');
      assert.deepEqual(histogram.buckets.boundaries, bounds, name);
      assert.equal(histogram.count, 1, name);
    }
  }
  const sumOf = (name: string, attributes?: object): number =>
    (value(metrics, name, attributes) as { readonly sum: number }).sum;
  assert.equal(sumOf('hawser.message.size', { 'hawser.direction': 'received', 'hawser.kind': 'text' }), 100);
  assert.equal(sumOf('hawser.message.size', { 'hawser.direction': 'sent' }), 6);
  assert.equal(sumOf('hawser.broadcast.recipients'), 1);
  assert.equal(sumOf('hawser.handler.duration'), 0.02);
  assert.ok(sumOf('hawser.connection.duration') >= 2);
});

test('MT-02: stop() ends the reading of metrics; a server can be instrumented again', { skip }, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t);
  const first = otel.instrument(server);
  await join();
  assert.equal(value(await otel.collect(), 'hawser.connection.opened'), 1);
  first.stop();
  await join();
  // The SDK goes on to export the last value.
  assert.equal(value(await otel.collect(), 'hawser.connection.opened'), 1);
  otel.instrument(server);
  assert.equal(value(await otel.collect(), 'hawser.connection.opened'), 2);
});

test('MT-02: a listening server adds its address and port', { skip }, async (t) => {
  const otel = sdk(t);
  const server = new WebSocketServer();
  const { port } = await server.listen(0, '127.0.0.1');
  otel.instrument(server);
  const point = (await otel.collect()).get('hawser.topics')?.dataPoints[0];
  assert.deepEqual(point?.attributes, {
    'network.protocol.name': 'websocket',
    'server.address': '127.0.0.1',
    'server.port': port,
  });
  await server.shutdown();
});

test('MT-02: a server that listens after instrument adds its address to sizes, too', { skip }, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t);
  server.on('message', () => {});
  otel.instrument(server, { messageSpans: 1 });
  const { raw } = await join();
  raw.send(text('before'));
  await eventLoopTurns(4);
  const { port } = await server.listen(0, '127.0.0.1');
  raw.send(text('after'));
  await eventLoopTurns(4);
  const points = (await otel.collect()).get('hawser.message.size')!.dataPoints;
  assert.deepEqual(
    points.map(({ attributes }) => attributes['server.port']),
    [undefined, port],
  );
});
