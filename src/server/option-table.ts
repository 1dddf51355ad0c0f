import type { RateLimitOptions } from '../connection/connection-options.ts';
import type { ServerOptions } from './option-types.ts';

/** A whole number, `min` to `max`, of `kind`; `false` too where the policy can be switched off. */
export interface NumberRule {
  readonly kind: 'count' | 'bits' | 'bytes' | 'ms' | 'seconds';
  readonly min: number;
  readonly max: number;
  readonly orFalse: boolean;
  readonly says: string;
}
/** A list of texts of a kind; or one of `words` alone, or a function, or `false`. */
export interface ListRule {
  readonly kind: 'list';
  readonly of: 'token' | 'origin' | 'host' | 'address';
  readonly words: readonly string[];
  readonly orFunction: boolean;
  readonly orFalse: boolean;
  /** A whole number from 1 up to this one, instead of a list; 0 for none. */
  readonly orCount: number;
  readonly says: string;
}
export interface EnumRule {
  readonly kind: 'enum';
  readonly values: readonly string[];
  readonly says: string;
}
export interface ObjectRule {
  readonly kind: 'object';
  readonly methods: readonly string[];
  readonly says: string;
}
export interface OtherRule {
  readonly kind: 'boolean' | 'path' | 'function' | 'tls' | 'budget';
  readonly says: string;
}
/** An object of {@link RATE_LIMIT_TABLE}, or `false`. */
export interface RateRule {
  readonly kind: 'rate';
  readonly says: string;
}
/** What an option may be, and one line about it, as for `--help`. */
export type OptionRule = NumberRule | ListRule | EnumRule | ObjectRule | OtherRule | RateRule;

/** The longest delay of a timer. */
const MAX_MS = 2 ** 31 - 1;
const MAX_BYTES = 2 ** 31 - 1;
/** The longest string V8 can make: text of so many bytes always fits into one. */
const MAX_TEXT_BYTES = 2 ** 29 - 24;

const number = (kind: NumberRule['kind'], max: number, says: string): NumberRule =>
  Object.freeze({ kind, min: 1, max, orFalse: false, says });
const count = (max: number, says: string) => number('count', max, says);
const bytes = (max: number, says: string) => number('bytes', max, says);
const ms = (says: string) => number('ms', MAX_MS, says);
const orFalse = (rule: NumberRule): NumberRule => Object.freeze({ ...rule, orFalse: true });
const list = (of: ListRule['of'], extra: Partial<ListRule>, says: string): ListRule =>
  Object.freeze({
    kind: 'list',
    of,
    words: [],
    orFunction: false,
    orFalse: false,
    orCount: 0,
    ...extra,
    says,
  });
const oneOf = (values: readonly string[], says: string): EnumRule =>
  Object.freeze({ kind: 'enum', values, says });
const object = (methods: readonly string[], says: string): ObjectRule =>
  Object.freeze({ kind: 'object', methods, says });
const other = (kind: OtherRule['kind'], says: string): OtherRule => Object.freeze({ kind, says });

/**
 * Every option of a server. The checks are made from this table, and so are the flags of the command line; a row that is
 * missing or too many does not compile.
 */
export const SERVER_OPTION_TABLE = Object.freeze({
  path: other('path', 'the only path served; other requests get 404'),
  protocols: list('token', {}, 'subprotocols spoken, the preferred first'),
  allowedOrigins: list(
    'origin',
    { words: ['same-origin', '*'], orFunction: true },
    'origins that browsers may connect from',
  ),
  requireOrigin: other('boolean', 'refuse requests without Origin'),
  allowedHosts: list('host', { orFalse: true }, 'host names that requests may name'),
  trustProxy: list(
    'address',
    { orFalse: true, orCount: 32 },
    'proxies that speak for clients: addresses and ranges, or how many',
  ),
  tls: other('tls', 'speaks TLS, with these options of Node’s'),
  upgrade: other('function', 'decides on each handshake'),
  request: other('function', 'answers plain HTTP requests'),
  upgradeTimeoutMs: ms('time the upgrade hook has'),
  handshakeTimeoutMs: ms('time from accept to the end of the request head'),
  maxHeadBytes: bytes(1_048_576, 'longest request head'),
  maxHeaderFields: count(10_000, 'most fields in a request head'),
  maxPendingHandshakes: count(1_000_000, 'most handshakes under way'),
  maxMessageBytes: bytes(MAX_TEXT_BYTES, 'largest message'),
  maxFrameBytes: bytes(MAX_TEXT_BYTES, 'largest frame; as large as a message unless given'),
  maxFragments: count(16_777_216, 'most frames in one message'),
  maxPendingPongs: count(65_536, 'most pongs that wait for a blocked socket'),
  messageTimeoutMs: ms('time from the first byte of a message to its last'),
  heartbeat: other('boolean', 'ping every connection'),
  pingIntervalMs: ms('time between two pings'),
  pongTimeoutMs: ms('time a ping may go unanswered'),
  maxMissedPongs: count(100, 'unanswered pings in a row that end a connection'),
  idleTimeoutMs: orFalse(ms('time without a byte received that ends a connection')),
  writeTimeoutMs: ms('time without a byte taken by the peer that ends a connection'),
  closeTimeoutMs: ms('time the closing handshake has'),
  expiryWarningMs: ms('time between the warning and the end of credentials'),
  maxConnections: count(10_000_000, 'most connections'),
  maxConnectionsPerIp: orFalse(count(10_000_000, 'most connections of one address')),
  maxNewConnectionsPerMinute: orFalse(count(100_000_000, 'new connections a minute')),
  maxNewConnectionsPerMinutePerIp: orFalse(count(100_000_000, 'new connections a minute of one address')),
  exemptAddresses: list('address', { orFunction: true }, 'addresses and ranges without limits per address'),
  ipv6PrefixBits: number('bits', 128, 'how much of an IPv6 address counts as one address'),
  retryAfterSeconds: number('seconds', 86_400, 'shortest Retry-After of a refusal'),
  rateLimit: Object.freeze({ kind: 'rate', says: 'how fast one connection may send' }),
  highWaterMarkBytes: bytes(MAX_BYTES, 'waiting bytes from which on a sender should wait'),
  maxBufferedBytes: bytes(MAX_BYTES, 'waiting bytes from which on onOverflow applies'),
  onOverflow: oneOf(['close', 'drop-newest', 'drop-oldest'], 'what happens to a peer that reads too slowly'),
  memoryBudget: other('budget', 'memory that all connections may hold together'),
  receiveAheadBytes: bytes(MAX_BYTES, 'bytes read ahead while messages are not taken'),
  maxConcurrentMessages: count(1_000_000, 'messages of one connection handled at a time'),
  maxTopicsPerConnection: count(1_000_000, 'most topics of one connection'),
  maxTopics: count(10_000_000, 'most topics'),
  backlog: count(65_535, 'connections the system holds until they are accepted'),
  logger: object(['debug', 'info', 'warn', 'error'], 'where log lines go'),
  clock: object(['now', 'wallNow', 'setTimer', 'clearTimer'], 'where time comes from'),
  random: object(['bytes', 'fraction', 'uuid'], 'where chance comes from'),
} satisfies Readonly<Record<keyof ServerOptions, OptionRule>>);

export type ServerOptionName = keyof typeof SERVER_OPTION_TABLE;

const MAX_RATE = 1_000_000_000;
/** The options inside `rateLimit`. */
export const RATE_LIMIT_TABLE = Object.freeze({
  messagesPerSecond: count(MAX_RATE, 'messages and control frames a second'),
  burstMessages: count(2 * MAX_RATE, 'messages that may come at once'),
  bytesPerSecond: bytes(MAX_RATE, 'bytes a second'),
  burstBytes: bytes(2 * MAX_RATE, 'bytes that may come at once'),
  action: oneOf(['close', 'throttle'], 'what happens to a peer that is too fast'),
  closeCode: Object.freeze({ ...count(4999, 'sent when a peer is closed for its rate'), min: 1000 }),
} satisfies Readonly<Record<keyof RateLimitOptions, OptionRule>>);
