import { MisuseError } from '../protocol/errors.ts';
import { ADMIN_TABLE, DEFAULT_ADMIN } from './admin-options.ts';
import { DEFLATE_TABLE } from './connection-option-table.ts';
import { DEFAULT_METRICS, METRICS_OPTION_TABLE } from './metrics-options.ts';
import { DEFAULT_ENDPOINTS, ENDPOINT_TABLE } from './endpoint-options.ts';
import {
  ALERT_TABLE,
  BREAKER_TABLE,
  DEFAULT_ALERTS,
  DEFAULT_BREAKER,
  DEFAULT_LOAD_CONTROL,
  LOAD_CONTROL_TABLE,
} from './load-control-options.ts';
import { shown } from './option-check.ts';
import { DEFAULT_RATE_LIMIT, SERVER_RATE_LIMIT_TABLE } from './rate-limit-options.ts';
import { DEFAULT_DEFLATE_SETTINGS } from './resolve-options.ts';
import { DEFAULT_SERVER_OPTIONS } from './resolve-server-options.ts';
import { RUN_TIME_TABLE } from './run-time-options.ts';
import { checkedServerOption } from './server-option-check.ts';
import {
  type GroupRule,
  type OptionRule,
  SERVER_OPTION_TABLE,
  type ServerOptionName,
} from './server-option-table.ts';
import { DEFAULT_VIOLATION_LIMIT, VIOLATION_LIMIT_TABLE } from './violation-options.ts';

/** One option, as data: for programs that turn options into flags, forms or documentation. */
export interface OptionDescription {
  /**
   * The type of the value. `count`, `bits`, `bytes`, `ms` and `seconds` are whole numbers from `min` to `max`, a `ratio` need not
   * be whole; `levels` are two ascending numbers above 0 and up to `max`, or `false`; `enum` is one
   * of `values`; `list` is an array of strings. `path`, `tls` and `budget` are `ServerOptions.path`, `TlsOptions` and
   * `MemoryBudget`; `text` and `secret` are strings, `endpoint` a path or `false`. `history` and `presence` are rules about topics. A `group` is an object of `options`.
   */
  readonly kind:
    | 'count'
    | 'bits'
    | 'bytes'
    | 'ms'
    | 'seconds'
    | 'ratio'
    | 'levels'
    | 'boolean'
    | 'enum'
    | 'list'
    | 'path'
    | 'function'
    | 'object'
    | 'tls'
    | 'budget'
    | 'text'
    | 'secret'
    | 'endpoint'
    | 'history'
    | 'presence'
    | 'group';
  /** One line, without a full stop. */
  readonly help: string;
  /** `undefined` if there is no default. */
  readonly default: unknown;
  /** Whether `server.configure` can change it while the server runs; of an option inside a group: whether it can change the group. */
  readonly atRunTime: boolean;
  /** Whether `false` is allowed, too: it switches the policy off. */
  readonly orFalse: boolean;
  /** Minimum of a number. */
  readonly min?: number;
  /** Maximum of a number, or of each of two `levels`; of a list, the maximum of the number that may replace it. */
  readonly max?: number;
  /** The values of an `enum`; the words that may replace a list. */
  readonly values?: readonly string[];
  /** The members of a list. */
  readonly members?: 'token' | 'origin' | 'host' | 'address';
  /** The options of a `group`, by name. */
  readonly options?: Readonly<Record<string, OptionDescription>>;
}

function described(rule: OptionRule, fallback: unknown, atRunTime: boolean): OptionDescription {
  const common = {
    help: rule.says,
    default: fallback,
    atRunTime,
    orFalse: 'orFalse' in rule && rule.orFalse,
  };
  if ('max' in rule) return Object.freeze({ kind: rule.kind, ...common, min: rule.min, max: rule.max });
  if ('upTo' in rule) return Object.freeze({ kind: rule.kind, ...common, orFalse: true, max: rule.upTo });
  if ('of' in rule) {
    const { of: members, words: values, orCount } = rule;
    return Object.freeze({
      kind: 'list',
      ...common,
      members,
      values,
      ...(orCount > 0 ? { max: orCount } : {}),
    });
  }
  if ('values' in rule) return Object.freeze({ kind: 'enum', ...common, values: rule.values });
  if (isGroup(rule)) {
    const { table, defaults } = GROUPS[rule.kind];
    const options = describedTable(table, defaults, () => atRunTime);
    return Object.freeze({ ...common, kind: 'group', orFalse: rule.kind !== 'endpoints', options });
  }
  return Object.freeze({ kind: rule.kind, ...common, orFalse: common.orFalse || rule.kind === 'endpoint' });
}

/** The options inside each group. */
const GROUPS: Readonly<
  Record<
    GroupRule['kind'],
    { readonly table: Readonly<Record<string, OptionRule>>; readonly defaults: object }
  >
> = {
  rate: { table: SERVER_RATE_LIMIT_TABLE, defaults: DEFAULT_RATE_LIMIT },
  deflate: { table: DEFLATE_TABLE, defaults: DEFAULT_DEFLATE_SETTINGS },
  metrics: { table: METRICS_OPTION_TABLE, defaults: DEFAULT_METRICS },
  endpoints: { table: ENDPOINT_TABLE, defaults: DEFAULT_ENDPOINTS },
  admin: { table: ADMIN_TABLE, defaults: DEFAULT_ADMIN },
  loadControl: { table: LOAD_CONTROL_TABLE, defaults: DEFAULT_LOAD_CONTROL },
  breaker: { table: BREAKER_TABLE, defaults: DEFAULT_BREAKER },
  alerts: { table: ALERT_TABLE, defaults: DEFAULT_ALERTS },
  violations: { table: VIOLATION_LIMIT_TABLE, defaults: DEFAULT_VIOLATION_LIMIT },
};

const isGroup = (rule: OptionRule): rule is GroupRule => Object.hasOwn(GROUPS, rule.kind);

const describedTable = <Name extends string>(
  table: Readonly<Record<Name, OptionRule>>,
  defaults: object,
  canChange: (name: string) => boolean,
): Readonly<Record<Name, OptionDescription>> =>
  Object.freeze(
    Object.fromEntries(
      Object.entries<OptionRule>(table).map(([name, rule]) => [
        name,
        described(rule, Reflect.get(defaults, name), canChange(name)),
      ]),
    ),
  ) as Readonly<Record<Name, OptionDescription>>;

/**
 * Describes every option of {@link WebSocketServer}, by name: for programs that turn options into flags, forms or
 * documentation, as `hawser serve` does. Check a value with {@link checkServerOption}.
 * @returns A new, frozen object for each call.
 */
export const describeServerOptions = (): Readonly<Record<ServerOptionName, OptionDescription>> =>
  describedTable(
    SERVER_OPTION_TABLE,
    DEFAULT_SERVER_OPTIONS,
    (name) => Reflect.get(RUN_TIME_TABLE, name) === true,
  );

/**
 * Checks one option of a server by itself. Options that contradict each other are found by the constructor.
 * @param name Of the option; `rateLimit.action` is an option of a group, `loadControl.breaker.openMs` of a group inside it.
 * @param label Name for the error message, such as `--max-connections`. Default: `name`.
 * @returns The value; lists as a frozen copy.
 * @throws MisuseError `ERR_OPTION` for a wrong value; `ERR_ARGUMENT` for a name that is not an option, or that is a group,
 *   and for another label.
 */
export function checkServerOption(name: string, value: unknown, label = name): unknown {
  const rule = typeof name === 'string' ? ruleOf(name) : undefined;
  if (rule === undefined || isGroup(rule)) {
    throw new MisuseError('ERR_ARGUMENT', `name is ${shown(name)}; it must be the name of one server option`);
  }
  if (typeof label !== 'string') {
    throw new MisuseError('ERR_ARGUMENT', `label is ${shown(label)}; it must be a string`);
  }
  return checkedServerOption(label, rule, value);
}

function ruleOf(name: string): OptionRule | undefined {
  const [first = '', ...inside] = name.split('.');
  let rule = rowOf(SERVER_OPTION_TABLE, first);
  for (const member of inside) {
    if (rule === undefined || !isGroup(rule)) return undefined;
    rule = rowOf(GROUPS[rule.kind].table, member);
  }
  return rule;
}

const rowOf = (table: Readonly<Record<string, OptionRule>>, name: string): OptionRule | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
