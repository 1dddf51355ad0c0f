import type { LoadConnection } from './load-connection.ts';

/** What a driver does with a connection. */
export type Sender = Pick<LoadConnection, 'underWay' | 'send' | 'takeSentMs' | 'giveUp'>;

/** What a mode does with the connections of a run. */
export interface LoadDriver {
  /** Begins to send. */
  start(): void;
  replied(connection: Sender, count: number): void;
  /** A connection is gone that was open. */
  lost(connection: Sender): void;
  /** Something was sent that has not been answered. */
  waiting(): boolean;
  /** Sends nothing more. */
  stop(): void;
}
