import type { CloseInfo } from '../protocol/close-info.ts';
import type { ConnectError } from '../protocol/connect-error.ts';
import type { ConnectOptions, RequestHeaders } from './connect-options.ts';

/** For whom a value is asked. */
export interface AttemptContext {
  /** 0 for the first attempt of all, or after a stable connection; then as in `retry`. */
  readonly attempt: number;
  /** Aborted when the answer is not wanted any more: the client was closed, or `connectTimeoutMs` has passed. */
  readonly signal: AbortSignal;
}

/** A value, or a function that is asked for it anew before every attempt. What it throws counts as a failed attempt. */
export type Asked<Value> = Value | ((context: AttemptContext) => Value | PromiseLike<Value>);

/** Why there is no connection: exactly one of the two. */
export interface DownInfo {
  /** How the connection ended, if there was one. */
  readonly close?: CloseInfo;
  /** Why none came about: a {@link ConnectError}, or what `url`, `protocols`, `headers` or `token` threw. */
  readonly error?: ConnectError | Error;
}

/** Options of a {@link ReconnectingClient} beside those of `connect`. */
interface ReconnectPolicy {
  /**
   * The longest first delay; doubles with every attempt in a row. Delays are at random between 100 ms and the longest, so
   * that clients do not come in step. Default 1,000; 1 to 2,147,483,647 ms.
   */
  readonly baseDelayMs?: number | undefined;
  /** No delay is longer. Default 30,000; 1 to 2,147,483,647 ms. Not below `baseDelayMs`. */
  readonly maxDelayMs?: number | undefined;
  /**
   * The longest first delay after 1001, 1006, 1012 and 1013, when all clients of a server may have lost it together.
   * Default 5,000; 1 to 2,147,483,647 ms. A deploy of 100,000 clients brings 20,000 handshakes a second.
   */
  readonly maxFirstDelayMs?: number | undefined;
  /**
   * Attempts are counted anew after a connection that lasted so long. Default 10,000; 1 to 2,147,483,647 ms. A server that
   * accepts and closes at once is not hammered.
   */
  readonly stableAfterMs?: number | undefined;
  /** Attempts in a row after which to give up. Default `false`: none; 1 to 1,000,000, or `false`. */
  readonly maxAttempts?: number | false | undefined;
  /**
   * Answers with HTTP 200 to 400, or 404, without a connection in between after which to give up. A load balancer or an
   * ingress gives such answers while a deploy is under way. Default 5, which is 4 retries in about 10 s; 1 to 1,000,000.
   * 1 makes the first such answer final.
   */
  readonly maxUnexpectedResponses?: number | undefined;
  /**
   * Overrules the rules on what is worth another attempt: `true` or `false`; `undefined` leaves it to them. Application
   * codes, 3000 to 4999, are the usual reason. If it throws, the rules apply. Default: none.
   */
  readonly shouldReconnect?: ((info: DownInfo) => boolean | undefined) | undefined;
  /**
   * What `send` keeps while there is no connection; each message counts its payload and 128 bytes: at most `maxBytes` (default 1,048,576; 1 to 2,147,483,647) in at most
   * `maxMessages` (default 1,000; 1 to 1,000,000), each for `ttlMs` (default 30,000; 1 to 2,147,483,647). `false`: nothing.
   */
  readonly offlineQueue?: false | Partial<OfflineQueueSettings> | undefined;
}

/**
 * Options of a {@link ReconnectingClient}; all may be left out, and `undefined` means the default. Checked once, by the
 * constructor: what does not fit throws `MisuseError` `ERR_OPTION`.
 */
export interface ReconnectOptions
  extends Omit<ConnectOptions, 'protocols' | 'headers' | 'signal' | 'socket'>,
    ReconnectPolicy {
  /** As of `connect`. Default `[]`. */
  readonly protocols?: Asked<readonly string[]> | undefined;
  /** As of `connect`. Default: none. */
  readonly headers?: Asked<RequestHeaders> | undefined;
  /** Sent as `Authorization: Bearer …`; printable ASCII. `undefined` sends none. Default: none. */
  readonly token?: Asked<string | undefined> | undefined;
  /** Aborting it ends the client at once, without a closing handshake. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** What may wait while there is no connection. All limits are finite. */
export interface OfflineQueueSettings {
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly ttlMs: number;
}

/** How long to wait between attempts, and how often. Times in ms; what they mean is at `ReconnectOptions`. */
export interface BackoffSettings {
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly maxFirstDelayMs: number;
  readonly stableAfterMs: number;
  readonly maxAttempts: number | false;
}

/** How long the client tries. */
export interface RetrySettings extends BackoffSettings {
  /** Unexpected responses without a connection in between, the last of which is final. From 1 up. */
  readonly maxUnexpectedResponses: number;
}
