/**
 * Why a request failed. `no-handler`: the peer has no handler of that name. `invalid`: the peer refused the data, or its reply is no
 * JSON. `failed`: the handler failed. `timeout`: no reply in time.
 */
export type RequestErrorCode = 'no-handler' | 'invalid' | 'failed' | 'timeout';

/** A request to the peer failed. */
export class RequestError extends Error {
  override readonly name: string = 'RequestError';
  /** Stable; programs branch on it. */
  readonly code: RequestErrorCode;
  constructor(code: RequestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
