import type { BackoffSettings, OfflineQueueSettings } from '../../options/retry-options.ts';
import type { OperationError } from './operation-error.ts';

/** What topics need of time. */
export interface TimerClock {
  setTimer(callback: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
}

/** The client that topics belong to: its connection, and what differs between Node and browsers. */
export interface TopicsHost {
  readonly clock: TimerClock;
  /** The limits for operations, too. */
  readonly queue: false | OfflineQueueSettings;
  readonly backoff: BackoffSettings;
  /** Random; from 0 up to, not including, 1. */
  fraction(): number;
  /** There is a connection, and it is not ending. */
  readonly isWritable: boolean;
  /** Sends a frame on the current connection; drops it unless {@link isWritable}. */
  sendFrame(frame: string): void;
  /** Length of a text as UTF-8. */
  bytesOf(text: string): number;
  /** @throws MisuseError `ERR_ARGUMENT` for anything but a string and bytes. */
  dataOf(payload: unknown): string | Uint8Array;
  toBase64(bytes: Uint8Array): string;
  /** @throws For text that is not base64. */
  fromBase64(text: string): Uint8Array;
  /** Takes a message that belongs to no topic. A promise delays further reading, where that is possible. */
  message(message: string | Uint8Array): void | Promise<void>;
  /** The server greeted this client; it wants to hear a ping after `pingMs` of silence. */
  greeted(pingMs: number): void;
  /** A function of the application threw. */
  listenerFailed(error: unknown, where: string): void;
  /** A failure that no listener of the topic shows. */
  topicFailed(error: OperationError, where: string): void;
  /** The server broke the protocol. The host ends the connection. */
  violated(detail: string): void;
}
