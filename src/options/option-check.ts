import { MisuseError } from '../protocol/errors.ts';
import { isToken } from '../protocol/handshake/fields.ts';
import { MemoryBudget } from '../engine/memory-budget.ts';
import type { ForeignNames } from './foreign-names.ts';
import { nearestName } from './nearest-name.ts';
import type { CommonRule, ListRule, NumberRule, TableRule } from './option-rules.ts';

/** @throws MisuseError `ERR_OPTION`; the message names the option, its value and what is allowed. */
export function refuseOption(name: string, value: unknown, allowed: string): never {
  throw new MisuseError('ERR_OPTION', `${name} is ${shown(value)}; it must be ${allowed}`);
}

/** A value in an error message: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const text = JSON.stringify(value);
    return text.length > 64 ? `${text.slice(0, 60)}…"` : text;
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (value instanceof RegExp) return 'a regular expression';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date';
  return isPromise(value) ? 'a promise' : 'an object';
}

const isPromise = (value: object): boolean => typeof (value as { then?: unknown }).then === 'function';

/**
 * Checks one value against its row of the table.
 * @returns The value; lists as a frozen copy.
 * @throws MisuseError `ERR_OPTION`.
 */
export function checkedOption(name: string, rule: Exclude<CommonRule, TableRule>, value: unknown): unknown {
  if ('max' in rule) return checkedNumber(name, rule, value);
  if ('of' in rule) return checkedList(name, rule, TOKENS, value);
  if ('values' in rule) {
    if (typeof value === 'string' && rule.values.includes(value)) return value;
    return refuseOption(name, value, rule.values.map((each) => `'${each}'`).join(' or '));
  }
  if ('methods' in rule) {
    const isFit =
      typeof value === 'object' &&
      value !== null &&
      rule.methods.every((method) => typeof Reflect.get(value, method) === 'function');
    return isFit ? value : refuseOption(name, value, `an object with the methods ${rule.methods.join(', ')}`);
  }
  if (rule.kind === 'boolean')
    return typeof value === 'boolean' ? value : refuseOption(name, value, 'true or false');
  if (rule.kind === 'budget')
    return value instanceof MemoryBudget ? value : refuseOption(name, value, 'a MemoryBudget');
  return typeof value === 'function' ? value : refuseOption(name, value, 'a function');
}

/**
 * Reads the own properties of an options object, except those that are `undefined`.
 * @param what `options`, or the name of an option whose value is such an object.
 * @param foreign Names of other libraries, and what to write instead.
 * @throws MisuseError `ERR_OPTION` for a name that is not in the table; the message says what to write, if that is
 *   known.
 */
export function checkedRecord<Rule>(
  what: string,
  options: unknown,
  table: Readonly<Record<string, Rule>>,
  check: (name: string, rule: Rule, value: unknown) => unknown,
  foreign?: ForeignNames,
): Record<string, unknown> {
  if (!isOptionsObject(options, table)) refuseOption(what, options, 'an object');
  const prefix = what === 'options' ? '' : `${what}.`;
  const given: Record<string, unknown> = Object.create(null);
  for (const entry of Object.entries(options)) {
    const [name, value]: [string, unknown] = entry;
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    if (rule === undefined) refuseUnknownOption('there is', prefix, name, value, Object.keys(table), foreign);
    if (value !== undefined) given[name] = check(prefix + name, rule, value);
  }
  return given;
}

/**
 * @param begin The begin of the sentence, before "no option".
 * @param prefix The option that contains `name`, with a dot; empty for none.
 * @throws MisuseError `ERR_OPTION`.
 */
export function refuseUnknownOption(
  begin: string,
  prefix: string,
  name: string,
  value: unknown,
  known: readonly string[],
  foreign?: ForeignNames,
): never {
  const nearest = nearestName(name, known);
  const hint = foreign?.[name] ?? (nearest === undefined ? undefined : `the nearest is ${prefix}${nearest}`);
  throw new MisuseError(
    'ERR_OPTION',
    `${begin} no option ${prefix}${shown(name).slice(1, -1)} (given as ${shown(value)})${hint === undefined ? '' : `; ${hint}`}`,
  );
}

/**
 * Whether a value can be options: a plain object, or an instance that has one of the names. A `Date`, a `Map` or a
 * promise has no option, and would silently mean the defaults.
 */
export function isOptionsObject(value: unknown, table: object): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return true;
  // The prototype of a plain object, of any realm, has no prototype itself.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return true;
  return Object.keys(value).length > 0 || Object.keys(table).some((name) => name in value);
}

const UNITS = {
  count: '',
  bits: ' of bits',
  bytes: ' of bytes',
  ms: ' of milliseconds',
  seconds: ' of seconds',
  ratio: '',
} as const;

function checkedNumber(name: string, rule: NumberRule, value: unknown): number | false {
  if (rule.orFalse && value === false) return value;
  const isRatio = rule.kind === 'ratio';
  if (
    typeof value === 'number' &&
    (isRatio || Number.isSafeInteger(value)) &&
    value >= rule.min &&
    value <= rule.max
  )
    return value;
  const off = rule.orFalse ? ', or false for none' : '';
  const what = isRatio ? 'a number' : `a whole number${UNITS[rule.kind]}`;
  return refuseOption(name, value, `${what} from ${rule.min} to ${rule.max}${off}`);
}

/** What the members of a list are, and how to recognize one. */
export interface MemberKind {
  readonly fits: (member: unknown) => boolean;
  readonly are: string;
}

const TOKENS: MemberKind = {
  fits: (member) => typeof member === 'string' && isToken(member),
  are: 'HTTP tokens (letters, digits and punctuation but separators)',
};

/**
 * Checks a list.
 * @returns A frozen copy, or the value that may replace a list.
 * @throws MisuseError `ERR_OPTION`.
 */
export function checkedList(
  name: string,
  rule: ListRule<string>,
  members: MemberKind,
  value: unknown,
): unknown {
  if (rule.orFalse && value === false) return value;
  if (rule.orFunction && typeof value === 'function') return value;
  if (typeof value === 'string' && rule.words.includes(value)) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= rule.orCount)
    return value;
  if (!Array.isArray(value)) {
    const choices = [...rule.words.map((word) => `'${word}'`), `an array of ${members.are}`];
    if (rule.orCount > 0) choices.push(`a whole number from 1 to ${rule.orCount}`);
    if (rule.orFunction) choices.push('a function');
    if (rule.orFalse) choices.push('false');
    return refuseOption(name, value, choices.join(', or '));
  }
  const copy: readonly unknown[] = [...value];
  copy.forEach((member, i) => {
    if (!members.fits(member)) refuseOption(`${name}[${i}]`, member, `one of ${members.are}`);
    if (copy.indexOf(member) < i) refuseOption(`${name}[${i}]`, member, 'different from those before it');
  });
  if (rule.orFalse && copy.length === 0) refuseOption(name, value, 'false, or have at least one member');
  return Object.freeze(copy);
}
