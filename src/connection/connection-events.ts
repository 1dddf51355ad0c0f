import type { Buffer } from 'node:buffer';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import type { WebSocketError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { ConnectionState } from './states.ts';

/** A message that the overflow policy threw away. */
export interface DroppedMessage {
  /** Payload and header where the frame was built already, otherwise the payload alone. */
  readonly bytes: number;
  readonly policy: 'close' | 'drop-newest' | 'drop-oldest';
}

/** Events of a connection, with the arguments of their listeners. */
export interface ConnectionEvents {
  /** A whole message. A listener that returns a promise makes the next one wait. */
  message: [message: Message];
  /** After `send` said `false` for the high-water mark: half of it is free again. */
  drain: [];
  /** Once, after the last message. */
  close: [info: CloseInfo];
  /**
   * The peer broke a rule or the transport failed; {@link CloseInfo.error} has it, too. On the client's side also
   * `ERR_HANDLER`: a listener failed, and `cause` is what it threw.
   */
  error: [error: WebSocketError];
  /** Answered already. The payload is a copy. */
  ping: [payload: Buffer];
  pong: [payload: Buffer];
  stateChange: [next: ConnectionState, previous: ConnectionState];
  dropped: [info: DroppedMessage];
  /** The credentials end `expiryWarningMs` from now; moving `expiresAt` keeps the connection. */
  expiring: [];
}

/** The answer of the server with which a client's connection began (§4.2.2). */
export interface HandshakeResponse {
  /** 101. */
  readonly status: number;
  /** The reason phrase after the status, as sent; `''` if there is none. */
  readonly statusText: string;
  /** Its fields; repeated ones are joined, but `headers.getSetCookie()` gives each cookie. The same object each time. */
  readonly headers: Headers;
}

/** What a connection is born with. */
export interface ConnectionIdentity<UserData> {
  readonly id: string;
  /** Chosen subprotocol, `''` if none. */
  readonly protocol: string;
  /** Text of the agreed `Sec-WebSocket-Extensions`, `''` if none. */
  readonly extensions: string;
  /** What these say of permessage-deflate, if it is among them. */
  readonly deflate?: DeflateAgreement | undefined;
  readonly data: UserData;
  /** When its credentials end, if they do. */
  readonly expiresAt?: Date | number | undefined;
}
