/** Why a call of a `CircuitBreaker` has no result. `open`: it did not run. `timeout`: it took longer than `timeoutMs`. */
export type CircuitBreakerErrorCode = 'open' | 'timeout';

/** A call of a `CircuitBreaker` was refused, or took too long. */
export class CircuitBreakerError extends Error {
  override readonly name: string = 'CircuitBreakerError';
  /** Stable; programs branch on it. */
  readonly code: CircuitBreakerErrorCode;
  /** For `open`: time until the breaker tries again, in ms; 0 while trials run. For `timeout`: 0. */
  readonly retryAfterMs: number;
  constructor(code: CircuitBreakerErrorCode, message: string, retryAfterMs = 0) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
