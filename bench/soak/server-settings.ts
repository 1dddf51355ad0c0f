import type { ServerOptions } from '../../src/index.ts';

/** What one listening server of the process does. `topics` has a history, and publishes by itself; `http2` is `idle` over HTTP/2. */
export type Role = 'echo' | 'idle' | 'http2' | 'relay' | 'deflate' | 'topics';

/** How a server process starts. Plain data. */
export interface ServerSettings {
  readonly roles: readonly Role[];
  /** Options of every server. */
  readonly options?: ServerOptions;
  /** Limit of the memory budget that all servers of the process share, in bytes. */
  readonly budgetBytes?: number;
  /** Switches load control on. */
  readonly hasLoadControl?: boolean;
  /** Ports to listen on again after a restart. */
  readonly ports?: Partial<Record<Role, number>>;
  readonly host?: string;
  /** Module to load instead of `hawser`. */
  readonly library?: string;
}

/** The state of a server process. */
export interface ServerSample {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Delay of its event loop since the previous sample. */
  readonly loopP99Ms: number;
  readonly connections: number;
  /** Connections since the start. */
  readonly opened: number;
  readonly bufferedBytes: number;
  readonly refusedByCode: Readonly<Record<string, number>>;
  readonly closesByCause: Readonly<Record<string, number>>;
  readonly acceptFailures: number;
  /** Of load control, if it is on. */
  readonly level: string | undefined;
}
