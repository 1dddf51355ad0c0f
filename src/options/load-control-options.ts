import type { LoadProbe, LoadSignalName } from '../observe/load-control/signals.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import {
  between,
  count,
  levels,
  type LevelsRule,
  ms,
  type NumberRule,
  orFalse,
  plain,
  type PlainRule,
  ratio,
} from './option-rules.ts';

/** The values of a signal from which the server is `elevated` and `critical`. */
export type LoadThresholds = readonly [elevated: number, critical: number];

/** When the circuit breaker refuses handshakes, and for how long. */
export interface BreakerOptions {
  /** Handshakes within 10 seconds below which the breaker stays closed. Default 20; 1 to 1,000,000. */
  readonly minHandshakes?: number | undefined;
  /** Share of them that fail in the `upgrade` hook from which the breaker opens. Default 0.5; 0.01 to 1. */
  readonly failureRatio?: number | undefined;
  /** Time for which an open breaker refuses handshakes with 503. Default 5,000; 1 to 2,147,483,647 ms. */
  readonly openMs?: number | undefined;
  /** Handshakes that must all succeed after that time before the breaker closes. Default 5; 1 to 1,000. */
  readonly trials?: number | undefined;
}

/** From which values the server emits `alert`. `false` switches one off. */
export interface AlertOptions {
  /** Connections ÷ `maxConnections`, for 5 minutes. Default 0.8; 0.01 to 1, or `false`. */
  readonly connectionsRatio?: number | false | undefined;
  /**
   * 95th percentile of the handler time in a minute ÷ the median of those of the hour before, for 2 minutes. Needs the option
   * `metrics`. Default 1.5; 1 to 1,000, or `false`.
   */
  readonly handlerTimeRatio?: number | false | undefined;
  /** CPU time of the process as a share of one core, for 3 minutes. Default 0.8; 0.01 to 1,000, or `false`. */
  readonly cpuRatio?: number | false | undefined;
  /** The larger of `heapRatio` and `rssRatio`, for 3 minutes. Default 0.9; 0.01 to 1, or `false`. */
  readonly memoryRatio?: number | false | undefined;
  /** Handlers that failed ÷ messages received, in the last minute. Default 0.01; 0.0001 to 1, or `false`. */
  readonly errorRatio?: number | false | undefined;
}

/**
 * What a server does when it comes close to its capacity. It samples signals, and each has two thresholds; the level of the server
 * is that of its worst signal. `false` instead of thresholds ignores a signal.
 */
export interface LoadControlOptions {
  /** Time between two samples. Default 1,000; 100 to 60,000 ms. A longer interval hides short stalls. */
  readonly sampleIntervalMs?: number | undefined;
  /** Mean delay of the event loop, in ms. Default `[10, 50]`; up to 60,000, or `false`. */
  readonly eventLoopDelayMs?: LoadThresholds | false | undefined;
  /** Busy share of the event loop over 10 samples. Default `[0.8, 0.95]`; up to 1, or `false`. */
  readonly loopUtilization?: LoadThresholds | false | undefined;
  /** Used heap without the young generation ÷ its limit (`--max-old-space-size`). Default `[0.75, 0.85]`; up to 1, or `false`. */
  readonly heapRatio?: LoadThresholds | false | undefined;
  /** Resident memory ÷ the limit of the container or the machine. Default `[0.75, 0.85]`; up to 1, or `false`. */
  readonly rssRatio?: LoadThresholds | false | undefined;
  /** CPU time of the process over 30 samples, as a share of one core. Default `[0.7, 0.9]`; up to 1,000, or `false`. */
  readonly cpuRatio?: LoadThresholds | false | undefined;
  /** Used part of `memoryBudget`. Default `[0.5, 0.9]`; up to 1, or `false`. */
  readonly budgetRatio?: LoadThresholds | false | undefined;
  /** Connections ÷ `maxConnections`. Default `[0.8, 0.95]`; up to 1, or `false`. */
  readonly connectionsRatio?: LoadThresholds | false | undefined;
  /**
   * Replaces signals: it is called once per sample, and the server measures the signals that it leaves out. For a limit that the
   * process cannot see, and for tests. If it throws, or returns anything but signals, the error is reported once, and the sample
   * counts as the one before. Default: none.
   */
  readonly probe?: LoadProbe | undefined;
  /**
   * Whether a level above `normal` saves work: longer ping intervals, delays between messages of senders with the priorities `low`
   * and `normal`, smaller buffers, no compression for new connections. Default `true`.
   */
  readonly quality?: boolean | undefined;
  /** Whether the server closes connections of low priority while its level stays `critical`. Default `true`. */
  readonly shed?: boolean | undefined;
  /** Share of `maxConnections` that only connections of the priority `critical` get. Default 0; 0 to 0.9. */
  readonly criticalReserveRatio?: number | undefined;
  /** The circuit breaker for a failing `upgrade` hook. `true` means an object with all defaults. Default `true`. */
  readonly breaker?: boolean | BreakerOptions | undefined;
  /** From which values the server emits `alert`. `true` means an object with all defaults. Default `true`. */
  readonly alerts?: boolean | AlertOptions | undefined;
}

type Checked<Options, Others extends keyof Options = never> = {
  readonly [Name in keyof Omit<Options, Others>]-?: Exclude<Options[Name], undefined>;
};

export type BreakerSettings = Checked<BreakerOptions>;
export type AlertSettings = Checked<AlertOptions>;
/** {@link LoadControlOptions} after checking, with defaults. */
export type LoadControlSettings = Checked<LoadControlOptions, 'probe' | 'breaker' | 'alerts'> & {
  readonly probe: LoadProbe | undefined;
  readonly breaker: false | BreakerSettings;
  readonly alerts: false | AlertSettings;
};

const MAX_SHARE = 1;
const MAX_CORES = 1_000;
const MAX_DELAY_MS = 60_000;
const SMALLEST_SHARE = 0.01;

/** The options inside `loadControl.breaker`. */
export const BREAKER_TABLE = Object.freeze({
  minHandshakes: count(1_000_000, 'handshakes within 10 seconds below which the breaker stays closed'),
  failureRatio: ratio(SMALLEST_SHARE, MAX_SHARE, 'share of failed handshakes from which the breaker opens'),
  openMs: ms('time for which an open breaker refuses handshakes'),
  trials: count(1_000, 'handshakes that must succeed before the breaker closes'),
} satisfies Readonly<Record<keyof BreakerOptions, NumberRule>>);

/** The options inside `loadControl.alerts`. */
export const ALERT_TABLE = Object.freeze({
  connectionsRatio: orFalse(ratio(SMALLEST_SHARE, MAX_SHARE, 'connections ÷ maxConnections, for 5 minutes')),
  handlerTimeRatio: orFalse(
    ratio(1, 1_000, 'p95 of the handler time ÷ the usual one of the last hour, for 2 minutes'),
  ),
  cpuRatio: orFalse(ratio(SMALLEST_SHARE, MAX_CORES, 'CPU time as a share of one core, for 3 minutes')),
  memoryRatio: orFalse(
    ratio(SMALLEST_SHARE, MAX_SHARE, 'the larger of heapRatio and rssRatio, for 3 minutes'),
  ),
  errorRatio: orFalse(ratio(0.0001, MAX_SHARE, 'failed handlers ÷ messages received, in one minute')),
} satisfies Readonly<Record<keyof AlertOptions, NumberRule>>);

/** A rule of an option inside `loadControl`. */
type LoadControlRule =
  | NumberRule
  | LevelsRule
  | PlainRule<'boolean' | 'function'>
  | PlainRule<'breaker' | 'alerts'>;

/** The options inside `loadControl`. */
export const LOAD_CONTROL_TABLE = Object.freeze({
  sampleIntervalMs: between('ms', 100, 60_000, 'time between two samples'),
  eventLoopDelayMs: levels(MAX_DELAY_MS, 'mean delay of the event loop, in ms'),
  loopUtilization: levels(MAX_SHARE, 'busy share of the event loop, over 10 samples'),
  heapRatio: levels(MAX_SHARE, 'used heap without the young generation ÷ its limit'),
  rssRatio: levels(MAX_SHARE, 'resident memory ÷ the limit of the container or the machine'),
  cpuRatio: levels(MAX_CORES, 'CPU time over 30 samples, as a share of one core'),
  budgetRatio: levels(MAX_SHARE, 'used part of memoryBudget'),
  connectionsRatio: levels(MAX_SHARE, 'connections ÷ maxConnections'),
  probe: plain('function', 'returns signals instead of those that the server measures'),
  quality: plain('boolean', 'save work per connection while the level is above normal'),
  shed: plain('boolean', 'close connections of low priority while the level stays critical'),
  criticalReserveRatio: ratio(0, 0.9, 'share of maxConnections kept for the priority critical'),
  breaker: plain('breaker', 'refuse handshakes for a while when the upgrade hook keeps failing'),
  alerts: plain('alerts', 'values from which the server emits alert'),
} satisfies Readonly<Record<keyof LoadControlOptions, LoadControlRule>>);

const pair = (elevated: number, critical: number): LoadThresholds => Object.freeze([elevated, critical]);

export const DEFAULT_BREAKER: BreakerSettings = Object.freeze({
  minHandshakes: 20,
  failureRatio: 0.5,
  openMs: 5_000,
  trials: 5,
});

export const DEFAULT_ALERTS: AlertSettings = Object.freeze({
  connectionsRatio: 0.8,
  handlerTimeRatio: 1.5,
  cpuRatio: 0.8,
  memoryRatio: 0.9,
  errorRatio: 0.01,
});

/** What `loadControl: {}` means. */
export const DEFAULT_LOAD_CONTROL: LoadControlSettings = Object.freeze({
  sampleIntervalMs: 1_000,
  eventLoopDelayMs: pair(10, 50),
  loopUtilization: pair(0.8, 0.95),
  heapRatio: pair(0.75, 0.85),
  rssRatio: pair(0.75, 0.85),
  cpuRatio: pair(0.7, 0.9),
  budgetRatio: pair(0.5, 0.9),
  connectionsRatio: pair(0.8, 0.95),
  probe: undefined,
  quality: true,
  shed: true,
  criticalReserveRatio: 0,
  breaker: DEFAULT_BREAKER,
  alerts: DEFAULT_ALERTS,
} satisfies LoadControlSettings & Readonly<Record<LoadSignalName, unknown>>);

/**
 * Checks a group that `true` and `false` stand for, too.
 * @param check Checks one member against its row.
 */
function resolveGroup<Settings extends object, Rule>(
  name: string,
  value: unknown,
  defaults: Settings,
  table: Readonly<Record<string, Rule>>,
  check: (name: string, rule: Rule, value: unknown) => unknown,
): false | Settings {
  if (value === false) return value;
  if (value === true) return defaults;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption(name, value, 'true, false, or an object of its options');
  return Object.freeze({ ...defaults, ...checkedRecord(name, value, table, check) });
}

/** @returns A frozen copy, or `false`. @throws MisuseError `ERR_OPTION`. */
export function checkedLevels(name: string, { upTo }: LevelsRule, value: unknown): false | LoadThresholds {
  if (value === false) return value;
  const [elevated, critical, ...more]: unknown[] = Array.isArray(value) ? value : [];
  const isFit =
    typeof elevated === 'number' &&
    typeof critical === 'number' &&
    more.length === 0 &&
    elevated > 0 &&
    elevated < critical &&
    critical <= upTo;
  if (isFit) return pair(elevated, critical);
  return refuseOption(
    name,
    value,
    `[elevated, critical], two numbers above 0 and up to ${upTo}, the smaller one first, or false to ignore the signal`,
  );
}

/**
 * Checks the option `loadControl`, or a group inside it, and fills in the defaults.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveLoadControl(name: string, value: unknown): false | LoadControlSettings {
  return resolveGroup(name, value, DEFAULT_LOAD_CONTROL, LOAD_CONTROL_TABLE, (member, rule, given) => {
    if (rule.kind === 'breaker')
      return resolveGroup(member, given, DEFAULT_BREAKER, BREAKER_TABLE, checkedOption);
    if (rule.kind === 'alerts')
      return resolveGroup(member, given, DEFAULT_ALERTS, ALERT_TABLE, checkedOption);
    return rule.kind === 'levels' ? checkedLevels(member, rule, given) : checkedOption(member, rule, given);
  });
}
