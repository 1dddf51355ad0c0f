import { isDeepStrictEqual } from 'node:util';
import { describeServerOptions, type OptionDescription, type ServerOptions } from '../../index.ts';

/** A value for one option, and where it comes from. */
export interface Setting {
  /** As the API takes it. */
  readonly value: unknown;
  /** As it was written, for comparisons and for `--print-config`. */
  readonly written: unknown;
  /** The name of the option in error messages: `--max-connections`, `HAWSER_MAX_CONNECTIONS`, `maxConnections in hawser.json`. */
  readonly label: string;
}

/** Settings by option: `maxConnections`, or `rateLimit.action` for an option of a group. */
export type Settings = ReadonlyMap<string, Setting>;

/** The paths of options whose value is an object of options. */
const groupsIn = (options: Readonly<Record<string, OptionDescription>>, prefix = ''): string[] =>
  Object.entries(options).flatMap(([name, { kind, options: members = {} }]) =>
    kind === 'group' ? [`${prefix}${name}`, ...groupsIn(members, `${prefix}${name}.`)] : [],
  );

const GROUPS: ReadonlySet<string> = new Set(groupsIn(describeServerOptions()));

/** @param layers A later one wins, option by option, also inside groups. */
export function merged(layers: readonly Settings[]): Settings {
  const all = new Map<string, Setting>();
  for (const layer of layers) {
    for (const [path, setting] of layer) {
      for (let at = path.indexOf('.'); at >= 0; at = path.indexOf('.', at + 1))
        if (all.get(path.slice(0, at))?.value === false) all.delete(path.slice(0, at));
      if (setting.value === false && GROUPS.has(path))
        for (const other of all.keys()) if (other.startsWith(`${path}.`)) all.delete(other);
      all.set(path, setting);
    }
  }
  return all;
}

/** The settings as options of a server. */
export const optionsOf = (settings: Settings): ServerOptions => nested(settings, ({ value }) => value);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** The settings by option, with groups as new objects. A group with members is an object, also after `true`. */
export function nested(
  settings: Settings,
  valueOf: (setting: Setting, path: string) => unknown,
): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [path, setting] of settings) {
    const groups = path.split('.');
    const name = groups.pop()!;
    let into = options;
    for (const group of groups) {
      const members = into[group];
      into = into[group] = isObject(members) ? members : {};
    }
    const value = valueOf(setting, path);
    into[name] ??= GROUPS.has(path) && isObject(value) ? {} : value;
  }
  return options;
}

/** Names of the options that were written differently. */
export function differing(one: Settings, other: Settings): readonly string[] {
  const [before, after] = [one, other].map((settings) => nested(settings, ({ written }) => written)) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]));
}
