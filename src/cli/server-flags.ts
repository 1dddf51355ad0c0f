import { describeServerOptions, type OptionDescription } from '../index.ts';
import { asUsage, checkedValue, valueOfTexts } from './config/checked-setting.ts';
import type { Setting, Settings } from './config/settings.ts';
import type { Flag, FlagValues } from './flags.ts';

/** A flag and the option that it sets. */
interface OptionFlag extends Flag {
  /** `maxConnections`, or `rateLimit.action` for an option of a group. */
  readonly path: string;
  readonly rule: OptionDescription;
}

/** `maxMessageBytes` as `max-message-bytes`. */
const kebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Name of the flag of a list option: it takes one member and may be repeated. */
const singular = (name: string): string => name.replace(/(?<=ss)es$|s$/, '');

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  count: '<n>',
  bits: '<bits>',
  bytes: '<bytes>',
  ms: '<ms>',
  seconds: '<s>',
  ratio: '<0 to 1>',
  token: '<name>',
  origin: '<origin>',
  host: '<name>',
  address: '<address>',
  path: '<path>',
  budget: '<bytes>',
  text: '<text>',
  secret: '<token>',
};

function placeholder({ kind, values = [], members = 'token' }: OptionDescription): string | undefined {
  if (kind === 'enum') return `<${values.join('|')}>`;
  return PLACEHOLDERS[kind === 'list' ? members : kind];
}

function shownDefault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(', ');
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value as string);
}

function flagOf(path: string, name: string, rule: OptionDescription, fallback: unknown): OptionFlag {
  const value = placeholder(rule);
  const shown = shownDefault(fallback);
  return {
    path,
    rule,
    name: kebabCase(rule.kind === 'list' ? singular(name) : name),
    says: rule.orFalse ? `${rule.help}, or 'off'` : rule.help,
    ...(value === undefined ? {} : { value }),
    ...(rule.kind === 'list' ? { repeatable: true } : {}),
    ...(rule.kind === 'boolean' ? { negatable: true } : {}),
    ...(shown === undefined ? {} : { default: shown }),
  };
}

/** Kinds of options that only code can set: they have no flag. */
export const HAVE_NO_FLAG: ReadonlySet<string> = new Set([
  'function',
  'object',
  'group',
  'tls',
  'history',
  'presence',
]);

/** Options that need one of another kind. */
export const NEED_CODE: ReadonlySet<string> = new Set(['requireEngine']);

/** Defaults of the command that differ from those of the library. */
const FLAG_DEFAULTS: Readonly<Record<string, string>> = {
  memoryBudget: '268,435,456',
  upgradeTimeoutMs: '10,000; with --topics 15,000',
  allowedHosts: 'names of this machine, while --host is one of them',
};

const ADMIN_DEFAULTS: Readonly<Record<string, string>> = { port: 'none' };

const OPTIONS = describeServerOptions();

const OPTION_FLAGS: readonly OptionFlag[] = Object.entries(OPTIONS)
  .filter(([option, rule]) => !HAVE_NO_FLAG.has(rule.kind) && !NEED_CODE.has(option))
  .map(([option, rule]) => flagOf(option, option, rule, FLAG_DEFAULTS[option] ?? rule.default));

const RATE_DEFAULTS: Readonly<Record<string, unknown>> = {
  messagesPerSecond: 'no limit',
  burstMessages: 'twice the rate',
  bytesPerSecond: 'no limit',
  burstBytes: 'twice the rate',
  closeCode: '1008',
};
/** `--rate-limit` sets the rate of messages. Each flag `--rate-limit-…` sets another option of the group. */
const RATE_FLAGS: readonly OptionFlag[] = Object.entries(OPTIONS.rateLimit.options ?? {})
  .filter(([, rule]) => !HAVE_NO_FLAG.has(rule.kind))
  .map(([option, rule]) => {
    const name = option === 'messagesPerSecond' ? 'rateLimit' : `rateLimit-${option}`;
    return flagOf(`rateLimit.${option}`, name, rule, RATE_DEFAULTS[option] ?? rule.default);
  });

/** `--violation-limit` sets the number of violations; `--violation-limit-refuse-ms` needs it. */
const VIOLATION_FLAGS: readonly OptionFlag[] = Object.entries(OPTIONS.violationLimit.options ?? {}).map(
  ([option, rule]) => {
    const name = option === 'perMinute' ? 'violationLimit' : `violationLimit-${option}`;
    return flagOf(`violationLimit.${option}`, name, rule, rule.default ?? 'no limit');
  },
);

/** `--compress` turns compression on. So does each flag `--compress-…`, which sets one option of the group. */
const COMPRESS_FLAG: Flag = { name: 'compress', says: OPTIONS.perMessageDeflate.help };
const COMPRESS_FLAGS: readonly OptionFlag[] = Object.entries(OPTIONS.perMessageDeflate.options ?? {}).map(
  ([option, rule]) => flagOf(`perMessageDeflate.${option}`, `compress-${option}`, rule, rule.default),
);

/** `--admin-port` opens the admin port; the other options of the group need it. */
const ADMIN_FLAGS: readonly OptionFlag[] = Object.entries(OPTIONS.admin.options ?? {}).map(([option, rule]) =>
  flagOf(`admin.${option}`, `admin-${option}`, rule, ADMIN_DEFAULTS[option] ?? rule.default),
);

/** `--load-control` means the option with all its defaults. */
const LOAD_CONTROL_FLAG: Flag = {
  name: 'load-control',
  says: 'degrade step by step when the process comes close to its capacity, and recover by itself',
};

/** `--metrics` serves these paths on the port of the server. */
const METRICS_PATHS = Object.freeze({ health: '/healthz', ready: '/readyz', metrics: '/metrics' });
const METRICS_FLAG: Flag = {
  name: 'metrics',
  says: 'answer /metrics for Prometheus, /healthz and /readyz on the port of the server',
};

/** What an operator watches: paths of the server, and a port of its own. */
export const WATCH_FLAGS: readonly Flag[] = [METRICS_FLAG, ...ADMIN_FLAGS];

/** Flags that set one option each. */
const VALUE_FLAGS: readonly OptionFlag[] = [
  ...OPTION_FLAGS,
  ...RATE_FLAGS,
  ...VIOLATION_FLAGS,
  ...COMPRESS_FLAGS,
  ...ADMIN_FLAGS,
];

/** Every server option that a command line can set, as a flag of the same name. */
export const SERVER_FLAGS: readonly Flag[] = [
  ...OPTION_FLAGS,
  ...RATE_FLAGS,
  ...VIOLATION_FLAGS,
  COMPRESS_FLAG,
  ...COMPRESS_FLAGS,
  LOAD_CONTROL_FLAG,
];

/**
 * The options that flags set.
 * @throws UsageError naming the flag, its value, and what is allowed.
 */
export function flagSettings(flags: FlagValues): Settings {
  const settings = new Map<string, Setting>();
  for (const flag of VALUE_FLAGS) {
    const given = flags.get(flag.name);
    if (given === undefined) continue;
    const { path, rule, name } = flag;
    const label = `--${name}`;
    const read = typeof given === 'boolean' ? given : valueOfTexts(rule, given, (text) => text === 'off');
    const value = asUsage(() => checkedValue(path, rule, read, label));
    settings.set(path, { value, written: read, label });
  }
  if (flags.has('compress'))
    settings.set('perMessageDeflate', { value: true, written: true, label: '--compress' });
  if (flags.has('load-control'))
    settings.set('loadControl', { value: true, written: true, label: '--load-control' });
  if (flags.has('metrics'))
    for (const [member, path] of Object.entries(METRICS_PATHS))
      settings.set(`endpoints.${member}`, { value: path, written: path, label: '--metrics' });
  return settings;
}

/** The flag of an option; `undefined` if there is none. */
export const flagNameOf = (path: string): string | undefined =>
  VALUE_FLAGS.find((flag) => flag.path === path)?.name;
