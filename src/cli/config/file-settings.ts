import { describeServerOptions, type OptionDescription } from '../../index.ts';
import { UsageError } from '../command.ts';
import { textOfFile } from '../files.ts';
import { nearestName } from '../nearest-name.ts';
import { NEED_CODE } from '../server-flags.ts';
import { asUsage, checkedSwitch, checkedValue } from './checked-setting.ts';
import type { Setting, Settings } from './settings.ts';

/** What a configuration file says. */
export interface FileSettings {
  readonly settings: Settings;
  readonly port: number | undefined;
  readonly host: string | undefined;
}

const OPTIONS: Readonly<Record<string, OptionDescription>> = describeServerOptions();
/** Kinds of options that a file cannot set, and what to do instead. */
const NOT_IN_FILES: Readonly<Record<string, string>> = {
  function: 'only code can',
  object: 'only code can',
  history: 'use --topics with --history',
  presence: 'use --topics with --presence',
};
const NAMES = [
  'port',
  'host',
  ...Object.keys(OPTIONS).filter((name) => whyNot(name, OPTIONS[name]!) === undefined),
];

function whyNot(path: string, { kind }: OptionDescription): string | undefined {
  return NEED_CODE.has(path) ? 'only code can' : NOT_IN_FILES[kind];
}

/**
 * Reads server options from a JSON file. The names are those of the API; `port` and `host` say where to listen.
 * @throws CommandError for a file that cannot be read; UsageError naming the file and the option.
 */
export function fileSettings(file: string): FileSettings {
  const settings = new Map<string, Setting>();
  let port: number | undefined;
  let host: string | undefined;
  for (const [name, value] of Object.entries(objectOf(file))) {
    if (name === 'port') port = checkedPort(file, value);
    else if (name === 'host') host = checkedHost(file, value);
    else {
      const rule = ruleOf(file, '', name, value, OPTIONS, NAMES);
      for (const [path, setting] of settingsOf(file, name, rule, value)) settings.set(path, setting);
    }
  }
  return { settings, port, host };
}

/** The settings of one option, and of its members if it is a group. */
function* settingsOf(
  file: string,
  path: string,
  rule: OptionDescription,
  value: unknown,
): Generator<[path: string, setting: Setting]> {
  const why = whyNot(path, rule);
  if (why !== undefined) throw new UsageError(`${file}: ${path} cannot be set in a file: ${why}`);
  if (rule.kind !== 'group') yield [path, settingOf(file, path, rule, value)];
  else if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const on = checkedSwitch(path, rule, value, `${file}: ${path}`, 'or an object of its options');
    yield [path, { value: on, written: on, label: labelOf(file, path) }];
  } else {
    // Also without members, `{}` has a meaning: it switches some groups on.
    yield [path, { value: {}, written: {}, label: labelOf(file, path) }];
    const members = rule.options ?? {};
    for (const [member, each] of Object.entries(value)) {
      const memberRule = ruleOf(file, `${path}.`, member, each, members, Object.keys(members));
      yield* settingsOf(file, `${path}.${member}`, memberRule, each);
    }
  }
}

const labelOf = (file: string, path: string): string => `${path} in ${file}`;

function objectOf(file: string): object {
  const text = textOfFile('--config', file).replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file}: this is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(
      `${file}: the file must hold one object of options, such as { "maxConnections": 500 }`,
    );
  return value;
}

function ruleOf(
  file: string,
  prefix: string,
  name: string,
  value: unknown,
  table: Readonly<Record<string, OptionDescription>>,
  names: readonly string[],
): OptionDescription {
  const rule = Object.hasOwn(table, name) ? table[name] : undefined;
  if (rule !== undefined) return rule;
  const nearest = nearestName(name, names);
  throw new UsageError(
    `${file}: there is no option ${prefix}${name} (given as ${JSON.stringify(value)})${nearest === undefined ? '' : `; the nearest is ${prefix}${nearest}`}`,
  );
}

function settingOf(file: string, path: string, rule: OptionDescription, written: unknown): Setting {
  const value = asUsage(
    () => checkedValue(path, rule, written, path),
    (message) => `${file}: ${message}`,
  );
  return { value, written, label: labelOf(file, path) };
}

function checkedPort(file: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new UsageError(
    `${file}: port is ${JSON.stringify(value)}; it must be a whole number from 0 to 65535`,
  );
}

function checkedHost(file: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`${file}: host is ${JSON.stringify(value)}; it must be an address to listen on`);
}
