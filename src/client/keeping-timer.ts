import { type Clock, holdProcess } from '../transport/clock.ts';

/** A timer of a clock that keeps the process alive until it runs or is cleared, which the clock's own do not. */
export function setKeepingTimer(clock: Clock, callback: () => void, delayMs: number): unknown {
  const timer = clock.setTimer(callback, delayMs);
  holdProcess(timer);
  return timer;
}
