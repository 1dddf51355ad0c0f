import { Buffer } from 'node:buffer';
import type { Argument, RedisLink, RedisLinkOwner, Reply } from './link.ts';

/** What the engine uses of a client of the package `redis`, version 5 or 6. */
export interface NodeRedis {
  readonly options?: { readonly socket?: object | undefined } | undefined;
  duplicate(overrides: object): NodeRedis;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  sendCommand(args: readonly Argument[], options: object): Promise<unknown>;
  subscribe(channels: readonly string[], listener: Listener, bufferMode: true): Promise<unknown>;
  unsubscribe(channels: readonly string[], listener: Listener, bufferMode: true): Promise<unknown>;
}

type Listener = (message: Buffer, channel: Buffer) => void;

/** The type of the protocol whose values the library returns as bytes: `$`, texts of known length. */
const BLOB_STRING = 36;
/** Without the library's timer for each command: the engine has its own deadline. */
const CALL_OPTIONS = Object.freeze({
  typeMapping: Object.freeze({ [BLOB_STRING]: Buffer }),
  timeout: undefined,
});

/** The library only transfers bytes: it queues and reconnects nothing. What is set to a default here needs RESP3, or changes names. */
const options = (client: NodeRedis, connectTimeoutMs: number): object => ({
  disableOfflineQueue: true,
  socket: { ...client.options?.socket, reconnectStrategy: false, connectTimeout: connectTimeoutMs },
  RESP: 2,
  maintNotifications: 'disabled',
  clientSideCache: undefined,
  emitInvalidate: undefined,
  keyPrefix: undefined,
  commandsQueueMaxLength: undefined,
  readonly: false,
});

/** A connection through node-redis, which writes the commands of one turn together. */
export class NodeRedisLink implements RedisLink {
  readonly #redis: NodeRedis;
  readonly #listener: Listener;
  #isOver = false;

  constructor(client: NodeRedis, connectTimeoutMs: number, owner: RedisLinkOwner) {
    this.#redis = client.duplicate(options(client, connectTimeoutMs));
    // Without a listener, an error would end the process.
    this.#redis.on('error', (error: Error) => {
      if (this.#isOver) return;
      this.#isOver = true;
      owner.closed(error);
    });
    this.#listener = (message, channel) => {
      if (!this.#isOver) owner.message(channel.toString('utf8'), message);
    };
  }

  connect(): Promise<unknown> {
    return this.#redis.connect();
  }

  call(args: readonly Argument[]): Promise<Reply> {
    return this.#redis.sendCommand(args, CALL_OPTIONS) as Promise<Reply>;
  }

  subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#redis.subscribe(channels, this.#listener, true);
  }

  unsubscribe(channels: readonly string[]): Promise<unknown> {
    return this.#redis.unsubscribe(channels, this.#listener, true);
  }

  destroy(): void {
    this.#isOver = true;
    try {
      this.#redis.destroy();
    } catch {
      // Version 5 throws if the connection has ended already.
    }
  }
}
