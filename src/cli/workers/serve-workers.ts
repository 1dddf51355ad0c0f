import type { Address, Cluster, Worker } from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Workers } from '../../cluster/index.ts';
import { type Logger, type ServerOptions, type WorkersAdmin, workersAdmin } from '../../index.ts';
import { CommandError, type CommandIo } from '../command.ts';
import { jsonLine } from '../json.ts';

/** What `serve --workers` runs. */
export interface WorkersToServe {
  readonly count: number;
  /** Arguments of `serve`, as given. Workers read them, too. */
  readonly args: readonly string[];
  /** Checked options, for the admin port. */
  readonly options: ServerOptions;
  readonly timeoutMs: number;
  readonly isJson: boolean;
  readonly logger: Logger;
  /** Prints where the workers listen. */
  readonly announce: (address: AddressInfo, adminUrl: string | undefined) => void;
  /** Opens the admin port. @returns Its URL; `undefined` without the flag. */
  readonly openAdmin: (open: () => Promise<AddressInfo>) => Promise<string | undefined>;
}

/**
 * Runs `serve` in several processes until SIGINT or SIGTERM. Workers that end are restarted.
 * @throws CommandError if a worker ends before all of them listen.
 */
export async function serveWorkers(io: CommandIo, settings: WorkersToServe): Promise<void> {
  // Other commands start without them.
  const { default: cluster } = await import('node:cluster');
  const { startWorkers } = await import('../../cluster/index.ts');
  const { count, args, options, timeoutMs, isJson, logger, announce } = settings;
  const workers = startWorkers({ script: io.script, args: ['serve', ...args], count });
  const print = (event: string, fields: object): void => {
    if (isJson) io.out(jsonLine({ event, time: new Date().toISOString(), ...fields }));
  };
  let isStopping = false;
  workers.on('up', ({ number, id }) => print('workerUp', { number, process: id }));
  workers.on('exit', ({ number, id }, { code, signal, error }) => {
    print('workerExit', { number, process: id, code, signal });
    const cause = error === undefined ? {} : { err: error };
    if (!isStopping) logger.warn({ worker: number, process: id, code, signal, ...cause }, 'worker ended');
  });
  workers.on('restart', ({ number }, { attempt, delayMs }) => {
    print('workerRestart', { number, attempt, delayMs });
  });
  workers.on('failing', (_worker, error) => logger.error({ err: error }, 'a worker fails at its start'));
  const stopForwarding = forwardHangUps(cluster, io);
  const stop = async (): Promise<void> => {
    isStopping = true;
    await workers.stop({ deadlineMs: Math.round(timeoutMs * 1.25) });
    stopForwarding();
  };
  let port: WorkersAdmin | undefined;
  try {
    const { admin = false } = options;
    let adminUrl: string | undefined;
    if (admin !== false) {
      const { actions: _refused, ...others } = admin;
      adminUrl = await settings.openAdmin(async () => {
        port = await workersAdmin(workers, { ...others, name: options.name, logger });
        return port.address;
      });
    }
    const address = await listening(cluster, workers, count, io.interrupted);
    if (address !== undefined) {
      announce(
        { address: address.address, port: address.port, family: address.addressType === 6 ? 'IPv6' : 'IPv4' },
        adminUrl,
      );
      if (adminUrl !== undefined && !isJson) io.out(`The admin page of all workers is on ${adminUrl}`);
      if (!io.interrupted.aborted) await once(io.interrupted, 'abort');
    }
    // Clear the line: the terminal has just echoed ^C there.
    io.status('');
  } finally {
    // A second signal ends this process at once, and with it the workers that still wait for their clients.
    const forgetWorkers = io.onExit(() => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
    });
    await stop();
    forgetWorkers();
    await port?.close();
  }
  print('shutdown', { workers: count });
}

/** Each worker reads its file and its certificate again. @returns A function that ends it. */
function forwardHangUps(cluster: Cluster, io: CommandIo): () => void {
  const ready = new WeakSet<Worker>();
  const onListening = (worker: Worker): void => void ready.add(worker);
  cluster.on('listening', onListening);
  const stop = io.onHangUp(() => {
    for (const worker of Object.values(cluster.workers ?? {})) {
      if (worker === undefined) continue;
      const hangUp = (): void => void worker.process.kill('SIGHUP');
      // Before a worker listens, SIGHUP would end it. It may have read the file already, so it gets the signal then.
      if (ready.has(worker)) hangUp();
      else worker.once('listening', hangUp);
    }
  });
  return () => {
    stop();
    cluster.off('listening', onListening);
  };
}

/** Resolves with the address when every worker listens; `undefined` if the command is interrupted before. */
function listening(
  cluster: Cluster,
  workers: Workers,
  count: number,
  interrupted: AbortSignal,
): Promise<Address | undefined> {
  return new Promise((resolve, reject) => {
    const ready = new Set<number>();
    const onListening = ({ id }: { readonly id: number }, address: Address): void => {
      ready.add(id);
      if (ready.size === count) end(() => resolve(address));
    };
    const onExit = (
      { number }: { readonly number: number },
      { code, signal }: { code: number | null; signal: string | null },
    ): void =>
      end(() =>
        reject(
          new CommandError(
            `worker ${number} ended before it listened (${signal ?? `exit code ${code}`}); its message is above`,
          ),
        ),
      );
    const onAbort = (): void => end(() => resolve(undefined));
    const end = (settle: () => void): void => {
      cluster.off('listening', onListening);
      workers.off('exit', onExit);
      interrupted.removeEventListener('abort', onAbort);
      settle();
    };
    cluster.on('listening', onListening);
    workers.on('exit', onExit);
    interrupted.addEventListener('abort', onAbort);
    if (interrupted.aborted) onAbort();
  });
}
