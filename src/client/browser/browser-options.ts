import { MisuseError } from '../../protocol/errors.ts';
import type { Asked, OfflineQueueSettings, RetrySettings } from '../../options/retry-options.ts';
import { checkOptions, FUNCTION, orFalse, type Rule, SIGNAL, wholeNumber } from '../topics/check.ts';
import type { DownInfo } from './browser-events.ts';

/** Options of a {@link ReconnectingClient}. All are optional; `undefined` means the default. */
export interface ReconnectOptions {
  /** Subprotocols to offer, or a function that is called before every attempt. Default `[]`. */
  readonly protocols?: Asked<readonly string[]> | undefined;
  /**
   * Sent as the subprotocol `bearer.` and the token, because a browser sends no `Authorization`. Characters of an HTTP token, as
   * base64url has them. Or a function that is called before every attempt; `undefined` sends no token. Default: none.
   */
  readonly token?: Asked<string | undefined> | undefined;
  /** Aborting it ends the client at once. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time until a connection is open, including the functions. Default 10,000; 1 to 2,147,483,647 ms. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest time until the answer to a ping; only with `hawser.v1`. Default 5,000; 1 to 2,147,483,647 ms. */
  readonly pongTimeoutMs?: number | undefined;
  /** `send` drops a message while the browser has this many unsent bytes. Default 16,777,216; 1 to 2,147,483,647 bytes. */
  readonly maxBufferedBytes?: number | undefined;
  /** Upper bound of the first delay; doubles with every attempt (full jitter). Default 1,000; 1 to 2,147,483,647 ms. */
  readonly baseDelayMs?: number | undefined;
  /** Maximum delay. Default 30,000; 1 to 2,147,483,647 ms. */
  readonly maxDelayMs?: number | undefined;
  /** Upper bound of the first delay after 1001, 1006, 1012 and 1013. Default 5,000; 1 to 2,147,483,647 ms. */
  readonly maxFirstDelayMs?: number | undefined;
  /** A connection that lasts this long resets the count of attempts. Default 10,000; 1 to 2,147,483,647 ms. */
  readonly stableAfterMs?: number | undefined;
  /** Maximum number of attempts in a row. Default `false`: no limit; 1 to 1,000,000, or `false`. */
  readonly maxAttempts?: number | false | undefined;
  /** Overrides the rules for retrying: `true` or `false`; `undefined` applies the rules. Default: none. */
  readonly shouldReconnect?: ((info: DownInfo) => boolean | undefined) | undefined;
  /**
   * What `send` and operations queue while there is no connection: at most `maxBytes` (default 1,048,576) in at most
   * `maxMessages` (default 1,000), each for `ttlMs` (default 30,000). `false` queues nothing.
   */
  readonly offlineQueue?: false | Partial<OfflineQueueSettings> | undefined;
}

/** {@link ReconnectOptions} after checking. */
export interface BrowserSettings extends RetrySettings {
  readonly protocols: Asked<readonly string[]>;
  readonly token: Asked<string | undefined>;
  readonly signal: AbortSignal | undefined;
  readonly connectTimeoutMs: number;
  readonly pongTimeoutMs: number;
  readonly maxBufferedBytes: number;
  readonly shouldReconnect: ((info: DownInfo) => boolean | undefined) | undefined;
  readonly offlineQueue: false | OfflineQueueSettings;
}

const CALL = 'new ReconnectingClient';
const MS = wholeNumber(1);
const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[!#$%&'*+\-.^_`|~\w]+$/.test(value);
const PROTOCOLS: Rule = [
  (value) => typeof value === 'function' || (Array.isArray(value) && value.every(isToken)),
  "an array of subprotocols, such as ['hawser.v1'], or a function",
];
const QUEUE: Readonly<Record<string, Rule>> = {
  maxBytes: MS,
  maxMessages: wholeNumber(1, 1_000_000),
  ttlMs: MS,
};
const RULES: Readonly<Record<keyof ReconnectOptions, Rule>> = {
  protocols: PROTOCOLS,
  token: [(value) => typeof value === 'function' || isToken(value), 'an HTTP token, or a function'],
  signal: SIGNAL,
  connectTimeoutMs: MS,
  pongTimeoutMs: MS,
  maxBufferedBytes: MS,
  baseDelayMs: MS,
  maxDelayMs: MS,
  maxFirstDelayMs: MS,
  stableAfterMs: MS,
  maxAttempts: orFalse(wholeNumber(1, 1_000_000)),
  shouldReconnect: FUNCTION,
  offlineQueue: [
    (value) => value === false || (typeof value === 'object' && value !== null),
    'false, or an object with maxBytes, maxMessages and ttlMs',
  ],
};

const DEFAULTS: BrowserSettings = {
  protocols: [],
  token: undefined,
  signal: undefined,
  connectTimeoutMs: 10_000,
  pongTimeoutMs: 5_000,
  maxBufferedBytes: 16_777_216,
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  maxFirstDelayMs: 5_000,
  stableAfterMs: 10_000,
  maxAttempts: false,
  maxUnexpectedResponses: 1, // a browser does not show responses
  shouldReconnect: undefined,
  offlineQueue: { maxBytes: 1_048_576, maxMessages: 1_000, ttlMs: 30_000 },
};

const given = (options: object | undefined): object =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined));

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. Never shows the token. */
export function resolveOptions(options: ReconnectOptions | undefined): BrowserSettings {
  if (options?.token !== undefined && typeof options.token !== 'function' && !isToken(options.token))
    throw new MisuseError('ERR_OPTION', `${CALL}: token must be ${RULES.token[1]}`);
  checkOptions(CALL, options, RULES);
  const queue = options?.offlineQueue;
  if (queue !== undefined && queue !== false) checkOptions(`${CALL}: offlineQueue`, queue, QUEUE);
  const settings: BrowserSettings = {
    ...DEFAULTS,
    ...given(options),
    offlineQueue:
      queue === false ? false : { ...(DEFAULTS.offlineQueue as OfflineQueueSettings), ...given(queue) },
  };
  if (settings.baseDelayMs > settings.maxDelayMs)
    throw new MisuseError(
      'ERR_OPTION',
      `${CALL}: baseDelayMs is ${settings.baseDelayMs}; it must be at most maxDelayMs, which is ${settings.maxDelayMs}`,
    );
  return settings;
}

/**
 * The subprotocols to offer.
 * @throws MisuseError `ERR_OPTION` for a value that a function returned and that cannot be sent.
 */
export function offeredProtocols(
  protocols: readonly string[] | undefined,
  token: string | undefined,
): string[] {
  if (protocols !== undefined && (typeof protocols === 'function' || !PROTOCOLS[0](protocols)))
    throw new MisuseError('ERR_OPTION', `protocols returned a value that is not ${PROTOCOLS[1]}`);
  if (token !== undefined && !isToken(token))
    throw new MisuseError('ERR_OPTION', 'token returned a value that is not an HTTP token');
  return [...(protocols ?? []), ...(token === undefined ? [] : [`bearer.${token}`])];
}
