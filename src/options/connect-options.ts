import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import type { ConnectionOptions, PlatformOptions } from './connection-options.ts';
import type { PlatformSettings } from './resolve-options.ts';
import type { ProxySettings } from './read-proxy.ts';
import type { ConnectionSettings } from './connection-settings.ts';

/** Options of Node's TLS that are ours to set: where to connect, what is spoken, how long to wait. */
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

/** Header fields to send: `Headers`, pairs (a name may come twice), or a plain object. */
export type RequestHeaders =
  | Headers
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string>>;

/** Where a connection goes: host and port, the host without brackets, or the path of a Unix socket. */
export type ConnectTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Makes the connection below: over an agent, SOCKS, SSH. It gives a `Duplex` that is connected, or connecting, to the
 * target, without TLS. `signal` is aborted when the stream is not wanted any more; one that comes later is destroyed.
 */
export type CreateConnection = (
  target: ConnectTarget,
  context: { readonly signal: AbortSignal },
) => Duplex | PromiseLike<Duplex>;

/**
 * Options of `connect`; all may be left out, and `undefined` means the default. Checked before anything else happens:
 * what does not fit rejects with `MisuseError` `ERR_OPTION`.
 */
export interface ConnectOptions extends ConnectionOptions, PlatformOptions {
  /**
   * Subprotocols to offer, the preferred first (§1.9); different tokens. The server may choose one, or none: look at
   * `connection.protocol`. Default `[]`.
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Further fields of the request, as `Authorization` or `Cookie`. Those of the handshake itself cannot be set. Default:
   * none.
   */
  readonly headers?: RequestHeaders | undefined;
  /** Value of `Origin` (§4.1), for servers that ask for one. Default: none, as this is no page of a browser. */
  readonly origin?: string | undefined;
  /** For `wss:`; a certificate of your own authority goes into `ca`. Default: Node's, with verification. */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * From the call to the end of the server's answer: name, waiting for a turn, TCP, TLS, handshake; over it
   * `ERR_CONNECT_TIMEOUT`. Default 10,000; 1 to 2,147,483,647 ms. People wait for it.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Gives up connecting, whatever it is at: the promise rejects with its reason. Without effect afterwards. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Finds the addresses of the host that the client itself connects to, which is the proxy where there is one; with the
   * signature of `dns.lookup`. Default: `dns.lookup`.
   */
  readonly lookup?: LookupFunction | undefined;
  /**
   * The HTTP proxy to connect through, as `http://user:password@proxy.example:3128`; `https:` speaks TLS to the proxy. The
   * client asks it for a tunnel with CONNECT (RFC 9110 §9.3.6), and speaks TLS inside for `wss:`. User and password are sent
   * as Basic authentication. The environment is not read. Default: none. Failures are `ERR_PROXY` and `ERR_PROXY_AUTH`.
   */
  readonly proxy?: string | URL | undefined;
  /** How TLS is spoken to a proxy with an `https:` URL. Default: Node's, with verification. */
  readonly proxyTls?: ClientTlsOptions | undefined;
  /**
   * A connected `Duplex` to use instead of a new connection; the client owns it once the options are accepted, and
   * destroys it on failure. For `wss:` the client speaks TLS inside, so a stream that speaks TLS to the server already goes with `ws:`. No
   * name is looked up, and no turn is taken. Not with `proxy`, `createConnection` or `maxRedirects`. Default: none.
   */
  readonly socket?: Duplex | undefined;
  /**
   * Makes the connection below, instead of `net.connect`, for each attempt and each redirect; see {@link CreateConnection}.
   * As with `socket`, the client adds TLS for `wss:`. Not with `proxy` or `socket`. Default: none.
   */
  readonly createConnection?: CreateConnection | undefined;
  /**
   * Redirects (301, 302, 303, 307, 308) to follow; over it `ERR_REDIRECT`, and never from `wss:` to `ws:`. To another origin
   * go no `Authorization`, `Cookie` or other header that carries credentials, and no client certificate. Default 0; 0 to 20.
   */
  readonly maxRedirects?: number | undefined;
  /**
   * Only one connection at a time connects to an address and port (§4.1); others wait for their turn. Default `true`;
   * `false` is for load generators.
   */
  readonly serializeConnects?: boolean | undefined;
  /**
   * I/O layer of the connection. `'auto'`: sockets that Node made bypass their streams, once a self-check in the background
   * has passed; it runs once per process. `'stream'`: Node's streams only. Default `'auto'`.
   */
  readonly transport?: 'auto' | 'stream' | undefined;
  /** Longest head of an answer; over it `ERR_RESPONSE`. Default 16,384; 1 to 1,048,576 bytes. Ample for cookies. */
  readonly maxHeadBytes?: number | undefined;
  /** Most fields in it; over it `ERR_RESPONSE`. Default 100; 1 to 10,000. Servers send about 10. */
  readonly maxHeaderFields?: number | undefined;
}

/** {@link ConnectOptions} after checking, with every default filled in. Frozen. */
export interface ResolvedConnectOptions extends ConnectionSettings, PlatformSettings {
  readonly protocols: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Empty for none. */
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
