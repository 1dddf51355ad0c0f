import { RECONNECT_FOREIGN_NAMES } from './foreign-names.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { bytes, count, ms, type NumberRule, orFalse, type PlainRule, plain } from './option-rules.ts';
import { defaultEngine } from '../engine/engine.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { ConnectOptions, ResolvedConnectOptions } from './connect-options.ts';
import type { ReconnectOptions } from './reconnect-options.ts';
import type { OfflineQueueSettings, RetrySettings } from './retry-options.ts';
import { CONNECT_OPTION_TABLE, resolveConnectOptions } from './resolve-connect-options.ts';

type OwnRule = NumberRule | PlainRule<'function' | 'queue' | 'token'>;
type OwnName = Exclude<keyof ReconnectOptions, keyof ConnectOptions>;

/** Every option that `connect` does not have. A missing or surplus row does not compile. */
export const RECONNECT_OPTION_TABLE = Object.freeze({
  token: plain('token', 'sent as Authorization: Bearer'),
  baseDelayMs: ms('maximum delay before the first attempt; doubles with each attempt'),
  maxDelayMs: ms('maximum delay before any attempt'),
  maxFirstDelayMs: ms('maximum first delay after the server went away'),
  stableAfterMs: ms('time after which an open connection resets the attempt count'),
  maxAttempts: orFalse(count(1_000_000, 'attempts in a row after which the client gives up')),
  maxUnexpectedResponses: count(
    1_000_000,
    'responses with HTTP 200 to 400 or 404, without a connection in between, after which the client gives up',
  ),
  shouldReconnect: plain('function', 'overrides the decision to reconnect'),
  offlineQueue: plain('queue', 'messages that send queues while there is no connection'),
} satisfies Readonly<Record<OwnName, OwnRule>>);

/** The options inside `offlineQueue`. */
export const OFFLINE_QUEUE_TABLE = Object.freeze({
  maxBytes: bytes(2 ** 31 - 1, 'maximum queued bytes'),
  maxMessages: count(1_000_000, 'maximum queued messages'),
  ttlMs: ms('how long a message stays queued'),
} satisfies Readonly<Record<keyof OfflineQueueSettings, NumberRule>>);

const DEFAULT_OFFLINE_QUEUE: OfflineQueueSettings = Object.freeze({
  maxBytes: 1_048_576,
  maxMessages: 1_000,
  ttlMs: 30_000,
});

/** {@link ReconnectOptions} after checking. Frozen. */
export interface ReconnectSettings
  extends RetrySettings,
    Required<Pick<ReconnectOptions, 'shouldReconnect' | 'token' | 'protocols' | 'headers'>> {
  readonly offlineQueue: false | OfflineQueueSettings;
  /** Options passed to `connect` for each attempt, besides the values of functions. */
  readonly connect: ConnectOptions;
  /** The same options with all defaults, for the reconnecting client itself. */
  readonly connection: ResolvedConnectOptions;
}

/** The defaults of a {@link ReconnectingClient}, besides those of `connect`. */
export const DEFAULT_RECONNECT_OPTIONS: Readonly<
  RetrySettings & { shouldReconnect: undefined; token: undefined; offlineQueue: OfflineQueueSettings }
> = Object.freeze({
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  maxFirstDelayMs: 5_000,
  stableAfterMs: 10_000,
  maxAttempts: false,
  maxUnexpectedResponses: 5,
  shouldReconnect: undefined,
  token: undefined,
  offlineQueue: DEFAULT_OFFLINE_QUEUE,
});

const TABLE = Object.freeze({ ...CONNECT_OPTION_TABLE, ...RECONNECT_OPTION_TABLE });

/**
 * Checks options and fills in the defaults. Reads the caller's object once and does not keep it; calls functions later.
 * @throws MisuseError `ERR_OPTION` for an unknown name, a value of the wrong type or out of range, or two that contradict
 *   each other; it names option, value and what is allowed.
 */
export function resolveReconnectOptions(
  options: ReconnectOptions = {},
  engine = defaultEngine,
): ReconnectSettings {
  // Check names against both tables, so that a typo gets the nearest name of all options.
  const given = checkedRecord(
    'options',
    options,
    TABLE,
    (_, __, value) => value,
    RECONNECT_FOREIGN_NAMES,
  ) as ReconnectOptions;
  const { protocols, headers, ...rest } = given;
  if ('socket' in rest) {
    throw new MisuseError(
      'ERR_OPTION',
      'socket is one connection, and this client makes many: use createConnection, which is called for each',
    );
  }
  const own: Record<string, unknown> = {};
  const connect: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (name in RECONNECT_OPTION_TABLE) own[name] = checkedOwn(name as OwnName, value);
    else connect[name] = value;
  }
  const connection = resolveConnectOptions(
    {
      ...connect,
      ...(typeof protocols === 'function' ? {} : { protocols }),
      ...(typeof headers === 'function' ? {} : { headers }),
    },
    engine,
  );
  const settings = Object.freeze({
    ...DEFAULT_RECONNECT_OPTIONS,
    ...own,
    protocols: typeof protocols === 'function' ? protocols : connection.protocols,
    headers: typeof headers === 'function' ? headers : connection.headers,
    connect: Object.freeze(connect),
    connection,
  });
  refuseContradictions(settings);
  return settings;
}

function checkedOwn(name: OwnName, value: unknown): unknown {
  const rule: OwnRule = RECONNECT_OPTION_TABLE[name];
  if (rule.kind === 'queue') return checkedQueue(name, value);
  if (rule.kind === 'token') {
    if (typeof value === 'function' || isToken(value)) return value;
    throw new MisuseError('ERR_OPTION', 'token must be printable ASCII, or a function that gives it');
  }
  return checkedOption(name, rule as NumberRule | PlainRule<'function'>, value);
}

/** Whether the value is valid after `Bearer`. Never printed: it is a secret. */
export const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);

function checkedQueue(name: string, value: unknown): false | OfflineQueueSettings {
  if (value === false) return value;
  if (typeof value !== 'object' || value === null) {
    refuseOption(name, value, 'false, or an object with maxBytes, maxMessages and ttlMs');
  }
  return Object.freeze({
    ...DEFAULT_OFFLINE_QUEUE,
    ...checkedRecord(name, value, OFFLINE_QUEUE_TABLE, checkedOption),
  });
}

function refuseContradictions({
  baseDelayMs,
  maxDelayMs,
  token,
  headers,
  connection,
}: ReconnectSettings): void {
  if (baseDelayMs > maxDelayMs) {
    refuseOption('baseDelayMs', baseDelayMs, `at most maxDelayMs, which is ${maxDelayMs}`);
  }
  const isGiven = connection.headers.some(([name]) => name.toLowerCase() === 'authorization');
  if (token !== undefined && typeof headers !== 'function' && isGiven) {
    throw new MisuseError(
      'ERR_OPTION',
      'headers has an Authorization, which token would be: give one of them',
    );
  }
}
