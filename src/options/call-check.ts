import { MisuseError } from '../protocol/errors.ts';
import { CALL_FOREIGN_NAMES } from './foreign-names.ts';
import { isOptionsObject, refuseUnknownOption, shown } from './option-check.ts';

/** The rule for one argument or for one option of a call. */
export interface ValueRule {
  readonly fits: (value: unknown) => boolean;
  /** Ends the sentence "it must be …". */
  readonly allowed: string;
}

/** The options of one call by name; the object has no prototype. */
export type CallOptions = Readonly<Record<string, ValueRule>>;

/* @__NO_SIDE_EFFECTS__ */
export const callOptions = (table: Record<string, ValueRule>): CallOptions =>
  Object.freeze(Object.assign(Object.create(null) as Record<string, ValueRule>, table));

const isMember = (value: unknown, method: string): boolean =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function';

export const BOOLEAN: ValueRule = {
  fits: (value) => typeof value === 'boolean',
  allowed: 'true or false',
};
export const FUNCTION: ValueRule = { fits: (value) => typeof value === 'function', allowed: 'a function' };
/** Recognized by its members, because test environments have an `AbortSignal` class of their own. */
export const SIGNAL: ValueRule = {
  fits: (value) =>
    isMember(value, 'addEventListener') && typeof Reflect.get(value as object, 'aborted') === 'boolean',
  allowed: 'an AbortSignal',
};
/* @__NO_SIDE_EFFECTS__ */
export const wholeNumber = (min: number, max: number): ValueRule => ({
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  allowed: `a whole number from ${min} to ${max}`,
});

/** @throws MisuseError `ERR_ARGUMENT`; the message names the argument, its value and what is allowed. */
export function refuseArgument(call: string, name: string, value: unknown, allowed: string): never {
  throw new MisuseError('ERR_ARGUMENT', `${call}: ${name} is ${shown(value)}; it must be ${allowed}`);
}

/** @throws MisuseError `ERR_ARGUMENT` unless `rule` accepts the argument. */
export function checkArgument(call: string, name: string, value: unknown, rule: ValueRule): void {
  if (!rule.fits(value)) refuseArgument(call, name, value, rule.allowed);
}

/**
 * Refuses an argument that the call does not have.
 * @param instead What to write instead of a callback.
 * @throws MisuseError `ERR_ARGUMENT`.
 */
export function refuseSurplus(call: string, value: unknown, instead?: string): never {
  if (typeof value === 'function')
    throw new MisuseError(
      'ERR_ARGUMENT',
      `${call} takes no callback${instead === undefined ? '' : `; ${instead}`}`,
    );
  const hint = instead === undefined ? '' : `; ${instead}`;
  throw new MisuseError('ERR_ARGUMENT', `${call} takes no such argument as ${shown(value)}${hint}`);
}

/**
 * Refuses arguments beyond the first `most`. Not for hot paths: there `arguments` costs an allocation.
 * @param instead What to write instead.
 * @throws MisuseError `ERR_ARGUMENT`.
 */
export function checkCount(call: string, given: ArrayLike<unknown>, most: number, instead?: string): void {
  for (let i = most; i < given.length; i++)
    if (given[i] !== undefined) refuseSurplus(call, given[i], instead);
}

/**
 * Checks the names and types of the options of a call.
 * @param instead What to write instead of a callback.
 * @throws MisuseError `ERR_ARGUMENT` for a value that is not an object; `ERR_OPTION` for an unknown name or a wrong
 *   value.
 */
export function checkCallOptions(
  call: string,
  options: unknown,
  table: CallOptions,
  instead?: string,
): asserts options is object | undefined {
  if (options === undefined) return;
  if (typeof options === 'function') refuseSurplus(call, options, instead);
  if (!isOptionsObject(options, table))
    refuseArgument(call, 'options', options, `an object with ${Object.keys(table).join(', ')}`);
  // No array of names here: V8 caches the names of a plain object with its hidden class.
  for (const name in options) {
    const value: unknown = (options as Record<string, unknown>)[name];
    const rule = table[name];
    if (rule === undefined || (value !== undefined && !rule.fits(value)))
      refuseCallOption(call, options, name, table);
  }
}

function refuseCallOption(call: string, options: object, name: string, table: CallOptions): void {
  const value: unknown = Reflect.get(options, name);
  const rule = table[name];
  if (rule !== undefined)
    throw new MisuseError('ERR_OPTION', `${call}: ${name} is ${shown(value)}; it must be ${rule.allowed}`);
  // Ignore inherited properties; the caller did not set them.
  if (Object.hasOwn(options, name))
    refuseUnknownOption(`${call} has`, '', name, value, Object.keys(table), CALL_FOREIGN_NAMES);
}

/** Whether a listener returned a promise or another thenable. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * Checks the result of a predicate of the application. Only `true` means yes.
 * @param what The predicate, for the message.
 * @throws MisuseError `ERR_ARGUMENT` for anything except `true` and `false`. A promise cannot decide in time, and its
 *   rejection would end the process; `undefined` is a forgotten `return`.
 */
export function verdictOf(what: string, verdict: unknown): boolean {
  if (typeof verdict === 'boolean') return verdict;
  const isPromise = isThenable(verdict);
  if (isPromise) verdict.then(undefined, () => {});
  throw new MisuseError(
    'ERR_ARGUMENT',
    `${what} returned ${isPromise ? 'a promise' : shown(verdict)}; it must return true or false at once`,
  );
}
