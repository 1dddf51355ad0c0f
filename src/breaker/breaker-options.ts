import type { Clock } from '../engine/clock.ts';
import { systemClock } from '../engine/clock.ts';
import {
  callOptions,
  checkCallOptions,
  FUNCTION,
  refuseArgument,
  type ValueRule,
  wholeNumber,
} from '../options/call-check.ts';
import { isOptionsObject } from '../options/option-check.ts';

/** Options of a {@link CircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Name of the service, for error messages; 1 to 256 characters. Default `'circuit breaker'`. */
  readonly name?: string | undefined;
  /** Time for which outcomes count. Default 10,000; 10 to 2,147,483,647 ms. The breaker counts in ten steps of it. */
  readonly windowMs?: number | undefined;
  /** Calls in the window below which the breaker stays closed. Default 20; 1 to 1,000,000. */
  readonly minCalls?: number | undefined;
  /** Share of failed calls from which the breaker opens. Default 0.5; above 0, up to 1. */
  readonly failureRatio?: number | undefined;
  /** Time for which an open breaker refuses calls. Default 5,000; 1 to 2,147,483,647 ms. */
  readonly openMs?: number | undefined;
  /** Calls that must all succeed after that time before the breaker closes; as many run at once. Default 5; 1 to 1,000. */
  readonly trials?: number | undefined;
  /** Time limit of a call; then it has failed. Default 10,000; 1 to 2,147,483,647 ms, or `false`. */
  readonly timeoutMs?: number | false | undefined;
  /**
   * Whether a rejection counts as a failure of the service; `false` for an answer such as "not found". It must return `true`
   * or `false` at once. Default: every rejection counts.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
  /** Source of time, for tests. Default: the platform's clock. */
  readonly clock?: Clock | undefined;
}

/** {@link CircuitBreakerOptions} with every default filled in. */
export type CircuitBreakerSettings = {
  readonly [Name in Exclude<keyof CircuitBreakerOptions, 'isFailure'>]-?: Exclude<
    CircuitBreakerOptions[Name],
    undefined
  >;
} & { readonly isFailure: ((error: unknown) => boolean) | undefined };

const DEFAULTS: CircuitBreakerSettings = Object.freeze({
  name: 'circuit breaker',
  windowMs: 10_000,
  minCalls: 20,
  failureRatio: 0.5,
  openMs: 5_000,
  trials: 5,
  timeoutMs: 10_000,
  isFailure: undefined,
  clock: systemClock,
});

/** The maximum delay of a Node timer. */
const MAX_MS = 2 ** 31 - 1;
const MAX_NAME_LENGTH = 256;
const CLOCK_METHODS = ['now', 'wallNow', 'setTimer', 'clearTimer'] as const;

const TABLE = callOptions({
  name: {
    fits: (value) => typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH,
    allowed: `a string of 1 to ${MAX_NAME_LENGTH} characters`,
  },
  windowMs: wholeNumber(10, MAX_MS),
  minCalls: wholeNumber(1, 1_000_000),
  failureRatio: {
    fits: (value) => typeof value === 'number' && value > 0 && value <= 1,
    allowed: 'a number above 0 and up to 1',
  },
  openMs: wholeNumber(1, MAX_MS),
  trials: wholeNumber(1, 1_000),
  timeoutMs: {
    fits: (value) => value === false || wholeNumber(1, MAX_MS).fits(value),
    allowed: `${wholeNumber(1, MAX_MS).allowed}, or false for none`,
  },
  isFailure: FUNCTION,
  clock: {
    fits: (value) =>
      typeof value === 'object' &&
      value !== null &&
      CLOCK_METHODS.every((method) => typeof Reflect.get(value, method) === 'function'),
    allowed: `an object with the methods ${CLOCK_METHODS.join(', ')}`,
  },
} satisfies Record<keyof CircuitBreakerOptions, ValueRule>);

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function resolveBreaker(options: unknown): CircuitBreakerSettings {
  const call = 'new CircuitBreaker';
  if (options !== undefined && !isOptionsObject(options, TABLE))
    refuseArgument(call, 'options', options, `an object with ${Object.keys(TABLE).join(', ')}`);
  checkCallOptions(call, options, TABLE);
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...(Object.fromEntries(given) as CircuitBreakerOptions) } as CircuitBreakerSettings;
}
