import type { Buffer } from 'node:buffer';
import type { Priority } from '../options/priority.ts';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import type { WebSocketError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { ConnectionState } from './states.ts';

/** A message that the overflow policy dropped. */
export interface DroppedMessage {
  /** Size of payload and header if the frame was already built, otherwise of the payload. */
  readonly bytes: number;
  /** `conflate`: a later message with the same key replaced it. */
  readonly policy: 'close' | 'drop-newest' | 'drop-oldest' | 'conflate';
}

/** Events of a connection, with the arguments of their listeners. */
export interface ConnectionEvents {
  /**
   * A whole message; {@link Message} says what it shares memory with. If a listener returns a promise, the next message is
   * delivered after it settles.
   */
  message: [message: Message, isText: boolean];
  /** After `send` returned `false` because of the high-water mark: the buffer is at or below half of the mark. */
  drain: [];
  /** Emitted once, after the last message. */
  close: [info: CloseInfo];
  /**
   * The peer broke a rule or the transport failed; {@link CloseInfo.error} is the same error. On a client also
   * `ERR_HANDLER`: a listener failed, and `cause` is what it threw.
   */
  error: [error: WebSocketError];
  /** A ping that was already answered. The payload is a copy. */
  ping: [payload: Buffer];
  /** A pong, also one that answers no ping. The payload is a copy. */
  pong: [payload: Buffer];
  /** `connection.state` has changed. */
  stateChange: [next: ConnectionState, previous: ConnectionState];
  /** `onOverflow` dropped a message instead of sending it. */
  dropped: [info: DroppedMessage];
  /**
   * The connection closes in `expiryWarningMs`. `credentials`: they expire; setting `expiresAt` to a later time keeps the
   * connection open. `lifetime`: `maxLifetimeMs` ends, and nothing moves that.
   */
  expiring: [why: 'credentials' | 'lifetime'];
}

/** The server's response to a client's handshake (§4.2.2). */
export interface HandshakeResponse {
  /** Always 101. */
  readonly status: number;
  /** The reason phrase after the status, as sent; `''` if there is none. */
  readonly statusText: string;
  /**
   * Header fields; repeated ones are joined, but `headers.getSetCookie()` returns each cookie. The same object on each
   * access.
   */
  readonly headers: Headers;
}

/** What is known about a connection when it opens. */
export interface ConnectionIdentity<UserData> {
  readonly id: string;
  /** The negotiated subprotocol; `''` if none. */
  readonly protocol: string;
  /** Value of the negotiated `Sec-WebSocket-Extensions`; `''` if none. */
  readonly extensions: string;
  /** The permessage-deflate parameters in `extensions`, if it was negotiated. */
  readonly deflate?: DeflateAgreement | undefined;
  readonly data: UserData;
  /** Time at which the credentials expire, if they do. */
  readonly expiresAt?: Date | number | undefined;
  /** Default `normal`. */
  readonly priority?: Priority | undefined;
}
