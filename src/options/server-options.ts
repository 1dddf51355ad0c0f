import type { ConnectionOptions, PlatformOptions } from './connection-options.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { AddressList } from './addresses.ts';
import type { RequestHook, UpgradeHook } from './hooks.ts';
import type { TlsOptions } from './tls-options.ts';
import type { RateLimit } from './connection-settings.ts';
import type { AllowedOrigins } from './origins.ts';

/** Which senders are trusted proxies: none, a number of them in a row, or those with these addresses. */
export type TrustProxy = false | number | readonly string[];

/** Which paths are served: exactly this one, those that the pattern fits, or those for which the function returns `true`. */
export type PathRule = string | RegExp | ((path: string) => boolean);

/**
 * Options of a server; all may be left out, and `undefined` means the default. Checked once, by the constructor: what
 * does not fit throws `MisuseError` `ERR_OPTION`.
 * @typeParam UserData What the `upgrade` hook gives as `data`, and `connection.data` is.
 */
export interface ServerOptions<UserData = unknown> extends ConnectionOptions, PlatformOptions {
  /** Other paths get 404. A string begins with `/` and has no query. Default: any path. */
  readonly path?: PathRule | undefined;
  /**
   * Subprotocols we speak, the preferred first; the first that was offered is chosen (§4.2.2). Different tokens. Default
   * `[]`: none is chosen, and nothing is echoed that was not listed.
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Origins that browsers may connect from (§10.2); others get 403. `'same-origin'`: scheme, host and port are those of
   * the request. `'*'`: any single value. A list: whole origins such as `'https://app.example'`, or `'null'`, or any other
   * text that a program sends, which admits that very value, or patterns that must fit the whole origin. A function gets
   * the origin as browsers write it; a value that is no origin (a path, a bare name, empty) as it was sent. Default
   * `'same-origin'`: cookies travel with requests from foreign pages, and CORS does not apply to WebSocket.
   */
  readonly allowedOrigins?: AllowedOrigins | undefined;
  /** Refuse requests without `Origin`. Default `false`: these come from programs, which could send any. */
  readonly requireOrigin?: boolean | undefined;
  /**
   * Host names, without port, that requests may name, upgrades and plain ones; others get 403. Default `false`: any. For
   * servers on a local network: it refuses a foreign page that points its own name at them (DNS rebinding).
   */
  readonly allowedHosts?: false | readonly string[] | undefined;
  /**
   * Proxies whose `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` or `Forwarded` (RFC 7239) count: how many stand in front
   * of the server, 1 to 32, or their addresses and CIDR ranges. They decide address, scheme and host everywhere: limits,
   * origin, hooks, log. Lists are read from the right, past 32 trusted proxies at most; more get 400. Default `false`:
   * any client can send such fields. A proxy has to set them itself, not pass them on.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /**
   * Addresses and CIDR ranges of proxies that begin each connection with a header of the PROXY protocol, version 1 or 2,
   * before TLS and HTTP; only where the server listens by itself. The client's address and port in it count everywhere:
   * `remoteAddress`, limits, log. A connection from there without a valid header is closed, and so is one from anywhere
   * else that sends a header. Clients of a Unix socket count as listed. Default `false`: no header is expected.
   */
  readonly proxyProtocol?: false | readonly string[] | undefined;
  /**
   * Speaks TLS where it listens by itself: Node's TLS options, with `cert` and `key` at least. Tried out at once. Default:
   * none, plain TCP. `reloadTls` takes a new certificate.
   */
  readonly tls?: TlsOptions | undefined;
  /** Authenticates, gives `data`, chooses the subprotocol, adds headers, or refuses. Default: none, everybody is let in. */
  readonly upgrade?: UpgradeHook<UserData> | undefined;
  /** Answers requests without upgrade, on a server that listens by itself. Default: none, they get 400. */
  readonly request?: RequestHook | undefined;
  /** The `upgrade` hook is given up after so long, with 503. Default 10,000; 1 to 2,147,483,647 ms. People wait for it. */
  readonly upgradeTimeoutMs?: number | undefined;
  /**
   * From TCP accept to the end of the request head, TLS and the body of a plain request included; over it: 408. Default
   * 10,000; 1 to 2,147,483,647 ms. A client that sends a byte a second holds a place.
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Longest request head; over it: 431. Default 16,384; 1 to 1,048,576 bytes. Cookies and tokens fit. */
  readonly maxHeadBytes?: number | undefined;
  /** Most fields in it; over it: 431. Default 100; 1 to 10,000. Browsers send about 20. */
  readonly maxHeaderFields?: number | undefined;
  /**
   * Most sockets between accept and 101, plain requests between accept and their answer included; one more gets 503.
   * Default 1,000; 1 to 1,000,000. Each may hold a whole head. When all places are taken, an address that holds fewer gets
   * a place of the address that holds most.
   */
  readonly maxPendingHandshakes?: number | undefined;
  /**
   * Most of these places that one address may hold; one more gets 429. Default `false`; 1 to 1,000,000, or `false`. A
   * proxy in `trustProxy` holds places for its clients and has no such limit; once the head is
   * read, the place counts for the client's address.
   */
  readonly maxPendingHandshakesPerIp?: number | false | undefined;
  /**
   * Most connections, handshakes under way included; one more gets 503. Default 10,000; 1 to 10,000,000. The process needs
   * as many file descriptors.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most connections of one address; one more gets 429. Default `false`; 1 to 10,000,000, or `false`. Behind a proxy all
   * share one address; where they do not, 10 is plenty.
   */
  readonly maxConnectionsPerIp?: number | false | undefined;
  /** New connections a minute, of all together; over it: 429. Default `false`; 1 to 100,000,000, or `false`. */
  readonly maxNewConnectionsPerMinute?: number | false | undefined;
  /** New connections a minute of one address; over it: 429. Default `false`; 1 to 100,000,000, or `false`. Where on: 100. */
  readonly maxNewConnectionsPerMinutePerIp?: number | false | undefined;
  /**
   * Addresses, CIDR ranges, or a function, that the limits per address do not apply to: monitors, balancers, tests.
   * Default `[]`.
   */
  readonly exemptAddresses?: AddressList | undefined;
  /** How much of an IPv6 address counts. Default 64; 1 to 128 bits. One customer has 2^64 addresses, and one prefix. */
  readonly ipv6PrefixBits?: number | undefined;
  /**
   * `Retry-After` of 429 and 503 is at random between this and its double. Default 5; 1 to 86,400 seconds. At random, so
   * that clients do not return together.
   */
  readonly retryAfterSeconds?: number | undefined;
  /** Most topics of one connection. Default 128; 1 to 1,000,000. Each costs an entry in two sets. */
  readonly maxTopicsPerConnection?: number | undefined;
  /** Most topics at a time. Default 100,000; 1 to 10,000,000. Names may come from clients. */
  readonly maxTopics?: number | undefined;
  /**
   * What lies below connections. `'auto'`: Node's handles directly, which costs up to a third less, where a check at the
   * first `listen` or `attach` finds that this Node can; otherwise streams. `'stream'`: streams, the public interface of
   * Node. Default `'auto'`. What is no socket of Node's, or somebody else listens to, always goes over streams; `stats()`
   * says what is in use on a port of the server's own.
   */
  readonly transport?: 'auto' | 'stream' | undefined;
  /**
   * Keeps memory that large messages have freed in the process: with glibc up to 48 MiB, other allocators ignore it. Without it,
   * a message of 64 KiB costs up to twice the processor time. Default `true`. It takes effect for the whole process when the
   * first server with it is constructed, and cannot be undone; a process with clients alone does not do it.
   */
  readonly retainFreedMemory?: boolean | undefined;
  /** Connections that the system holds before we accept them. Default 511; 1 to 65,535. Node's own value. */
  readonly backlog?: number | undefined;
}

/** Options that stay `undefined` where they were not given: there is nothing that could stand for them. */
type Unfilled = 'path' | 'tls' | 'upgrade' | 'request' | 'logger';
type Filled<UserData> = Omit<ServerOptions<UserData>, Unfilled | 'rateLimit' | 'perMessageDeflate'>;

/** {@link ServerOptions} after checking, with every default filled in. Frozen, lists included. */
export type ResolvedServerOptions<UserData = unknown> = {
  readonly [Name in keyof Filled<UserData>]-?: Exclude<Filled<UserData>[Name], undefined>;
} & {
  readonly [Name in Unfilled]: ServerOptions<UserData>[Name] | undefined;
} & {
  readonly rateLimit: false | RateLimit;
  readonly perMessageDeflate: false | DeflateSettings;
};
