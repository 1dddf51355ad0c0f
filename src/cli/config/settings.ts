import { isDeepStrictEqual } from 'node:util';
import { describeServerOptions, type ServerOptions } from '../../index.ts';

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

/** Options whose value is an object of options. */
export const GROUPS: ReadonlySet<string> = new Set(
  Object.entries(describeServerOptions())
    .filter(([, { kind }]) => kind === 'group')
    .map(([name]) => name),
);

/** @param layers A later one wins, option by option, also inside groups. */
export function merged(layers: readonly Settings[]): Settings {
  const all = new Map<string, Setting>();
  for (const layer of layers) {
    for (const [path, setting] of layer) {
      const [first = '', member] = path.split('.');
      if (member !== undefined && all.get(first)?.value === false) all.delete(first);
      if (setting.value === false && GROUPS.has(path))
        for (const other of all.keys()) if (other.startsWith(`${path}.`)) all.delete(other);
      all.set(path, setting);
    }
  }
  return all;
}

/** The settings as options of a server. */
export const optionsOf = (settings: Settings): ServerOptions => nested(settings, ({ value }) => value);

/** The settings by option, with groups as objects. A group with members is an object, also after `true`. */
export function nested(
  settings: Settings,
  valueOf: (setting: Setting, path: string) => unknown,
): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [path, setting] of settings) {
    const [first = '', member] = path.split('.');
    if (member === undefined) options[first] ??= valueOf(setting, path);
    else {
      const group = options[first];
      const members = typeof group === 'object' && group !== null ? group : {};
      options[first] = { ...members, [member]: valueOf(setting, path) };
    }
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
