import type { LoadThresholds } from '../../options/load-control-options.ts';
import { LOAD_LEVELS, type LevelSource, type LoadLevel } from './level.ts';
import { LOAD_SIGNALS, type LoadSignalName, type LoadSignals } from './signals.ts';

/** Samples in a row that must be calm before the level falls by one step. */
const CALM_SAMPLES = 3;
/** A signal is calm below this share of the threshold that it had reached. */
const CALM_SHARE = 0.9;

/** The thresholds of each signal; `false` to ignore it. */
export type SignalThresholds = Readonly<Record<LoadSignalName, LoadThresholds | false>>;

/**
 * Turns samples into a level: that of the worst signal. It rises at once, and falls by one step after {@link CALM_SAMPLES} samples
 * in which every signal was clearly below the threshold that it had reached. A signal that has not reached a threshold never holds
 * the level, however close it is.
 */
export class LevelJudge implements LevelSource {
  level: LoadLevel = 'normal';
  #thresholds: SignalThresholds;
  /** The signals that reached the threshold of `elevated`, and those that reached that of `critical`. */
  readonly #reached: readonly [Set<LoadSignalName>, Set<LoadSignalName>] = [new Set(), new Set()];
  #calm = 0;

  constructor(thresholds: SignalThresholds) {
    this.#thresholds = thresholds;
  }

  /** Later samples are compared with these thresholds. */
  configure(thresholds: SignalThresholds): void {
    this.#thresholds = thresholds;
  }

  /** The signals that reached the level, until it falls. Empty at `normal`. */
  get causes(): readonly LoadSignalName[] {
    return [...(this.#reached[this.#rank - 1] ?? [])];
  }

  /** Takes a sample. @returns The level. */
  take(signals: LoadSignals): LoadLevel {
    let worst = 0;
    for (const name of LOAD_SIGNALS)
      for (const [at, threshold] of (this.#thresholds[name] || []).entries()) {
        if (signals[name] < threshold) continue;
        this.#reached[at]!.add(name);
        worst = Math.max(worst, at + 1);
      }
    if (worst > this.#rank) {
      this.level = LOAD_LEVELS[worst]!;
      this.#calm = 0;
    } else if (this.#rank > 0) this.#mayFall(signals);
    return this.level;
  }

  get #rank(): number {
    return LOAD_LEVELS.indexOf(this.level);
  }

  #mayFall(signals: LoadSignals): void {
    const at = this.#rank - 1;
    const reached = this.#reached[at]!;
    for (const name of reached) {
      const thresholds = this.#thresholds[name];
      if (thresholds === false || signals[name] < CALM_SHARE * thresholds[at]!) continue;
      this.#calm = 0;
      return;
    }
    if (++this.#calm < CALM_SAMPLES) return;
    this.#calm = 0;
    reached.clear();
    this.level = LOAD_LEVELS[at]!;
  }
}

/** Each signal ÷ its threshold of `critical`, so that all can be compared: 1 is critical. Ignored signals are left out. */
export function pressureOf(
  signals: LoadSignals,
  thresholds: SignalThresholds,
): Readonly<Partial<Record<LoadSignalName, number>>> {
  const pressure: Partial<Record<LoadSignalName, number>> = {};
  for (const name of LOAD_SIGNALS) {
    const own = thresholds[name];
    if (own !== false) pressure[name] = signals[name] / own[1];
  }
  return pressure;
}
