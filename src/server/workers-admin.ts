import type { AddressInfo } from 'node:net';
import { defaultEngine } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { ShownWorkers } from '../observe/admin/workers-subject.ts';
import type { AdminOptions } from '../options/admin-options.ts';
import { checkArgument, checkCount } from '../options/call-check.ts';
import { resolveServerOptions } from '../options/resolve-server-options.ts';
import { Warnings } from '../connection/warnings.ts';
import { MisuseError } from '../protocol/errors.ts';
import { WebSocketServer } from './websocket-server.ts';

/** Options of {@link workersAdmin}: those of `admin`, without actions. */
export interface WorkersAdminOptions extends Omit<AdminOptions, 'actions'> {
  /** What viewers call the server. Default: the name of the machine. */
  readonly name?: string | undefined;
  /** Gets refused requests and failures. Default: none. */
  readonly logger?: Logger | undefined;
}

/** The admin port of workers. */
export interface WorkersAdmin {
  readonly address: AddressInfo;
  /** Sends viewers a last snapshot, and closes the port. */
  close(): Promise<void>;
}

const WORKERS = {
  fits: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    ['metrics', 'snapshots', 'on', 'off'].every((name) => typeof Reflect.get(value, name) === 'function'),
  allowed: 'the result of startWorkers() of hawser/cluster',
};

/**
 * Opens an admin port for all workers that this process has started: its page, `/stats`, `/connections`, `/metrics` and `hawser top`
 * show what the workers do together, and each of them. Who may use it, and what it answers, is as with the option `admin` of a server;
 * it has no actions. Workers are asked only while there are viewers or requests. The port keeps no process alive.
 *
 * @example
 * const workers = startWorkers({ script: new URL('./server.js', import.meta.url) });
 * const admin = await workersAdmin(workers, { port: 9090 });
 *
 * @throws MisuseError (as a rejection) `ERR_ARGUMENT` for anything but workers, `ERR_OPTION` for an invalid option. Or an error with
 *   the code of the system, such as `EADDRINUSE`.
 */
export async function workersAdmin(
  workers: ShownWorkers,
  options: WorkersAdminOptions,
): Promise<WorkersAdmin> {
  checkCount('workersAdmin', arguments, 2);
  checkArgument('workersAdmin', 'workers', workers, WORKERS);
  if (typeof options !== 'object' || options === null || 'actions' in options)
    throw new MisuseError(
      'ERR_OPTION',
      'workersAdmin: options must be an object with a port, and without actions',
    );
  const { name, logger, ...given } = options;
  const settings = resolveServerOptions({ admin: given, name, logger }, defaultEngine);
  const { admin, clock } = settings;
  if (admin === false) throw new MisuseError('ERR_OPTION', 'workersAdmin: options must have a port');
  const warnings = new Warnings(logger);
  const { AdminPort, contentOfWorkers } = await import('../observe/admin/index.ts');
  const content = contentOfWorkers({ workers, clock, name });
  const host = {
    options: admin,
    clock,
    logger,
    failed: (error: unknown): void => warnings.failure('the admin port', error),
    openServer: (of: ConstructorParameters<typeof WebSocketServer>[0]) => new WebSocketServer(of),
  };
  try {
    const port = await AdminPort.open(host, content);
    return {
      address: port.address,
      close: async () => {
        await port.close();
        content.stop();
      },
    };
  } catch (error) {
    content.stop();
    throw error;
  }
}
