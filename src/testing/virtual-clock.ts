import { MisuseError } from '../protocol/errors.ts';
import type { Clock } from '../engine/clock.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** Longest delay of the platform's timers, in ms; they fire at once when asked for more. */
const MAX_DELAY_MS = 2_147_483_647;

/** When a {@link VirtualClock} begins. */
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
 * A clock that stands still until it is told to move. Nothing runs but inside {@link advance} and {@link advanceTo}, in
 * the order of due times, and of their setting where those are equal: the same calls give the same run, always.
 */
export class VirtualClock implements Clock {
  /** By due time, then by order of setting. */
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

  /** Steps the wall clock, as an administrator or NTP does: monotonic time and timers notice nothing. */
  setWall(wallMs: number): void {
    this.#wallAheadMs = finite('wallMs', wallMs) - this.#nowMs;
  }

  /** Timers that are set and have neither run nor been cleared. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Due time of the first pending timer, in ms on {@link now}; `undefined` if there is none. */
  get nextTimerMs(): number | undefined {
    return this.#timers[0]?.atMs;
  }

  /**
   * As the platform does it, a delay below 1 ms counts as 1 ms.
   * @throws MisuseError `ERR_ARGUMENT` for a delay that the platform's timers cannot wait: they would fire at once.
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
   * Moves time on by `ms` and runs what falls due on the way, each timer with {@link now} at its due time, those that
   * are set meanwhile included. Promise jobs do not run in between. `advance(0)` runs what a {@link stall} left behind.
   * @throws MisuseError `ERR_ARGUMENT` if `ms` is negative or not finite, `ERR_STATE` when called by a timer.
   * @throws What a callback throws, at its time: the timers after it are still pending.
   */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + atLeastZero(ms));
  }

  /** Like {@link advance}, up to a time on {@link now}. */
  advanceTo(ms: number): void {
    atLeastZero(finite('the time to advance to', ms) - this.#nowMs);
    if (this.#advancing)
      throw new MisuseError('ERR_STATE', 'the clock is advancing already: a timer may only stall it');
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
   * Lets time pass without running anything, as when the process is blocked or suspended: timers that fall due meanwhile
   * run late, in their order, on the next {@link advance}. A timer may call it, too: a callback that takes its time.
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
    `time moves on by a finite number of ms from 0 up, not ${String(ms)}`,
  );
}
