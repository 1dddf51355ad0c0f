import type { Cluster } from 'node:cluster';
import type * as clusterModule from '../../cluster/index.ts';
import type { ServerOptions, WebSocketServer } from '../../index.ts';
import type { CommandIo } from '../command.ts';

/** What `serve` does in a worker of `serve --workers`. Other processes load none of it. */
export class ServeWorker {
  /** Lines of JSON name the worker. */
  readonly io: CommandIo;
  readonly #cluster: Cluster;
  readonly #engines: typeof clusterModule;

  /** @returns `undefined` if this process is no worker. */
  static async of(io: CommandIo): Promise<ServeWorker | undefined> {
    const number = io.variable('HAWSER_WORKER');
    if (number === undefined) return undefined;
    const { default: cluster } = await import('node:cluster');
    // A process that a worker has started inherits its environment.
    if (!cluster.isWorker) return undefined;
    return new ServeWorker(io, Number(number), cluster, await import('../../cluster/index.ts'));
  }

  private constructor(io: CommandIo, number: number, cluster: Cluster, engines: typeof clusterModule) {
    const out = (line: string): void => io.out(line.replace(/^\{/, `{"worker":${number},`));
    // A prototype, because reading `input` opens standard input.
    this.io = Object.create(io, { out: { value: out } }) as CommandIo;
    this.#cluster = cluster;
    this.#engines = engines;
  }

  /** The hub joins the topics unless an engine was given; metrics and admin port are those of the primary. */
  optionsOf({ admin = false, endpoints, ...others }: ServerOptions): ServerOptions {
    return {
      ...others,
      // As with an admin port of its own.
      ...(admin === false ? {} : { metrics: others.metrics || true }),
      ...(others.cluster === undefined ? { cluster: this.#engines.workerEngine() } : {}),
      ...(endpoints === undefined ? {} : { endpoints: { ...endpoints, metrics: false } }),
    };
  }

  /** Lets the primary read the metrics of a server whose topics another engine joins, and stop it. */
  report(server: WebSocketServer): void {
    this.#engines.reportToHub(server);
  }

  /** The admin port of the primary shows what happens from now on. */
  record(server: WebSocketServer, { admin = false }: ServerOptions): void {
    if (admin !== false) void server.adminSnapshot();
  }

  /** Closes the channel to the primary, which keeps the process alive. */
  leave(): void {
    const { worker } = this.#cluster;
    if (worker?.isConnected() === true) worker.disconnect();
  }
}
