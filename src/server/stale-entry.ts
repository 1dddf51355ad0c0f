/**
 * One thing that was wrong, and has been repaired. `connection`: the server still listed a closed connection; it was removed.
 * `socket`: the socket of a connection is destroyed, but that was never reported; the connection was closed. `subscription`: a
 * connection and a topic disagree on whether it is subscribed; it was unsubscribed. `counter`: a counter differs from what it
 * counts; it was set.
 */
export interface StaleEntry {
  readonly kind: 'connection' | 'socket' | 'subscription' | 'counter';
  /** The connection, topic or counter. */
  readonly name: string;
  /** What was found. */
  readonly detail: string;
}

/** The result of {@link WebSocketServer.selfCheck}. */
export interface SelfCheckReport {
  /** Connections that were checked. */
  readonly connections: number;
  /** Subscriptions that were checked. */
  readonly subscriptions: number;
  /** What was wrong, and has been repaired; empty for a healthy server. */
  readonly repaired: readonly StaleEntry[];
}
