/** A value that JSON can express. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** The position of a message among those of its topic. */
export interface Position {
  /** Names one numbering. Offsets of different epochs cannot be compared. 1 to 32 of `A-Z a-z 0-9 _ -`. */
  readonly epoch: string;
  /** Whole number from 1; 0 is the position before the first message. */
  readonly offset: number;
}

/** A member of a topic: one or several connections with one key. */
export interface Member {
  /** Set by the server's application. Default: the id of the connection. At most 128 bytes. */
  readonly key: string;
  /** JSON value set by the server's application; at most 1 KiB as text. */
  readonly info: Json | undefined;
  /** When the first of its connections came. */
  readonly since: Date;
  /** Number of connections with this key. */
  readonly connections: number;
}

/** Options of a request. */
export interface RequestOptions {
  /**
   * Longest time until the answer, in ms; for a request of a client, including the time without a connection. Then the promise
   * rejects with code `timeout`. Default 10,000; 1 to 2,147,483,647.
   */
  readonly timeoutMs?: number | undefined;
  /** Aborting it rejects the promise with its reason. A later reply is ignored. Default: none. */
  readonly signal?: AbortSignal | undefined;
}
