import { CONNECTION_OPTION_TABLE, PLATFORM_OPTION_TABLE } from '../connection/connection-option-table.ts';
import {
  bytes,
  type CommonRule,
  count,
  type ListRule,
  list,
  ms,
  number,
  oneOf,
  orFalse,
  type PlainRule,
  plain,
} from '../connection/option-rules.ts';
import type { ServerOptions } from './option-types.ts';
import { MAX_PROXIES } from './trust-proxy.ts';

/** A list whose members only servers know how to tell. */
export type ServerListRule = ListRule<'origin' | 'host' | 'address'>;
/** What an option may be, and one line about it, as for `--help`. */
export type OptionRule = CommonRule | ServerListRule | PlainRule<'path'> | PlainRule<'tls'>;

/**
 * Every option of a server. The checks are made from this table, and so are the flags of the command line; a row that is
 * missing or too many does not compile.
 */
export const SERVER_OPTION_TABLE = Object.freeze({
  path: plain('path', 'the only path served; other requests get 404'),
  protocols: list('token', {}, 'subprotocols spoken, the preferred first'),
  allowedOrigins: list(
    'origin',
    { words: ['same-origin', '*'], orFunction: true },
    'origins that browsers may connect from',
  ),
  requireOrigin: plain('boolean', 'refuse requests without Origin'),
  allowedHosts: list('host', { orFalse: true }, 'host names that requests may name'),
  trustProxy: list(
    'address',
    { orFalse: true, orCount: MAX_PROXIES },
    'proxies that speak for clients: addresses and ranges, or how many',
  ),
  proxyProtocol: list(
    'address',
    { orFalse: true },
    'proxies that begin connections with a PROXY header: addresses and ranges',
  ),
  tls: plain('tls', 'speaks TLS, with these options of Node’s'),
  upgrade: plain('function', 'decides on each handshake'),
  request: plain('function', 'answers plain HTTP requests'),
  upgradeTimeoutMs: ms('time the upgrade hook has'),
  handshakeTimeoutMs: ms('time from accept to the end of the request head'),
  maxHeadBytes: bytes(1_048_576, 'longest request head'),
  maxHeaderFields: count(10_000, 'most fields in a request head'),
  maxPendingHandshakes: count(1_000_000, 'most handshakes under way'),
  maxPendingHandshakesPerIp: orFalse(count(1_000_000, 'most handshakes under way of one address')),
  ...CONNECTION_OPTION_TABLE,
  maxConnections: count(10_000_000, 'most connections'),
  maxConnectionsPerIp: orFalse(count(10_000_000, 'most connections of one address')),
  maxNewConnectionsPerMinute: orFalse(count(100_000_000, 'new connections a minute')),
  maxNewConnectionsPerMinutePerIp: orFalse(count(100_000_000, 'new connections a minute of one address')),
  exemptAddresses: list('address', { orFunction: true }, 'addresses and ranges without limits per address'),
  ipv6PrefixBits: number('bits', 128, 'how much of an IPv6 address counts as one address'),
  retryAfterSeconds: number('seconds', 86_400, 'shortest Retry-After of a refusal'),
  maxTopicsPerConnection: count(1_000_000, 'most topics of one connection'),
  maxTopics: count(10_000_000, 'most topics'),
  transport: oneOf(
    ['auto', 'stream'],
    'what lies below connections: handles where this Node can, or streams',
  ),
  backlog: count(65_535, 'connections the system holds until they are accepted'),
  ...PLATFORM_OPTION_TABLE,
} satisfies Readonly<Record<keyof ServerOptions, OptionRule>>);

export type ServerOptionName = keyof typeof SERVER_OPTION_TABLE;
