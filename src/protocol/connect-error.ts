import { Buffer } from 'node:buffer';
import { type ConnectErrorCode, WebSocketError } from './errors.ts';

/** How far connecting had come: each step begins when the one before it is done. `proxy` is only there with a proxy. */
export type ConnectPhase = 'url' | 'dns' | 'turn' | 'tcp' | 'proxy' | 'tls' | 'response';

/** What is known about a connection that did not come about. */
export interface ConnectFailure {
  readonly phase: ConnectPhase;
  /** Of the answer of the server, or of the proxy, if there was one. */
  readonly status?: number | undefined;
  readonly statusText?: string | undefined;
  readonly headers?: Headers | undefined;
  readonly body?: Buffer | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A client could not connect. `code` says what was wrong: `ERR_URL`, `ERR_CONNECT` (names, TCP, TLS; `cause` is the
 * system's error), `ERR_CONNECT_TIMEOUT`, `ERR_RESPONSE` (the server refused, or its answer is not one to an upgrade),
 * `ERR_REDIRECT` (it redirects, and the redirect is not followed; the target is in `headers`), `ERR_PROXY_AUTH` (the proxy
 * asks for credentials, or refuses those it got), `ERR_PROXY` (the proxy cannot be reached, refuses, or its answer is not
 * HTTP).
 */
export class ConnectError extends WebSocketError {
  override readonly name: string = 'ConnectError';
  declare readonly code: ConnectErrorCode;
  /**
   * `url`, `dns`, `turn` (waiting for another connection to the same address), `tcp`, `proxy` (reaching the proxy, and its
   * answer), `tls` or `response`.
   */
  readonly phase: ConnectPhase;
  /** HTTP status of the answer, in phase `proxy` of that of the proxy; `undefined` if none came. */
  readonly status: number | undefined;
  /** The reason phrase after the status, as sent; `''` if there is none. */
  readonly statusText: string;
  /** Of the answer; empty if none came. */
  readonly headers: Headers;
  /** The first 4,096 bytes of its body, or fewer; yours. */
  readonly body: Buffer;
  /** How long the server asks to wait (`Retry-After`), in ms; `undefined` if it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ConnectErrorCode, detail: string | undefined, failure: ConnectFailure) {
    super(code, detail, 'cause' in failure ? { cause: failure.cause } : undefined);
    this.phase = failure.phase;
    this.status = failure.status;
    this.statusText = failure.statusText ?? '';
    this.headers = failure.headers ?? new Headers();
    this.body = failure.body ?? Buffer.alloc(0);
    this.retryAfterMs = failure.retryAfterMs;
  }
}
