import type { Message, Payload } from '../protocol/payload.ts';
import type { DeadlineQueue } from '../engine/deadlines.ts';
import type { Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { Observers } from './observers.ts';
import type { HandshakeResponse } from './connection-events.ts';
import type { ConnectionState } from './states.ts';
import type { Warnings } from './warnings.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';
import type { SendOptions, Audience } from '../options/call-options.ts';

/** Counters over all connections of one owner; each costs one addition. Bytes are those on the wire. */
export interface TrafficCounters {
  /** Held now: pending output, unfinished and undelivered input. */
  heldBytes: number;
  messagesReceived: number;
  messagesSent: number;
  bytesReceived: number;
  bytesSent: number;
  pingsSent: number;
  pongsReceived: number;
  pingsReceived: number;
}

/** What a broadcast came to; the three add up to the number of those it was meant for. */
export interface Delivery {
  /** Accepted into the outbox of an open connection. */
  readonly sent: number;
  /** Meant, but not open, unknown, excepted or filtered out. */
  readonly skipped: number;
  /** Refused by the overflow policy, or by an error. */
  readonly failed: number;
}

/** A listener's answer: a promise makes the next message of the same connection wait; anything else says nothing. */
export type ListenerResult = unknown;

/** What the connections of one server or client share. */
export interface ConnectionContext {
  readonly settings: ConnectionSettings;
  readonly counters: TrafficCounters;
  readonly deadlines: DeadlineQueue;
  readonly random: RandomSource;
  /** The engine whose read memory, queues and compressors the connections use. */
  readonly engine: Engine;
}

/** Topics, as a connection uses them. */
export interface ConnectionGroups<Driver, C> {
  subscribe(driver: Driver, topic: string): boolean;
  unsubscribe(driver: Driver, topic: string): boolean;
  publish(
    driver: Driver,
    topic: string,
    payload: Payload,
    options: (SendOptions & Audience<C>) | undefined,
  ): Delivery;
}

/**
 * The server or client that connections belong to.
 * @typeParam Driver What drives a connection.
 * @typeParam C What an application holds of it.
 */
export interface ConnectionOwner<Driver, C> extends ConnectionContext {
  /** `undefined` if there are none. */
  readonly observers: Observers | undefined;
  /** Shows mistakes of the application. */
  readonly warnings: Warnings;
  readonly groups: ConnectionGroups<Driver, C>;
  /** Listeners for the messages of all connections; replaced when they change, never changed. */
  readonly messageListeners: readonly ((
    connection: C,
    message: Message,
    isText: boolean,
  ) => ListenerResult)[];
  /** The server's answer to the handshake; only the owner of a client connection has it. */
  readonly response?: HandshakeResponse | undefined;
  /** Comes before the `stateChange` event of the connection. A closed connection leaves registry, topics and limits. */
  stateChanged(driver: Driver, next: ConnectionState): void;
  /** Comes after the `close` event of the connection itself. */
  closed(driver: Driver, info: CloseInfo): void;
  drained(driver: Driver): void;
  /** A connection was closed because the memory budget is used up. */
  memoryShed(): void;
  /** A listener of the application failed. @param where Which, as "a listener of 'close'". */
  handlerFailed(error: unknown, driver: Driver, where: string): void;
}
