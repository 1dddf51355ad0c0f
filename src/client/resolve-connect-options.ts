import { createSecureContext } from 'node:tls';
import { CONNECTION_OPTION_TABLE, PLATFORM_OPTION_TABLE } from '../connection/connection-option-table.ts';
import { CLIENT_FOREIGN_NAMES } from '../connection/foreign-names.ts';
import { checkedOption, checkedRecord, refuseOption } from '../connection/option-check.ts';
import {
  bytes,
  type CommonRule,
  count,
  list,
  ms,
  type PlainRule,
  plain,
} from '../connection/option-rules.ts';
import {
  completeOptions,
  DEFAULT_CONNECTION_OPTIONS,
  DEFAULT_PLATFORM_OPTIONS,
  resolveDeflate,
  resolveRateLimit,
} from '../connection/resolve-options.ts';
import { MisuseError } from '../protocol/errors.ts';
import { checkRequestHeaders } from '../protocol/handshake/client.ts';
import type { FieldList } from '../protocol/handshake/field-text.ts';
import {
  type ClientTlsOptions,
  type ConnectOptions,
  OUR_TLS_OPTIONS,
  type ResolvedConnectOptions,
} from './connect-options.ts';
import { isDuplex } from './given-stream.ts';
import { readProxy } from './read-proxy.ts';

/** What only options of a client may be. */
type ClientRule =
  | PlainRule<'headers'>
  | PlainRule<'origin'>
  | PlainRule<'signal'>
  | PlainRule<'clientTls'>
  | PlainRule<'proxy'>
  | PlainRule<'stream'>;
export type ConnectOptionRule = CommonRule | ClientRule;

/** Every option of `connect`; a row that is missing or too many does not compile. */
export const CONNECT_OPTION_TABLE = Object.freeze({
  protocols: list('token', {}, 'subprotocols to offer, the preferred first'),
  headers: plain('headers', 'further fields of the request'),
  origin: plain('origin', 'value of Origin'),
  tls: plain('clientTls', 'how TLS is spoken to wss:, with these options of Node’s'),
  connectTimeoutMs: ms('time connecting may take, from name to answer'),
  signal: plain('signal', 'gives up connecting'),
  lookup: plain('function', 'finds the addresses of a host'),
  proxy: plain('proxy', 'the HTTP proxy to connect through'),
  proxyTls: plain('clientTls', 'how TLS is spoken to an https: proxy, with these options of Node’s'),
  socket: plain('stream', 'a connected stream to use instead of a new connection'),
  createConnection: plain('function', 'makes the connection below'),
  maxRedirects: Object.freeze({ ...count(20, 'redirects to follow'), min: 0 }),
  serializeConnects: plain('boolean', 'connect to an address one at a time'),
  maxHeadBytes: bytes(1_048_576, 'longest head of an answer'),
  maxHeaderFields: count(10_000, 'most fields in the head of an answer'),
  ...CONNECTION_OPTION_TABLE,
  ...PLATFORM_OPTION_TABLE,
} satisfies Readonly<Record<keyof ConnectOptions, ConnectOptionRule>>);

/** What `connect` does when it is told nothing. Units, ranges and reasons are at {@link ConnectOptions}. */
export const DEFAULT_CONNECT_OPTIONS: ResolvedConnectOptions = Object.freeze({
  protocols: Object.freeze([]),
  headers: Object.freeze([]),
  origin: '',
  tls: undefined,
  connectTimeoutMs: 10_000,
  signal: undefined,
  lookup: undefined,
  proxy: undefined,
  proxyTls: undefined,
  socket: undefined,
  createConnection: undefined,
  maxRedirects: 0,
  serializeConnects: true,
  maxHeadBytes: 16_384,
  maxHeaderFields: 100,
  ...DEFAULT_CONNECTION_OPTIONS,
  ...DEFAULT_PLATFORM_OPTIONS,
});

/**
 * Checks options and fills in the defaults. The caller's object is read once and not kept.
 * @throws MisuseError `ERR_OPTION` for an unknown name, a value of the wrong type or out of range, or two that contradict
 *   each other; it names option, value and what is allowed.
 */
export function resolveConnectOptions(options: ConnectOptions = {}): ResolvedConnectOptions {
  const given = checkedRecord(
    'options',
    options,
    CONNECT_OPTION_TABLE,
    checkedConnectOption,
    CLIENT_FOREIGN_NAMES,
  );
  const filled: ResolvedConnectOptions = { ...DEFAULT_CONNECT_OPTIONS, ...given };
  refuseTwoWays(filled);
  return completeOptions(given, filled);
}

function refuseTwoWays({
  proxy,
  proxyTls,
  socket,
  createConnection,
  maxRedirects,
}: ResolvedConnectOptions): void {
  const ways = Object.entries({ proxy, socket, createConnection }).filter(([, way]) => way !== undefined);
  if (ways.length > 1) {
    const [[first], [second]] = ways as [[string, unknown], [string, unknown]];
    throw new MisuseError('ERR_OPTION', `${first} and ${second} exclude each other: give one of them`);
  }
  if (proxyTls !== undefined && proxy?.secure !== true) {
    throw new MisuseError(
      'ERR_OPTION',
      'proxyTls has no effect without a proxy whose URL begins with https:',
    );
  }
  if (socket !== undefined && maxRedirects > 0) {
    throw new MisuseError(
      'ERR_OPTION',
      `maxRedirects is ${maxRedirects}, but socket is one connection, and each redirect needs another: use createConnection`,
    );
  }
}

function checkedConnectOption(name: string, rule: ConnectOptionRule, value: unknown): unknown {
  const { kind } = rule;
  if (kind === 'rate') return resolveRateLimit(name, value, 'client');
  if (kind === 'deflate') return resolveDeflate(name, value);
  if (kind === 'headers') return checkedHeaders(name, value);
  if (kind === 'origin') {
    return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
      ? value
      : refuseOption(name, value, "an origin such as 'https://app.example', in ASCII");
  }
  if (kind === 'signal') {
    return value instanceof AbortSignal ? value : refuseOption(name, value, 'an AbortSignal');
  }
  if (kind === 'proxy') return readProxy(name, value);
  if (kind === 'stream') {
    return isDuplex(value) ? value : refuseOption(name, value, 'a connected Duplex, as of net.connect()');
  }
  if (kind === 'clientTls') {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? checkedTls(name, value)
      : refuseOption(name, value, 'an object of Node’s TLS options');
  }
  return checkedOption(name, rule, value);
}

function checkedHeaders(name: string, value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) {
    return refuseOption(name, value, 'Headers, a list of pairs, or an object of strings');
  }
  return checkRequestHeaders(
    Symbol.iterator in value ? pairs(name, value as Iterable<unknown>) : Object.entries(value),
  );
}

function* pairs(name: string, list: Iterable<unknown>): FieldList {
  for (const pair of list) {
    if (!Array.isArray(pair) || pair.length !== 2) refuseOption(name, pair, 'pairs of name and value');
    yield pair as unknown as readonly [string, string];
  }
}

/** Tries TLS options out, so that a certificate that is broken is not taken for a server that is. */
function checkedTls(name: string, options: ClientTlsOptions): ClientTlsOptions {
  for (const ours of OUR_TLS_OPTIONS) {
    if (Reflect.get(options, ours) !== undefined) {
      throw new MisuseError('ERR_OPTION', `${name}.${ours} cannot be set: the client sets it itself`);
    }
  }
  try {
    const secureContext = options.secureContext ?? createSecureContext({ minVersion: 'TLSv1.2', ...options });
    return { ...options, secureContext };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MisuseError('ERR_OPTION', `${name} does not fit together: ${why}`, { cause: error });
  }
}
