import type { AlertSettings } from '../../options/load-control-options.ts';
import type { ServerStats } from '../../server/stats.ts';
import type { HistogramCounts } from '../metrics/histogram.ts';
import type { AlertName, LoadAlert } from './reading.ts';
import type { LoadSignals } from './signals.ts';

const MINUTE_MS = 60_000;
/** Minutes of which the usual handler time is the median: an hour. A slow half of it does not change the median. */
const USUAL_MINUTES = 60;
const MIN_USUAL_MINUTES = 5;
/** With fewer measurements in a minute, a percentile says little. */
const MIN_MEASURED = 20;
/** Fewer errors in a minute are not an alert, however few the messages. */
const MIN_ERRORS = 5;
const PERCENTILE = 0.95;

/** How long a value must stay above its threshold, in ms. */
const LASTING_MS: Readonly<Record<AlertName, number>> = Object.freeze({
  connectionsRatio: 5 * MINUTE_MS,
  handlerTimeRatio: 2 * MINUTE_MS,
  cpuRatio: 3 * MINUTE_MS,
  memoryRatio: 3 * MINUTE_MS,
  errorRatio: MINUTE_MS,
});

/** The counters that alerts compare from minute to minute. */
export type AlertCounters = Pick<ServerStats, 'messages' | 'errorsByCode'>;

interface State {
  /** Monotonic time and wall time at which the value rose above its threshold. */
  readonly sinceMs: number;
  readonly since: Date;
  isRaised: boolean;
}

interface Minute {
  readonly atMs: number;
  readonly received: number;
  readonly errors: number;
  readonly handler: HistogramCounts | undefined;
}

/** Compares samples with the thresholds of `loadControl.alerts`, and tells when one was exceeded for a while, and when no longer. */
export class Alerts {
  #settings: AlertSettings;
  readonly #tell: (alert: LoadAlert) => void;
  readonly #states = new Map<AlertName, State>();
  #minute: Minute | undefined;
  /** Percentiles of the handler time in the minutes before, the oldest first. */
  readonly #usual: number[] = [];

  constructor(settings: AlertSettings, tell: (alert: LoadAlert) => void) {
    this.#settings = settings;
    this.#tell = tell;
  }

  /** Later samples are compared with these thresholds. An alert that is switched off is cleared. */
  configure(settings: AlertSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    for (const [name, state] of this.#states) {
      const threshold = before[name];
      if (settings[name] === false && threshold !== false) this.#clear(name, state, 0, threshold);
    }
  }

  /** The alerts that are raised now. */
  get raised(): readonly AlertName[] {
    return [...this.#states].filter(([, { isRaised }]) => isRaised).map(([name]) => name);
  }

  /**
   * Call with each sample.
   * @param counters Called once a minute.
   */
  sampled(signals: LoadSignals, nowMs: number, wallMs: number, counters: () => AlertCounters): void {
    const check = (name: AlertName, value: number | undefined, fromMs = nowMs): void =>
      this.#check(name, value, fromMs, nowMs, wallMs);
    check('connectionsRatio', signals.connectionsRatio);
    check('cpuRatio', signals.cpuRatio);
    check('memoryRatio', Math.max(signals.heapRatio, signals.rssRatio));
    const last = this.#minute;
    if (last !== undefined && nowMs - last.atMs < MINUTE_MS) return;
    const minute = minuteOf(counters(), nowMs);
    this.#minute = minute;
    if (last === undefined) return;
    check('errorRatio', errorRatio(last, minute), last.atMs);
    check('handlerTimeRatio', this.#handlerTimeRatio(last, minute), last.atMs);
  }

  /** @returns `undefined` without a meter, or if there was too little to judge. */
  #handlerTimeRatio(before: Minute, now: Minute): number | undefined {
    if (before.handler === undefined || now.handler === undefined) return undefined;
    const current = percentile(before.handler, now.handler);
    if (current === undefined) return undefined;
    const usual = this.#usual;
    const sorted = usual.toSorted((a, b) => a - b);
    usual.push(current);
    if (usual.length > USUAL_MINUTES) usual.shift();
    return sorted.length < MIN_USUAL_MINUTES ? undefined : current / sorted[sorted.length >> 1]!;
  }

  /** @param fromMs When the time that the value is about began. */
  #check(name: AlertName, value: number | undefined, fromMs: number, nowMs: number, wallMs: number): void {
    const threshold = this.#settings[name];
    if (threshold === false) return;
    const state = this.#states.get(name);
    if (value === undefined || value <= threshold) {
      if (state !== undefined) this.#clear(name, state, value ?? 0, threshold);
      return;
    }
    const begun = state ?? { sinceMs: fromMs, since: new Date(wallMs - (nowMs - fromMs)), isRaised: false };
    this.#states.set(name, begun);
    if (begun.isRaised || nowMs - begun.sinceMs < LASTING_MS[name]) return;
    begun.isRaised = true;
    this.#tell(Object.freeze({ name, raised: true, value, threshold, since: begun.since }));
  }

  #clear(name: AlertName, { isRaised, since }: State, value: number, threshold: number): void {
    this.#states.delete(name);
    if (isRaised) this.#tell(Object.freeze({ name, raised: false, value, threshold, since }));
  }
}

const minuteOf = ({ messages, errorsByCode }: AlertCounters, atMs: number): Minute => ({
  atMs,
  received: messages.received,
  errors: (errorsByCode.ERR_HANDLER ?? 0) + (errorsByCode.ERR_INTERNAL ?? 0),
  handler: messages.handlerSeconds,
});

/** @returns `undefined` if there was too little to judge. */
function errorRatio(before: Minute, now: Minute): number | undefined {
  const errors = now.errors - before.errors;
  const received = now.received - before.received;
  return errors < MIN_ERRORS || received <= 0 ? undefined : errors / received;
}

/** The 95th percentile of the values between two readings, interpolated in its bucket; `undefined` for too few values. */
function percentile(from: HistogramCounts, to: HistogramCounts): number | undefined {
  const count = to.count - from.count;
  if (count < MIN_MEASURED) return undefined;
  const rank = PERCENTILE * count;
  let below = 0;
  let lower = 0;
  for (const [at, { upTo, count: total }] of to.buckets.entries()) {
    const upToHere = total - (from.buckets[at]?.count ?? 0);
    if (upToHere >= rank) return lower + ((rank - below) / (upToHere - below)) * (upTo - lower);
    below = upToHere;
    lower = upTo;
  }
  // Above the last bound, nothing more is known.
  return lower;
}
