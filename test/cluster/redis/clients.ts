import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { RedisClient } from '../../../src/cluster/index.ts';

const load = createRequire(
  join(import.meta.dirname, '..', '..', '..', '..', 'test', 'cluster', 'package.json'),
);

interface IoredisClass {
  new (
    options: object,
  ): RedisClient & {
    callBuffer(...args: readonly (string | Buffer)[]): Promise<unknown>;
    call(...args: readonly (string | Buffer)[]): Promise<unknown>;
    subscribe(channel: string): Promise<unknown>;
    disconnect(): void;
    on(event: string, listener: (...args: never[]) => void): unknown;
    readonly status: string;
  };
  readonly Cluster: new (nodes: readonly object[], options: object) => RedisClient & { disconnect(): void };
}

interface NodeRedisModule {
  createClient(
    options: object,
  ): RedisClient & { connect(): Promise<unknown>; destroy(): void; isOpen: boolean };
  createCluster(options: object): RedisClient;
  createSentinel(options: object): RedisClient;
}

/** A client library that is installed, or the reason to skip its tests. */
export type Library<Module> =
  | { readonly module: Module; readonly skip: false }
  | { readonly module?: never; readonly skip: string };

function library<Module>(name: string): Library<Module> {
  try {
    return { module: load(name) as Module, skip: false };
  } catch {
    return { skip: `needs the package ${name}: npm ci --prefix test/cluster` };
  }
}

export const ioredis = library<IoredisClass>('ioredis');
export const ioredis5 = library<IoredisClass>('ioredis5');
export const nodeRedis = library<NodeRedisModule>('redis');
export const nodeRedis5 = library<NodeRedisModule>('redis5');

/** Makes a client that the application does not connect. */
export interface ClientKind {
  readonly name: string;
  readonly skip: string | false;
  client(port: number): RedisClient;
}

const ofIoredis = (name: string, found: Library<IoredisClass>): ClientKind => ({
  name,
  skip: found.skip,
  client: (port) => new found.module!({ port, host: '127.0.0.1', lazyConnect: true }),
});
const ofNodeRedis = (name: string, found: Library<NodeRedisModule>): ClientKind => ({
  name,
  skip: found.skip,
  client: (port) => found.module!.createClient({ url: `redis://127.0.0.1:${port}` }),
});

export const CLIENTS: readonly ClientKind[] = [
  ofIoredis('ioredis 6', ioredis),
  ofNodeRedis('redis 6', nodeRedis),
  ofIoredis('ioredis 5', ioredis5),
  ofNodeRedis('redis 5', nodeRedis5),
];

const unused = (): never => assert.fail('an engine that is never started uses its client');
/** Looks like a client of ioredis, for an engine that is never started. */
export const UNCONNECTED: RedisClient = Object.fromEntries(
  ['duplicate', 'psubscribe', 'pipeline', 'callBuffer', 'connect', 'disconnect'].map((name) => [
    name,
    unused,
  ]),
) as never;

/** A connection on which a test sends commands itself. */
export class Commands {
  readonly #client: InstanceType<IoredisClass>;

  constructor(port: number) {
    this.#client = new ioredis.module!({ port, host: '127.0.0.1' });
    this.#client.on('error', () => {});
  }

  call(...args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#client.call(...args);
  }

  callBuffer(...args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#client.callBuffer(...args);
  }

  /** Subscribes; the connection can send no other commands from now on. */
  async listen(channel: string, listener: (bytes: Buffer) => void): Promise<void> {
    this.#client.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => listener(bytes));
    await this.#client.subscribe(channel);
  }

  /** Ends the connections of all other clients, as a restart or an operator does. */
  async cutAll(): Promise<void> {
    for (const type of ['normal', 'pubsub']) await this.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  }

  close(): void {
    this.#client.disconnect();
  }
}
