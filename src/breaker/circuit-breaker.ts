import { SafeEmitter } from '../connection/emitter.ts';
import { checkCount, refuseArgument } from '../options/call-check.ts';
import type { Awaitable } from '../options/hooks.ts';
import type { BreakerState } from './breaker-core.ts';
import { BreakerDriver, type CircuitBreakerEvents } from './breaker-driver.ts';
import { type CircuitBreakerOptions, resolveBreaker } from './breaker-options.ts';

/**
 * Stops calling a service that keeps failing, so that its callers fail at once instead of waiting for it. It is `closed`
 * until at least `failureRatio` of the calls of the last `windowMs` has failed, and there were at least `minCalls`. Then it is
 * `open` for `openMs`: no call runs. Then it is `half-open`: up to `trials` calls run. When all of them have succeeded it
 * closes; when one fails it opens again. It has no timer of its own, and needs no end.
 */
export class CircuitBreaker extends SafeEmitter<CircuitBreakerEvents> {
  readonly #driver: BreakerDriver;

  /** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION` for an option that is unknown or out of range. */
  constructor(options?: CircuitBreakerOptions) {
    checkCount('new CircuitBreaker', arguments, 1, 'call run(() => …)');
    const driver = new BreakerDriver(resolveBreaker(options));
    super(driver);
    driver.emitter = this;
    this.#driver = driver;
  }

  /** The option `name`. */
  get name(): string {
    return this.#driver.settings.name;
  }

  /** Whether calls run: `closed`, `open` or `half-open`. */
  get state(): BreakerState {
    return this.#driver.core.state;
  }

  /** Time until an open breaker tries again, in ms; 0 in the other states. */
  get retryAfterMs(): number {
    return this.#driver.core.retryAfterMs;
  }

  /**
   * Runs a call of the service, unless the breaker is open.
   * @param call Gets a signal that aborts after `timeoutMs`: pass it on, as to `fetch`, so that the call really ends. Its
   *   outcome counts once; the result of a call that was late is discarded.
   * @returns The result of the call. Rejects with its error; with a `CircuitBreakerError` whose `code` is `open` or `timeout`;
   *   or with the error of `isFailure`.
   * @throws MisuseError `ERR_ARGUMENT`, at once, unless `call` is a function.
   */
  run<Result>(call: (signal: AbortSignal) => Awaitable<Result>): Promise<Result> {
    checkCount('breaker.run', arguments, 1);
    if (typeof call !== 'function') refuseArgument('breaker.run', 'call', call, 'a function');
    return this.#driver.run(call);
  }
}
