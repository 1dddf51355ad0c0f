import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { CONNECTION_OPTION_TABLE, PLATFORM_OPTION_TABLE } from './connection-option-table.ts';
import { CLIENT_FOREIGN_NAMES } from './foreign-names.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { bytes, type CommonRule, count, list, ms, oneOf, type PlainRule, plain } from './option-rules.ts';
import { resolveRateLimit } from './rate-limit-options.ts';
import {
  completeOptions,
  DEFAULT_CONNECTION_OPTIONS,
  DEFAULT_PLATFORM_OPTIONS,
  engineDefaults,
  resolveDeflate,
} from './resolve-options.ts';
import { defaultEngine, type Engine } from '../engine/engine.ts';
import { MisuseError } from '../protocol/errors.ts';
import { checkRequestHeaders } from '../protocol/handshake/client.ts';
import type { FieldList } from '../protocol/handshake/field-text.ts';
import {
  type ClientTlsOptions,
  type ConnectOptions,
  OUR_TLS_OPTIONS,
  type ResolvedConnectOptions,
} from './connect-options.ts';
import { readProxy } from './read-proxy.ts';

/** Whether a value has the members of a `Duplex` that the client uses. Another copy of the stream module has another class. */
export const isDuplex = (value: unknown): value is Duplex =>
  typeof value === 'object' &&
  value !== null &&
  ['on', 'write', 'end', 'pause', 'resume', 'destroy'].every(
    (method) => typeof Reflect.get(value, method) === 'function',
  );

/** Rules that only client options have. */
type ClientRule =
  | PlainRule<'headers'>
  | PlainRule<'origin'>
  | PlainRule<'signal'>
  | PlainRule<'clientTls'>
  | PlainRule<'proxy'>
  | PlainRule<'stream'>;
export type ConnectOptionRule = CommonRule | ClientRule;

/** Every option of `connect`. A missing or surplus row does not compile. */
export const CONNECT_OPTION_TABLE = Object.freeze({
  protocols: list('token', {}, 'subprotocols to offer, in order of preference'),
  headers: plain('headers', 'additional header fields of the request'),
  origin: plain('origin', 'value of the Origin header'),
  tls: plain('clientTls', 'Node TLS options for wss: connections'),
  connectTimeoutMs: ms('time limit of connecting, from DNS to the response'),
  signal: plain('signal', 'aborts connecting'),
  lookup: plain('function', 'resolves host names'),
  proxy: plain('proxy', 'the HTTP proxy to connect through'),
  proxyTls: plain('clientTls', 'Node TLS options for an https: proxy'),
  socket: plain('stream', 'a connected stream to use instead of a new connection'),
  createConnection: plain('function', 'creates the underlying connection'),
  maxRedirects: Object.freeze({ ...count(20, 'maximum redirects to follow'), min: 0 }),
  serializeConnects: plain('boolean', 'open connections to one address one at a time'),
  transport: oneOf(['auto', 'stream'], 'I/O layer: handles of Node sockets where available, or streams'),
  maxHeadBytes: bytes(1_048_576, 'maximum size of a response head'),
  maxHeaderFields: count(10_000, 'maximum header fields in a response'),
  ...CONNECTION_OPTION_TABLE,
  ...PLATFORM_OPTION_TABLE,
} satisfies Readonly<Record<keyof ConnectOptions, ConnectOptionRule>>);

/** The defaults of `connect`. Units, ranges and reasons are at {@link ConnectOptions}. */
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
  transport: 'auto',
  maxHeadBytes: 16_384,
  maxHeaderFields: 100,
  ...DEFAULT_CONNECTION_OPTIONS,
  ...DEFAULT_PLATFORM_OPTIONS,
});

/**
 * Checks options and fills in the defaults. Reads the caller's object once and does not keep it.
 * @throws MisuseError `ERR_OPTION` for an unknown name, a value of the wrong type or out of range, or two that contradict
 *   each other; it names option, value and what is allowed.
 */
export function resolveConnectOptions(
  options: ConnectOptions = {},
  engine = defaultEngine,
): ResolvedConnectOptions {
  const given = checkedRecord(
    'options',
    options,
    CONNECT_OPTION_TABLE,
    checkedConnectOption,
    CLIENT_FOREIGN_NAMES,
  );
  const { settings } = engine.part(NothingGiven);
  return Object.keys(given).length === 0 ? settings : filledIn(settings, given);
}

/** The settings of every connection of an engine without options. */
class NothingGiven {
  readonly settings: ResolvedConnectOptions;

  constructor(engine: Engine) {
    this.settings = filledIn(DEFAULT_CONNECT_OPTIONS, { ...engineDefaults(engine) });
  }
}

function filledIn(
  defaults: ResolvedConnectOptions,
  given: Readonly<Record<string, unknown>>,
): ResolvedConnectOptions {
  // Not by another spread: settings would get a hidden class for each order in which options are given.
  const filled: ResolvedConnectOptions = Object.assign({ ...defaults }, given);
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

/** Builds the TLS context now, so that a broken certificate is a MisuseError, not a connection failure. */
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
