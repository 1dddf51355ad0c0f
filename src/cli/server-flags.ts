import {
  CONNECTION_OPTION_TABLE,
  DEFLATE_TABLE,
  RATE_LIMIT_TABLE,
} from '../options/connection-option-table.ts';
import { MemoryBudget } from '../engine/memory-budget.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../options/resolve-options.ts';
import { MisuseError } from '../protocol/errors.ts';
import { checkedServerOption } from '../options/server-option-check.ts';
import { type OptionRule, SERVER_OPTION_TABLE } from '../options/server-option-table.ts';
import {
  DEFAULT_SERVER_OPTIONS,
  resolveServerOptions,
  type ServerOptions,
} from '../options/resolve-server-options.ts';
import { UsageError } from './command.ts';
import { type Flag, type FlagValues, wholeNumber } from './flags.ts';

/** A flag and the option that it sets. */
interface OptionFlag extends Flag {
  readonly option: string;
  readonly rule: OptionRule;
  /** The option object that contains it. */
  readonly inside?: 'rateLimit' | 'perMessageDeflate';
}

/** `maxMessageBytes` as `max-message-bytes`. */
const kebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The flag of a list option takes one member and may be repeated. */
const singular = (name: string): string => name.replace(/(?<=ss)es$|s$/, '');

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  count: '<n>',
  bits: '<bits>',
  bytes: '<bytes>',
  ms: '<ms>',
  seconds: '<s>',
  token: '<name>',
  origin: '<origin>',
  host: '<name>',
  address: '<address>',
  path: '<path>',
  budget: '<bytes>',
};

function placeholder(rule: OptionRule): string | undefined {
  if (rule.kind === 'enum') return `<${rule.values.join('|')}>`;
  if (rule.kind === 'list') return PLACEHOLDERS[rule.of];
  return PLACEHOLDERS[rule.kind];
}

function shownDefault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(', ');
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value as string);
}

function flagOf(option: string, rule: OptionRule, fallback: unknown): OptionFlag {
  const value = placeholder(rule);
  const shown = shownDefault(fallback);
  return {
    option,
    rule,
    name: kebabCase(rule.kind === 'list' ? singular(option) : option),
    says: 'orFalse' in rule && rule.orFalse ? `${rule.says}, or 'off'` : rule.says,
    ...(value === undefined ? {} : { value }),
    ...(rule.kind === 'list' ? { repeatable: true } : {}),
    ...(rule.kind === 'boolean' ? { negatable: true } : {}),
    ...(shown === undefined ? {} : { default: shown }),
  };
}

/** Options that only code can set have no flag. */
const HAVE_NO_FLAG: ReadonlySet<string> = new Set(['function', 'object', 'rate', 'deflate', 'tls']);

/** Defaults of the command that differ from those of the library. */
const FLAG_DEFAULTS: Readonly<Record<string, string>> = {
  memoryBudget: '268,435,456',
  allowedHosts: 'names of this machine, while --host is one of them',
};

const OPTION_FLAGS: readonly OptionFlag[] = Object.entries(SERVER_OPTION_TABLE)
  .filter(([, rule]) => !HAVE_NO_FLAG.has(rule.kind))
  .map(([option, rule]) =>
    flagOf(option, rule, FLAG_DEFAULTS[option] ?? Reflect.get(DEFAULT_SERVER_OPTIONS, option)),
  );

const RATE_DEFAULTS: Readonly<Record<string, unknown>> = {
  messagesPerSecond: false,
  burstMessages: 'twice the rate',
  bytesPerSecond: false,
  burstBytes: 'twice the rate',
  action: 'close',
  closeCode: '1008',
};
/** `--rate-limit` sets the rate of messages; the other fields add a suffix to its name. */
const RATE_FLAGS: readonly OptionFlag[] = Object.entries(RATE_LIMIT_TABLE).map(([option, rule]) => ({
  ...flagOf(option, rule, RATE_DEFAULTS[option]),
  inside: 'rateLimit',
  name: option === 'messagesPerSecond' ? 'rate-limit' : `rate-limit-${kebabCase(option)}`,
}));

/** `--compress` turns compression on; the fields add a suffix to its name and turn it on, too. */
const COMPRESS_FLAG: Flag = { name: 'compress', says: CONNECTION_OPTION_TABLE.perMessageDeflate.says };
const COMPRESS_FLAGS: readonly OptionFlag[] = Object.entries(DEFLATE_TABLE).map(([option, rule]) => ({
  ...flagOf(option, rule, Reflect.get(DEFAULT_DEFLATE_SETTINGS, option)),
  inside: 'perMessageDeflate',
  name: `compress-${kebabCase(option)}`,
}));

/** Every server option that a command line can set, as a flag of the same name. */
export const SERVER_FLAGS: readonly Flag[] = [
  ...OPTION_FLAGS,
  ...RATE_FLAGS,
  COMPRESS_FLAG,
  ...COMPRESS_FLAGS,
];

/**
 * The server options given as flags.
 * @throws UsageError naming the flag, its value, and what is allowed.
 */
export function serverOptionsOf(flags: FlagValues): ServerOptions {
  const options: Record<string, unknown> = {};
  const rateLimit: Record<string, unknown> = {};
  const perMessageDeflate: Record<string, unknown> = {};
  const places = { rateLimit, perMessageDeflate };
  for (const flag of [...OPTION_FLAGS, ...RATE_FLAGS, ...COMPRESS_FLAGS]) {
    const given = flags.get(flag.name);
    if (given === undefined) continue;
    (flag.inside === undefined ? options : places[flag.inside])[flag.option] = valueOf(flag, given);
  }
  const [ofRate] = Object.keys(rateLimit);
  if (ofRate !== undefined) {
    if (!('messagesPerSecond' in rateLimit || 'bytesPerSecond' in rateLimit)) {
      throw new UsageError(
        `--rate-limit-${kebabCase(ofRate)} needs a rate: --rate-limit, --rate-limit-bytes-per-second or both`,
      );
    }
    options['rateLimit'] = rateLimit;
  }
  if (flags.has('compress') || Object.keys(perMessageDeflate).length > 0)
    options['perMessageDeflate'] = perMessageDeflate;
  asUsage(() => resolveServerOptions(options));
  return options;
}

function valueOf(flag: OptionFlag, given: readonly string[] | boolean): unknown {
  const { rule, name } = flag;
  if (rule.kind === 'rate' || rule.kind === 'deflate')
    throw new TypeError(`--${name} is made of flags of its own`);
  const value = typeof given === 'boolean' ? given : textValue(rule, given);
  return asUsage(() => checkedServerOption(`--${name}`, rule, value));
}

function textValue(rule: OptionRule, given: readonly string[]): unknown {
  const [text = ''] = given;
  if ('max' in rule) {
    if (text === 'off') return false;
    return wholeNumber(text) ?? text;
  }
  if (rule.kind === 'budget') {
    const maxBytes = wholeNumber(text);
    if (maxBytes === undefined || maxBytes < 1) return maxBytes ?? text;
    return new MemoryBudget({ maxBytes });
  }
  if ('of' in rule) {
    if (given.length > 1) return given;
    if (rule.orCount > 0 && wholeNumber(text) !== undefined) return wholeNumber(text);
    return rule.orFalse && text === 'off' ? false : rule.words.includes(text) ? text : given;
  }
  return text;
}

function asUsage<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (error instanceof MisuseError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
