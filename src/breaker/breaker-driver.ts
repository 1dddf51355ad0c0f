import { dispatch, type ListenerWatcher, type SafeEmitter } from '../connection/emitter.ts';
import { checkEventName, eventNames, type EventNames } from '../connection/event-names.ts';
import { Warnings } from '../connection/warnings.ts';
import { verdictOf } from '../options/call-check.ts';
import type { Awaitable } from '../options/hooks.ts';
import { BreakerCore, type BreakerState, REFUSED } from './breaker-core.ts';
import { CircuitBreakerError } from './breaker-error.ts';
import type { CircuitBreakerSettings } from './breaker-options.ts';

/** Events of a circuit breaker. */
export interface CircuitBreakerEvents {
  /** After each change. That an open breaker is `half-open` is found by the next call, or the next reading of `state`. */
  stateChange: [next: BreakerState, previous: BreakerState];
}

const EVENTS: EventNames = eventNames<CircuitBreakerEvents>(
  'a circuit breaker',
  { stateChange: true },
  {
    open: "listen to 'stateChange'",
    close: "listen to 'stateChange'",
    halfOpen: "listen to 'stateChange'",
    failure: 'run() rejects with the error of the call',
    success: 'run() resolves with the result of the call',
    timeout: "run() rejects with a CircuitBreakerError, whose code is 'timeout'",
    reject: "run() rejects with a CircuitBreakerError, whose code is 'open'",
  },
);

/** Runs the calls of one circuit breaker. */
export class BreakerDriver implements ListenerWatcher {
  /** The object that the application holds. Set by its constructor. */
  emitter!: SafeEmitter<CircuitBreakerEvents>;
  readonly core: BreakerCore;
  readonly settings: CircuitBreakerSettings;
  readonly #warnings = new Warnings(undefined);

  constructor(settings: CircuitBreakerSettings) {
    this.settings = settings;
    this.core = new BreakerCore(settings, settings.clock, (next, previous) =>
      dispatch(this.emitter, 'stateChange', [next, previous], (error) =>
        this.#warnings.failure(
          "a listener of 'stateChange' of a circuit breaker",
          error,
          'catch them in the listener',
        ),
      ),
    );
  }

  listenersChanged(name: string | symbol | undefined): void {
    if (name !== undefined) checkEventName(name, EVENTS, this.#warnings);
  }

  async run<Result>(call: (signal: AbortSignal) => Awaitable<Result>): Promise<Result> {
    const { core } = this;
    const ticket = core.enter();
    if (ticket === REFUSED) throw this.#refusal();
    let result: Result;
    try {
      result = await this.#timed(call);
    } catch (error) {
      this.#judge(error, ticket);
      throw error;
    }
    core.succeeded(ticket);
    return result;
  }

  #refusal(): CircuitBreakerError {
    const { name } = this.settings;
    const { retryAfterMs } = this.core;
    const why =
      retryAfterMs > 0 ? `is open for ${Math.ceil(retryAfterMs)} ms more` : 'runs trials, and takes no more';
    return new CircuitBreakerError('open', `${name} ${why}: the call did not run`, retryAfterMs);
  }

  /** @throws What `isFailure` throws; the call counts as failed then. */
  #judge(error: unknown, ticket: number): void {
    const { isFailure } = this.settings;
    let hasFailed = true;
    try {
      if (isFailure !== undefined && !(error instanceof CircuitBreakerError))
        hasFailed = verdictOf('isFailure', isFailure(error));
    } finally {
      if (hasFailed) this.core.failed(ticket);
      else this.core.succeeded(ticket);
    }
  }

  /** Runs the call, for as long as `timeoutMs`. */
  async #timed<Result>(call: (signal: AbortSignal) => Awaitable<Result>): Promise<Result> {
    const { clock, name, timeoutMs } = this.settings;
    const abort = new AbortController();
    if (timeoutMs === false) return call(abort.signal);
    let timer: unknown;
    const late = new Promise<never>((_, reject) => {
      timer = clock.setTimer(() => {
        const error = new CircuitBreakerError(
          'timeout',
          `${name}: the call took longer than ${timeoutMs} ms`,
        );
        // First: a call that rejects because of the signal is late, too.
        reject(error);
        abort.abort(error);
      }, timeoutMs);
    });
    try {
      return await Promise.race([call(abort.signal), late]);
    } finally {
      clock.clearTimer(timer);
    }
  }
}
