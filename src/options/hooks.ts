import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Priority } from './priority.ts';

export type Awaitable<Value> = Value | PromiseLike<Value>;

/**
 * Header fields by lower-case name. Repeated fields are joined with `, `, cookies with `; `; `rawHeaders` has them
 * separately. The object has no prototype, so `constructor` and the like exist only if the client sent them.
 */
export type HeaderFields = Readonly<Record<string, string | undefined>>;

/** Header fields to send. A list of pairs or a `Headers` object can contain `set-cookie` several times. */
export type HeaderList =
  | Headers
  | Readonly<Record<string, string>>
  | Iterable<readonly [name: string, value: string]>;

/** The request that opened, or asks to open, a connection. The server keeps no reference to it. */
export interface UpgradeRequest {
  /** `GET`: no other method can be upgraded (§4.1). Over HTTP/2 `CONNECT` (RFC 8441). */
  readonly method: string;
  /** Absolute URL: scheme by TLS, authority from `Host`, path and query as sent. Do not log it: queries often contain tokens. */
  readonly url: URL;
  readonly headers: HeaderFields;
  /** Lower-case names and values, alternating, in the order sent. */
  readonly rawHeaders: readonly string[];
  /** Node's request object, if the request came through an attached HTTP server as an upgrade of HTTP/1.1. */
  readonly incomingMessage?: IncomingMessage;
}

/** A client that authenticated with a TLS certificate. */
export interface ClientCertificate {
  readonly certificate: X509Certificate;
  /** Whether an authority in `tls.ca` signed the certificate. `false` only with `tls.rejectUnauthorized: false`. */
  readonly authorized: boolean;
}

/** What the `upgrade` hook gets about the request and its sender. */
export interface UpgradeContext {
  readonly request: UpgradeRequest;
  /** Address of the client. IPv4-mapped IPv6 addresses are plain IPv4; empty for a socket without address. */
  readonly remoteAddress: string;
  /** As sent, and accepted by `allowedOrigins`. `undefined` if the client sent none, as most programs do. */
  readonly origin?: string;
  /** Subprotocols the client offers, in its order of preference (§4.1). */
  readonly protocols: ReadonlySet<string>;
  /** Whether the connection is TLS. */
  readonly secure: boolean;
  /** The client's certificate, if `tls.requestCert` asked for one and the client proved that it has the key. */
  readonly clientCertificate?: ClientCertificate;
  /** Aborted when the client disconnects or `upgradeTimeoutMs` has passed; a later decision is ignored. */
  readonly signal: AbortSignal;
}

/** Properties of the connection that an accepting `upgrade` hook may set. */
export interface UpgradeAcceptance<UserData> {
  /** Becomes `connection.data`. */
  readonly data?: UserData;
  /**
   * One of the offered subprotocols, instead of the first of `protocols` that the client offered. Any other value
   * causes a 500.
   */
  readonly protocol?: string;
  /**
   * Header fields of the 101 response, of the 200 response over HTTP/2. The server sets `Connection`, `Upgrade`, `Content-Length`, `Transfer-Encoding`
   * and `Sec-WebSocket-*`; one of these names, or a value with CR, LF or NUL, causes a 500.
   */
  readonly headers?: HeaderList;
  /**
   * When the client's credentials expire, in wall-clock time: the server closes the connection with 1008.
   * `connection.expiresAt` can move it.
   */
  readonly expiresAt?: Date | number;
  /** `false` declines compression for this connection. `true`, the default, applies the server's option `perMessageDeflate`. */
  readonly perMessageDeflate?: boolean;
  /**
   * Importance of the connection while the server is overloaded: `'critical'`, `'high'`, `'normal'` or `'low'`. Default
   * `'normal'`. `connection.priority` can change it.
   */
  readonly priority?: Priority;
}

/** A web `Response` of any implementation: Node's, the undici package's, a test environment's. Its body is read once. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  /** Reads the whole body. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * Result of the `upgrade` hook. `undefined` or an acceptance admits the client. A response with a status from 300 to
 * 599 refuses it with that response; see {@link refuse}. `false` and `null` refuse with 403. Anything else is a
 * mistake: the client gets 500, and the `error` event an `ERR_UPGRADE_HOOK` that names the returned value.
 */
export type UpgradeDecision<UserData> =
  | void
  | undefined
  | null
  | false
  | UpgradeAcceptance<UserData>
  | Response
  | ResponseLike;

/** Authenticates a handshake. If the hook throws or rejects, the client gets 500 without details of the error. */
export type UpgradeHook<UserData> = (context: UpgradeContext) => Awaitable<UpgradeDecision<UserData>>;

/** The head of a request without upgrade, on a server that listens by itself. */
export interface HttpRequestHead {
  readonly method: string;
  /** Absolute: scheme by TLS, authority from `Host`. */
  readonly url: URL;
  readonly headers: Headers;
  /** Address of the client. IPv4-mapped IPv6 addresses are plain IPv4; empty for a socket without address. */
  readonly remoteAddress: string;
}

/** A request without upgrade, on a server that listens by itself. */
export interface HttpRequest extends HttpRequestHead {
  /** Request body of at most `maxRequestBodyBytes`; empty if there was none. The hook owns the bytes. */
  readonly body: Buffer;
}

/**
 * Decides on a plain request before the server reads and checks its body. A response is the answer, and the body is discarded.
 * After `undefined` the server reads the body and calls the `request` hook. Failures are those of {@link RequestHook}.
 */
export type RequestHeadHook = (
  head: HttpRequestHead,
) => Awaitable<void | undefined | Response | ResponseLike>;

/**
 * Answers plain HTTP with a response whose status is 200 to 599. If the hook throws, rejects or returns anything else,
 * the client gets 500 and the `error` event names the cause.
 */
export type RequestHook = (request: HttpRequest) => Awaitable<Response | ResponseLike>;
