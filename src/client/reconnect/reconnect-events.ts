import { eventNames, type EventNames } from '../../connection/event-names.ts';
import type { OperationError } from '../topics/operation-error.ts';
import type { WebSocketError } from '../../protocol/errors.ts';
import type { Message } from '../../protocol/payload.ts';
import type { PlannedAttempt } from './backoff.ts';
import type { ClientConnection } from '../connect.ts';
import type { UnsentMessage } from './offline-queue.ts';
import type { DownInfo } from '../../options/reconnect-options.ts';

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
  /**
   * A connection is open. Messages that a listener sends on `connection` itself go out before the offline queue. Use it to
   * subscribe again.
   */
  open: [connection: ClientConnection];
  /** A whole message of any connection. If a listener returns a promise, the next message waits until it settles. */
  message: [message: Message, isText: boolean];
  /** An open connection has ended. Its last message was delivered or is still queued for delivery. */
  down: [info: DownInfo];
  /** The next attempt is planned, after `down` or a failed attempt. */
  retry: [info: RetryInfo];
  /** The client gave up: there is no further attempt. `close` follows. */
  giveUp: [info: EndInfo];
  /** There is room again, after `send` returned `false` or `drained()` waited; possibly on another connection. */
  drain: [];
  /** A message was not sent and never will be. */
  unsent: [message: UnsentMessage];
  /** The client has ended. Emitted once, after the last message. */
  close: [info: EndInfo];
  /**
   * `ERR_HANDLER`: a listener threw `cause`. With `hawser.v1` also an {@link OperationError} that no listener of its topic
   * shows. The client goes on.
   */
  error: [error: WebSocketError | OperationError];
}

export const CLIENT_EVENTS: EventNames = eventNames<ReconnectEvents>(
  'a reconnecting client',
  {
    open: true,
    message: true,
    down: true,
    retry: true,
    giveUp: true,
    drain: true,
    unsent: true,
    close: true,
    error: true,
  },
  {
    connect: "listen to 'open'",
    connection: "listen to 'open'",
    reconnect: "listen to 'open'",
    data: "listen to 'message'",
    disconnect: "listen to 'down'",
    reconnecting: "listen to 'retry'",
    reconnect_attempt: "listen to 'retry'",
    connect_error: "listen to 'retry', whose info has the error",
    reconnect_failed: "listen to 'giveUp'",
    maximum: "listen to 'giveUp'",
  },
);
