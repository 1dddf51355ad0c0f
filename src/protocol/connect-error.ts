import { Buffer } from 'node:buffer';
import { type ConnectErrorCode, WebSocketError } from './errors.ts';

/** The step of connecting that failed; each step starts after the previous one. `proxy` occurs only with a proxy. */
export type ConnectPhase = 'url' | 'dns' | 'turn' | 'tcp' | 'proxy' | 'tls' | 'response';

/** Details of a failed attempt to connect. */
export interface ConnectFailure {
  readonly phase: ConnectPhase;
  /** Status of the response of the server or the proxy, if one arrived. */
  readonly status?: number | undefined;
  readonly statusText?: string | undefined;
  readonly headers?: Headers | undefined;
  readonly body?: Buffer | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A client could not connect. `code` names the failure:
 * - `ERR_URL`: the URL is not a WebSocket URL.
 * - `ERR_CONNECT`: DNS, TCP or TLS failed; `cause` is the system's error.
 * - `ERR_CONNECT_TIMEOUT`: connecting took too long.
 * - `ERR_RESPONSE`: the server refused, or its response does not fit the upgrade.
 * - `ERR_REDIRECT`: the server redirects and the client does not follow; `headers` has the target.
 * - `ERR_PROXY_AUTH`: the proxy requires credentials, or refused those of the client.
 * - `ERR_PROXY`: the proxy is unreachable, refused, or did not respond in HTTP.
 */
export class ConnectError extends WebSocketError {
  override readonly name: string = 'ConnectError';
  declare readonly code: ConnectErrorCode;
  /**
   * The step that failed: `url`, `dns`, `turn` (waiting for another connection to the same address), `tcp`, `proxy`
   * (reaching the proxy, and its response), `tls` or `response`.
   */
  readonly phase: ConnectPhase;
  /** HTTP status of the response (in phase `proxy`: of the proxy); `undefined` without a response. */
  readonly status: number | undefined;
  /** The reason phrase after the status, as sent; `''` if there is none. */
  readonly statusText: string;
  /** Header fields of the response; empty without a response. */
  readonly headers: Headers;
  /** At most the first 4,096 bytes of the body; owned by the application. */
  readonly body: Buffer;
  /** Wait that the server requests with `Retry-After`, in ms; `undefined` if it requests none. */
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
