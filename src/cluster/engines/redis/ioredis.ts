import type { Buffer } from 'node:buffer';
import type { Argument, RedisLink, RedisLinkOwner, Reply } from './link.ts';

/** What the engine uses of a client of ioredis, version 5 or 6. */
export interface Ioredis {
  duplicate(overrides: object): Ioredis;
  connect(): Promise<unknown>;
  disconnect(reconnect: boolean): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  pipeline(): IoredisPipeline;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  readonly stream?: { destroy(): void } | undefined;
}

interface IoredisPipeline {
  callBuffer(command: string, ...args: Argument[]): unknown;
  exec(): Promise<readonly (readonly [Error | null, unknown])[] | null>;
}

/**
 * The library only transfers bytes: it queues, repeats and reconnects nothing. In 6.0.0, `maxRetriesPerRequest: null` without
 * repetition leaves commands unsettled for ever when the connection ends.
 */
const options = (connectTimeoutMs: number): object => ({
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  connectTimeout: connectTimeoutMs,
  commandTimeout: undefined,
  enableAutoPipelining: false,
  keyPrefix: '',
  stringNumbers: false,
  readOnly: false,
});

interface Call {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A connection through ioredis. Commands of one turn form one pipeline: alone, each costs the server four times as much. */
export class IoredisLink implements RedisLink {
  readonly #redis: Ioredis;
  readonly #owner: RedisLinkOwner;
  #pipeline: IoredisPipeline | undefined;
  #calls: Call[] = [];
  #lastError: Error | undefined;
  #isOver = false;

  constructor(client: Ioredis, connectTimeoutMs: number, owner: RedisLinkOwner) {
    this.#owner = owner;
    this.#redis = client.duplicate(options(connectTimeoutMs));
    this.#redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
    this.#redis.on('close', () => this.#close(this.#lastError ?? new Error('Redis closed the connection')));
    this.#redis.on('messageBuffer', (channel: Buffer, bytes: Buffer) => {
      if (!this.#isOver) owner.message(channel.toString('utf8'), bytes);
    });
  }

  async connect(): Promise<unknown> {
    try {
      return await this.#redis.connect();
    } catch (error) {
      // The library says only that the connection is closed; the event before it says why.
      throw this.#lastError ?? error;
    }
  }

  call(args: readonly Argument[]): Promise<Reply> {
    const [command, ...rest] = args;
    if (this.#pipeline === undefined) {
      this.#pipeline = this.#redis.pipeline();
      queueMicrotask(() => this.#flush());
    }
    this.#pipeline.callBuffer(command as string, ...rest);
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
    });
  }

  subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#redis.subscribe(...channels);
  }

  unsubscribe(channels: readonly string[]): Promise<unknown> {
    return this.#redis.unsubscribe(...channels);
  }

  destroy(): void {
    this.#isOver = true;
    const { stream } = this.#redis;
    this.#redis.disconnect(false);
    // Otherwise the library waits until the server answers to the end of the stream.
    stream?.destroy();
  }

  #flush(): void {
    const pipeline = this.#pipeline!;
    const calls = this.#calls;
    this.#pipeline = undefined;
    this.#calls = [];
    const failed = (error: Error): void => {
      for (const { reject } of calls) reject(error);
    };
    pipeline.exec().then((results) => {
      if (results === null) return failed(new Error('ioredis answered nothing'));
      calls.forEach(({ resolve, reject }, at) => {
        const [error, reply] = results[at]!;
        if (error === null) resolve(reply as Reply);
        else reject(error);
      });
    }, failed);
  }

  #close(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#owner.closed(error);
  }
}
