import { MisuseError } from '../protocol/errors.ts';
import type { Clock } from '../engine/clock.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** Maximum delay of Node's timers, in ms. With a longer delay they fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

/** The start time of a {@link VirtualClock}. */
export interface VirtualClockOptions {
  /** Monotonic time at the start, in ms. Default 0. */
  readonly nowMs?: number;
  /** Wall time at the start, in ms since 1970. Default 2026-01-01T00:00:00Z. */
  readonly wallMs?: number;
}

interface VirtualTimer {
  readonly atMs: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until a test advances it. Timers run only inside {@link advance} and {@link advanceTo}: by due
 * time, then in the order they were set. The same calls always give the same run.
 */
export class VirtualClock implements Clock {
  /** Sorted by due time, then in the order they were set. */
  readonly #timers: VirtualTimer[] = [];
  #nowMs: number;
  #wallAheadMs: number;
  #advancing = false;

  /** @throws MisuseError `ERR_ARGUMENT` for a time that is not a finite number. */
  constructor(options: VirtualClockOptions = {}) {
    checkCallOptions('new VirtualClock', options, OPTIONS.clock);
    const { nowMs = 0, wallMs = Date.UTC(2026, 0, 1) } = options;
    this.#nowMs = finite('nowMs', nowMs);
    this.#wallAheadMs = finite('wallMs', wallMs) - nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  /** Sets the wall clock, as an administrator or NTP does. Monotonic time and timers do not change. */
  setWall(wallMs: number): void {
    this.#wallAheadMs = finite('wallMs', wallMs) - this.#nowMs;
  }

  /** Number of timers that have neither run nor been cleared. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Due time of the first pending timer, in ms on {@link now}; `undefined` if there is none. */
  get nextTimerMs(): number | undefined {
    return this.#timers[0]?.atMs;
  }

  /**
   * Sets a timer. A delay below 1 ms counts as 1 ms, as in Node.
   * @throws MisuseError `ERR_ARGUMENT` for a delay above 2^31 - 1 ms: with it Node's timers fire at once.
   */
  setTimer(callback: () => void, delayMs: number): unknown {
    if (!(delayMs <= MAX_DELAY_MS)) {
      throw new MisuseError(
        'ERR_ARGUMENT',
        `a timer waits at most ${MAX_DELAY_MS} ms, not ${String(delayMs)}`,
      );
    }
    const timer: VirtualTimer = { atMs: this.#nowMs + Math.max(1, delayMs), callback };
    const later = this.#timers.findLastIndex((other) => other.atMs <= timer.atMs);
    this.#timers.splice(later + 1, 0, timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    const at = this.#timers.indexOf(timer as VirtualTimer);
    if (at >= 0) this.#timers.splice(at, 1);
  }

  /**
   * Advances the time by `ms` and runs the timers that fall due, including those set by other timers. During each,
   * {@link now} is its due time. Promise jobs do not run in between. `advance(0)` runs the timers that a {@link
   * stall} delayed.
   * @throws MisuseError `ERR_ARGUMENT` if `ms` is negative or not finite, `ERR_STATE` when called by a timer.
   * @throws The error of a callback, at its time: later timers stay pending.
   */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + atLeastZero(ms));
  }

  /** Like {@link advance}, up to an absolute time on {@link now}. */
  advanceTo(ms: number): void {
    atLeastZero(finite('the time to advance to', ms) - this.#nowMs);
    if (this.#advancing)
      throw new MisuseError(
        'ERR_STATE',
        'the clock is already advancing: a timer must not advance it, but may call stall()',
      );
    this.#advancing = true;
    try {
      for (let first = this.#timers[0]; first !== undefined; first = this.#timers[0]) {
        if (first.atMs > Math.max(ms, this.#nowMs)) break;
        this.#timers.shift();
        this.#nowMs = Math.max(this.#nowMs, first.atMs);
        first.callback();
      }
      this.#nowMs = Math.max(this.#nowMs, ms);
    } finally {
      this.#advancing = false;
    }
  }

  /**
   * Lets time pass without running timers, as when the process is blocked or suspended. Timers that fall due run late, in
   * order, on the next {@link advance}. A timer may call it, to simulate a slow callback.
   * @throws MisuseError `ERR_ARGUMENT` if `ms` is negative or not finite.
   */
  stall(ms: number): void {
    this.#nowMs += atLeastZero(ms);
  }
}

function finite(name: string, ms: number): number {
  if (Number.isFinite(ms)) return ms;
  throw new MisuseError('ERR_ARGUMENT', `${name} must be a finite number of ms, not ${String(ms)}`);
}

function atLeastZero(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new MisuseError(
    'ERR_ARGUMENT',
    `time advances by a finite number of ms from 0 up, not ${String(ms)}`,
  );
}
