import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { dispatch, countListeners, SafeEmitter } from '../../../connection/emitter.ts';
import { Warnings } from '../../../connection/warnings.ts';
import { defaultEngine } from '../../../engine/engine.ts';
import type { AdminSnapshot, AdminView } from '../../../observe/admin/snapshot.ts';
import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  wholeNumber,
} from '../../../options/call-check.ts';
import { MisuseError } from '../../../protocol/errors.ts';
import { Hub } from './hub.ts';
import { processLauncher, threadLauncher } from './launchers.ts';
import { type RestartSettings, Supervisor, type WorkerExit, type WorkerState } from './supervisor.ts';

export type { WorkerExit, WorkerState } from './supervisor.ts';

/** Options of {@link startWorkers}. */
export interface StartWorkersOptions {
  /** The program of the workers: a path or a `file:` URL. */
  readonly script: string | URL;
  /** Number of workers, 1 to 1,024. Default: `os.availableParallelism()`. */
  readonly count?: number | undefined;
  /** `process` (default): workers of `node:cluster`, which share their ports. `thread`: worker threads, each with ports of its own. */
  readonly kind?: 'process' | 'thread' | undefined;
  /** Arguments of the script. A function is called before each start. Default: none. */
  readonly args?: readonly string[] | (() => readonly string[]) | undefined;
  /** Variables that the environment of the workers has besides that of this process. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * A worker that ends is started again after a random delay of 0 to `minMs` (default 250); the maximum doubles with each exit in a row,
   * up to `maxMs` (default 30,000). A worker that ran for `stableMs` (default 10,000) begins anew.
   */
  readonly restart?: Partial<RestartSettings> | undefined;
}

/** A worker and what it does. */
export interface WorkerSnapshots {
  readonly worker: WorkerState;
  /** For each of its servers, a snapshot for each view. Empty if the worker did not answer in time. */
  readonly servers: readonly (readonly AdminSnapshot[])[];
}

/** Events of {@link Workers}, with the arguments of their listeners. */
export interface WorkersEvents {
  /** The script of a worker runs. */
  up: [worker: WorkerState];
  /** A worker ended. */
  exit: [worker: WorkerState, exit: WorkerExit];
  /** A worker that ended will be started again after `delayMs`. */
  restart: [worker: WorkerState, planned: { readonly attempt: number; readonly delayMs: number }];
  /** A worker ended four times in a row before it was stable; it is still restarted. Without a listener: a warning of the process. */
  failing: [worker: WorkerState, error: Error];
}

const KIND = {
  fits: (value: unknown) => value === 'process' || value === 'thread',
  allowed: "'process' or 'thread'",
};
const OPTIONS = callOptions({
  script: {
    fits: (value) =>
      (typeof value === 'string' && value !== '') || (value instanceof URL && value.protocol === 'file:'),
    allowed: 'the path or the file: URL of a program',
  },
  count: wholeNumber(1, 1_024),
  kind: KIND,
  args: {
    fits: (value) => typeof value === 'function' || isTexts(value),
    allowed: 'an array of strings, or a function that returns one',
  },
  env: {
    fits: (value) => typeof value === 'object' && value !== null && isTexts(Object.values(value)),
    allowed: 'an object whose values are strings',
  },
  restart: { fits: (value) => typeof value === 'object' && value !== null, allowed: 'an object' },
});
const MAX_MS = 2 ** 31 - 1;
const RESTART = callOptions({
  minMs: wholeNumber(1, MAX_MS),
  maxMs: wholeNumber(1, MAX_MS),
  stableMs: wholeNumber(0, MAX_MS),
});
const DEFAULT_VIEW: AdminView = Object.freeze({ sort: 'buffered', limit: 50, filter: '' });
const VIEWS = { fits: Array.isArray, allowed: 'an array of views' };
const STOP = callOptions({ deadlineMs: wholeNumber(1, MAX_MS) });

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

type Emit = <Name extends keyof WorkersEvents>(name: Name, ...args: WorkersEvents[Name]) => void;

/** The workers of {@link startWorkers}. {@link WorkersEvents} describes the events. */
export class Workers extends SafeEmitter<WorkersEvents> {
  readonly #hub: Hub;
  readonly #supervisor: Supervisor;

  /** @internal */
  constructor(hub: Hub, supervisorOf: (emit: Emit) => Supervisor) {
    super({ listenersChanged: () => undefined });
    const warnings = new Warnings(undefined);
    this.#hub = hub;
    this.#supervisor = supervisorOf((name, ...args) => {
      if (name === 'failing' && countListeners(this, name) === 0)
        warnings.mistake('HAWSER_ENGINE', 'failing', (args[1] as Error).message);
      dispatch(this, name, args, (error) => warnings.failure(`a listener of '${name}'`, error));
    });
  }

  /** One entry for each worker, by number. */
  get workers(): readonly WorkerState[] {
    return this.#supervisor.workers;
  }

  /**
   * The metrics of all workers of this process as one text for Prometheus. Counters and histograms are sums, also over workers that
   * have ended; gauges are sums, except delays (the largest) and shares (the mean). A worker that does not answer within
   * `deadlineMs` (default 2,000) counts with its last answer.
   * @throws MisuseError `ERR_OPTION` for an unknown option or a wrong value.
   */
  metrics(options: { readonly deadlineMs?: number } = {}): Promise<string> {
    checkCount('workers.metrics', arguments, 1);
    checkCallOptions('workers.metrics', options, STOP);
    return this.#hub.metrics(options.deadlineMs ?? 2_000);
  }

  /**
   * What each worker does: the snapshots of its servers that have {@link workerEngine} or were reported with {@link reportToHub}.
   * `workersAdmin` of `hawser` shows them on an admin port.
   * @param views Which connections the snapshots list: one snapshot for each view and server. Default: the 50 with most buffered bytes.
   * @param options `deadlineMs`: a worker that does not answer in time has no snapshots. Default 1,500; 1 to 2,147,483,647 ms.
   * @throws MisuseError `ERR_ARGUMENT` for `views` that is no array, `ERR_OPTION` for an unknown option or a wrong value.
   */
  async snapshots(
    views: readonly AdminView[] = [DEFAULT_VIEW],
    options: { readonly deadlineMs?: number } = {},
  ): Promise<readonly WorkerSnapshots[]> {
    checkCount('workers.snapshots', arguments, 2);
    checkArgument('workers.snapshots', 'views', views, VIEWS);
    checkCallOptions('workers.snapshots', options, STOP);
    const found = await this.#hub.snapshots(views, options.deadlineMs ?? 1_500);
    return this.workers.map((worker) => ({
      worker,
      servers: (worker.id === undefined ? undefined : found.get(worker.id)) ?? [],
    }));
  }

  /**
   * Shuts down the servers of all workers at the same time, each closes its connections in waves; then the workers exit. A worker that runs
   * after `deadlineMs` (default 10,000) is killed. No worker is restarted any more.
   * @returns Resolves when every worker has ended. Never rejects. Later calls return the same promise.
   * @throws MisuseError `ERR_OPTION` for an unknown option or a wrong value.
   */
  stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    checkCount('workers.stop', arguments, 1);
    checkCallOptions('workers.stop', options, STOP);
    return this.#supervisor.stop(options.deadlineMs ?? 10_000);
  }
}

/**
 * Runs a script in several processes or threads, restarts those that end, and joins the servers in them that have
 * {@link workerEngine}. The hub is in this process; if it ends, the workers end.
 *
 * @example
 * const workers = startWorkers({ script: new URL('./server.js', import.meta.url) });
 * process.once('SIGTERM', () => workers.stop());
 *
 * @throws MisuseError `ERR_OPTION` for an unknown option or a wrong value; `ERR_STATE` in a worker.
 */
export function startWorkers(options: StartWorkersOptions): Workers {
  checkCount('startWorkers', arguments, 1);
  checkCallOptions('startWorkers', options ?? null, OPTIONS);
  if (options.script === undefined)
    throw new MisuseError(
      'ERR_OPTION',
      'startWorkers: script is missing; it must be the path or the file: URL of a program',
    );
  checkCallOptions('startWorkers: restart', options.restart, RESTART);
  const { script, count = availableParallelism(), kind = 'process', args = [], env = {} } = options;
  const { minMs = 250, maxMs = 30_000, stableMs = 10_000 } = options.restart ?? {};
  if (maxMs < minMs)
    throw new MisuseError(
      'ERR_OPTION',
      `startWorkers: restart.maxMs is ${maxMs}; it must be at least minMs, ${minMs}`,
    );
  if (kind === 'process' && (cluster.isWorker || !isMainThread))
    throw new MisuseError(
      'ERR_STATE',
      'startWorkers() was called in a worker: call it in the primary only, or the workers start workers',
    );
  const hub = defaultEngine.part(Hub);
  const launcher = kind === 'process' ? processLauncher : threadLauncher;
  const launch = launcher(hub, { script, args: typeof args === 'function' ? args : () => args, env });
  return new Workers(hub, (emit) => {
    const supervisor = new Supervisor({
      count,
      launch,
      restart: { minMs, maxMs, stableMs },
      clock: hub.clock,
      random: hub.random,
      owner: {
        up: (worker) => emit('up', worker),
        exit: (worker, exit) => emit('exit', worker, exit),
        restart: (worker, planned) => emit('restart', worker, planned),
        failing: (worker, exit, exits) => emit('failing', worker, failure(script, worker, exit, exits)),
      },
    });
    supervisor.start();
    return supervisor;
  });
}

function failure(script: string | URL, { number }: WorkerState, exit: WorkerExit, exits: number): Error {
  const { code, signal, error } = exit;
  const how = error?.message ?? (signal === null ? `with exit code ${code}` : `by ${signal}`);
  return new Error(
    `worker ${number} ended ${exits} times in a row soon after its start, at last: ${how}. Run ${String(script)} by itself to see why; it is restarted less and less often`,
    { cause: error },
  );
}
