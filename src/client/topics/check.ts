import { MisuseError } from '../../protocol/errors.ts';
import { SUBPROTOCOL } from './frames.ts';

/** Whether a value is allowed, and the end of the sentence "it must be …". */
export type Rule = readonly [fits: (value: unknown) => boolean, allowed: string];

/** A value in an error message: short, and on one line. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const isMember = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && name in value;

export const BOOLEAN: Rule = [(value) => typeof value === 'boolean', 'true or false'];
export const FUNCTION: Rule = [(value) => typeof value === 'function', 'a function'];
export const NAME: Rule = [
  (value) => typeof value === 'string' && value !== '',
  'a string that is not empty',
];
/** Recognized by its members, because test environments have an `AbortSignal` class of their own. */
export const SIGNAL: Rule = [
  (value) => isMember(value, 'aborted') && isMember(value, 'addEventListener'),
  'an AbortSignal',
];
/* @__NO_SIDE_EFFECTS__ */
export const wholeNumber = (min: number, max = 2_147_483_647): Rule => [
  (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  `a whole number from ${min} to ${max}`,
];
/* @__NO_SIDE_EFFECTS__ */
export const orFalse = ([fits, allowed]: Rule): Rule => [
  (value) => value === false || fits(value),
  `${allowed}, or false`,
];
export const POSITION: Rule = [
  (value) =>
    isMember(value, 'epoch') &&
    typeof (value as { epoch: unknown }).epoch === 'string' &&
    /^[\w-]{1,32}$/.test((value as { epoch: string }).epoch) &&
    Number.isSafeInteger((value as { offset?: unknown }).offset) &&
    (value as { offset: number }).offset >= 0,
  'a position of a topic: { epoch, offset }',
];

/** @throws MisuseError `ERR_ARGUMENT`, which names call, argument and value. */
export function checkArgument(call: string, name: string, value: unknown, [fits, allowed]: Rule): void {
  if (!fits(value))
    throw new MisuseError('ERR_ARGUMENT', `${call}: ${name} is ${shown(value)}; it must be ${allowed}`);
}

/** @throws MisuseError `ERR_ARGUMENT` for an argument that the call does not have. */
export function checkSurplus(call: string, given: ArrayLike<unknown>, most: number): void {
  for (let i = most; i < given.length; i++)
    if (given[i] !== undefined)
      throw new MisuseError('ERR_ARGUMENT', `${call} takes no such argument as ${shown(given[i])}`);
}

/**
 * Checks names and values of options.
 * @throws MisuseError `ERR_ARGUMENT` if `options` is not an object; `ERR_OPTION` for an unknown name or a wrong value.
 */
export function checkOptions(call: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (options === undefined) return;
  const names = Object.keys(rules).join(', ');
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new MisuseError(
      'ERR_ARGUMENT',
      `${call}: options is ${Array.isArray(options) ? 'an array' : shown(options)}; it must be an object with ${names}`,
    );
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(rules, name))
      throw new MisuseError(
        'ERR_OPTION',
        `${call} has no option ${JSON.stringify(name)}; its options are ${names}`,
      );
    const [fits, allowed] = rules[name]!;
    if (value !== undefined && !fits(value))
      throw new MisuseError('ERR_OPTION', `${call}: ${name} is ${shown(value)}; it must be ${allowed}`);
  }
}

/**
 * @param protocols Those that the client offers, or a function that is asked at each attempt.
 * @throws MisuseError `ERR_STATE` unless the client may offer `hawser.v1`.
 */
export function refuseWithoutTopics(call: string, protocols: unknown): void {
  if (typeof protocols === 'function' || (Array.isArray(protocols) && protocols.includes(SUBPROTOCOL)))
    return;
  throw new MisuseError(
    'ERR_STATE',
    `${call}: this client does not offer the subprotocol ${SUBPROTOCOL}; create it with protocols: ['${SUBPROTOCOL}']`,
  );
}
