import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { reportToHub, workerEngine } from '../../cluster/index.ts';
import type { ServerOptions, WebSocketServer } from '../../index.ts';
import { type CommandIo, UsageError } from '../command.ts';
import { type Flag, type FlagValues, wholeNumberOf } from '../flags.ts';

export const WORKER_FLAGS: readonly Flag[] = [
  {
    name: 'workers',
    value: '<n>',
    says: 'run this many processes, which share the port, topics, histories and members; 0: one for each core. Limits are those of each process',
    default: 'this process alone',
  },
];

/** Whether this process is a worker of `serve --workers`. */
export const isServeWorker = (io: CommandIo): boolean =>
  cluster.isWorker && io.variable('HAWSER_WORKER') !== undefined;

/**
 * Number of workers that this process has to start.
 * @returns `undefined` without the flag, and in a worker.
 * @throws UsageError for a number out of range, or flags that workers cannot have.
 */
export function workerCountOf(flags: FlagValues, io: CommandIo): number | undefined {
  if (!flags.has('workers') || isServeWorker(io)) return undefined;
  const count = wholeNumberOf(flags, 'workers', 0, 0, 1_024);
  if (flags.has('tls-self-signed'))
    throw new UsageError(
      '--tls-self-signed and --workers exclude each other, because each worker would have another certificate: give --tls-cert and --tls-key',
    );
  if (flags.has('metrics') && !flags.has('admin-port'))
    throw new UsageError(
      '--metrics with --workers needs --admin-port <n>: the metrics of all workers are at /metrics of that port',
    );
  if (flags.has('admin-actions'))
    throw new UsageError('--admin-actions and --workers exclude each other: the admin port has metrics only');
  return count === 0 ? availableParallelism() : count;
}

/** The options of a worker: the hub joins its topics unless an engine was given; its metrics and its admin port are those of the primary. */
export function workerOptions(options: ServerOptions, io: CommandIo): ServerOptions {
  if (!isServeWorker(io)) return options;
  const { admin: _admin, endpoints, ...others } = options;
  return {
    ...others,
    ...(options.cluster === undefined ? { cluster: workerEngine() } : {}),
    ...(endpoints === undefined ? {} : { endpoints: { ...endpoints, metrics: false } }),
  };
}

/** Lets the primary read the metrics of a worker whose topics another engine joins, and stop it. */
export function reportWorker(server: WebSocketServer, options: ServerOptions, io: CommandIo): void {
  if (isServeWorker(io) && options.cluster !== undefined) reportToHub(server);
}

/** In a worker, an `io` whose lines of JSON name it. */
export function workerIo(io: CommandIo): CommandIo {
  if (!isServeWorker(io)) return io;
  const number = Number(io.variable('HAWSER_WORKER'));
  const out = (line: string): void => io.out(line.replace(/^\{/, `{"worker":${number},`));
  // A prototype, because reading `input` opens standard input.
  return Object.create(io, { out: { value: out } }) as CommandIo;
}

/** Closes the channel to the primary, which keeps a worker alive. */
export function leavePrimary(): void {
  if (cluster.worker?.isConnected() === true) cluster.worker.disconnect();
}
