import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect, MisuseError, ReconnectingClient } from '../../src/index.ts';
import { acceptedValues, WRONG_VALUES } from '../misuse.ts';

type AnyClient = { [Name in keyof ReconnectingClient]: (...args: unknown[]) => unknown };

const DEAD = 'ws://127.0.0.1:1/';
const dial = connect as unknown as (...args: unknown[]) => Promise<unknown>;
const Client = ReconnectingClient as unknown as new (...args: unknown[]) => ReconnectingClient;
const aborted = {
  signal: AbortSignal.abort(new MisuseError('ERR_STATE', 'this attempt was aborted before it began')),
};

function stage(t: TestContext): AnyClient {
  const client = new ReconnectingClient(DEAD);
  t.after(() => client[Symbol.asyncDispose]());
  return client as unknown as AnyClient;
}

test('GN-05 connect and ReconnectingClient refuse every wrong argument with a typed error', async (t) => {
  assert.deepEqual(await acceptedValues('connect(_)', (url) => dial(url, {})), []);
  assert.deepEqual(
    await acceptedValues('connect(url, _)', (value) => dial(DEAD, value)),
    [],
    'nothing listens there',
  );
  assert.deepEqual(await acceptedValues('connect(url, {}, _)', (value) => dial(DEAD, aborted, value)), []);
  const made = (...args: unknown[]): void => new Client(...args).close();
  const client = stage(t);
  const rows: readonly (readonly [
    label: string,
    call: (value: unknown) => unknown,
    valid: readonly string[],
  ])[] = [
    ['new ReconnectingClient(_)', (url) => made(url), ['function']],
    ['new ReconnectingClient(url, _)', (value) => made(DEAD, value), ['undefined', '{}']],
    ['new ReconnectingClient(url, {}, _)', (value) => made(DEAD, {}, value), ['undefined']],
    ['send(_)', (value) => client.send(value), ["'x'", "''"]],
    ['send(payload, _)', (value) => client.send('x', value), ['undefined', '{}']],
    ['send(payload, {}, _)', (value) => client.send('x', {}, value), ['undefined']],
    ['drained(_)', (value) => value === undefined || client.drained(value), ['undefined']],
    ['pause(_)', (value) => client.pause(value), ['undefined']],
    ['resume(_)', (value) => client.resume(value), ['undefined']],
    ['close(_)', (value) => value === undefined || client.close(value), ['undefined']],
    [
      'close(code, reason, _)',
      (value) => value === undefined || client.close(1000, '', value),
      ['undefined'],
    ],
  ];
  for (const [label, call, valid] of rows) {
    // drained({}) is valid and would wait for a connection that is never made.
    const answer = label === 'drained(_)' ? (value: unknown) => call(isEmpty(value) ? [] : value) : call;
    assert.deepEqual(await acceptedValues(label, answer), valid, label);
  }
});

const isEmpty = (value: unknown): boolean => value?.constructor === Object && Object.keys(value).length === 0;

for (const name of [
  'protocols',
  'headers',
  'origin',
  'tls',
  'lookup',
  'signal',
  'token',
  'proxy',
  'createConnection',
  'socket',
  'logger',
  'clock',
  'random',
  'rateLimit',
  'perMessageDeflate',
  'memoryBudget',
  'offlineQueue',
  'maxRedirects',
]) {
  test(`GN-05 no value of option ${name} throws a raw error of the runtime`, async () => {
    for (const value of WRONG_VALUES) {
      try {
        new Client(DEAD, { [name]: value }).close();
      } catch (error) {
        assert.ok(
          error instanceof MisuseError,
          `${name}: ${String(value?.constructor?.name)}: ${String(error)}`,
        );
      }
    }
  });
}

test('GN-05 the refusal of arguments in the style of other libraries says what to write instead', async () => {
  const rows: readonly (readonly [args: unknown[], says: RegExp])[] = [
    [
      [DEAD, 'chat'],
      /^connect: options is "chat"; it must be an object; subprotocols are connect\(url, \{ protocols: \["chat"\] \}\)$/,
    ],
    [[DEAD, ['a', 'b']], /subprotocols are connect\(url, \{ protocols: \["a","b"\] \}\)$/],
    [[DEAD, () => {}], /^connect takes no callback; await connect\(url, options\)$/],
    [[DEAD, {}, () => {}], /^connect takes no callback/],
    [[DEAD, [], {}], /^connect takes no such argument as an object/],
    [[DEAD, { handshakeTimeout: 5 }], /it is called connectTimeoutMs$/],
    [[DEAD, { followRedirects: true }], /set maxRedirects to how many redirects to follow$/],
  ];
  for (const [args, says] of rows) {
    await assert.rejects(dial(...args), (error: Error) => {
      assert.ok(error instanceof MisuseError);
      assert.match(error.message, says);
      return true;
    });
  }
  assert.throws(
    () => new Client(DEAD, ['chat']),
    /subprotocols are new ReconnectingClient\(url, \{ protocols: \["chat"\] \}\)$/,
  );
  assert.throws(() => new Client(DEAD, { reconnectionDelayMax: 5 }), /it is called maxDelayMs$/);
  assert.throws(() => new Client(DEAD, { maxRetries: 5 }), /it is called maxAttempts$/);
});
