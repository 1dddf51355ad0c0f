import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import {
  RECONNECT_OPTION_TABLE,
  resolveReconnectOptions,
} from '../../src/options/resolve-reconnect-options.ts';
import { DEFAULT_RECONNECT_OPTIONS, ReconnectingClient, type ReconnectOptions } from '../../src/index.ts';

const MISUSE: readonly (readonly [options: unknown, says: string])[] = [
  [{ baseDelayMs: 0 }, 'baseDelayMs is 0; it must be a whole number of milliseconds from 1 to 2147483647'],
  [{ maxDelayMs: 500 }, 'baseDelayMs is 1000; it must be at most maxDelayMs, which is 500'],
  [{ maxFirstDelayMs: 1.5 }, 'maxFirstDelayMs is 1.5; it must be a whole number of milliseconds'],
  [{ stableAfterMs: Infinity }, 'stableAfterMs is Infinity; it must be'],
  [{ maxAttempts: 0 }, 'maxAttempts is 0; it must be a whole number from 1 to 1000000, or false for none'],
  [
    { maxUnexpectedResponses: false },
    'maxUnexpectedResponses is false; it must be a whole number from 1 to 1000000',
  ],
  [{ shouldReconnect: true }, 'shouldReconnect is true; it must be a function'],
  [{ offlineQueue: true }, 'offlineQueue is true; it must be false, or an object with maxBytes, maxMessages'],
  [
    { offlineQueue: { maxBytes: 0 } },
    'offlineQueue.maxBytes is 0; it must be a whole number of bytes from 1',
  ],
  [
    { offlineQueue: { ttl: 1 } },
    'there is no option offlineQueue.ttl (given as 1); the nearest is offlineQueue.ttlMs',
  ],
  [{ maxAttempt: 3 }, 'there is no option maxAttempt (given as 3); the nearest is maxAttempts'],
  [{ pingInterval: 3 }, 'there is no option pingInterval (given as 3); the nearest is pingIntervalMs'],
  [{ pingIntervalMs: 0 }, 'pingIntervalMs is 0; it must be'],
  [{ protocols: ['a b'] }, 'protocols[0] is "a b"; it must be'],
  [{ headers: 7 }, 'headers is 7; it must be'],
  [{ signal: 7 }, 'signal is 7; it must be an AbortSignal'],
  [{ token: 'sesame\nopen' }, 'token must be printable ASCII'],
  [
    { token: 't', headers: { authorization: 'Basic x' } },
    'headers has an Authorization, which token would be',
  ],
  [
    { socket: new PassThrough() },
    'socket is one connection, and this client makes many: use createConnection',
  ],
];
for (const [options, says] of MISUSE) {
  test(`CF-01 RC-01: ${says}`, () => {
    assert.throws(
      () => new ReconnectingClient('ws://127.0.0.1:1/', options as ReconnectOptions),
      (error: Error & { code?: string }) => error.code === 'ERR_OPTION' && error.message.startsWith(says),
    );
  });
}

test('CF-01: no error message shows a token', () => {
  assert.throws(
    () => resolveReconnectOptions({ token: 'sesame\nopen' }),
    (error: Error) => !error.message.includes('sesame'),
  );
});

for (const url of [7, undefined, 'ftp://127.0.0.1/', 'ws://127.0.0.1/#fragment', 'nonsense']) {
  test(`RC-01: the URL ${String(url)} is refused at once`, () => {
    assert.throws(() => new ReconnectingClient(url as string), { code: 'ERR_ARGUMENT' });
  });
}

test('CF-01: undefined means the default, and each option is read once', () => {
  const given: Record<string, unknown> = {
    maxDelayMs: undefined,
    offlineQueue: { ttlMs: 5 },
    pingIntervalMs: 40_000,
  };
  const settings = resolveReconnectOptions(given);
  given['pingIntervalMs'] = 1;
  assert.equal(settings.maxDelayMs, 30_000);
  assert.deepEqual(settings.offlineQueue, { maxBytes: 1_048_576, maxMessages: 1_000, ttlMs: 5 });
  assert.equal(settings.connection.pingIntervalMs, 40_000);
  assert.deepEqual(settings.connect, { pingIntervalMs: 40_000 });
  assert.ok(Object.isFrozen(settings) && Object.isFrozen(DEFAULT_RECONNECT_OPTIONS));
});

test('CF-02: the guide names every option with its default', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/reconnecting.md'), 'utf8');
  const number = (value: number): string => value.toLocaleString('en-US');
  for (const name of Object.keys(RECONNECT_OPTION_TABLE)) {
    const value = DEFAULT_RECONNECT_OPTIONS[name as keyof typeof DEFAULT_RECONNECT_OPTIONS];
    const fields = typeof value === 'object' ? Object.entries(value) : [];
    const shown =
      value === undefined
        ? 'none'
        : value === false
          ? '`false`'
          : typeof value === 'number'
            ? number(value)
            : fields.map(([field, each]) => `\`${field}\` ${number(each)}`).join(', ');
    assert.match(guide, new RegExp(`^\\| \`${name}\` +\\| ${shown} +\\|`, 'm'), name);
  }
});
