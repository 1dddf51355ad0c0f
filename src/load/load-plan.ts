import type { ConnectionOptions } from 'node:tls';
import type { RandomSource } from '../client/index.ts';

export const LOAD_MODES = ['echo', 'fan-out', 'handshake', 'idle'] as const;
export type LoadMode = (typeof LOAD_MODES)[number];

/** The messages of a run. */
export interface PayloadShape {
  /** Exact size in bytes. */
  readonly bytes: number;
  readonly binary: boolean;
  /** Text of characters of 1 to 4 bytes, instead of ASCII. */
  readonly multibyte: boolean;
  /** Text that looks like JSON records, and compresses like them. */
  readonly records?: boolean;
}

/** The TLS options of Node that are plain data. */
type TlsData = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;

/** Source of random bytes for keys. */
export type RandomBytes = Pick<RandomSource, 'bytes'>;

/** An HTTP proxy. */
export interface ProxyTarget {
  /** `http://host:port` or `https://…`, with user and password if the proxy demands credentials. */
  readonly url: string;
  /** For an `https:` URL. */
  readonly tls?: TlsData | undefined;
}

/** The server, and the fields of every opening handshake. */
export interface LoadTarget {
  /** `ws:`, `wss:` or `ws+unix:`. In the last one a colon separates the path of the socket from the request target. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly protocols: readonly string[];
  readonly tls: TlsData;
  /** Default: no proxy. */
  readonly proxy?: ProxyTarget | undefined;
}

/** One run of the load generator. Plain data, so that another process can send it. */
export interface LoadPlan {
  readonly mode: LoadMode;
  readonly target: LoadTarget;
  /** Number of connections; in mode `handshake`, the number opened concurrently. */
  readonly connections: number;
  readonly payload: PayloadShape;
  /** Whether to compress messages, without context takeover. A server that does not agree fails the run. */
  readonly compress: boolean;
  /** Unanswered messages that each connection keeps. */
  readonly pipeline: number;
  /** Messages that the sender of a fan-out writes at once. */
  readonly publishes: number;
  /** Total messages per second, sent on schedule. `undefined`: each answer triggers the next message. */
  readonly ratePerSecond: number | undefined;
  /** Time over which to spread the opening of connections, in ms; 0 opens them as fast as possible. */
  readonly rampMs: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Time limit for opening a connection, and for each answer, in ms. */
  readonly timeoutMs: number;
  /** Mode `idle`: messages that each connection exchanges before the second measurement. */
  readonly traffic: number;
  /** Mode `handshake`: connections to keep open; one more aborts the oldest. */
  readonly keep: number;
  /** Process id of the server on this machine, to measure its CPU time and memory. */
  readonly serverPid: number | undefined;
  /** How the run ends connections: with a closing handshake, or with a TCP reset, which leaves no port in TIME_WAIT. */
  readonly leave: 'close' | 'reset';
  /** Whether the peer returns the bytes unchanged, still masked. Such a peer shows the upper limit for any server. */
  readonly verbatim: boolean;
}

/** The run cannot continue; the message is one sentence for the user. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}
