import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MeterProvider, metrics, type TracerProvider } from '@opentelemetry/api';
import { connect, MisuseError, WebSocketServer } from '../../src/index.ts';
import { instrument } from '../../src/opentelemetry/index.ts';
import { eventLoopTurns, pair, text } from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';
import { live, nextText } from '../server/live.ts';
import { sdk, skip } from './sdk.ts';

const call = instrument as (...args: unknown[]) => { stop(...args: unknown[]): void };

test('GN-05 every argument of instrument is checked: a typed refusal, or documented as valid', async () => {
  const server = new WebSocketServer();
  for (const [label, make, valid] of [
    ['instrument(_)', (value: unknown) => call(value), []],
    ['instrument(server, _)', (value: unknown) => call(server, value), ['undefined', '{}']],
    ['instrument(server, {}, _)', (value: unknown) => call(server, {}, value), ['undefined']],
    ['meterProvider', (meterProvider: unknown) => call(server, { meterProvider }), ['undefined']],
    ['tracerProvider', (tracerProvider: unknown) => call(server, { tracerProvider }), ['undefined']],
    ['messageSpans', (messageSpans: unknown) => call(server, { messageSpans }), ['undefined', 'false', '0']],
  ] as const) {
    assert.deepEqual(await acceptedValues(label, (value) => make(value).stop()), [...valid], label);
  }
});

test('GN-05 a message of instrument names argument, value and what is allowed', async () => {
  const joined = await pair();
  for (const [given, code, message] of [
    [[joined.client], 'ERR_ARGUMENT', /instrument: server is .*; it must be a WebSocketServer/],
    [
      [joined.webSocketServer, { messageSpans: 2 }],
      'ERR_OPTION',
      /messageSpans is 2; .* a number from 0 to 1/,
    ],
    [[joined.webSocketServer, { meterProvider: {} }], 'ERR_OPTION', /meterProvider .* the method getMeter/],
    [[joined.webSocketServer, { messageSpan: 1 }], 'ERR_OPTION', /messageSpans/],
  ] as const) {
    assert.throws(
      () => call(...given),
      (error: MisuseError) =>
        error instanceof MisuseError && error.code === code && message.test(error.message),
      String(message),
    );
  }
  await joined[Symbol.asyncDispose]();
});

test('MT-02: a server is instrumented once at a time', () => {
  const server = new WebSocketServer();
  const first = instrument(server);
  assert.throws(() => instrument(server), { code: 'ERR_STATE', message: /call stop\(\)/ });
  first.stop();
  instrument(server).stop();
});

test('MT-02: an SDK that throws in every call affects no connection', async (t) => {
  const throwing = (): never => {
    throw new Error('of the SDK');
  };
  const instrumentOf = { record: throwing, add: throwing };
  const meterProvider = {
    getMeter: () => ({
      ...metrics.getMeter('none'),
      createHistogram: () => instrumentOf,
      createObservableCounter: () => ({}),
      createObservableGauge: () => ({}),
      createObservableUpDownCounter: () => ({}),
      addBatchObservableCallback: () => {},
      removeBatchObservableCallback: throwing,
    }),
  } as unknown as MeterProvider;
  const span = new Proxy({}, { get: () => throwing });
  for (const startSpan of [throwing, () => span]) {
    const tracerProvider = { getTracer: () => ({ startSpan }) } as unknown as TracerProvider;
    const { server, join } = live(t, { upgrade: async () => {} });
    server.on('message', async (connection, message) => {
      await eventLoopTurns(1);
      connection.send(message);
      server.broadcast('all');
    });
    const instrumentation = instrument(server, { meterProvider, tracerProvider, messageSpans: 1 });
    const { raw, connection } = await join();
    raw.send(text('hello'));
    assert.equal(await nextText(raw), 'hello');
    assert.equal(await nextText(raw), 'all');
    connection.terminate();
    await eventLoopTurns(4);
    instrumentation.stop();
  }
});

test('SE-09 MT-02: no span contains a payload, a query, a cookie, a credential or the reason of a close', {
  skip,
}, async (t) => {
  const otel = sdk(t);
  const server = new WebSocketServer({ upgrade: async () => {} });
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  otel.instrument(server, { messageSpans: 1 });
  const client = await connect(`ws://127.0.0.1:${port}/path?token=SECRET`, {
    headers: { Cookie: 'session=SECRET', Authorization: 'Bearer SECRET', 'X-Api-Key': 'SECRET' },
  });
  client.on('message', () => {});
  client.send('SECRET');
  await eventLoopTurns(4);
  client.close(4000, 'SECRET');
  await client.closed;
  await server.shutdown();
  const seen = otel
    .spans()
    .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
  assert.ok(seen.length >= 3);
  assert.doesNotMatch(JSON.stringify(seen), /SECRET|token|session/);
});
