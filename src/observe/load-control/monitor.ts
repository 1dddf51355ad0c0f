import type { Clock } from '../../engine/clock.ts';
import type { LoadControlSettings } from '../../options/load-control-options.ts';
import type { LevelSource, LoadLevel } from './level.ts';
import { LevelJudge, pressureOf } from './level-judge.ts';
import { checkedSignals } from './probe-check.ts';
import { ProcessProbe } from './process-probe.ts';
import type { LoadSample, LoadStats, PressureInfo } from './reading.ts';
import type { LoadSignalName, LoadSignals } from './signals.ts';

/** Samples that are kept. */
const HISTORY = 10;

const NOTHING: LoadSignals = Object.freeze({
  eventLoopDelayMs: 0,
  loopUtilization: 0,
  heapRatio: 0,
  rssRatio: 0,
  cpuRatio: 0,
  budgetRatio: 0,
  connectionsRatio: 0,
});

/** The server that is watched. */
export interface MonitoredServer {
  readonly clock: Clock;
  /** The signals that the server itself knows. */
  ownSignals(): Pick<LoadSignals, 'budgetRatio' | 'connectionsRatio'>;
  /** Each sample, after {@link levelChanged}. Must not throw. */
  sampled(sample: LoadSample): void;
  /** Must not throw. */
  levelChanged(info: PressureInfo): void;
  /** The option `probe` failed, or the system did not tell a value. Called once. Must not throw. */
  probeFailed(error: unknown): void;
}

/** Samples the signals of a server at an interval, and knows its level. */
export class LoadMonitor implements LevelSource {
  #settings: LoadControlSettings;
  readonly #server: MonitoredServer;
  readonly #judge: LevelJudge;
  readonly #probe = new ProcessProbe();
  readonly #history: LoadSample[] = [];
  #signals: LoadSignals = NOTHING;
  #levelSinceMs: number;
  #hasFailed = false;
  #isOn = false;
  #timer: unknown;

  constructor(settings: LoadControlSettings, server: MonitoredServer) {
    this.#settings = settings;
    this.#server = server;
    this.#judge = new LevelJudge(settings);
    this.#levelSinceMs = server.clock.now();
  }

  get level(): LoadLevel {
    return this.#judge.level;
  }

  /** The signals that reached the level. */
  get causes(): readonly LoadSignalName[] {
    return this.#judge.causes;
  }

  /** The next samples use these settings. A new interval begins at once. */
  configure(settings: LoadControlSettings): void {
    const { sampleIntervalMs } = this.#settings;
    this.#settings = settings;
    this.#judge.configure(settings);
    if (!this.#isOn || settings.sampleIntervalMs === sampleIntervalMs) return;
    this.#server.clock.clearTimer(this.#timer);
    this.#schedule();
  }

  /** Begins to sample; later calls do nothing. The first sample is taken after one interval. */
  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#levelSinceMs = this.#server.clock.now();
    this.#probe.start();
    this.#schedule();
  }

  /** Stops sampling. The level stays. */
  stop(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#server.clock.clearTimer(this.#timer);
    this.#probe.stop();
  }

  read(): Omit<LoadStats, 'alerts'> {
    return {
      level: this.level,
      levelForMs: this.#server.clock.now() - this.#levelSinceMs,
      signals: this.#signals,
      pressure: pressureOf(this.#signals, this.#settings),
      history: [...this.#history],
    };
  }

  #schedule(): void {
    const { clock } = this.#server;
    this.#timer = clock.setTimer(() => {
      this.#schedule();
      this.#sample();
    }, this.#settings.sampleIntervalMs);
  }

  #sample(): void {
    const signals = this.#measure();
    this.#signals = signals;
    const previous = this.level;
    const level = this.#judge.take(signals);
    const { clock } = this.#server;
    const sample = Object.freeze({ atMs: clock.wallNow(), level, signals });
    this.#history.push(sample);
    if (this.#history.length > HISTORY) this.#history.shift();
    if (level !== previous) {
      this.#levelSinceMs = clock.now();
      this.#server.levelChanged(Object.freeze({ level, previous, causes: this.#judge.causes, signals }));
    }
    this.#server.sampled(sample);
  }

  /** @returns The last sample, if a signal is not known. */
  #measure(): LoadSignals {
    try {
      const { probe } = this.#settings;
      const given = probe === undefined ? undefined : checkedSignals(probe());
      return Object.freeze({ ...this.#probe.measure(), ...this.#server.ownSignals(), ...given });
    } catch (error) {
      if (!this.#hasFailed) this.#server.probeFailed(error);
      this.#hasFailed = true;
      return this.#signals;
    }
  }
}
