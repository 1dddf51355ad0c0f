import { performance } from 'node:perf_hooks';

/**
 * Where time comes from. A test hands in its own and runs an hour in a millisecond.
 * All times are milliseconds.
 */
export interface Clock {
  /** Monotonic time, from any zero. Every duration is measured on it. */
  now(): number;
  /** Wall time since 1970, for `connectedAt`, `expiresAt` and logs only. */
  wallNow(): number;
  /** Runs `callback` once after `delayMs`. The timer alone must not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Forgets a timer of `setTimer`; one that has run already is ignored. */
  clearTimer(timer: unknown): void;
}

/** Lets a timer keep the process alive after all, if it is one of Node's. For what has to finish once it was begun. */
export function holdProcess(timer: unknown): void {
  (timer as Partial<NodeJS.Timeout> | undefined)?.ref?.();
}

/** The platform's clock. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs).unref(),
  clearTimer: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
});

/** A timer of a clock that keeps the process alive until it runs or is cleared, which the clock's own do not. */
export function setKeepingTimer(clock: Clock, callback: () => void, delayMs: number): unknown {
  const timer = clock.setTimer(callback, delayMs);
  holdProcess(timer);
  return timer;
}
