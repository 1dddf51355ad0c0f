import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  FUNCTION,
  refuseArgument,
  SIGNAL,
  type ValueRule,
  wholeNumber,
} from './call-check.ts';
import type { Position } from './topic-types.ts';

export type { Position, RequestOptions } from './topic-types.ts';

/** Options of `connection.subscribeFrom`. */
export interface SubscribeFromOptions {
  /**
   * Gets the missed messages and all later ones, instead of the peer. Bytes belong to the application. Default: the
   * messages are sent to the peer as they are.
   */
  readonly deliver?: ((message: Message, position: Position) => void) | undefined;
  /**
   * Called when messages are missing for good, before the next message: nothing is missing after `position`. Default: the
   * connection is closed with 1013, so that the peer reconnects and starts anew.
   */
  readonly lost?: ((position: Position) => void) | undefined;
  /** Aborting it cancels the subscription while it is pending. */
  readonly signal?: AbortSignal | undefined;
}

/** How a subscription of `connection.subscribeFrom` began. */
export interface SubscribedFrom {
  /** Every message after the given position follows, once and in order. */
  readonly recovered: boolean;
  /** All messages after it follow without a gap. */
  readonly position: Position;
  /** Number of messages that were published before, and were sent first. */
  readonly missed: number;
}

/** Options of `connection.enter`. */
export interface EnterOptions {
  /** Connections with one key are one member. 1 to 128 bytes. Default: the id of the connection. */
  readonly key?: string | undefined;
  /** JSON value that others see; at most 1 KiB as text. Default: none. */
  readonly info?: unknown;
}

/** Longest key of a member, in bytes of UTF-8. */
const MAX_KEY_BYTES = 128;
/** Longest JSON text of the `info` of a member, in bytes of UTF-8. */
const MAX_INFO_BYTES = 1_024;
const MAX_MS = 2 ** 31 - 1;

const isKey = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_KEY_BYTES;

/** Whether a value is a position, as peers and applications pass it. Further members are allowed. */
export function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false;
  const { epoch, offset } = value as Partial<Record<keyof Position, unknown>>;
  return (
    typeof epoch === 'string' &&
    /^[\w-]{1,32}$/.test(epoch) &&
    Number.isSafeInteger(offset) &&
    (offset as number) >= 0
  );
}

/** What is wrong with a member; `undefined` if nothing is. Ends the sentence "… must be …". */
export function memberFault({
  key,
  info,
}: EnterOptions): { readonly name: 'key' | 'info'; readonly must: string } | undefined {
  if (key !== undefined && !isKey(key))
    return { name: 'key', must: `a string of 1 to ${MAX_KEY_BYTES} bytes` };
  if (info === undefined) return undefined;
  const must = `a JSON value of at most ${MAX_INFO_BYTES} bytes as text`;
  try {
    const text: unknown = JSON.stringify(info);
    if (typeof text === 'string' && Buffer.byteLength(text) <= MAX_INFO_BYTES) return undefined;
  } catch {
    // A cycle, or a bigint.
  }
  return { name: 'info', must };
}

const SUBSCRIBE_FROM_OPTIONS = callOptions({ deliver: FUNCTION, lost: FUNCTION, signal: SIGNAL });
const ANYTHING: ValueRule = { fits: () => true, allowed: '' };
const ENTER_OPTIONS = callOptions({ key: ANYTHING, info: ANYTHING });
const REQUEST_OPTIONS = callOptions({ timeoutMs: wholeNumber(1, MAX_MS), signal: SIGNAL });
const HANDLE_OPTIONS = callOptions({
  timeoutMs: wholeNumber(1, MAX_MS),
  schema: {
    fits: (value) =>
      (typeof value === 'object' || typeof value === 'function') &&
      value !== null &&
      typeof (Reflect.get(value, '~standard') as { validate?: unknown } | undefined)?.validate === 'function',
    allowed: "a Standard Schema: an object with '~standard'",
  },
});
const NAME: ValueRule = {
  fits: (value) => typeof value === 'string' && value !== '' && value.length <= 256,
  allowed: 'a string of 1 to 256 characters',
};

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkSubscribeFrom(given: ArrayLike<unknown>): void {
  const call = 'connection.subscribeFrom';
  checkCount(call, given, 3, 'await the promise that it returns');
  const since = given[1];
  if (since !== undefined && !isPosition(since))
    refuseArgument(call, 'since', since, 'a position such as { epoch, offset }, or undefined');
  checkCallOptions(call, given[2], SUBSCRIBE_FROM_OPTIONS, 'pass { deliver } to get the messages');
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkEnter(given: ArrayLike<unknown>): void {
  const call = 'connection.enter';
  checkCount(call, given, 2);
  const options = given[1];
  checkCallOptions(call, options, ENTER_OPTIONS);
  const fault = options === undefined ? undefined : memberFault(options);
  if (fault !== undefined)
    throw new MisuseError('ERR_OPTION', `${call}: ${fault.name} must be ${fault.must}`);
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkRequest(given: ArrayLike<unknown>): void {
  const call = 'connection.request';
  checkCount(call, given, 3, 'await the promise that it returns');
  checkArgument(call, 'name', given[0], NAME);
  checkCallOptions(call, given[2], REQUEST_OPTIONS, 'await the promise that it returns');
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkHandle(given: ArrayLike<unknown>): void {
  const call = 'server.handle';
  checkCount(call, given, 3);
  checkArgument(call, 'name', given[0], NAME);
  checkArgument(call, 'handler', given[1], FUNCTION);
  checkCallOptions(call, given[2], HANDLE_OPTIONS);
}
