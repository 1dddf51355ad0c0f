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

/** How a message goes out. */
export interface SendOptions {
  /** `false` sends bytes as text, after a check that they are UTF-8; `true` sends a string as binary. Default: by type. */
  readonly binary?: boolean;
  /**
   * Whether it goes out compressed, where permessage-deflate was agreed on; ignored elsewhere. `false` for secrets that stand
   * next to what somebody else chose: the size tells of them. Default: from `thresholdBytes` on.
   */
  readonly compress?: boolean;
}

/** Whom a message is not for. */
export interface Audience<C> {
  /** Left out: a connection, an id, or several. */
  readonly except?: C | string | Iterable<C | string> | undefined;
  /** Left out where this returns `false`; asked last, and only for open connections. A throw, or no boolean, counts as failed. */
  readonly where?: ((connection: C) => boolean) | undefined;
}

/** A connection, an id, or several. The members of a list are checked where they are read. */
export const MEMBERS: ValueRule = {
  fits: (value) =>
    typeof value === 'string' ||
    (typeof value === 'object' &&
      value !== null &&
      (Symbol.iterator in value || Symbol.asyncIterator in value)),
  allowed: 'a connection, an id, or a list of them',
};
/** What a message sent to many has. */
export const AUDIENCE_RULES = Object.freeze({
  except: MEMBERS,
  where: FUNCTION,
  binary: BOOLEAN,
  compress: BOOLEAN,
});

const SEND_OPTIONS = callOptions({ binary: BOOLEAN, compress: BOOLEAN });
const PUBLISH_OPTIONS = callOptions(AUDIENCE_RULES);
const DRAINED_OPTIONS = callOptions({ signal: SIGNAL });

/** A call and what to write instead of a callback; made once, since `send` with options is on the hot path. */
interface Call {
  readonly name: string;
  readonly instead: string;
}
const calls = (
  method: string,
  instead: (of: string) => string,
): Readonly<Record<'connection' | 'client' | 'server', Call>> => ({
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
    if (name !== 'compress' && name !== 'binary') return false;
    const value: unknown = (options as SendOptions)[name];
    if (value !== undefined && typeof value !== 'boolean') return false;
  }
  return true;
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
export function checkDrainedOptions(of: 'connection' | 'client', options: unknown, surplus: unknown): void {
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
