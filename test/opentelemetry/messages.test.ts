import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, RawClient, seededRandom, text } from '../../src/testing/index.ts';
import { live, nextText, type Peer } from '../server/live.ts';
import { type FinishedSpan, sdk, skip } from './sdk.ts';

const ROOT_ONLY = (span: FinishedSpan): boolean => span.parentSpanContext === undefined;
const named = (spans: readonly FinishedSpan[], name: string): FinishedSpan[] =>
  spans.filter((span) => span.name === name);
const linked = (span: FinishedSpan): string[] => span.links.map((link) => link.context.spanId);

test('MT-02: receive and send have spans of their own trace, linked to the handshake, with size and kind', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t);
  server.on('message', (connection, message) => void connection.send(message));
  otel.instrument(server, { messageSpans: 1 });
  const { raw, connection } = await join();
  raw.send(text('grüße'));
  assert.equal(await nextText(raw), 'grüße');
  const [handshake, send, receive] = otel.spans();
  assert.ok(handshake && send && receive);
  const attributes = {
    'network.protocol.name': 'websocket',
    'messaging.message.body.size': 7,
    'hawser.kind': 'text',
    'hawser.connection.id': connection.id,
  };
  assert.deepEqual(
    [receive, send].map((span) => [span.name, span.kind, span.attributes, span.status]),
    [
      ['websocket receive', SpanKind.CONSUMER, attributes, { code: 0 }],
      ['websocket send', SpanKind.PRODUCER, attributes, { code: 0 }],
    ],
  );
  assert.ok([receive, send].every(ROOT_ONLY));
  assert.deepEqual(linked(receive), [handshake.spanContext().spanId]);
  assert.deepEqual(linked(send), [handshake.spanContext().spanId, receive.spanContext().spanId]);
  const traces = new Set([handshake, send, receive].map((span) => span.spanContext().traceId));
  assert.equal(traces.size, 3);
});

test('MT-02: the span of a message is active in sync and async listeners, also after await, for several connections in one turn', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t, { maxConcurrentMessages: 4 });
  const tracer = otel.tracerProvider.getTracer('of the application');
  const child = (name: string): void => tracer.startSpan(name).end();
  server.on('message', async (_, message) => {
    child(`server ${String(message)}`);
    await eventLoopTurns(String(message).endsWith('1') ? 3 : 1);
    child(`server later ${String(message)}`);
  });
  otel.instrument(server, { messageSpans: 1 });
  const peers: Peer[] = [];
  for (const name of ['a', 'b', 'c']) {
    const peer = await join();
    peer.connection.on('message', (message) => child(`connection ${String(message)}`));
    peer.raw.send(Buffer.concat([text(`${name}1`), text(`${name}22`)]));
    peers.push(peer);
  }
  await eventLoopTurns(16);
  const spans = otel.spans();
  const receives = new Map(
    named(spans, 'websocket receive').map((span) => [span.spanContext().spanId, span] as const),
  );
  assert.equal(receives.size, 6);
  const children = spans.filter((span) => /^(server|connection) /.test(span.name));
  assert.equal(children.length, 18);
  const messages = new Map<string | undefined, Set<string>>();
  for (const span of children) {
    const parent = span.parentSpanContext?.spanId;
    assert.ok(parent !== undefined && receives.has(parent), span.name);
    const message = span.name.split(' ').at(-1)!;
    messages.set(parent, (messages.get(parent) ?? new Set()).add(message));
    assert.equal(receives.get(parent)?.attributes['messaging.message.body.size'], message.length);
  }
  assert.deepEqual([...messages.values()].map((set) => [...set].join()).sort(), [
    'a1',
    'a22',
    'b1',
    'b22',
    'c1',
    'c22',
  ]);
  assert.equal(trace.getActiveSpan(), undefined);
});

const failure = Object.assign(new RangeError('of the application'), { code: 'E_APP' });
for (const [what, listener] of [
  [
    'throws',
    () => {
      throw failure;
    },
  ],
  ['rejects', async () => eventLoopTurns(1).then(() => Promise.reject(failure))],
] as const) {
  test(`MT-02: the span of a handler that ${what} has the exception and the status ERROR`, {
    skip,
  }, async (t) => {
    const otel = sdk(t);
    const { server, join, errors } = live(t);
    server.on('message', listener);
    otel.instrument(server, { messageSpans: 1 });
    const { raw, connection } = await join();
    raw.send(text('boom'));
    await eventLoopTurns(8);
    const [receive, ...others] = named(otel.spans(), 'websocket receive');
    assert.ok(receive);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [receive.status.code, receive.attributes['error.type'], receive.events.map(({ name }) => name)],
      [SpanStatusCode.ERROR, 'E_APP', ['exception']],
    );
    assert.equal(receive.events[0]?.attributes?.['exception.message'], 'of the application');
    assert.equal(connection.state, 'closing');
    assert.equal(errors.length, 1);
    errors.length = 0;
  });
}

test('MT-02: a publish has one span with the number of recipients; a message to a loop has one without a listener', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t);
  otel.instrument(server, { messageSpans: 1 });
  const [one, two] = [await join(), await join()];
  for (const { connection } of [one, two]) connection.subscribe('news');
  server.publish('news', 'to both');
  const iterator = one.connection[Symbol.asyncIterator]();
  const first = iterator.next();
  one.raw.send(text('to the loop'));
  await first;
  const [publish, receive] = otel.spans().slice(2);
  assert.deepEqual(
    [publish?.name, publish?.links, publish?.attributes],
    [
      'websocket send',
      [],
      {
        'network.protocol.name': 'websocket',
        'messaging.message.body.size': 7,
        'hawser.kind': 'text',
        'hawser.recipients': 2,
      },
    ],
  );
  assert.deepEqual(
    [receive?.name, receive?.attributes['messaging.message.body.size']],
    ['websocket receive', 11],
  );
  await iterator.return?.();
});

test('MT-02: an unclean close has a span with code and cause, linked to the handshake; a clean one has none', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join, closes } = live(t);
  otel.instrument(server);
  const [clean, gone, wrong] = [await join(), await join(), await join()];
  const spanIds = otel.spans().map((span) => span.spanContext().spanId);
  clean.connection.on('message', () => {});
  clean.raw.send(Buffer.from('88820000000003e8', 'hex'));
  gone.wire.reset();
  wrong.raw.send(Buffer.from('c38000000000', 'hex'));
  await eventLoopTurns(8);
  for (const { raw } of [clean, wrong]) raw.end();
  await eventLoopTurns(8);
  assert.equal(closes.length, 3);
  const spans = named(otel.spans(), 'websocket close');
  assert.deepEqual(
    spans.map((span) => [linked(span), span.kind, span.status.code, span.attributes]),
    [
      [
        [spanIds[1]],
        SpanKind.INTERNAL,
        SpanStatusCode.ERROR,
        {
          'network.protocol.name': 'websocket',
          'hawser.connection.id': gone.connection.id,
          'hawser.close.code': 1006,
          'hawser.close.cause': 'transport-error',
          'hawser.close.initiator': 'remote',
          'error.type': 'ERR_TRANSPORT',
        },
      ],
      [
        [spanIds[2]],
        SpanKind.INTERNAL,
        SpanStatusCode.ERROR,
        {
          'network.protocol.name': 'websocket',
          'hawser.connection.id': wrong.connection.id,
          'hawser.close.code': 1006,
          'hawser.close.cause': 'protocol-error',
          'hawser.close.initiator': 'local',
          'error.type': 'ERR_RSV',
        },
      ],
    ],
  );
  assert.ok(spans.every(ROOT_ONLY));
});

test('MT-02: messageSpans samples messages at random, in both directions; false and 0 sample none', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  for (const [ratio, least, most] of [
    [0.1, 150, 250],
    [0, 0, 0],
    [false, 0, 0],
  ] as const) {
    const { server, join } = live(t, { random: seededRandom(7) });
    server.on('message', (connection, message) => void connection.send(message));
    const before = otel.spans().length;
    const instrumentation = otel.instrument(server, { messageSpans: ratio });
    const { raw } = await join();
    for (let i = 0; i < 1_000; i++) raw.send(text(`${i}`));
    for (let i = 0; i < 1_000; i++) assert.equal(await nextText(raw), `${i}`);
    const spans = otel.spans().slice(before + 1);
    assert.ok(spans.length >= least && spans.length <= most, `${spans.length} of 2,000`);
    if (ratio === 0.1) {
      const kinds = new Set(spans.map((span) => span.kind));
      assert.ok(kinds.has(SpanKind.PRODUCER) && kinds.has(SpanKind.CONSUMER));
    }
    instrumentation.stop();
  }
});

test('MT-02: a message that is not sampled does not run in the span in which listen was called', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const server = new WebSocketServer();
  const startup = otel.tracerProvider.getTracer('test').startSpan('startup');
  const { port } = await context.with(trace.setSpan(context.active(), startup), () =>
    server.listen(0, '127.0.0.1'),
  );
  startup.end();
  const seen: unknown[] = [];
  server.on('message', async (connection, message) => {
    seen.push(trace.getActiveSpan());
    await eventLoopTurns(1);
    seen.push(trace.getActiveSpan());
    connection.send(message);
  });
  otel.instrument(server, { messageSpans: 1e-9 });
  const raw = await RawClient.connect({ port });
  assert.equal((await raw.upgrade()).status, 101);
  raw.send(text('hello'));
  assert.equal(await nextText(raw), 'hello');
  assert.deepEqual(seen, [undefined, undefined]);
  raw[Symbol.dispose]();
  await server.shutdown();
});

test('MT-02: stop() while a handler runs lets its span end, and leaves nothing behind', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const { server, join } = live(t);
  let finish = (): void => {};
  server.on('message', () => new Promise<void>((resolve) => (finish = resolve)));
  const instrumentation = otel.instrument(server, { messageSpans: 1 });
  const { raw, connection } = await join();
  raw.send(text('one'));
  await eventLoopTurns(4);
  assert.equal(otel.open(), 1);
  instrumentation.stop();
  instrumentation.stop();
  finish();
  await eventLoopTurns(2);
  assert.equal(otel.open(), 0);
  assert.equal(named(otel.spans(), 'websocket receive').length, 1);
  const before = otel.spans().length;
  raw.send(text('two'));
  await eventLoopTurns(4);
  finish();
  connection.send('three');
  connection.terminate();
  await join();
  await eventLoopTurns(4);
  assert.equal(otel.spans().length, before);
});
