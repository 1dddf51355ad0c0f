import type { LookupFunction } from 'node:net';
import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import type { ConnectionOptions, PlatformOptions } from '../connection/connection-options.ts';
import type { ConnectionSettings } from '../connection/host.ts';
import type { PlatformSettings } from '../connection/resolve-options.ts';

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
  /** Finds the addresses of a host, with the signature of `dns.lookup`. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined;
  /**
   * Only one connection at a time connects to an address and port (§4.1); others wait for their turn. Default `true`;
   * `false` is for load generators.
   */
  readonly serializeConnects?: boolean | undefined;
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
  readonly serializeConnects: boolean;
  readonly maxHeadBytes: number;
  readonly maxHeaderFields: number;
}
