/**
 * Whether the server may have acted on a failed operation. `not-published` and `not-sent`: certainly not. `unknown`: the answer
 * is lost, so it may have.
 */
export type Outcome = 'not-published' | 'not-sent' | 'unknown';

/**
 * An operation of `hawser.v1` failed. `code` is the server's, such as `forbidden`, `busy` or `no-handler`, or one of the client:
 * - `disconnected`: the connection broke before the answer.
 * - `timeout`: no answer in time.
 * - `offline`: there is no connection, and no queue.
 * - `full`: the queue of operations has no room.
 * - `expired`: queued longer than `ttlMs`.
 * - `closed`: the topic or the client was closed.
 * - `no-protocol`: the server did not choose the subprotocol `hawser.v1`.
 */
export class OperationError extends Error {
  override readonly name: string = 'OperationError';
  /** Stable; programs branch on it. */
  readonly code: string;
  /** Set for publishes and requests. */
  declare readonly outcome?: Outcome;
  /** When the server wants to be asked again, in ms from now; with `busy`. */
  declare readonly retryAfterMs?: number;

  constructor(
    code: string,
    message: string,
    details?: ErrorOptions & {
      readonly outcome?: Outcome | undefined;
      readonly retryAfterMs?: number | undefined;
    },
  ) {
    super(message, details);
    this.code = code;
    if (details?.outcome !== undefined) this.outcome = details.outcome;
    if (details?.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
  }
}
