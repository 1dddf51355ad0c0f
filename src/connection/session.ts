import type { SendOptions } from '../options/call-options.ts';
import type { RequestOptions } from '../options/topic-calls.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { Message, Payload } from '../protocol/payload.ts';

/** Speaks a subprotocol of Hawser on one connection: it stands between the messages and the application. */
export interface ConnectionSession {
  /** A whole message has arrived on the open connection. */
  received(message: Message, isText: boolean): void;
  /** False while too much is unanswered: reading stops. The session calls `deliveryReady` of the driver afterwards. */
  readonly wantsMore: boolean;
  /** The application sends a message. @returns As `Connection.send`. */
  send(payload: Payload, options: SendOptions | undefined): boolean;
  /** The form in which this session sends a message of the application that many connections get. */
  formOf(message: PreparedMessage): PreparedMessage;
  /** Asks the peer. */
  request(name: string, data: unknown, options: RequestOptions | undefined): Promise<unknown>;
  /** The buffer has drained after a send returned `false`. */
  drained(): void;
  /** The connection is closed. */
  ended(): void;
}
