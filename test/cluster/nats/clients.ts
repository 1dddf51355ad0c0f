import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '../../../src/cluster/index.ts';

const load = createRequire(
  join(import.meta.dirname, '..', '..', '..', '..', 'test', 'cluster', 'package.json'),
);

/** A connection of the application, with what tests use of it themselves. */
export interface AppConnection extends NatsConnection {
  close(): Promise<void>;
  isClosed(): boolean;
  reconnect(): Promise<void>;
}

interface NatsModule {
  connect(options: object): Promise<AppConnection>;
}

/** A client package, or the reason to skip its tests. */
export interface ClientKind {
  readonly name: string;
  readonly package: string;
  readonly skip: string | false;
  /** The promise waits for the server until `ended` is aborted. The client reconnects without limit. */
  connect(servers: string | readonly string[], options?: object, ended?: AbortSignal): Promise<AppConnection>;
}

function kindOf(name: string): ClientKind {
  let module: NatsModule | undefined;
  try {
    module = load(name) as NatsModule;
  } catch {
    // The tests are skipped.
  }
  return {
    name,
    package: name,
    skip: module === undefined ? `needs the package ${name}: npm ci --prefix test/cluster` : false,
    connect: async (servers, options = {}, ended) => {
      // `waitOnFirstConnect` would try for ever, and keep the process, when a test has ended the server.
      for (;;) {
        try {
          return await module!.connect({
            servers,
            maxReconnectAttempts: -1,
            reconnectTimeWait: 50,
            ...options,
          });
        } catch (error) {
          if (ended?.aborted === true) throw error;
          await delay(50, undefined, { ref: false });
        }
      }
    },
  };
}

export const CLIENTS: readonly ClientKind[] = [kindOf('@nats-io/transport-node'), kindOf('nats')];
export const noClients: string | false =
  CLIENTS.map(({ skip }) => skip).find((skip) => skip !== false) ?? false;
