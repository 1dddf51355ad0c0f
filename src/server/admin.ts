import type { AddressInfo } from 'node:net';
import type { AdminPort } from '../observe/admin/admin-port.ts';
import type { AdminSnapshot, AdminView } from '../observe/admin/snapshot.ts';
import type { SnapshotsOnDemand } from '../observe/admin/snapshots-on-demand.ts';
import type { AdminHost, AdminSubject } from '../observe/admin/subject.ts';
import type { Connection } from '../connection/connection.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { ReadonlyRegistry } from './groups/registry.ts';
import type { Topics } from './groups/topics.ts';
import type { ServerCore } from './server-core.ts';
import type { ShutdownOptions } from './shutdown.ts';
import type { ServerStats } from './stats.ts';
import type { TopicServer } from './topic-server.ts';

/** A server, as its application has it. */
interface ShownServer<UserData> extends TopicServer<UserData> {
  readonly connections: ReadonlyRegistry<Connection<UserData>>;
  stats(): ServerStats;
  shutdown(options?: ShutdownOptions): Promise<unknown>;
}

/** What an admin port and snapshots show of a server. */
export function subjectOf<UserData>(core: ServerCore<UserData>, server: ShownServer<UserData>): AdminSubject {
  const { options } = core;
  return {
    options: options.admin === false ? { actions: false } : options.admin,
    clock: core.clock,
    logger: options.logger,
    recorder: core.record(),
    settings: options,
    name: options.name,
    connections: server.connections as ReadonlyRegistry<Connection>,
    topics: server.topics as Topics<Connection>,
    cluster: server.cluster,
    stats: () => server.stats(),
    readiness: () => core.readiness(),
    metrics: () => core.metrics(),
    retryAfter: () => core.retryAfter(),
    shutdown: (settings) => server.shutdown(settings),
  };
}

/** The snapshots of a server without viewers. Loads the code with the first one. */
export class AdminSnapshots {
  readonly #subject: () => AdminSubject;
  readonly #asksCluster: boolean;
  #source: Promise<SnapshotsOnDemand> | undefined;

  /** @param asksCluster Whether the other servers are asked. */
  constructor(subject: () => AdminSubject, asksCluster: boolean) {
    this.#subject = subject;
    this.#asksCluster = asksCluster;
  }

  async take(views: readonly AdminView[]): Promise<readonly AdminSnapshot[]> {
    this.#source ??= this.#load();
    return (await this.#source).take(views);
  }

  /** @throws MisuseError `ERR_OPTION` for a view that is none. */
  async takeOne(view: unknown): Promise<AdminSnapshot> {
    const { readView } = await import('../observe/admin/index.ts');
    const read = readView(view);
    if (typeof read === 'string') throw new MisuseError('ERR_OPTION', `server.adminSnapshot: ${read}`);
    return (await this.take([read]))[0]!;
  }

  async stop(): Promise<void> {
    (await this.#source)?.stop();
  }

  async #load(): Promise<SnapshotsOnDemand> {
    const { SnapshotsOnDemand: Source } = await import('../observe/admin/index.ts');
    return new Source(this.#subject(), this.#asksCluster);
  }
}

/** The admin port of a server: opens it once, and loads its code only then. */
export class Admin {
  readonly #host: AdminHost;
  readonly #subject: AdminSubject;
  #port: Promise<AdminPort> | undefined;

  private constructor(host: AdminHost, subject: AdminSubject) {
    this.#host = host;
    this.#subject = subject;
  }

  /** @returns `undefined` without the option `admin`. */
  static of<UserData>(
    core: ServerCore<UserData>,
    server: ShownServer<UserData>,
    openServer: AdminHost['openServer'],
  ): Admin | undefined {
    const { admin, clock, logger } = core.options;
    if (admin === false) return undefined;
    const failed = (error: unknown): void => core.reports.adminFailed(error);
    return new Admin({ options: admin, clock, logger, failed, openServer }, subjectOf(core, server));
  }

  /** Whether the port is open, or opens. */
  get isOpen(): boolean {
    return this.#port !== undefined;
  }

  /** Opens the port; later calls return the same address. After a failure, the next call tries again. */
  async open(): Promise<AddressInfo> {
    this.#port ??= this.#open();
    return (await this.#port).address;
  }

  /** Closes the port, if it is open. */
  async close(): Promise<void> {
    const port = await this.#port?.catch(() => undefined);
    this.#port = undefined;
    await port?.close();
  }

  async #open(): Promise<AdminPort> {
    try {
      const { AdminPort: Port, contentOf } = await import('../observe/admin/index.ts');
      return await Port.open(this.#host, contentOf(this.#subject));
    } catch (error) {
      this.#port = undefined;
      throw error;
    }
  }
}
