import type { Pace } from '../../connection/paced-intake.ts';
import type { LoadControlSettings } from '../../options/load-control-options.ts';
import { FULL_QUALITY, type Quality } from '../../options/live-settings.ts';
import { type AlertCounters, Alerts } from './alerts.ts';
import type { LevelSource, LoadLevel } from './level.ts';
import type { LoadSignalName } from './signals.ts';
import { LoadMonitor, type MonitoredServer } from './monitor.ts';
import type { LoadAlert, LoadSample, LoadStats, PressureInfo } from './reading.ts';

/** What connections get at each level. */
export const QUALITIES: Readonly<Record<LoadLevel, Quality>> = Object.freeze({
  normal: FULL_QUALITY,
  elevated: Object.freeze({ intervalFactor: 2, highWaterMarkFactor: 0.5, compresses: false }),
  critical: Object.freeze({ intervalFactor: 4, highWaterMarkFactor: 0.25, compresses: false }),
});

const pace = (normal: number, low: number): Pace['delaysMs'] =>
  Object.freeze({ critical: 0, high: 0, normal, low });

/** How long senders wait between two messages at each level, in ms. */
const DELAYS_MS: Readonly<Record<LoadLevel, Pace['delaysMs']>> = Object.freeze({
  normal: pace(0, 0),
  elevated: pace(50, 100),
  critical: pace(250, 500),
});

/** The server whose load is controlled. */
export interface ControlledServer extends Pick<MonitoredServer, 'clock' | 'ownSignals' | 'probeFailed'> {
  setQuality(quality: Quality): void;
  alertCounters(): AlertCounters;
  /** The level has changed, and the quality with it. Must not throw. */
  levelChanged(info: PressureInfo): void;
  /** Called after each sample, and after a change of the level. Must not throw. */
  sampled(): void;
  /** Must not throw. */
  alerted(alert: LoadAlert): void;
}

/** Watches the load of a server, and degrades and restores its service. */
export class LoadControl implements LevelSource, MonitoredServer {
  readonly #server: ControlledServer;
  readonly #monitor: LoadMonitor;
  readonly #alerts: Alerts | undefined;
  /** Slows senders down; `undefined` without the option `quality`. */
  readonly pace: { delaysMs: Pace['delaysMs'] } | undefined;

  constructor(settings: LoadControlSettings, server: ControlledServer) {
    const { alerts, quality } = settings;
    this.#server = server;
    this.#monitor = new LoadMonitor(settings, this);
    this.#alerts = alerts === false ? undefined : new Alerts(alerts, (alert) => server.alerted(alert));
    this.pace = quality ? { delaysMs: DELAYS_MS.normal } : undefined;
  }

  get level(): LoadLevel {
    return this.#monitor.level;
  }

  get causes(): readonly LoadSignalName[] {
    return this.#monitor.causes;
  }

  /** Takes other thresholds. What `loadControl` made once must not differ. */
  configure(settings: LoadControlSettings): void {
    this.#monitor.configure(settings);
    if (settings.alerts !== false) this.#alerts?.configure(settings.alerts);
  }

  /** Begins to sample; later calls do nothing. */
  start(): void {
    this.#monitor.start();
  }

  /** Stops sampling. Level and quality stay. */
  stop(): void {
    this.#monitor.stop();
  }

  read(): LoadStats {
    return { ...this.#monitor.read(), alerts: this.#alerts?.raised ?? [] };
  }

  // `MonitoredServer`.

  get clock(): MonitoredServer['clock'] {
    return this.#server.clock;
  }

  ownSignals(): ReturnType<MonitoredServer['ownSignals']> {
    return this.#server.ownSignals();
  }

  levelChanged(info: PressureInfo): void {
    if (this.pace !== undefined) {
      this.pace.delaysMs = DELAYS_MS[info.level];
      this.#server.setQuality(QUALITIES[info.level]);
    }
    this.#server.levelChanged(info);
  }

  sampled({ signals, atMs }: LoadSample): void {
    this.#alerts?.sampled(signals, this.clock.now(), atMs, () => this.#server.alertCounters());
    this.#server.sampled();
  }

  probeFailed(error: unknown): void {
    this.#server.probeFailed(error);
  }
}
