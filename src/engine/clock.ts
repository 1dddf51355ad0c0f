import { performance } from 'node:perf_hooks';

/** Source of time, in ms. A test passes its own clock and runs an hour in a millisecond. */
export interface Clock {
  /** Monotonic time with any zero. Every duration is measured with it. */
  now(): number;
  /** Wall time since 1970, for `connectedAt`, `expiresAt` and logs only. */
  wallNow(): number;
  /** Runs `callback` once after `delayMs`. The timer alone must not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Cancels a timer of `setTimer`; ignored after the timer has run. */
  clearTimer(timer: unknown): void;
}

/** Makes a timer keep the process alive, if it is one of Node's. For work that has to finish once it was started. */
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

/** Sets a timer that keeps the process alive until it runs or is cleared; other timers of a clock do not. */
export function setKeepingTimer(clock: Clock, callback: () => void, delayMs: number): unknown {
  const timer = clock.setTimer(callback, delayMs);
  holdProcess(timer);
  return timer;
}
