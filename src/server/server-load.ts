import type { Observers } from '../connection/observers.ts';
import type { Clock } from '../engine/clock.ts';
import { LOAD_LEVEL } from '../engine/channels.ts';
import { type ControlledServer, LoadControl } from '../observe/load-control/load-control.ts';
import type { LoadAlert, PressureInfo } from '../observe/load-control/reading.ts';
import type { Quality } from '../options/live-settings.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import type { LoadGuard } from './load-guard.ts';
import type { ServerReports } from './server-reports.ts';
import type { ServerStats } from './stats.ts';

/** The server that {@link loadControlOf} connects with its load control. */
export interface LoadedServer<UserData> {
  readonly options: Pick<ResolvedServerOptions, 'loadControl' | 'maxConnections' | 'memoryBudget'>;
  readonly clock: Clock;
  readonly observers: Observers;
  readonly reports: Pick<ServerReports<UserData>, 'emit' | 'handlerFailed'>;
  readonly connectionCount: number;
  readonly guard: LoadGuard<UserData>;
  setQuality(quality: Quality): void;
  stats(transport: ServerStats['transport']): ServerStats;
}

/** Tells a server, its observers and its listeners what its load control finds. */
class LoadReports<UserData> implements ControlledServer {
  readonly #server: LoadedServer<UserData>;

  constructor(server: LoadedServer<UserData>) {
    this.#server = server;
  }

  get clock(): Clock {
    return this.#server.clock;
  }

  ownSignals(): ReturnType<ControlledServer['ownSignals']> {
    const { memoryBudget, maxConnections } = this.#server.options;
    return {
      budgetRatio: memoryBudget.usedBytes / memoryBudget.maxBytes,
      connectionsRatio: this.#server.connectionCount / maxConnections,
    };
  }

  setQuality(quality: Quality): void {
    this.#server.setQuality(quality);
  }

  alertCounters(): ServerStats {
    return this.#server.stats('stream');
  }

  levelChanged(info: PressureInfo): void {
    this.#server.observers.tell('levelChanged', info);
    if (LOAD_LEVEL.hasSubscribers) LOAD_LEVEL.publish(info);
    this.#server.reports.emit('pressure', info);
  }

  sampled(): void {
    this.#server.guard.shedder?.sampled();
  }

  alerted(alert: LoadAlert): void {
    this.#server.observers.tell('alerted', alert);
    this.#server.reports.emit('alert', alert);
  }

  probeFailed(error: unknown): void {
    this.#server.reports.handlerFailed(error, undefined, 'the probe of load control');
  }
}

/** @returns `undefined` without the option `loadControl`. */
export function loadControlOf<UserData>(server: LoadedServer<UserData>): LoadControl | undefined {
  const { loadControl } = server.options;
  if (loadControl === false) return undefined;
  const control = new LoadControl(loadControl, new LoadReports(server));
  server.guard.gate.source = control;
  return control;
}
