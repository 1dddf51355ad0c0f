import type { LoadConnection } from './load-connection.ts';

/** What a driver does with a connection. */
export type Sender = Pick<LoadConnection, 'underWay' | 'send' | 'takeSentMs' | 'giveUp'>;

/** What a mode does with the connections of a run. */
export interface LoadDriver {
  /** Begins to send. */
  start(): void;
  replied(connection: Sender, count: number): void;
  /** An open connection has ended. */
  lost(connection: Sender): void;
  /** Whether a message is unanswered. */
  waiting(): boolean;
  /** Stops sending. */
  stop(): void;
}
