import type { PlannedAttempt } from '../reconnect/backoff.ts';
import type { UnsentMessage } from '../reconnect/offline-queue.ts';
import type { OperationError } from '../topics/operation-error.ts';

/** What an application sends: a string is sent as text, bytes as binary. */
export type Payload = string | ArrayBuffer | ArrayBufferView;

/** What an application receives: text as a string, binary as bytes that it may keep. */
export type Message = string | Uint8Array;

/** How a connection ended. */
export interface CloseInfo {
  /** The server's code: 1005 when its Close had none, 1006 when there was no Close, or the client found the connection dead. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** Why there is no connection. Exactly one of the two members is set. */
export interface DownInfo {
  /** How the connection ended, if there was one. */
  readonly close?: CloseInfo;
  /**
   * Why connecting failed: an `OperationError` with the code `connect` or `connect-timeout`, or what `url`, `protocols` or
   * `token` threw. A browser does not say more.
   */
  readonly error?: Error;
}

/** A planned attempt, and why the connection is down. */
export interface RetryInfo extends PlannedAttempt, DownInfo {}

/** How a client ended, with the end of the last connection or the error of the last attempt, if any. */
export interface EndInfo extends DownInfo {
  /**
   * `close`: the application called `close()`. `abort`: the signal was aborted. Otherwise the client gave up: `refused` by the
   * rules or `shouldReconnect`; `credentials`: the server refused them, and there are no others; `attempts`: `maxAttempts` failed.
   */
  readonly why: 'close' | 'abort' | 'refused' | 'credentials' | 'attempts';
}

/** Events of a reconnecting client, with the arguments of their listeners. */
export interface ReconnectEvents {
  /** A connection is open. Messages that a listener sends go out before the offline queue. */
  open: [];
  /** A whole message of any connection. If a listener returns a promise, the next message waits until it settles. */
  message: [message: Message, isText: boolean];
  /** An open connection has ended. */
  down: [info: DownInfo];
  /** The next attempt is planned, after `down` or a failed attempt. */
  retry: [info: RetryInfo];
  /** The client gave up: there is no further attempt. `close` follows. */
  giveUp: [info: EndInfo];
  /** A message was not sent and never will be. */
  unsent: [message: UnsentMessage];
  /** The client has ended. */
  close: [info: EndInfo];
  /**
   * A listener threw (code `handler`, with `cause`), a topic without an `error` listener failed, messages were dropped because
   * the application is too slow (`slow-consumer`), or the server broke `hawser.v1` (`protocol`). Without a listener, the error
   * appears as an uncaught error.
   */
  error: [error: OperationError];
}
