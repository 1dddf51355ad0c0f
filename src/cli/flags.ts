import { parseArgs } from 'node:util';
import { nearestName } from './nearest-name.ts';
import { UsageError } from './command.ts';

/** One flag of a command. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Placeholder of its value in the help, as `<ms>`; without it the flag takes no value. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeatable?: boolean;
  /** `--no-<name>` exists, too. */
  readonly negatable?: boolean;
  readonly says: string;
  /** Default shown in the help, after the sentence. */
  readonly default?: string;
}

/** The last flags of most commands. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: 'debug', says: 'print the stack of an error' },
  { name: 'help', short: 'h', says: 'print this help' },
];

/** Values by flag name: strings in the order given, `true`, or `false` for `--no-…`. */
export type FlagValues = ReadonlyMap<string, readonly string[] | boolean>;

export interface ParsedArguments {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line. `--name value`, `--name=value`, `-n`; `--` ends the flags.
 * @param maxPositionals Maximum number of arguments that are not flags.
 * @throws UsageError that names the unknown, repeated, missing or surplus argument.
 */
export function parseFlags(
  args: readonly string[],
  flags: readonly Flag[],
  maxPositionals: number,
): ParsedArguments {
  const known = new Map(flags.map((flag) => [flag.name, flag]));
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      flags.map((flag) => [
        flag.name,
        {
          type: flag.value === undefined ? ('boolean' as const) : ('string' as const),
          ...(flag.short === undefined ? {} : { short: flag.short }),
        },
      ]),
    ),
  });
  const given = new Map<string, string[] | boolean>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const negated = token.name.startsWith('no-') ? known.get(token.name.slice(3)) : undefined;
    const flag = negated?.negatable === true ? negated : known.get(token.name);
    if (flag === undefined) refuseUnknown(token.rawName, known);
    if (flag.value === undefined) {
      if (token.value !== undefined) {
        throw new UsageError(`${token.rawName} takes no value, but was given '${token.value}'`);
      }
      keepOnce(given, flag, token.rawName, flag !== negated);
    } else {
      const { value } = token;
      if (value === undefined || (!token.inlineValue && value.startsWith('--'))) {
        throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
      }
      const before = given.get(flag.name);
      if (flag.repeatable === true && Array.isArray(before)) before.push(value);
      else keepOnce(given, flag, token.rawName, [value]);
    }
  }
  const surplus = positionals[maxPositionals];
  if (surplus !== undefined) throw new UsageError(`unexpected argument '${surplus}'`);
  return { flags: given, positionals };
}

function keepOnce(
  given: Map<string, string[] | boolean>,
  flag: Flag,
  rawName: string,
  value: string[] | boolean,
): void {
  if (given.has(flag.name)) throw new UsageError(`${rawName} was given twice`);
  given.set(flag.name, value);
}

function refuseUnknown(rawName: string, known: ReadonlyMap<string, Flag>): never {
  const nearest = nearestName(rawName.replace(/^--?/, ''), [...known.keys()]);
  throw new UsageError(
    nearest === undefined
      ? `there is no flag ${rawName}`
      : `there is no flag ${rawName}; the nearest is --${nearest}`,
  );
}

/** The value of a flag that takes one value. */
export function textOf(flags: FlagValues, name: string): string | undefined {
  const value = flags.get(name);
  return typeof value === 'object' ? value[0] : undefined;
}

/** The values of a repeatable flag, in the order given. */
export function listOf(flags: FlagValues, name: string): readonly string[] {
  const given = flags.get(name);
  return typeof given === 'object' ? given : [];
}

/**
 * The value of a flag as a whole number.
 * @throws UsageError for anything else.
 */
export function wholeNumberOf(
  flags: FlagValues,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = textOf(flags, name);
  if (text === undefined) return fallback;
  const value = wholeNumber(text);
  if (value === undefined || value < min || value > max) {
    throw new UsageError(`--${name} is '${text}'; it must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** Decimal digits as a number; `undefined` for anything else. */
export function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
