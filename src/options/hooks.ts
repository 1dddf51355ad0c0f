import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type Awaitable<Value> = Value | PromiseLike<Value>;

/**
 * Header fields by lower-case name. Repeated ones are joined with `, `, cookies with `; `; `rawHeaders` has them one by
 * one. The object has no prototype: `constructor` and the like are there only if they were sent.
 */
export type HeaderFields = Readonly<Record<string, string | undefined>>;

/** Header fields to send. A list of pairs, or `Headers`, can hold several `set-cookie`. */
export type HeaderList =
  | Headers
  | Readonly<Record<string, string>>
  | Iterable<readonly [name: string, value: string]>;

/** The request that opened a connection, or asks to. Handed out once and not kept by the server. */
export interface UpgradeRequest {
  /** Always `GET`: nothing else can be upgraded (§4.1). */
  readonly method: string;
  /** Absolute: scheme by TLS, authority from `Host`, path and query as sent. Queries often hold tokens: do not log them. */
  readonly url: URL;
  readonly headers: HeaderFields;
  /** Names, in lower case, and values by turns, in the order they were sent. */
  readonly rawHeaders: readonly string[];
  /** Node's own object, where the request came through an HTTP server that we are attached to. */
  readonly incomingMessage?: IncomingMessage;
}

/** A client that identified itself in TLS. */
export interface ClientCertificate {
  readonly certificate: X509Certificate;
  /** Whether an authority in `tls.ca` vouches for it. `false` only with `tls.rejectUnauthorized: false`. */
  readonly authorized: boolean;
}

/** What the `upgrade` hook decides on. */
export interface UpgradeContext {
  readonly request: UpgradeRequest;
  /** IPv4 in IPv6 as plain IPv4; empty for a socket without address. */
  readonly remoteAddress: string;
  /** As sent, and accepted by `allowedOrigins`; absent when it was not sent, so for most that is no browser. */
  readonly origin?: string;
  /** Subprotocols the client offers, in its order of preference (§4.1). */
  readonly protocols: ReadonlySet<string>;
  /** Whether the connection is TLS. */
  readonly secure: boolean;
  /** The certificate that the client proved to have, if `tls.requestCert` asked for one. */
  readonly clientCertificate?: ClientCertificate;
  /** Aborted when the client goes away or `upgradeTimeoutMs` has passed; a decision made later is ignored. */
  readonly signal: AbortSignal;
}

/** What the connection gets that the `upgrade` hook accepts. */
export interface UpgradeAcceptance<UserData> {
  /** Becomes `connection.data`. */
  readonly data?: UserData;
  /** One of the offered subprotocols; instead of the first of `protocols` that was offered. Another one: 500. */
  readonly protocol?: string;
  /**
   * Sent with the 101. `Connection`, `Upgrade`, `Content-Length`, `Transfer-Encoding` and `Sec-WebSocket-*` are ours, and
   * values are free of CR, LF and NUL: otherwise 500.
   */
  readonly headers?: HeaderList;
  /** When its credentials end, in wall time: then the server closes it with 1008. `connection.expiresAt` moves it. */
  readonly expiresAt?: Date | number;
  /**
   * `false` declines compression for this connection, whatever the client offers. `true`, and the default: as the server's
   * option `perMessageDeflate` says.
   */
  readonly perMessageDeflate?: boolean;
}

/** A web `Response` of any implementation: Node's, that of undici's package, of a test environment. Read once. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * What the `upgrade` hook returns. `undefined` or an acceptance admits. A response with a status from 300 to 599 refuses
 * with exactly that; see {@link refuse}. `false` and `null` refuse with 403. Anything else is a mistake: the client gets
 * 500, and the `error` event an `ERR_UPGRADE_HOOK` that says what the hook returned.
 */
export type UpgradeDecision<UserData> =
  | void
  | undefined
  | null
  | false
  | UpgradeAcceptance<UserData>
  | Response
  | ResponseLike;

/** Authenticates a handshake. A hook that throws or rejects is answered with 500; the client learns nothing of the error. */
export type UpgradeHook<UserData> = (context: UpgradeContext) => Awaitable<UpgradeDecision<UserData>>;

/** A request without upgrade, on a server that listens by itself. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute: scheme by TLS, authority from `Host`. */
  readonly url: URL;
  readonly headers: Headers;
  /** At most 64 KiB; empty if there was none. Yours to keep. */
  readonly body: Buffer;
  /** IPv4 in IPv6 as plain IPv4; empty for a socket without address. */
  readonly remoteAddress: string;
}

/**
 * Answers plain HTTP with a response whose status is 200 to 599. A hook that throws, rejects or returns anything else is
 * answered with 500, and the `error` event says what came.
 */
export type RequestHook = (request: HttpRequest) => Awaitable<Response | ResponseLike>;
