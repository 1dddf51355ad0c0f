import { CompressionBytes } from '../protocol/deflate/compression-bytes.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import type { DeadlineQueue } from '../engine/deadlines.ts';
import type { Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { MessageMeter } from '../observe/message-meter.ts';
import type { MessageTracer } from '../observe/tracing/traces.ts';
import type { Observers } from './observers.ts';
import type { HandshakeResponse } from './connection-events.ts';
import type { ConnectionState } from './states.ts';
import type { SharedRates } from './shared-rates.ts';
import type { Warnings } from './warnings.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';
import type { Priority } from '../options/priority.ts';
import type { PublishTo } from '../options/call-options.ts';
import type { EnterOptions, Position, SubscribedFrom, SubscribeFromOptions } from '../options/topic-calls.ts';

/** Counters over all connections of one owner; each costs one addition. Bytes are wire bytes. */
export interface TrafficCounters {
  /** Bytes held now: pending output, unfinished and undelivered input. */
  heldBytes: number;
  messagesReceived: number;
  messagesSent: number;
  bytesReceived: number;
  bytesSent: number;
  pingsSent: number;
  pongsReceived: number;
  pingsReceived: number;
  /** Connections now whose buffered output exceeded the high-water mark and has not drained. */
  slowConnections: number;
  /** Connections now whose last ping is overdue. */
  suspects: number;
  readonly compression: CompressionBytes;
}

export const newTrafficCounters = (): TrafficCounters => ({
  heldBytes: 0,
  messagesReceived: 0,
  messagesSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  pingsSent: 0,
  pongsReceived: 0,
  pingsReceived: 0,
  slowConnections: 0,
  suspects: 0,
  compression: new CompressionBytes(),
});

/** Result of a broadcast; the three counts add up to the number of chosen recipients. */
export interface Delivery {
  /** Accepted into the outbox of an open connection. */
  readonly sent: number;
  /** Chosen, but not open, unknown, excepted or filtered out. */
  readonly skipped: number;
  /** Refused by the overflow policy or by an error. */
  readonly failed: number;
}

/** The result of a publish. The promise that has it never rejects. */
export type Relayed =
  | {
      readonly ok: true;
      /** Missing on a topic without history. */
      readonly position?: Position | undefined;
      /** Counts of the local subscribers, for a topic whose order the engine decides. */
      readonly delivery?: Delivery | undefined;
    }
  | {
      readonly ok: false;
      /** With code `ERR_ENGINE_DOWN`, `ERR_ENGINE_FULL` or `ERR_ENGINE_REFUSED`. */
      readonly error: Error;
      /** Whether the message may have been published. */
      readonly outcome: 'not-published' | 'unknown';
    };

/** The result of a publish: counts for this server at once, and the result on all servers. */
export interface PublishDelivery extends Delivery {
  /**
   * The result on all servers, and the position of the message. Never rejects. Only on servers with `history`, `presence`,
   * `cluster` or `hawser.v1`.
   */
  readonly relayed?: Promise<Relayed>;
}

/** Return value of a listener: a promise delays the next message of the same connection; any other value is ignored. */
export type ListenerResult = unknown;

/** What the connections of one server or client share. */
export interface ConnectionContext {
  /** Slows senders down under load. Missing without load control. */
  readonly pace?: { readonly delaysMs: Readonly<Record<Priority, number>> } | undefined;
  readonly settings: ConnectionSettings;
  readonly counters: TrafficCounters;
  /** `undefined` unless connections share rate limits by key. */
  readonly sharedRates?: SharedRates | undefined;
  /** `undefined` unless messages are counted by kind and size. */
  readonly meter: MessageMeter | undefined;
  /** Follows messages; `undefined` for none. */
  readonly messageTracer: MessageTracer | undefined;
  readonly deadlines: DeadlineQueue;
  readonly random: RandomSource;
  /** The engine whose read memory, queues and compressors the connections use. */
  readonly engine: Engine;
}

/** The topic operations that a connection uses. */
export interface ConnectionGroups<Driver, C> {
  subscribe(driver: Driver, topic: string): boolean;
  unsubscribe(driver: Driver, topic: string): boolean;
  publish(
    driver: Driver,
    topic: string,
    payload: Payload,
    options: PublishTo<C> | undefined,
  ): PublishDelivery;
  subscribeFrom(
    driver: Driver,
    topic: string,
    since: Position | undefined,
    options: SubscribeFromOptions | undefined,
  ): Promise<SubscribedFrom>;
  enter(driver: Driver, topic: string, options: EnterOptions | undefined): boolean;
  leave(driver: Driver, topic: string): boolean;
  /** The overflow policy dropped messages of a connection that were queued before. */
  droppedOldest(driver: Driver): void;
}

/**
 * The server or client that connections belong to.
 * @typeParam Driver Type of the driver of a connection.
 * @typeParam C Type of the connection that an application holds.
 */
export interface ConnectionOwner<Driver, C> extends ConnectionContext {
  /** `undefined` without observers. */
  readonly observers: Observers | undefined;
  /** Shows mistakes of the application. */
  readonly warnings: Warnings;
  readonly groups: ConnectionGroups<Driver, C>;
  /** Listeners for the messages of all connections. The array is replaced when they change, never modified. */
  readonly messageListeners: readonly ((
    connection: C,
    message: Message,
    isText: boolean,
  ) => ListenerResult)[];
  /** The `messageListeners` are not the application's: the owner passes the messages on to its own listeners. */
  readonly passesMessagesOn?: boolean;
  /** The server's response to the handshake; only on the owner of a client connection. */
  readonly response?: HandshakeResponse | undefined;
  /**
   * Called before the `stateChange` event of the connection. A closed connection leaves registry, topics and limits.
   */
  stateChanged(driver: Driver, next: ConnectionState): void;
  /** Called after the `close` event of the connection. */
  closed(driver: Driver, info: CloseInfo): void;
  drained(driver: Driver): void;
  /** The application has set the priority of the connection. */
  priorityChanged?(driver: Driver): void;
  /** A connection was closed because the memory budget is used up. */
  memoryShed(): void;
  /**
   * Reports a failed listener of the application.
   * @param where The listener, such as "a listener of 'close'".
   */
  handlerFailed(error: unknown, driver: Driver, where: string): void;
}
