import { CONNECTION_OPTION_TABLE, PLATFORM_OPTION_TABLE } from './connection-option-table.ts';
import {
  bytes,
  type CommonRule,
  count,
  type LevelsRule,
  type ListRule,
  list,
  ms,
  number,
  object,
  oneOf,
  orFalse,
  type PlainRule,
  plain,
  ratio,
  type TableRule,
} from './option-rules.ts';
import type { ServerOptions } from './server-options.ts';

/**
 * Most trusted proxies in a row that a request may have passed; also the largest number that `trustProxy` takes. It
 * bounds the work that one head can cause.
 */
export const MAX_PROXIES = 32;

/** The methods of an engine; see `Engine`. */
const ENGINE_METHODS = [
  'start',
  'stop',
  'publish',
  'interest',
  'read',
  'positions',
  'enter',
  'leave',
  'members',
  'beat',
  'tell',
  'reconnect',
] as const;

/** A list option that only servers have. */
export type ServerListRule = ListRule<'origin' | 'host' | 'address'>;
/** An option whose value is an object with its own table: checked as a whole. */
export type GroupRule =
  | TableRule
  | PlainRule<'metrics' | 'endpoints' | 'admin' | 'loadControl' | 'breaker' | 'alerts' | 'violations'>;
/** An option whose value is one rule about topics, or a list of them. */
export type TopicRulesRule = PlainRule<'history' | 'presence'>;
/** The values an option accepts, and a one-line description for `--help`. */
export type OptionRule =
  | CommonRule
  | ServerListRule
  | GroupRule
  | TopicRulesRule
  | LevelsRule
  | PlainRule<'path'>
  | PlainRule<'tls'>
  | PlainRule<'text'>
  | PlainRule<'secret'>
  | PlainRule<'endpoint'>;

/**
 * Every option of a server. Checks and command line flags are generated from this table. A missing or
 * surplus row does not compile.
 */
export const SERVER_OPTION_TABLE = Object.freeze({
  path: plain('path', 'the only path served; other requests get 404'),
  protocols: list('token', {}, 'supported subprotocols, in order of preference'),
  allowedOrigins: list(
    'origin',
    { words: ['same-origin', '*'], orFunction: true },
    'origins that browsers may connect from',
  ),
  requireOrigin: plain('boolean', 'refuse requests without an Origin header'),
  allowedHosts: list('host', { orFalse: true }, 'host names accepted in the Host header'),
  trustProxy: list(
    'address',
    { orFalse: true, orCount: MAX_PROXIES },
    'trusted proxies: addresses and ranges, or the number of proxies',
  ),
  proxyProtocol: list(
    'address',
    { orFalse: true },
    'proxies that send a PROXY protocol header: addresses and ranges',
  ),
  tls: plain('tls', 'serves TLS with these Node options'),
  upgrade: plain('function', 'accepts or refuses each handshake'),
  request: plain('function', 'answers plain HTTP requests'),
  requestHead: plain('function', 'decides on a plain HTTP request before its body is read'),
  endpoints: plain('endpoints', 'paths for health, readiness and metrics on the own port'),
  admin: plain('admin', 'a port of its own for operators: health, metrics, a live page'),
  upgradeTimeoutMs: ms('time limit of the upgrade hook'),
  handshakeTimeoutMs: ms('time limit from accept to the end of the request head'),
  maxHeadBytes: bytes(1_048_576, 'maximum size of a request head'),
  maxRequestBodyBytes: bytes(536_870_888, 'maximum size of the body of a plain HTTP request'),
  maxHeaderFields: count(10_000, 'maximum header fields in a request'),
  maxPendingHandshakes: count(1_000_000, 'maximum handshakes in progress'),
  maxPendingHandshakesPerIp: orFalse(count(1_000_000, 'maximum handshakes in progress from one address')),
  ...CONNECTION_OPTION_TABLE,
  maxConnections: count(10_000_000, 'maximum connections'),
  softLimitRatio: orFalse(ratio(0.01, 1, 'share of maxConnections from which handshakes are delayed')),
  softLimitReleaseRatio: ratio(0.01, 1, 'share of maxConnections below which that ends'),
  maxConnectionsPerIp: orFalse(count(10_000_000, 'maximum connections from one address')),
  maxNewConnectionsPerMinute: orFalse(count(100_000_000, 'maximum new connections per minute')),
  maxNewConnectionsPerMinutePerIp: orFalse(
    count(100_000_000, 'maximum new connections per minute from one address'),
  ),
  violationLimit: plain('violations', 'refuse addresses that broke the protocol too often'),
  exemptAddresses: list(
    'address',
    { orFunction: true },
    'addresses and ranges exempt from the limits per address',
  ),
  ipv6PrefixBits: number('bits', 128, 'IPv6 prefix length that counts as one address'),
  retryAfterSeconds: number('seconds', 86_400, 'minimum Retry-After of a refusal'),
  maxTopicsPerConnection: count(1_000_000, 'maximum topics per connection'),
  maxTopics: count(10_000_000, 'maximum topics'),
  history: plain('history', 'topics whose messages are stored for clients that return'),
  presence: plain('presence', 'topics that know their members'),
  maxHistoryBytes: bytes(2 ** 40, 'maximum bytes of all histories in this process'),
  cluster: object(
    [...ENGINE_METHODS],
    'the engine that joins this server with others: redisEngine, natsEngine or workerEngine',
  ),
  requireEngine: plain('boolean', 'not ready while the engine is down'),
  authorizeSubscribe: plain('function', 'decides which topics a client of hawser.v1 may subscribe to'),
  authorizePublish: plain('function', 'decides which topics a client of hawser.v1 may publish to'),
  metrics: plain('metrics', 'count messages by kind and size, and measure handlers'),
  loadControl: plain('loadControl', 'what the server does when it comes close to its capacity'),
  name: plain('text', 'the name of this server in metrics and on pages that show several'),
  transport: oneOf(['auto', 'stream'], 'I/O layer of connections: Node handles where available, or streams'),
  backlog: count(65_535, 'connections the system queues until the server accepts them'),
  debugChecks: plain('boolean', 'compare connections, topics and counters every 5 minutes'),
  ...PLATFORM_OPTION_TABLE,
} satisfies Readonly<Record<keyof ServerOptions, OptionRule>>);

export type ServerOptionName = keyof typeof SERVER_OPTION_TABLE;
