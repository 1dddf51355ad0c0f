import { MemoryBudget } from '../connection/memory-budget.ts';
import { MisuseError } from '../protocol/errors.ts';
import { isAddressOrRange } from './addresses.ts';
import type { ListRule, NumberRule, OptionRule, RateRule } from './option-table.ts';
import { canonicalOrigin, isHostname } from './origin.ts';
import { checkTls } from './tls-options.ts';

/** @throws MisuseError `ERR_OPTION`: what the option is, and what it may be. */
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
  return value instanceof RegExp ? 'a regular expression' : 'an object';
}

/**
 * Checks one value against its row of the table.
 * @returns The value; lists as a frozen copy.
 * @throws MisuseError `ERR_OPTION`.
 */
export function checkedOption(name: string, rule: Exclude<OptionRule, RateRule>, value: unknown): unknown {
  if ('max' in rule) return checkedNumber(name, rule, value);
  if ('of' in rule) return checkedList(name, rule, value);
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
  if (rule.kind === 'tls') {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? checkTls(name, value)
      : refuseOption(name, value, 'an object of Node’s TLS options');
  }
  if (typeof value === 'function') return value;
  if (rule.kind === 'function') return refuseOption(name, value, 'a function');
  if (value instanceof RegExp || (typeof value === 'string' && /^\/[^?#\s]*$/.test(value))) return value;
  return refuseOption(
    name,
    value,
    "a path that begins with '/' and has no query, a regular expression, or a function",
  );
}

const UNITS = {
  count: '',
  bits: ' of bits',
  bytes: ' of bytes',
  ms: ' of milliseconds',
  seconds: ' of seconds',
} as const;

function checkedNumber(name: string, rule: NumberRule, value: unknown): number | false {
  if (rule.orFalse && value === false) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= rule.min && value <= rule.max)
    return value;
  const off = rule.orFalse ? ', or false for none' : '';
  return refuseOption(name, value, `a whole number${UNITS[rule.kind]} from ${rule.min} to ${rule.max}${off}`);
}

/** What the members of a list are, and how one is told. */
const MEMBERS: Readonly<Record<ListRule['of'], { fits: (member: unknown) => boolean; are: string }>> = {
  token: {
    fits: (member) => typeof member === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(member),
    are: 'HTTP tokens (letters, digits and punctuation but separators)',
  },
  origin: {
    fits: (member) =>
      member instanceof RegExp || (typeof member === 'string' && canonicalOrigin(member) !== undefined),
    are: "origins such as 'https://app.example', without path, or regular expressions",
  },
  host: {
    fits: (member) => typeof member === 'string' && isHostname(member),
    are: "host names such as 'localhost' or '[::1]', in ASCII and without port",
  },
  address: {
    fits: (member) => typeof member === 'string' && isAddressOrRange(member),
    are: "IP addresses or CIDR ranges such as '10.0.0.0/8'",
  },
};

function checkedList(name: string, rule: ListRule, value: unknown): unknown {
  if (rule.orFalse && value === false) return value;
  if (rule.orFunction && typeof value === 'function') return value;
  if (typeof value === 'string' && rule.words.includes(value)) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= rule.orCount)
    return value;
  const members = MEMBERS[rule.of];
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

/** The name in `names` that takes the fewest changes of a letter to reach; case counts less than anything else. */
export function nearestName(wrong: string, names: readonly string[]): string {
  const text = wrong.slice(0, 64).toLowerCase();
  let nearest = '';
  let fewest = Infinity;
  for (const name of names) {
    const changes = editDistance(text, name.toLowerCase());
    if (changes < fewest) {
      fewest = changes;
      nearest = name;
    }
  }
  return nearest;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
