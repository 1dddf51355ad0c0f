import type { CloseInfo } from '../protocol/close-info.ts';
import type { ConnectError } from '../protocol/connect-error.ts';
import type { ConnectOptions, RequestHeaders } from './connect-options.ts';
import type { Asked, OfflineQueueSettings } from './retry-options.ts';

/** Why there is no connection. Exactly one of the two members is set. */
export interface DownInfo {
  /** How the connection ended, if there was one. */
  readonly close?: CloseInfo;
  /** Why connecting failed: a {@link ConnectError}, or what `url`, `protocols`, `headers` or `token` threw. */
  readonly error?: ConnectError | Error;
}

/** Options of a {@link ReconnectingClient}, besides those of `connect`. */
interface ReconnectPolicy {
  /**
   * Upper bound of the first delay; doubles with every further attempt. The client draws each delay at random between
   * 100 ms and the bound (exponential backoff with full jitter), so that clients do not reconnect in step. Default
   * 1,000; 1 to 2,147,483,647 ms.
   */
  readonly baseDelayMs?: number | undefined;
  /** Maximum delay. Default 30,000; 1 to 2,147,483,647 ms. Not below `baseDelayMs`. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Upper bound of the first delay after 1001, 1006, 1012 and 1013, because all clients of a server may have lost it
   * at once. Default 5,000; 1 to 2,147,483,647 ms. With it, 100,000 clients cause 20,000 handshakes a second after a
   * deploy.
   */
  readonly maxFirstDelayMs?: number | undefined;
  /**
   * A connection that lasts this long resets the count of attempts. Default 10,000; 1 to 2,147,483,647 ms. So a
   * server that accepts and closes at once is not flooded.
   */
  readonly stableAfterMs?: number | undefined;
  /** Maximum number of attempts in a row. Default `false`: no limit; 1 to 1,000,000, or `false`. */
  readonly maxAttempts?: number | false | undefined;
  /**
   * Maximum number of responses with status 200 to 400 or 404 in a row, without a connection in between. Load
   * balancers and ingresses send such responses during a deploy. Default 5, which is 4 retries in about 10 s; 1 to
   * 1,000,000. With 1, the first such response is final.
   */
  readonly maxUnexpectedResponses?: number | undefined;
  /**
   * Overrides the rules for retrying: `true` or `false`; `undefined` applies the rules. Usually for application
   * codes, 3000 to 4999. If the function throws, the rules apply. Default: none.
   */
  readonly shouldReconnect?: ((info: DownInfo) => boolean | undefined) | undefined;
  /**
   * What `send` queues while there is no connection: at most `maxBytes` (default 1,048,576; 1 to 2,147,483,647) in at
   * most `maxMessages` (default 1,000; 1 to 1,000,000), each for `ttlMs` (default 30,000; 1 to 2,147,483,647). A
   * message counts its payload and 128 bytes. `false` queues nothing.
   */
  readonly offlineQueue?: false | Partial<OfflineQueueSettings> | undefined;
}

/**
 * Options of a {@link ReconnectingClient}. All are optional; `undefined` means the default. The constructor checks
 * them, and throws `MisuseError` `ERR_OPTION` if one is invalid.
 */
export interface ReconnectOptions
  extends Omit<ConnectOptions, 'protocols' | 'headers' | 'signal' | 'socket'>,
    ReconnectPolicy {
  /** As for `connect`. Default `[]`. */
  readonly protocols?: Asked<readonly string[]> | undefined;
  /** As for `connect`. Default: none. */
  readonly headers?: Asked<RequestHeaders> | undefined;
  /** Sent as `Authorization: Bearer …`; printable ASCII. `undefined` sends no token. Default: none. */
  readonly token?: Asked<string | undefined> | undefined;
  /** Aborting it ends the client at once, without a closing handshake. Default: none. */
  readonly signal?: AbortSignal | undefined;
}
