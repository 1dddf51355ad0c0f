import type { AddressInfo } from 'node:net';
import type { BreakerState } from '../breaker/breaker-core.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { HandshakeErrorCode } from '../protocol/errors.ts';
import type { Priority } from '../options/priority.ts';
import type { ConnectionSettings, RateLimit } from '../options/connection-settings.ts';
import type { ViolationLimit } from '../options/violation-options.ts';
import type { ConnectionState } from '../connection/states.ts';
import type { LoadAlert, PressureInfo } from './load-control/reading.ts';
import type { ShedBatch } from './load-control/shedder.ts';
import type { StaleEntry } from '../server/stale-entry.ts';
import type { ShutdownReport } from '../server/shutdown.ts';
import type { ServerStats } from '../server/stats.ts';

/** The facts of one connection that an observer may read. Bytes are counted as on the wire. */
export interface ObservedConnection {
  readonly id: string;
  readonly remoteAddress: string;
  /** Wall time of the end of the handshake, in ms since 1970. */
  readonly connectedAtMs: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** A handshake that the server refused. */
export interface Refusal {
  /** HTTP status of the answer; 0 if none could be sent: before TLS is up, or before a PROXY header was read. */
  readonly status: number;
  /** `HTTP_<status>` where the `upgrade` hook answered for itself. */
  readonly code: HandshakeErrorCode | 'ERR_TLS' | 'ERR_PROXY_HEADER' | `HTTP_${number}`;
  readonly remoteAddress: string;
  /** Target of the request; `''` where it was not read. */
  readonly url: string;
  /** For the log: what was wrong. May hold text of the client: escape it. */
  readonly detail?: string | undefined;
  /** What a hook or predicate threw, or rejected with. */
  readonly error?: unknown;
}

/**
 * Why messages were dropped. `undelivered`: received, and no consumer took them. `unsent`: the connection is closing or closed.
 * Otherwise the value of the option `onOverflow`.
 */
export type DropCause = 'undelivered' | 'unsent' | ConnectionSettings['onOverflow'];

/** How a resume ended. `not-recovered`: the stream has a hole, and the subscriber was told. */
export type ResumeResult = 'recovered' | 'not-recovered' | 'busy' | 'unavailable';

/**
 * What happens to a server or client and to its connections. Each method is called once per event, never per message or frame
 * that goes through. Arguments are plain data: read them, and do not change them. An observer implements the methods it needs;
 * it must not call back into the connection.
 */
export interface Observer {
  /** The server listens. A Unix socket has a path instead of an address. */
  listening?(address: AddressInfo | string): void;
  /** Options were changed while the server runs. */
  configured?(names: readonly string[]): void;
  /** New TLS handshakes get the certificate of this file. @param validTo Its last day, as OpenSSL writes it. */
  certificateRenewed?(file: string, validTo: string): void;
  /** The server has shut down. @param totals Counters since its start. */
  shutDown?(report: ShutdownReport, totals: ServerStats): void;
  /** Accepting a connection failed, for example without file descriptors. Called at most once a second. */
  acceptFailed?(error: Error): void;
  /** A request with `Sec-WebSocket-Key` came without `Upgrade`: a proxy has removed the field. */
  upgradeLost?(remoteAddress: string, url: string): void;
  refused?(refusal: Refusal): void;
  /** Too many connections of an address have broken the protocol: its new connections are refused from now on. */
  addressRefused?(remoteAddress: string, limit: ViolationLimit): void;
  /** The `upgrade` hook has returned, or its promise has settled, whether or not the handshake was over by then. */
  upgradeHookEnded?(durationMs: number): void;
  /** The circuit breaker of the `upgrade` hook has opened, lets trials through, or has closed. */
  breakerChanged?(next: BreakerState, previous: BreakerState): void;
  /** So many connections are taken that new handshakes are delayed (`softLimitRatio`), or no longer. */
  softLimitPassed?(isAbove: boolean): void;
  /** A handshake waits because of the load. @param priority What the `upgrade` hook returned. */
  handshakeDelayed?(priority: Priority): void;
  /**
   * A handshake has succeeded. Comes before the `connection` event.
   * @param handshakeMs Time since the server accepted the socket, or got the request from an HTTP server. Includes TLS and the
   *   `upgrade` hook.
   * @param status Of the response: 101, or 200 over HTTP/2.
   */
  opened?(connection: ObservedConnection, handshakeMs: number, status: number): void;
  /** Comes before the `stateChange` event of the connection. */
  stateChanged?(connection: ObservedConnection, next: ConnectionState, previous: ConnectionState): void;
  /** The last message was delivered, and the `close` event of the connection was emitted. The counters are final. */
  closed?(connection: ObservedConnection, info: CloseInfo): void;
  /** The pong to a ping of the heartbeat has arrived. @param rttMs Time since the ping. */
  roundTrip?(connection: ObservedConnection, rttMs: number): void;
  /** The peer has sent more than the option `rateLimit` allows: the connection is closed, or reading waits. */
  rateLimited?(connection: ObservedConnection, action: RateLimit['action']): void;
  /** @param messages How many: 1 or more. */
  dropped?(connection: ObservedConnection, messages: number, cause: DropCause): void;
  /**
   * A listener, hook or predicate of the application threw or rejected. Functions that decide about a handshake are reported by
   * {@link refused}, with `error`.
   * @param connection The connection it was called for, if there is one.
   */
  handlerFailed?(error: unknown, connection: ObservedConnection | undefined): void;
  /** A step of the library threw: a fault of the library. The connection ends with `internal-error`, unless it has ended. */
  internalFault?(error: unknown, connection: ObservedConnection): void;
  /** The engine cannot be used. Called once until `engineUp`. */
  engineDown?(error: Error): void;
  /** The engine can be used again. @param downMs Whole ms. @param gaps Topics that lack messages for good. */
  engineUp?(downMs: number, gaps: number): void;
  /** A message of the engine was invalid, or a call of it failed: it was dropped. */
  engineFault?(error: Error): void;
  /** A client or `subscribeFrom` asked to continue at a position of a topic. Without a position nothing is reported. */
  resumed?(topic: string, result: ResumeResult): void;
  /** Messages of a topic are missing for good: its subscribers were told. */
  topicLost?(topic: string): void;
  /** A self-check has found stale entries, and repaired them: a fault of the library. */
  repaired?(entries: readonly StaleEntry[]): void;
  /** The level of load control has changed. */
  levelChanged?(info: PressureInfo): void;
  /** Load control has raised or cleared an alert. */
  alerted?(alert: LoadAlert): void;
  /** Load control closes a connection, because the load stays critical. @param priority Of the connection; never `critical`. */
  shed?(connection: ObservedConnection, priority: Priority): void;
  /** Load control has closed a batch of connections. */
  batchShed?(batch: ShedBatch): void;
  /** The memory budget is used up, and connections are closed until 90 % are reached. A server reports each episode once. */
  memoryShed?(maxBytes: number): void;
}
