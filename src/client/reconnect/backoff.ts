import type { BackoffSettings } from '../../options/reconnect-options.ts';
/** No delay is shorter, in ms: a client that fails at once must not spin. */
export const LEAST_DELAY_MS = 100;
/** The longest delay of a timer, in ms. */
const MAX_TIMER_MS = 2_147_483_647;
/** The longest lower bound that a server can set, in ms: a day. */
const MAX_LOWER_BOUND_MS = 86_400_000;

/** An attempt that will be made. */
export interface PlannedAttempt {
  /** 1 for the first one after a stable connection, or after the very first attempt. */
  readonly attempt: number;
  /** From now on, in ms. */
  readonly delayMs: number;
}

/**
 * The longest delay before an attempt, in ms: doubles from one to the next, up to `maxDelayMs`.
 * @param attempt From 1 up.
 * @param spread All clients of a server may have lost it together: the first attempts are spread wider.
 */
export function longestDelayMs(settings: BackoffSettings, attempt: number, spread: boolean): number {
  if (spread && attempt === 1) return settings.maxFirstDelayMs;
  return Math.min(settings.maxDelayMs, settings.baseDelayMs * 2 ** (attempt - 1));
}

/**
 * A delay at random, uniform from {@link LEAST_DELAY_MS} to `longestMs` ("full jitter"). A lower bound that the server
 * gave is added, not taken as the maximum of both: it gave the same one to everybody.
 * @param fraction At random, from 0 up to, not including, 1.
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

  /** @returns Whether the connection that ended now had been stable: then the count begins anew. */
  lost(nowMs: number): boolean {
    const stable = nowMs - this.#openedAtMs >= this.#settings.stableAfterMs;
    this.#openedAtMs = Number.POSITIVE_INFINITY;
    if (stable) this.attempts = 0;
    return stable;
  }

  /**
   * Plans the next attempt.
   * @returns `undefined` if there have been `maxAttempts` already.
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
