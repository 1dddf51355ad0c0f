import type { AlertOptions } from '../../options/load-control-options.ts';
import type { LoadLevel } from './level.ts';
import type { LoadSignalName, LoadSignals } from './signals.ts';

/** What one look at the server found. */
export interface LoadSample {
  /** Wall time, in ms since 1970. */
  readonly atMs: number;
  /** The level that followed from it. */
  readonly level: LoadLevel;
  readonly signals: LoadSignals;
}

/** A change of the level. */
export interface PressureInfo {
  readonly level: LoadLevel;
  readonly previous: LoadLevel;
  /** The signals that hold the level: each reached its threshold. Empty at `normal`. */
  readonly causes: readonly LoadSignalName[];
  /** The sample that changed the level. */
  readonly signals: LoadSignals;
}

/** The name of an alert: that of the option which has its threshold. */
export type AlertName = keyof AlertOptions;

/** A value has been above its threshold for a while, or no longer is. */
export interface LoadAlert {
  /** The option of `loadControl.alerts` that has the threshold. */
  readonly name: AlertName;
  /** `true`: the alert is raised. `false`: it is cleared. Each is told once. */
  readonly raised: boolean;
  readonly value: number;
  readonly threshold: number;
  /** When the value rose above the threshold. */
  readonly since: Date;
}

/** What load control knows at this moment: plain data, yours to keep. */
export interface LoadStats {
  readonly level: LoadLevel;
  /** Time since the level changed, or since the sampling began. */
  readonly levelForMs: number;
  /** Of the last sample; all 0 before the first one. */
  readonly signals: LoadSignals;
  /** Each signal ÷ its threshold of `critical`: from 1 on the signal is critical. Ignored signals are left out. */
  readonly pressure: Readonly<Partial<Record<LoadSignalName, number>>>;
  /** The alerts that are raised now. */
  readonly alerts: readonly AlertName[];
  /** The last 10 samples, the oldest first. */
  readonly history: readonly LoadSample[];
}
