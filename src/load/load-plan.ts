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

/** Options of Node's TLS that are plain data. */
type TlsData = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;

/** Source of keys. */
export type RandomBytes = Pick<RandomSource, 'bytes'>;

/** An HTTP proxy. */
export interface ProxyTarget {
  /** `http://host:port` or `https://…`, with user and password if the proxy asks for them. */
  readonly url: string;
  /** For an `https:` URL. */
  readonly tls?: TlsData | undefined;
}

/** Where connections go, and what they ask for. */
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
  /** Connections that exchange messages; in mode `handshake`, connections opened at a time. */
  readonly connections: number;
  readonly payload: PayloadShape;
  /** Whether messages are compressed, without context takeover. A server that does not agree to that is an error. */
  readonly compress: boolean;
  /** Unanswered messages that each connection keeps. */
  readonly pipeline: number;
  /** Messages that the sender of a fan-out writes at once. */
  readonly publishes: number;
  /** Messages per second of all connections together, sent when they are due. `undefined`: the next message follows an answer. */
  readonly ratePerSecond: number | undefined;
  /** Time over which the connections are opened, in ms; 0 opens them at once. */
  readonly rampMs: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Time limit of opening a connection, and of any answer, in ms. */
  readonly timeoutMs: number;
  /** Messages that each connection of mode `idle` exchanges before it is left idle. */
  readonly traffic: number;
  /** Connections of mode `handshake` that stay open; the next one ends the oldest. */
  readonly keep: number;
  /** Process of the server, if it runs on this machine; for CPU time and memory. */
  readonly serverPid: number | undefined;
  /** How the run ends connections: with a closing handshake, or with a TCP reset, which keeps no port busy. */
  readonly leave: 'close' | 'reset';
  /** Whether the peer returns the received bytes unchanged, still masked. Such a peer is the upper limit for any server. */
  readonly verbatim: boolean;
}

/** The run cannot continue; the message is one sentence for the user. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}
