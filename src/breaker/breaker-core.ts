import type { Clock } from '../engine/clock.ts';
import { OutcomeWindow } from './outcome-window.ts';

/**
 * `closed`: calls run. `open`: calls are refused. `half-open`: a few calls run as trials, and decide which of the two comes
 * next.
 */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** When a breaker opens, and how it closes. */
export interface BreakerRules {
  /** Calls of this many ms count. */
  readonly windowMs: number;
  /** It opens only after this many calls in the window. */
  readonly minCalls: number;
  /** It opens when at least this share of the calls in the window has failed. */
  readonly failureRatio: number;
  /** Time that it stays open, in ms. */
  readonly openMs: number;
  /** Calls that must succeed before it closes. */
  readonly trials: number;
}

/** What {@link BreakerCore.enter} returns while calls are refused. */
export const REFUSED = 0;

/**
 * The states of a circuit breaker. It has no timer: that it is half-open is found when it is asked next. A call enters, and
 * leaves with one outcome. Outcomes of calls that entered in an earlier state are ignored.
 */
export class BreakerCore {
  readonly #settings: BreakerRules;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #changed: (next: BreakerState, previous: BreakerState) => void;
  readonly #window: OutcomeWindow;
  #state: BreakerState = 'closed';
  /** Number of the state since the start. It is the ticket of the calls that enter in this state. */
  #epoch = REFUSED + 1;
  #openUntilMs = 0;
  #trialsRunning = 0;
  #trialsPassed = 0;

  /** @param changed Called after each change of the state. It must not throw. */
  constructor(
    settings: BreakerRules,
    clock: Pick<Clock, 'now'>,
    changed: (next: BreakerState, previous: BreakerState) => void = () => {},
  ) {
    this.#settings = settings;
    this.#clock = clock;
    this.#changed = changed;
    this.#window = new OutcomeWindow(settings.windowMs);
  }

  get state(): BreakerState {
    if (this.#state === 'open' && this.#clock.now() >= this.#openUntilMs) this.#move('half-open');
    return this.#state;
  }

  /** Time until trials begin, in ms; 0 unless open. */
  get retryAfterMs(): number {
    return this.state === 'open' ? this.#openUntilMs - this.#clock.now() : 0;
  }

  /** Calls with an outcome in the window, and how many of them failed. Both are 0 unless the breaker is closed. */
  counts(): { readonly calls: number; readonly failures: number } {
    return this.#window.sums(this.#clock.now());
  }

  /** Begins a call. @returns Its ticket, for its outcome; {@link REFUSED} if the call must not run. */
  enter(): number {
    const { state } = this;
    if (state === 'closed') return this.#epoch;
    if (state === 'open' || this.#trialsRunning + this.#trialsPassed >= this.#settings.trials) return REFUSED;
    this.#trialsRunning++;
    return this.#epoch;
  }

  succeeded(ticket: number): void {
    if (ticket !== this.#epoch) return;
    if (this.#state === 'closed') this.#count(false);
    else {
      this.#trialsRunning--;
      if (++this.#trialsPassed >= this.#settings.trials) this.#move('closed');
    }
  }

  failed(ticket: number): void {
    if (ticket !== this.#epoch) return;
    if (this.#state === 'closed') this.#count(true);
    else this.#open();
  }

  /** A call ended without an outcome: another trial may take its place. */
  abandoned(ticket: number): void {
    if (ticket === this.#epoch && this.#state === 'half-open') this.#trialsRunning--;
  }

  #count(hasFailed: boolean): void {
    const nowMs = this.#clock.now();
    this.#window.add(nowMs, hasFailed);
    const { calls, failures } = this.#window.sums(nowMs);
    const { minCalls, failureRatio } = this.#settings;
    if (calls >= minCalls && failures >= calls * failureRatio) this.#open();
  }

  #open(): void {
    this.#openUntilMs = this.#clock.now() + this.#settings.openMs;
    this.#move('open');
  }

  #move(next: BreakerState): void {
    const previous = this.#state;
    this.#state = next;
    this.#epoch++;
    this.#trialsRunning = 0;
    this.#trialsPassed = 0;
    this.#window.clear();
    this.#changed(next, previous);
  }
}
