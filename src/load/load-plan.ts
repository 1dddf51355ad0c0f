import type { ConnectionOptions } from 'node:tls';
import type { ClientTlsOptions } from '../options/connect-options.ts';
import type { ProxySettings } from '../options/read-proxy.ts';

export const LOAD_MODES = ['echo', 'fan-out', 'handshake', 'idle'] as const;
export type LoadMode = (typeof LOAD_MODES)[number];

/** What the messages of a run look like. */
export interface PayloadShape {
  /** Exact size in bytes. */
  readonly bytes: number;
  readonly binary: boolean;
  /** Text of characters that take 1 to 4 bytes, instead of ASCII. */
  readonly multibyte: boolean;
  /** Text that looks like records of JSON, and compresses like them. */
  readonly records?: boolean;
}

/** Where connections go, and what they ask for. */
export interface LoadTarget {
  /** `ws:`, `wss:` or `ws+unix:`; of the last one, the path holds socket and request target with a colon between. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly protocols: readonly string[];
  readonly tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;
  /** Default: none. */
  readonly proxy?: ProxySettings | undefined;
  readonly proxyTls?: ClientTlsOptions | undefined;
}

/** One run of the load generator. Plain data: it may come from another process. */
export interface LoadPlan {
  readonly mode: LoadMode;
  readonly target: LoadTarget;
  /** Connections that get messages; in `handshake`, how many are being opened at a time. */
  readonly connections: number;
  readonly payload: PayloadShape;
  /** Messages go compressed, without context takeover; a server that does not agree is an error. */
  readonly compress: boolean;
  /** Messages that each connection keeps under way. */
  readonly pipeline: number;
  /** Messages that the sender of a fan-out hands over in one piece. */
  readonly publishes: number;
  /** Messages a second of all connections together, sent when they are due; `undefined` sends when answers come. */
  readonly ratePerSecond: number | undefined;
  /** Opening the connections takes this long. */
  readonly rampMs: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Opening a connection, and any answer, may take this long. */
  readonly timeoutMs: number;
  /** Messages that each connection of `idle` exchanges before it is left alone. */
  readonly traffic: number;
  /** Connections of `handshake` that are kept open before the oldest is left. */
  readonly keep: number;
  /** The server's process, where it runs on this machine. */
  readonly serverPid: number | undefined;
  /** How the run ends connections: with a closing handshake, or with resets, which keep no port busy. */
  readonly leave: 'close' | 'reset';
  /** The peer returns the received bytes unchanged, still masked: the upper limit for any server. */
  readonly verbatim: boolean;
}

/** The run cannot continue; the message is one sentence for the user. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}
