import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import type { ConnectionOptions, PlatformOptions } from './connection-options.ts';
import type { PlatformSettings } from './resolve-options.ts';
import type { ProxySettings } from './read-proxy.ts';
import type { ConnectionSettings } from './connection-settings.ts';

/** TLS options of Node that Hawser sets itself: target, protocol and timeout. */
export const OUR_TLS_OPTIONS = [
  'ALPNProtocols',
  'host',
  'port',
  'path',
  'socket',
  'lookup',
  'timeout',
  'allowHalfOpen',
] as const;

/**
 * Options of Node's TLS for a client: `ca`, `cert`, `key`, `pfx`, `passphrase`, `servername`, `checkServerIdentity`,
 * `ciphers`, `session` and so on. `minVersion` is `'TLSv1.2'` unless given. Certificates are verified; only
 * `rejectUnauthorized: false` here, and nothing in the environment, changes that.
 */
export type ClientTlsOptions = Omit<NodeTlsOptions, (typeof OUR_TLS_OPTIONS)[number]>;

/** Header fields to send: `Headers`, a list of pairs (a name may occur twice), or a plain object. */
export type RequestHeaders =
  | Headers
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string>>;

/** The target of a connection: host (without brackets) and port, or the path of a Unix socket. */
export type ConnectTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Creates the connection below WebSocket, for example through an agent, SOCKS or SSH. Returns a `Duplex` that is
 * connected or connecting to the target, without TLS. `signal` is aborted when the client no longer needs the stream;
 * the client destroys a stream that arrives later.
 */
export type CreateConnection = (
  target: ConnectTarget,
  context: { readonly signal: AbortSignal },
) => Duplex | PromiseLike<Duplex>;

/**
 * Options of `connect`. All are optional; `undefined` means the default. `connect` checks them first, and rejects with
 * `MisuseError` `ERR_OPTION` if one is invalid.
 */
export interface ConnectOptions extends ConnectionOptions, PlatformOptions {
  /**
   * Subprotocols to offer, in order of preference (§1.9), without duplicates. The server chooses one or none; see
   * `connection.protocol`. Default `[]`.
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * More header fields for the request, such as `Authorization` or `Cookie`. The fields of the handshake cannot be
   * set. Default: none.
   */
  readonly headers?: RequestHeaders | undefined;
  /** Value of `Origin` (§4.1), for servers that require it. Default: none, since Node is not a browser. */
  readonly origin?: string | undefined;
  /** For `wss:`; a certificate of your own authority goes into `ca`. Default: Node's, with verification. */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * Time from the call to the end of the server's response: DNS, waiting for other connection attempts, TCP, TLS and
   * handshake. Then `ERR_CONNECT_TIMEOUT`. Default 10,000; 1 to 2,147,483,647 ms. Users wait for it.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Aborts connecting at any step: the promise rejects with the signal's reason. No effect after that. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Resolves the host that the client connects to (the proxy's host if there is a proxy), with the signature of
   * `dns.lookup`. Default: `dns.lookup`.
   */
  readonly lookup?: LookupFunction | undefined;
  /**
   * The HTTP proxy to connect through, such as `http://user:password@proxy.example:3128`; with `https:` the client
   * speaks TLS to the proxy. The client asks the proxy for a tunnel with CONNECT (RFC 9110 §9.3.6) and, for `wss:`,
   * speaks TLS inside. It sends user and password as Basic authentication. It does not read the environment. Default:
   * none. Failures are `ERR_PROXY` and `ERR_PROXY_AUTH`.
   */
  readonly proxy?: string | URL | undefined;
  /** TLS options for a proxy with an `https:` URL. Default: Node's, with verification. */
  readonly proxyTls?: ClientTlsOptions | undefined;
  /**
   * A connected `Duplex` to use instead of a new connection. The client owns it once it has accepted the options, and
   * destroys it on failure. For `wss:` the client speaks TLS inside, so use `ws:` with a stream that already speaks
   * TLS to the server. There is no DNS lookup and no waiting for other attempts. Not with `proxy`, `createConnection`
   * or `maxRedirects`. Default: none.
   */
  readonly socket?: Duplex | undefined;
  /**
   * Creates the underlying connection instead of `net.connect`, once per attempt and redirect; see {@link
   * CreateConnection}. As with `socket`, the client adds TLS for `wss:`. Not with `proxy` or `socket`. Default: none.
   */
  readonly createConnection?: CreateConnection | undefined;
  /**
   * Maximum number of redirects (301, 302, 303, 307, 308) to follow; then `ERR_REDIRECT`. Never from `wss:` to `ws:`.
   * A redirect to another origin carries no `Authorization`, `Cookie` or other header with credentials, and no client
   * certificate. Default 0; 0 to 20.
   */
  readonly maxRedirects?: number | undefined;
  /**
   * Connect to an address and port one attempt at a time (§4.1); other attempts wait. Default `true`; `false` is for
   * load generators.
   */
  readonly serializeConnects?: boolean | undefined;
  /**
   * I/O layer of the connection. `'auto'`: sockets that Node made bypass their streams, once a self-check in the background
   * has passed; it runs once per process. `'stream'`: Node's streams only. Default `'auto'`.
   */
  readonly transport?: 'auto' | 'stream' | undefined;
  /** Maximum size of the response head; above it `ERR_RESPONSE`. Default 16,384; 1 to 1,048,576 bytes. Ample for cookies. */
  readonly maxHeadBytes?: number | undefined;
  /** Maximum number of fields in the response head; above it `ERR_RESPONSE`. Default 100; 1 to 10,000. Servers send about 10. */
  readonly maxHeaderFields?: number | undefined;
}

/** {@link ConnectOptions} after checking, with every default filled in. Frozen. */
export interface ResolvedConnectOptions extends ConnectionSettings, PlatformSettings {
  readonly protocols: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Empty if there are none. */
  readonly origin: string;
  readonly tls: ClientTlsOptions | undefined;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly lookup: LookupFunction | undefined;
  readonly proxy: ProxySettings | undefined;
  readonly proxyTls: ClientTlsOptions | undefined;
  readonly socket: Duplex | undefined;
  readonly createConnection: CreateConnection | undefined;
  readonly maxRedirects: number;
  readonly serializeConnects: boolean;
  readonly transport: 'auto' | 'stream';
  readonly maxHeadBytes: number;
  readonly maxHeaderFields: number;
}
