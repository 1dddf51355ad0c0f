import type { Buffer } from 'node:buffer';
import type { PeerError } from '../protocol/errors.ts';
import type { Priority } from '../options/priority.ts';
import type { Message } from '../protocol/payload.ts';
import type { EndingOwner } from './ending.ts';
import type { ConnectionState } from './states.ts';

/** Takes messages part by part instead of whole. */
export interface PartReceiver {
  /** Bytes that received parts count which were not read. */
  readonly waitingBytes: number;
  /**
   * Takes the next part of a message, which may be empty.
   * @returns Bytes of the message so far.
   */
  received(part: Buffer, isText: boolean, isLast: boolean): number;
  /** The connection is no longer open: an unfinished message stays unfinished. */
  interrupted(): void;
  /** Messages may be handed out again, after a pause. */
  resumed(): void;
  /** Drops everything that was not read. */
  drop(): void;
  /** The connection has ended. */
  ended(): void;
}

/** The connection above a link. */
export interface LinkOwner extends EndingOwner {
  /** Importance under load. Missing where nothing depends on it. */
  readonly priority?: Priority;
  /** Takes a whole message; only while open. */
  received(message: Message, isText: boolean): void;
  /** Takes a part of a message; needed after `ProtocolConnection.passParts`. */
  receivedPart?(part: Buffer, isText: boolean, isLast: boolean): void;
  receivedPing(payload: Buffer): void;
  receivedPong(payload: Buffer): void;
  /** Called after the side effects of the change. `closed` is reported before `ended`. */
  stateChanged(next: ConnectionState, previous: ConnectionState): void;
  /** A step threw; the owner has to log it. Must not throw. */
  internalFault(error: unknown): void;
  /** The pong to a ping of the heartbeat has arrived. */
  roundTrip(rttMs: number): void;
  /**
   * Asks the application for the key of the rate limit, once, when the first bytes have arrived. `undefined` for none, and if it
   * failed: the connection is then closing.
   */
  rateKey?(): string | undefined;
  /** The peer has sent more than the rate limit allows. */
  rateLimited(action: 'close' | 'throttle'): void;
  /** Output was written. */
  flushed(): void;
  /** False while received messages cannot be delivered: reading then stops. */
  readonly wantsMore: boolean;
  /** Bytes of received messages that are not delivered. */
  readonly undeliveredBytes: number;
  /** The memory budget is used up, and this connection holds most of it. */
  outOfMemory(): void;
  /** Queued output cannot be sent: drops it, and fails the connection. */
  outputFailed(error: PeerError): void;
}
