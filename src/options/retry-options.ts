// What the options of a reconnecting client have in common in Node and in browsers. Nothing here refers to Node.

/** The attempt that needs a value. */
export interface AttemptContext {
  /** 0 for the first attempt, and for the first after a stable connection; later attempts count as in `retry`. */
  readonly attempt: number;
  /** Aborted when the client no longer needs the value: it was closed, or `connectTimeoutMs` has passed. */
  readonly signal: AbortSignal;
}

/** A value, or a function that the client calls before every attempt. An error that it throws counts as a failed attempt. */
export type Asked<Value> = Value | ((context: AttemptContext) => Value | PromiseLike<Value>);

/** The value for one attempt. Rejects with what the function throws. */
export async function answerOf<Value>(asked: Asked<Value>, context: AttemptContext): Promise<Value> {
  return typeof asked === 'function'
    ? (asked as (context: AttemptContext) => Value | PromiseLike<Value>)(context)
    : asked;
}

/** Limits of the queue while there is no connection. All are finite. */
export interface OfflineQueueSettings {
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly ttlMs: number;
}

/** Delays and limits of reconnecting. Times in ms; see `ReconnectOptions`. */
export interface BackoffSettings {
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly maxFirstDelayMs: number;
  readonly stableAfterMs: number;
  readonly maxAttempts: number | false;
}

/** How long and how often the client tries. */
export interface RetrySettings extends BackoffSettings {
  /** Number of unexpected responses without a connection in between after which the client stops. At least 1. */
  readonly maxUnexpectedResponses: number;
}
