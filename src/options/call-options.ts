import {
  BOOLEAN,
  type CallOptions,
  callOptions,
  checkCallOptions,
  FUNCTION,
  refuseSurplus,
  SIGNAL,
  type ValueRule,
} from './call-check.ts';
import { refuseOption } from './option-check.ts';

/** Options of one message. */
export interface SendOptions {
  /**
   * `false` sends bytes as text after a check that they are UTF-8; `true` sends a string as binary. Default: strings
   * as text, bytes as binary.
   */
  readonly binary?: boolean;
  /**
   * Whether to compress the message if the peers negotiated permessage-deflate; otherwise ignored. Use `false` for
   * secrets next to text that another party chose: the compressed size reveals them. Default: compress from
   * `thresholdBytes` on.
   */
  readonly compress?: boolean;
  /**
   * Only with `onOverflow: 'conflate'`: what the message is about, such as the name of a share; 1 to 256 characters. While the
   * message is queued because the socket accepts no bytes, a later one with the same key replaces it, in its place. The newest
   * message of each key arrives, and messages of one key never change their order. A message can overtake messages of other
   * keys, and those without a key. Connections with `hawser.v1` get every message. Default: none, the message is not replaced.
   */
  readonly key?: string;
}

/** Which connections do not receive a message. */
export interface Audience<C> {
  /** A connection, an id, or several of them, to leave out. */
  readonly except?: C | string | Iterable<C | string> | undefined;
  /**
   * Leaves out connections for which it returns `false`. Called last, and only for open connections. A throw, or a
   * result that is not a boolean, counts as failed.
   */
  readonly where?: ((connection: C) => boolean) | undefined;
}

/** Options of a publish. */
export interface PublishTo<C> extends SendOptions, Audience<C> {
  /** Only subscribers on this server get the message. Not for topics with history. Default `false`. */
  readonly local?: boolean | undefined;
}

/** A connection, an id, or several of them. The members of a list are checked when they are read. */
export const MEMBERS: ValueRule = {
  fits: (value) =>
    typeof value === 'string' ||
    (typeof value === 'object' &&
      value !== null &&
      (Symbol.iterator in value || Symbol.asyncIterator in value)),
  allowed: 'a connection, an id, or a list of them',
};
const MAX_KEY_LENGTH = 256;
const isKey = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_KEY_LENGTH;
const KEY: ValueRule = { fits: isKey, allowed: `a string of 1 to ${MAX_KEY_LENGTH} characters` };

/** Options of a message to several connections. */
export const AUDIENCE_RULES = Object.freeze({
  except: MEMBERS,
  where: FUNCTION,
  binary: BOOLEAN,
  compress: BOOLEAN,
  key: KEY,
});

const SEND_OPTIONS = callOptions({ binary: BOOLEAN, compress: BOOLEAN, key: KEY });
const PUBLISH_OPTIONS = callOptions({ ...AUDIENCE_RULES, local: BOOLEAN });
const DRAINED_OPTIONS = callOptions({ signal: SIGNAL });

/** A call, and what to write instead of a callback. Created once, because `send` with options is on the hot path. */
interface Call {
  readonly name: string;
  readonly instead: string;
}
const calls = (
  method: string,
  instead: (of: string) => string,
): Readonly<Record<'connection' | 'client' | 'server' | 'channel', Call>> => ({
  channel: { name: `channel.${method}`, instead: instead('channel') },
  connection: { name: `connection.${method}`, instead: instead('connection') },
  client: { name: `client.${method}`, instead: instead('client') },
  server: { name: `server.${method}`, instead: instead('server') },
});
const SEND = calls('send', (of) => `await ${of}.drained()`);
const DRAINED = calls('drained', (of) => `await ${of}.drained()`);
const PUBLISH = calls('publish', () => 'connection.drained() says when a connection has room again');

/**
 * Checks what follows the payload of `send`.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function checkSendOptions(of: 'connection' | 'client', options: unknown, surplus: unknown): void {
  if (surplus === undefined && areSendOptions(options)) return;
  check(SEND[of], options, surplus, SEND_OPTIONS);
}

/** The common case of {@link SEND_OPTIONS} without a table: options of `send` are on the hot path. */
function areSendOptions(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  if (Object.getPrototypeOf(options) !== Object.prototype) return false;
  for (const name in options) {
    if (name !== 'compress' && name !== 'binary' && name !== 'key') return false;
    const value: unknown = (options as SendOptions)[name];
    if (value !== undefined && (name === 'key' ? !isKey(value) : typeof value !== 'boolean')) return false;
  }
  return true;
}

/**
 * Checks that the option `key` of a message has an effect.
 * @throws MisuseError `ERR_OPTION` with another policy than `conflate`.
 */
export function checkKey(call: string, key: string, onOverflow: string): void {
  if (onOverflow === 'conflate') return;
  refuseOption(`${call}: key`, key, `left out with onOverflow: '${onOverflow}'; only 'conflate' reads it`);
}

/**
 * Checks what follows the payload of `publish`.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function checkPublishOptions(of: 'connection' | 'server', options: unknown, surplus: unknown): void {
  check(PUBLISH[of], options, surplus, PUBLISH_OPTIONS);
}

/**
 * Checks the arguments of `drained`.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function checkDrainedOptions(
  of: 'connection' | 'client' | 'channel',
  options: unknown,
  surplus: unknown,
): void {
  check(DRAINED[of], options, surplus, DRAINED_OPTIONS);
}

function check(call: Call, options: unknown, surplus: unknown, table: CallOptions): void {
  if (surplus !== undefined) refuseSurplus(call.name, surplus, call.instead);
  checkCallOptions(call.name, options, table, call.instead);
}

/**
 * Refuses a callback among the arguments of `close`.
 * @param of `connection` or `client`.
 * @throws MisuseError `ERR_ARGUMENT`.
 */
export function checkCloseCall(of: string, given: ArrayLike<unknown>): void {
  for (let i = 0; i < given.length; i++)
    if (typeof given[i] === 'function' || (i > 1 && given[i] !== undefined))
      refuseSurplus(`${of}.close`, given[i], `await ${of}.closed`);
}
