import type { Server as HttpServer } from 'node:http';
import type { Connection } from '../../connection/connection.ts';
import type { ConnectionSettings } from '../../options/connection-settings.ts';
import type { ReadonlyRegistry } from '../../server/groups/registry.ts';
import type { Topics } from '../../server/groups/topics.ts';
import type { ServerCluster } from '../../server/groups/server-cluster.ts';
import type { Readiness } from '../../server/readiness.ts';
import type { ServerOptions } from '../../options/server-options.ts';
import type { ShutdownOptions } from '../../server/shutdown.ts';
import type { ServerStats } from '../../server/stats.ts';
import type { Clock } from '../../engine/clock.ts';
import type { Logger } from '../../engine/logger.ts';
import type { AdminSettings } from '../../options/admin-options.ts';
import type { AdminRecorder } from './recorder.ts';

/** The server that the viewers of `/live` connect to: a `WebSocketServer`. */
export interface ViewerServer {
  on(event: 'connection', listener: (viewer: Connection) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  attach(server: HttpServer, options: { readonly path: string }): unknown;
  shutdown(options?: ShutdownOptions): Promise<unknown>;
}

/** What an admin port needs of the process that opens it. */
export interface AdminHost {
  readonly options: AdminSettings;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** Reports a failure of the admin port: it is one of the library. */
  failed(error: unknown): void;
  openServer(options: ServerOptions): ViewerServer;
}

/** The server that an admin port shows. */
export interface AdminSubject {
  readonly options: Pick<AdminSettings, 'actions'>;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly recorder: AdminRecorder;
  /** Read for each snapshot, because they change while the server runs. */
  readonly settings: Pick<ConnectionSettings, 'highWaterMarkBytes' | 'maxBufferedBytes' | 'memoryBudget'> & {
    readonly maxConnections: number;
  };
  readonly name: string | undefined;
  readonly connections: ReadonlyRegistry<Connection>;
  readonly topics: Topics<Connection>;
  readonly cluster: ServerCluster;
  stats(): ServerStats;
  readiness(): Readiness;
  metrics(): string;
  /** Seconds after which a client that gets 503 may try again. */
  retryAfter(): number;
  shutdown(options: ShutdownOptions): Promise<unknown>;
}
