import { defaultEngine } from '../../../engine/engine.ts';
import { callOptions, checkArgument, checkCallOptions, checkCount } from '../../../options/call-check.ts';
import { MisuseError } from '../../../protocol/errors.ts';
import type { AdminSnapshot, AdminView } from '../../../observe/admin/snapshot.ts';
import { EngineInWorker } from './engine.ts';
import { portToPrimary } from './ports.ts';
import { WorkerLink } from './worker-link.ts';
import type { Engine } from '../../engine.ts';

/** Options of {@link workerEngine}. */
export interface WorkerEngineOptions {
  /** Servers of one prefix share topics. 1 to 64 of A–Z, a–z, 0–9, `_`, `.`, `:` and `-`. Default `hawser`. */
  readonly prefix?: string;
}

const OPTIONS = callOptions({
  prefix: {
    fits: (value) => typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value),
    allowed: '1 to 64 letters, digits, _, ., : and -',
  },
});

/**
 * Joins the servers of all workers of one machine: topics have one order, history and presence in all of them. The hub is in the
 * primary process, or the main thread: {@link startWorkers}, or {@link joinWorkers} for workers that the application forks itself.
 * One engine serves one server.
 *
 * @example
 * new WebSocketServer({ cluster: workerEngine(), history: { match: 'room:*' } });
 *
 * @throws MisuseError `ERR_STATE` outside of a worker of `node:cluster` and of a worker thread; `ERR_OPTION` for an unknown option or
 *   a wrong value.
 */
export function workerEngine(options: WorkerEngineOptions = {}): Engine {
  checkCount('workerEngine', arguments, 1);
  checkCallOptions('workerEngine', options, OPTIONS);
  const port = portToPrimary();
  if (port === undefined)
    throw new MisuseError(
      'ERR_STATE',
      'workerEngine() needs a worker, and this is none: start this script with startWorkers({ script }) of hawser/cluster, or leave out the option cluster',
    );
  return new EngineInWorker(defaultEngine.part(WorkerLink), port, options.prefix ?? 'hawser');
}

/** A `WebSocketServer`, or another server of the application. */
export interface ReportedServer {
  /** The metrics of the server, as `WebSocketServer.metrics` returns them. */
  metrics(): string;
  /** Missing in a server of the application: it is not in the snapshots of the primary. */
  adminSnapshot?(view: AdminView): Promise<AdminSnapshot>;
  /** Closes the server, as `WebSocketServer.shutdown` does. */
  shutdown(options: { readonly timeoutMs: number }): Promise<unknown>;
}

const SERVER = {
  fits: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    ['metrics', 'shutdown'].every((name) => typeof Reflect.get(value, name) === 'function'),
  allowed: 'a WebSocketServer',
};

/**
 * Lets the primary read the metrics and snapshots of a server of this worker, and stop it with the worker, as it does with servers that have
 * {@link workerEngine}. For servers with another engine, or without one.
 *
 * @example
 * const server = new WebSocketServer({ cluster: redisEngine({ client: new Redis() }) });
 * reportToHub(server);
 *
 * @throws MisuseError `ERR_ARGUMENT` for anything but a server; `ERR_STATE` outside of a worker.
 */
export function reportToHub(server: ReportedServer): void {
  checkCount('reportToHub', arguments, 1);
  checkArgument('reportToHub', 'server', server, SERVER);
  const port = portToPrimary();
  if (port === undefined)
    throw new MisuseError(
      'ERR_STATE',
      'reportToHub() needs a worker, and this is none: start this script with startWorkers({ script }) of hawser/cluster',
    );
  const link = defaultEngine.part(WorkerLink);
  link.serve({
    metrics: () => server.metrics(),
    snapshots: (views) => Promise.all(views.flatMap((view) => server.adminSnapshot?.(view) ?? [])),
    shutdown: (timeoutMs) => server.shutdown({ timeoutMs }),
  });
  link.open(port);
}
