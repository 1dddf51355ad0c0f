import type { Buffer } from 'node:buffer';

/** An answer of Redis. Texts are bytes. */
export type Reply = Buffer | string | number | null | readonly Reply[];

/** An argument of a command. Its bytes must not change until the answer. */
export type Argument = string | Buffer;

/** One connection to Redis that is opened once and never comes back. */
export interface RedisLink {
  /** Resolves when the connection can be used. */
  connect(): Promise<unknown>;
  /** Sends a command. What one turn sends leaves in one write. Rejects with the error that Redis answers. */
  call(args: readonly Argument[]): Promise<Reply>;
  /** Resolves when Redis has acknowledged every channel. */
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
  /** Closes the connection at once. `closed` is not called for it. */
  destroy(): void;
}

export interface RedisLinkOwner {
  /** A message on a channel that was subscribed to. The bytes may be a view of larger memory. */
  message(channel: string, bytes: Buffer): void;
  /** The connection ended. Called at most once. */
  closed(error: Error): void;
}
