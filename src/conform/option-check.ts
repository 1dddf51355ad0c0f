import { isFieldValue, isToken, MisuseError } from '../protocol/index.ts';
import type { Role } from './model.ts';

interface Rule {
  readonly fits: (value: unknown) => boolean;
  readonly allowed: string;
}

const wholeNumber = (min: number, max: number): Rule => ({
  fits: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  allowed: `a whole number from ${min} to ${max}`,
});
const listOf = (fits: (member: unknown) => boolean, what: string): Rule => ({
  fits: (value) => Array.isArray(value) && value.every(fits),
  allowed: `an array of ${what}`,
});
const isText = (value: unknown): value is string => typeof value === 'string';
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const FUNCTION: Rule = { fits: (value) => typeof value === 'function', allowed: 'a function' };
const TEXT: Rule = { fits: isText, allowed: 'a string' };

const COMMON: Readonly<Record<string, Rule>> = {
  only: listOf(isText, 'case IDs, groups or globs'),
  concurrency: wholeNumber(1, 256),
  timeoutMs: wholeNumber(50, 600_000),
  signal: { fits: (value) => value instanceof AbortSignal, allowed: 'an AbortSignal' },
  tool: TEXT,
  onStart: FUNCTION,
  onCase: FUNCTION,
};
const RULES: Readonly<Record<Role, Readonly<Record<string, Rule>>>> = {
  server: {
    ...COMMON,
    headers: listOf(
      (one) =>
        Array.isArray(one) &&
        one.length === 2 &&
        one.every(isText) &&
        isToken(one[0]!) &&
        isFieldValue(one[1]!),
      'pairs of a header name and a value',
    ),
    protocols: listOf((one) => isText(one) && isToken(one), 'tokens'),
    tls: { fits: isObject, allowed: 'an object of Node’s TLS options' },
    attacks: { fits: (value) => typeof value === 'boolean', allowed: 'true or false' },
  },
  client: { ...COMMON, host: TEXT, port: wholeNumber(0, 65_535), onListening: FUNCTION },
};

/**
 * Checks the arguments of `conformanceCases`.
 * @throws MisuseError `ERR_ARGUMENT` that names the argument and what is allowed.
 */
export function checkSelection(tested: unknown, only: unknown): void {
  if (tested !== 'server' && tested !== 'client')
    throw new MisuseError('ERR_ARGUMENT', "tested must be 'server' or 'client'");
  if (!COMMON['only']!.fits(only))
    throw new MisuseError('ERR_ARGUMENT', `only must be ${COMMON['only']!.allowed}`);
}

/**
 * Checks that the argument is a report.
 * @throws MisuseError `ERR_ARGUMENT` if it is not.
 */
export function checkReport(report: unknown): void {
  const { cases, counts } = (isObject(report) ? report : {}) as Record<string, unknown>;
  if (!Array.isArray(cases) || !isObject(counts))
    throw new MisuseError('ERR_ARGUMENT', 'report must be the result of testServer or testClient');
}

/**
 * Checks the options of a test; `undefined` stands for the default.
 * @throws MisuseError `ERR_OPTION` that names the option and what is allowed.
 */
export function checkOptions(options: unknown, tested: Role): void {
  if (!isObject(options)) throw new MisuseError('ERR_OPTION', 'options must be an object');
  const rules = RULES[tested];
  for (const [name, value] of Object.entries(options as object)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      const known = Object.keys(rules).join(', ');
      throw new MisuseError('ERR_OPTION', `there is no option ${name}; the options are ${known}`);
    }
    if (value !== undefined && !rule.fits(value))
      throw new MisuseError('ERR_OPTION', `${name} must be ${rule.allowed}`);
  }
}
