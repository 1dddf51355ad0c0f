import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../engine/engine.ts';
import { MisuseError } from '../protocol/errors.ts';
import { completeServerOptions, type GivenOptions, givenServerOptions } from './resolve-server-options.ts';
import type { LoadControlSettings } from './load-control-options.ts';
import {
  OTHER_SERVER,
  type OptionChange,
  RUN_TIME_TABLE,
  type RunTimeOptionName,
  type RunTimeOptions,
} from './run-time-options.ts';
import type { ResolvedServerOptions } from './server-options.ts';

/** The options of a server. */
export interface Configured<UserData> {
  /** Only those that were given: defaults that depend on other options are filled in anew after each change. */
  readonly given: GivenOptions;
  readonly complete: ResolvedServerOptions<UserData>;
}

/**
 * Checks changes of the options of a running server.
 * @returns The options with the changes, and what differs. `before` stays as it is.
 * @throws MisuseError `ERR_OPTION` for an invalid value, for an option that cannot change at run time, and for options that
 *   would contradict each other.
 */
export function reconfigured<UserData>(
  before: Configured<UserData>,
  options: RunTimeOptions,
  engine: Engine,
): Configured<UserData> & { readonly changes: readonly OptionChange[] } {
  refuseFixed(options);
  const checked = givenServerOptions(options);
  const given: Record<string, unknown> = { ...before.given };
  // An equal value keeps its identity: what was made from it stays as it is.
  for (const [name, value] of Object.entries(checked))
    if (!isDeepStrictEqual(value, given[name])) given[name] = value;
  // Explicit `undefined` is the default, as in the constructor.
  for (const name of Object.keys(options)) if (!Object.hasOwn(checked, name)) delete given[name];
  const complete = completeServerOptions<UserData>(given, engine);
  refuseFixedParts(before.complete.loadControl, complete.loadControl);
  const changes = (Object.keys(complete) as RunTimeOptionName[])
    .filter((name) => !isDeepStrictEqual(complete[name], before.complete[name]))
    .map((name) => Object.freeze({ name, from: before.complete[name], to: complete[name] }));
  return { given, complete, changes: Object.freeze(changes) };
}

/** What load control makes once, at the start of the server. */
const FIXED_PARTS = ['probe', 'quality', 'shed', 'breaker', 'alerts'] as const;

/** Thresholds and interval of load control can change, but not which of its parts exist. */
function refuseFixedParts(before: false | LoadControlSettings, after: false | LoadControlSettings): void {
  if (before === false || after === false) {
    if (before === after) return;
    throw new MisuseError(
      'ERR_OPTION',
      `loadControl cannot be switched ${before === false ? 'on' : 'off'} while the server runs: ${OTHER_SERVER}`,
    );
  }
  for (const part of FIXED_PARTS) {
    const areEqual =
      part === 'alerts'
        ? (before.alerts === false) === (after.alerts === false)
        : isDeepStrictEqual(before[part], after[part]);
    if (!areEqual)
      throw new MisuseError(
        'ERR_OPTION',
        `loadControl.${part} cannot change while the server runs: ${OTHER_SERVER}`,
      );
  }
}

/** Refuses options that cannot change. Their values are not checked: a certificate takes milliseconds. */
function refuseFixed(options: unknown): void {
  if (typeof options !== 'object' || options === null) return;
  const table: Readonly<Record<string, true | string>> = RUN_TIME_TABLE;
  for (const name of Object.keys(options)) {
    const rule = Object.hasOwn(table, name) ? table[name] : true;
    if (typeof rule === 'string')
      throw new MisuseError('ERR_OPTION', `${name} cannot change while the server runs: ${rule}`);
  }
}
