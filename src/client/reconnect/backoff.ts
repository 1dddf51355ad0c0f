import type { BackoffSettings } from '../../options/retry-options.ts';

/** Minimum delay, in ms, so that a client that fails at once does not spin. */
export const LEAST_DELAY_MS = 100;
/** Maximum delay of a timer, in ms. */
const MAX_TIMER_MS = 2_147_483_647;
/** Maximum lower bound that a server can set with `Retry-After`, in ms: a day. */
const MAX_LOWER_BOUND_MS = 86_400_000;

/** A planned attempt. */
export interface PlannedAttempt {
  /** 1 for the first attempt after a stable connection, or after the very first attempt. */
  readonly attempt: number;
  /** Delay from now, in ms. */
  readonly delayMs: number;
}

/**
 * Maximum delay before an attempt, in ms. It doubles with each attempt, up to `maxDelayMs`.
 * @param attempt From 1 up.
 * @param spread Uses `maxFirstDelayMs` for the first attempt, because all clients of the server may reconnect together.
 */
export function longestDelayMs(settings: BackoffSettings, attempt: number, spread: boolean): number {
  if (spread && attempt === 1) return settings.maxFirstDelayMs;
  return Math.min(settings.maxDelayMs, settings.baseDelayMs * 2 ** (attempt - 1));
}

/**
 * A random delay, uniform from {@link LEAST_DELAY_MS} to `longestMs` (full jitter). A lower bound of the server is added to
 * it: the server gave all clients the same bound, so a maximum of both would bring them back together.
 * @param fraction Random; from 0 up to, not including, 1.
 */
export function drawDelayMs(longestMs: number, fraction: number, lowerBoundMs = 0): number {
  const boundMs = Math.min(lowerBoundMs, MAX_LOWER_BOUND_MS);
  const rangeMs = Math.max(0, longestMs - LEAST_DELAY_MS);
  return Math.min(MAX_TIMER_MS, Math.round(boundMs + LEAST_DELAY_MS + fraction * rangeMs));
}

/** Counts attempts in a row that brought no lasting connection. All times in ms on one clock. */
export class Backoff {
  /** Attempts planned since the last stable connection. */
  attempts = 0;
  readonly #settings: BackoffSettings;
  #openedAtMs = Number.POSITIVE_INFINITY;

  constructor(settings: BackoffSettings) {
    this.#settings = settings;
  }

  opened(nowMs: number): void {
    this.#openedAtMs = nowMs;
  }

  /** @returns Whether the connection that ended was stable. Then the count starts again. */
  lost(nowMs: number): boolean {
    const stable = nowMs - this.#openedAtMs >= this.#settings.stableAfterMs;
    this.#openedAtMs = Number.POSITIVE_INFINITY;
    if (stable) this.attempts = 0;
    return stable;
  }

  /**
   * Plans the next attempt.
   * @returns `undefined` after `maxAttempts` attempts.
   */
  next(spread: boolean, fraction: number, lowerBoundMs?: number): PlannedAttempt | undefined {
    const { maxAttempts } = this.#settings;
    if (maxAttempts !== false && this.attempts >= maxAttempts) return undefined;
    const attempt = ++this.attempts;
    return {
      attempt,
      delayMs: drawDelayMs(longestDelayMs(this.#settings, attempt, spread), fraction, lowerBoundMs),
    };
  }
}
