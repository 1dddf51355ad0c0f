import { eventNames, type EventNames } from '../../connection/event-names.ts';
import type { WebSocketError } from '../../protocol/errors.ts';
import type { Message } from '../../protocol/payload.ts';
import type { PlannedAttempt } from './backoff.ts';
import type { ClientConnection } from '../connect.ts';
import type { UnsentMessage } from './offline-queue.ts';
import type { DownInfo } from '../../options/reconnect-options.ts';

/** An attempt that will be made, and why it has to be. */
export interface RetryInfo extends PlannedAttempt, DownInfo {}

/** How it ended, with the last connection's end or the last attempt's error where there was one. */
export interface EndInfo extends DownInfo {
  /**
   * `close`: by `close()`. `abort`: by the signal. Or it gave up: `refused`, since no further attempt is worth it by the
   * rules or by `shouldReconnect`; `credentials`, since it was turned away and there are no others; `attempts`, since there
   * were `maxAttempts`.
   */
  readonly why: 'close' | 'abort' | 'refused' | 'credentials' | 'attempts';
}

/** Events of a reconnecting client, with the arguments of their listeners. */
export interface ReconnectEvents {
  /**
   * There is a connection. What a listener sends on `connection` itself goes out first, before the offline queue: the place
   * to subscribe again.
   */
  open: [connection: ClientConnection];
  /** A whole message, of whichever connection. A listener that returns a promise makes the next one wait. */
  message: [message: Message, isText: boolean];
  /** A connection that was open is not any more, and its last message was delivered or is kept. */
  down: [info: DownInfo];
  /** After `down`, or an attempt that failed: the next attempt is planned. */
  retry: [info: RetryInfo];
  /** There will be no further attempt. `close` follows. */
  giveUp: [info: EndInfo];
  /** After `send` said `false` with a connection, or {@link drained} waited: there is room again, perhaps on another connection. */
  drain: [];
  /** A message was not sent and will not be. */
  unsent: [message: UnsentMessage];
  /** Once, at the very end, after the last message. */
  close: [info: EndInfo];
  /** `ERR_HANDLER`: a listener failed, and `cause` is what it threw. The client goes on. */
  error: [error: WebSocketError];
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
