import type { Connection } from '../../connection/connection.ts';
import type { Delivery } from '../../connection/owner.ts';
import type { Priority } from '../../options/priority.ts';
import type { CloseInfo } from '../../protocol/close-info.ts';
import type { Message } from '../../protocol/payload.ts';
import type { Refusal } from '../observer.ts';
import type { HandshakeRequest } from './traces.ts';

/** Published by `tracingChannel(CHANNELS.handshake)`; one object for all events of a handshake. Read it, and do not keep it. */
export interface HandshakeMessage {
  /** `undefined` if the handshake was refused before its request was read. */
  readonly request: HandshakeRequest | undefined;
  /** Address of the client, as a trusted proxy reports it. */
  readonly remoteAddress: string;
  /** Set with the answer; not set if the client disconnected before it. `code` is set for a refusal. */
  readonly result?: { readonly status: number; readonly code?: Refusal['code'] | undefined };
  /** Set if the handshake was accepted. */
  readonly connection?: Connection;
  /** What a hook or predicate threw, or rejected with. */
  readonly error?: unknown;
}

/** Published by `tracingChannel(CHANNELS.handler)`; one object for all events of a message. Read it, and do not keep it. */
export interface HandlerMessage {
  /** For a `ReconnectingClient` its current connection; `undefined` if it has none while it delivers buffered messages. */
  readonly connection: Connection | undefined;
  readonly message: Message;
  readonly isText: boolean;
  /** What a listener threw, or rejected with; the last one, if several did. */
  readonly error?: unknown;
}

/** Published on `CHANNELS.connectionOpen`, `connectionDrain` and `connectionClose`. */
export interface ConnectionMessage {
  readonly connection: Connection;
  /** Only on `connectionClose`. */
  readonly info?: CloseInfo;
}

/** Published on `CHANNELS.messageReceive`, also for a message that no consumer takes. */
export interface ReceivedMessage {
  readonly connection: Connection;
  /** Payload, uncompressed. */
  readonly bytes: number;
  readonly isText: boolean;
  /** `undefined` for a message that is received as a stream; published when its last byte has arrived. */
  readonly message: Message | undefined;
}

/** Published on `CHANNELS.messageSend`: for an accepted message, and once for a broadcast or publish. */
export interface SentMessage {
  /** `undefined` for a broadcast or publish. */
  readonly connection?: Connection;
  /** Payload, uncompressed. */
  readonly bytes: number;
  readonly isText: boolean;
  /** Only for a broadcast or publish: connections that accepted the message. */
  readonly recipients?: number;
}

/** Published on `CHANNELS.topicPublish`, for each call of `publish`. */
export interface PublishedMessage {
  readonly topic: string;
  /** Payload, uncompressed. */
  readonly bytes: number;
  readonly delivery: Delivery;
}

/** Published on `CHANNELS.loadShed`, before a connection is closed because the load stays critical. */
export interface ShedMessage {
  readonly connection: Connection;
  readonly priority: Priority;
}
