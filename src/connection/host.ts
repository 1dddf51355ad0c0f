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

/** Counters over all connections of a host; each costs one addition. Bytes are those on the wire. */
export interface TrafficCounters {
  /** Held now: output that waits, unfinished and undelivered input. */
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

/**
 * A server, a client or a test that connections belong to.
 * @typeParam Driver What drives a connection.
 * @typeParam C What an application holds of it.
 */
export interface ConnectionHost<Driver, C> {
  readonly settings: ConnectionSettings;
  readonly counters: TrafficCounters;
  readonly deadlines: DeadlineQueue;
  readonly random: RandomSource;
  /** As of `LinkContext`. */
  readonly engine: Engine;
  /** Listeners for the messages of all connections; replaced when they change, never changed. */
  readonly messageListeners: readonly ((connection: C, message: Message) => ListenerResult)[];
  /** The server's answer to the handshake; only where the host is that of one client connection. */
  readonly response?: HandshakeResponse | undefined;
  /** `undefined` if there are none. */
  readonly observers: Observers | undefined;
  /** Comes before the `stateChange` event of the connection. A closed connection leaves registry, topics and limits. */
  stateChanged(driver: Driver, next: ConnectionState): void;
  /** Comes after the `close` event of the connection itself. */
  closed(driver: Driver, info: CloseInfo): void;
  drained(driver: Driver): void;
  /** A connection was closed because the memory budget is used up. */
  memoryShed(): void;
  /** A listener of the application failed. @param where Which, as "a listener of 'close'". */
  handlerFailed(error: unknown, driver: Driver, where: string): void;
  /** Where mistakes of the application are shown. */
  readonly warnings: Warnings;
  subscribe(driver: Driver, topic: string): boolean;
  unsubscribe(driver: Driver, topic: string): boolean;
  publish(
    driver: Driver,
    topic: string,
    payload: Payload,
    options: (SendOptions & Audience<C>) | undefined,
  ): Delivery;
}
