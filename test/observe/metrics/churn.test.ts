import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { METRICS, metricsText } from '../../../src/observe/index.ts';
import { connect, WebSocketServer } from '../../../src/index.ts';
import {
  binary,
  close,
  duplexPair,
  eventLoopTurns,
  RawClient,
  selfSigned,
  text,
  VirtualClock,
} from '../../../src/testing/index.ts';
import { listening, nextText, upgradeRequest } from '../../server/live.ts';
import { samplesIn, scrape, sumOf } from './scrape.ts';

type Step =
  | 'open'
  | 'text'
  | 'bytes'
  | 'broadcast'
  | 'publish'
  | 'close'
  | 'cut'
  | 'fail'
  | 'refuse'
  | 'pass';
const STEPS: readonly Step[] = [
  'open',
  'open',
  'text',
  'bytes',
  'broadcast',
  'publish',
  'close',
  'cut',
  'fail',
  'refuse',
  'pass',
];

/** A key of a counter, or of a part of a histogram. */
const isMonotonic = (key: string): boolean => {
  const [name = ''] = key.split('{', 1);
  const metric = METRICS.find((one) => name.startsWith(one.name) && one.name.length >= name.length - 7);
  return metric?.kind === 'counter' || metric?.kind === 'histogram';
};

async function run(steps: readonly { readonly step: Step; readonly pick: number }[]): Promise<void> {
  const clock = new VirtualClock();
  const server = new WebSocketServer({
    clock,
    metrics: true,
    perMessageDeflate: { thresholdBytes: 1 },
    highWaterMarkBytes: 2_000,
    maxBufferedBytes: 4_000,
    path: '/',
  });
  server.on('error', () => {});
  server.on('message', (connection, message, isText) => {
    if (message.length % 7 === 3) throw new Error('of the handler');
    connection.send(message, { binary: !isText });
  });
  const raws: RawClient[] = [];
  const enter = async (url: string): Promise<void> => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    raws.push(raw);
    const head = raws.length % 2 === 0 ? { 'Sec-WebSocket-Extensions': 'permessage-deflate' } : {};
    const connection = await server.handleUpgrade(upgradeRequest(head, url), wire.server, Buffer.alloc(0));
    if (raws.length % 3 === 0) wire.toClient.stall();
    connection?.subscribe('room');
  };
  let before = scrape(server);
  for (const { step, pick } of steps) {
    const raw = raws[pick % Math.max(1, raws.length)];
    if (step === 'open') await enter('/');
    else if (step === 'refuse') await enter('/nothing');
    else if (step === 'text') raw?.send(text('ü'.repeat(pick)));
    else if (step === 'bytes') raw?.send(binary(Buffer.alloc(pick * 10)));
    else if (step === 'broadcast') server.broadcast('x'.repeat(pick * 10));
    else if (step === 'publish') server.publish('room', Buffer.alloc(pick * 10));
    else if (step === 'close') raw?.send(close(3_000 + pick));
    else if (step === 'fail') raw?.send(Buffer.from([0xff, 0xff, 0, 0]));
    else if (step === 'cut') raw?.end();
    else clock.advance(pick * 100);
    await eventLoopTurns(3);
    const after = scrape(server);
    for (const [key, value] of before)
      if (isMonotonic(key)) assert.ok(after.get(key)! >= value, `${key} fell after ${step}`);
    before = after;
    agree(server, after);
  }
  for (const raw of raws) raw[Symbol.dispose]();
  const over = server.shutdown({ timeoutMs: 10_000 });
  for (let at = 0; at < 30; at++) {
    clock.advance(1_000);
    await eventLoopTurns(3);
  }
  await over;
  await eventLoopTurns(3);
  const end = scrape(server);
  agree(server, end);
  for (const gauge of [
    'connections',
    'slow_connections',
    'suspect_connections',
    'topics',
    'subscriptions',
    'buffered_bytes',
  ])
    assert.equal(sumOf(end, gauge), 0, gauge);
  assert.equal(sumOf(end, 'closes_total'), sumOf(end, 'connections_total'));
  assert.equal(sumOf(end, 'connection_seconds_count'), sumOf(end, 'connections_total'));
}

/** The metrics and `stats()` count the same. */
function agree(server: WebSocketServer, samples: ReadonlyMap<string, number>): void {
  const stats = server.stats();
  const { connections, handshakes, messages, bytes, closes, broadcasts, heartbeat, topics } = stats;
  const sums = {
    connections: connections.now,
    connections_total: connections.opened,
    handshakes_total: handshakes.accepted + handshakes.refused,
    handshake_seconds_count: handshakes.accepted,
    messages_received_total: messages.received,
    messages_sent_total: messages.sent,
    wire_bytes_total: bytes.received + bytes.sent,
    buffered_bytes: bytes.buffered,
    message_bytes_count: messages.received + messages.sent,
    dropped_messages_total: messages.dropped,
    closes_total: connections.closed,
    broadcasts_total: broadcasts.count,
    broadcast_recipients_count: broadcasts.count,
    broadcast_recipients_sum: broadcasts.recipients,
    ping_timeouts_total: heartbeat.timeouts,
    handler_errors_total: stats.errorsByCode.ERR_HANDLER ?? 0,
    slow_connections: stats.slowConnections,
    topics: topics.count,
    subscriptions: topics.subscriptions,
  };
  for (const [name, value] of Object.entries(sums)) assert.equal(sumOf(samples, name), value, name);
  for (const [cause, value] of Object.entries(closes.byCause))
    assert.equal(sumOf(samples, 'closes_total', `cause="${cause}"`), value, cause);
}

test('MT-01 EV-11 counters never fall, and agree with stats(), in any run', async () => {
  const steps = fc.array(
    fc.record({ step: fc.constantFrom(...STEPS), pick: fc.integer({ min: 0, max: 200 }) }),
    { minLength: 5, maxLength: 40 },
  );
  await fc.assert(fc.asyncProperty(steps, run), { numRuns: 40 });
});

test('MT-01 a TLS server beside a TCP server: each counts its own, and one text shows both by name', async (t) => {
  const { cert, key } = selfSigned(['127.0.0.1']);
  const tls = new WebSocketServer({ name: 'tls', metrics: true, tls: { cert, key } });
  t.after(() => tls.shutdown());
  const { port } = await tls.listen(0, '127.0.0.1');
  const tcp = await listening(t, { name: 'tcp', metrics: true });
  const plain = await tcp.join();
  tcp.server.on('message', (connection, message) => connection.send(message));
  plain.send(text('hello'));
  await nextText(plain);
  const other = await connect(`wss://127.0.0.1:${port}/`, { tls: { ca: cert } });
  const samples = samplesIn(metricsText([tcp.server, tls]));
  for (const [name, messages] of [
    ['tcp', 1],
    ['tls', 0],
  ] as const) {
    assert.equal(samples.get(`hawser_connections{server="${name}",state="open"}`), 1);
    assert.equal(sumOf(samples, 'messages_received_total', `server="${name}"`), messages);
    assert.equal(samples.get(`hawser_handshake_seconds_count{server="${name}"}`), 1);
  }
  other.terminate();
  await other.closed;
  assert.ok(samples.has('hawser_cpu_seconds_total'));
  assert.ok(!metricsText(tcp.server, { process: false }).includes('hawser_cpu_seconds_total'));
});
