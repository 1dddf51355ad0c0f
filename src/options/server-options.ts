import type { Engine } from '../cluster/engine.ts';
import type { ConnectionOptions, PlatformOptions } from './connection-options.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { AddressList } from './addresses.ts';
import type { AdminOptions, AdminSettings } from './admin-options.ts';
import type { EndpointOptions, EndpointSettings } from './endpoint-options.ts';
import type { LoadControlOptions, LoadControlSettings } from './load-control-options.ts';
import type { RequestHeadHook, RequestHook, UpgradeHook } from './hooks.ts';
import type { AuthorizePublish, AuthorizeSubscribe } from './topic-hooks.ts';
import type { MetricsOptions, MetricsSettings } from './metrics-options.ts';
import type { TlsOptions } from './tls-options.ts';
import type { HistoryRule, HistorySettings, PresenceRule, PresenceSettings } from './topic-options.ts';
import type { RateLimit } from './connection-settings.ts';
import type { ServerRateLimitOptions } from './rate-limit-options.ts';
import type { ViolationLimit, ViolationLimitOptions } from './violation-options.ts';
import type { AllowedOrigins } from './origins.ts';

/** Which senders are trusted proxies: none, a number of proxies in a row, or those with these addresses. */
export type TrustProxy = false | number | readonly string[];

/** Which paths are served: exactly this path, paths that match the pattern, or paths for which the function returns `true`. */
export type PathRule = string | RegExp | ((path: string) => boolean);

/**
 * Options of a server. All are optional; `undefined` means the default. The constructor checks them, and throws
 * `MisuseError` `ERR_OPTION` if one is invalid.
 * @typeParam UserData Type of `data` in the result of the `upgrade` hook, and of `connection.data`.
 */
export interface ServerOptions<UserData = unknown> extends ConnectionOptions, PlatformOptions {
  /** Requests for other paths get 404. A string begins with `/` and has no query. Default: any path. */
  readonly path?: PathRule | undefined;
  /**
   * Subprotocols that the server speaks, in order of preference; it chooses the first that the client offered
   * (§4.2.2). No duplicates. Default `[]`: it chooses none, and echoes nothing that is not listed. On connections with
   * `hawser.v1` the server itself speaks that protocol: topics with history, presence and requests.
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Origins that browsers may connect from (§10.2); others get 403. `'same-origin'`: scheme, host and port of the
   * request. `'*'`: any single value. A list: whole origins such as `'https://app.example'`, or `'null'`, or other
   * text that a program sends and that must be equal, or patterns that must match the whole origin. A function gets
   * the origin as browsers serialize it, and a value that is not an origin (a path, a bare name, empty) as sent.
   * Default `'same-origin'`: browsers send cookies with requests of foreign pages, and CORS does not apply to
   * WebSocket.
   */
  readonly allowedOrigins?: AllowedOrigins | undefined;
  /** Refuse requests without `Origin`. Default `false`: such requests come from programs, which could send any origin. */
  readonly requireOrigin?: boolean | undefined;
  /**
   * Host names, without port, that requests may name, upgrades as well as plain requests; others get 403. Default
   * `false`: any. For servers on a local network: it refuses a foreign page that points its own name at them (DNS
   * rebinding).
   */
  readonly allowedHosts?: false | readonly string[] | undefined;
  /**
   * Proxies whose `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` or `Forwarded` (RFC 7239) the server believes: the
   * number of proxies in front of the server, 1 to 32, or their addresses and CIDR ranges. The fields decide address,
   * scheme and host everywhere: limits, origin, hooks, log. Lists are read from the right, past at most 32 trusted
   * proxies; longer chains get 400. Default `false`, because any client can send such fields. The proxy must set the
   * fields itself, not pass them on.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /**
   * Addresses and CIDR ranges of proxies that begin each connection with a PROXY protocol header, version 1 or 2,
   * before TLS and HTTP. Only for servers that listen by themselves. The client's address and port in the header
   * count everywhere: `remoteAddress`, limits, log. The server closes a connection from these addresses without a
   * valid header, and a connection from any other address with one. Clients of a Unix socket count as listed. Default
   * `false`: no header is expected.
   */
  readonly proxyProtocol?: false | readonly string[] | undefined;
  /**
   * TLS options of Node, with at least `cert` and `key`, for a server that listens by itself; or `certFile` and `keyFile`, which
   * the server follows with `watch: true`. Checked at once. Default: none, plain TCP. `reloadTls` takes a new certificate.
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * Authenticates the client, sets `data`, chooses the subprotocol, adds headers, or refuses. Default: none, every
   * client is accepted.
   */
  readonly upgrade?: UpgradeHook<UserData> | undefined;
  /** Answers requests without upgrade, on a server that listens by itself. Default: none; such requests get 400. */
  readonly request?: RequestHook | undefined;
  /**
   * Decides on the head of a plain request before the server reads the body: for a token, or for answers of your own to a body
   * that is too large. Needs `request`. Must decide within `handshakeTimeoutMs`; then 503. Default: none, every body is read.
   */
  readonly requestHead?: RequestHeadHook | undefined;
  /**
   * Paths for health, readiness and metrics, on a server that listens by itself. The server answers GET and HEAD for them
   * before the `request` hook sees the request; other methods get 405. Such requests count as no refusal, and limits of
   * connections do not apply to them. The host must be in `allowedHosts` or an IP address, as probes send it. Default: none.
   */
  readonly endpoints?: EndpointOptions | undefined;
  /**
   * A port of its own for operators: `/healthz`, `/readyz`, `/metrics`, `/stats`, `/connections`, and a live page at `/`. It
   * opens with `listen` or `attach` (see `listenAdmin`) and closes at the end of `shutdown`. Default `false`.
   */
  readonly admin?: false | AdminOptions | undefined;
  /** Time limit of the `upgrade` hook; then 503. Default 10,000; 1 to 2,147,483,647 ms. Users wait for it. */
  readonly upgradeTimeoutMs?: number | undefined;
  /**
   * Time from TCP accept to the end of the request head, including TLS and the body of a plain request; then 408.
   * Default 10,000; 1 to 2,147,483,647 ms. A client that sends one byte a second occupies a place.
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Maximum size of the request head; above it 431. Default 16,384; 1 to 1,048,576 bytes. Enough for cookies and tokens. */
  readonly maxHeadBytes?: number | undefined;
  /**
   * Maximum size of the body of a plain HTTP request on the own port; above it 413. Default 65,536; 1 to 536,870,888 bytes.
   * The body is buffered before the `request` hook runs, and counts against `memoryBudget`.
   */
  readonly maxRequestBodyBytes?: number | undefined;
  /** Maximum number of fields in the request head; above it 431. Default 100; 1 to 10,000. Browsers send about 20. */
  readonly maxHeaderFields?: number | undefined;
  /**
   * Maximum number of sockets between accept and 101, and of plain requests between accept and response; one more
   * gets 503. Default 1,000; 1 to 1,000,000. Each may hold a whole head. When all places are taken, an address with
   * fewer places gets a place of the address with most.
   */
  readonly maxPendingHandshakes?: number | undefined;
  /**
   * Maximum number of these places for one address; one more gets 429. Default `false`; 1 to 1,000,000, or `false`. A
   * proxy in `trustProxy` has no such limit, because it holds places for its clients; after the head is read, the
   * place counts for the client's address.
   */
  readonly maxPendingHandshakesPerIp?: number | false | undefined;
  /**
   * Maximum number of connections, including handshakes in progress; one more gets 503. Default 10,000; 1 to
   * 10,000,000. The process needs as many file descriptors.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Share of `maxConnections` from which each new handshake waits for 100 ms, so that clients arrive more slowly before the
   * server is full. Default 0.8; 0.01 to 1 ratio, or `false`.
   */
  readonly softLimitRatio?: number | false | undefined;
  /** Share of `maxConnections` below which that ends. Default 0.7; 0.01 to 1 ratio. At most `softLimitRatio`, which lowers the default, too. */
  readonly softLimitReleaseRatio?: number | undefined;
  /**
   * Maximum number of connections of one address; one more gets 429. Default `false`; 1 to 10,000,000, or `false`.
   * Behind a proxy, all clients can share one address; otherwise 10 is plenty.
   */
  readonly maxConnectionsPerIp?: number | false | undefined;
  /** Maximum number of new connections a minute in total; above it 429. Default `false`; 1 to 100,000,000, or `false`. */
  readonly maxNewConnectionsPerMinute?: number | false | undefined;
  /**
   * Maximum number of new connections a minute from one address; above it 429. Default `false`; 1 to 100,000,000, or
   * `false`. A good value is 100.
   */
  readonly maxNewConnectionsPerMinutePerIp?: number | false | undefined;
  /**
   * How fast a client may send, by itself or together with others of the same key; see {@link ServerRateLimitOptions}. Default
   * `false`: the right rate depends on the application.
   */
  readonly rateLimit?: false | ServerRateLimitOptions<UserData> | undefined;
  /**
   * Refuses new connections of an address with 429 and `Retry-After` for `refuseMs`, after `perMinute` of its connections have
   * broken the protocol within a minute: those that end with cause `protocol-error` or `invalid-utf8`. Its open connections
   * stay. Default `false`; see {@link ViolationLimitOptions}.
   */
  readonly violationLimit?: false | ViolationLimitOptions | undefined;
  /**
   * Addresses, CIDR ranges, or a function: clients that the limits per address do not apply to, such as monitors,
   * load balancers and tests. Default `[]`.
   */
  readonly exemptAddresses?: AddressList | undefined;
  /**
   * Prefix length of an IPv6 address that counts as one address. Default 64; 1 to 128 bits. One customer has 2^64
   * addresses in one prefix.
   */
  readonly ipv6PrefixBits?: number | undefined;
  /**
   * `Retry-After` of 429 and 503 is a random number between this and its double. Default 5; 1 to 86,400 seconds.
   * Random, so that clients do not return together.
   */
  readonly retryAfterSeconds?: number | undefined;
  /** Maximum number of topics of one connection. Default 128; 1 to 1,000,000. Each costs an entry in two sets. */
  readonly maxTopicsPerConnection?: number | undefined;
  /** Maximum number of topics at a time. Default 100,000; 1 to 10,000,000. Clients may choose names. */
  readonly maxTopics?: number | undefined;
  /**
   * Topics whose messages the server numbers and stores, so that a client that returns gets what it missed: one rule, or a
   * list of which the first match applies. Default: none.
   */
  readonly history?: HistoryRule | readonly HistoryRule[] | undefined;
  /** Topics that know their members: one rule, or a list of which the first match applies. Default: none. */
  readonly presence?: PresenceRule | readonly PresenceRule[] | undefined;
  /**
   * Maximum bytes of all histories in this process. Above it, the least recently published ones are dropped first.
   * Default 67,108,864; 1 to 1,099,511,627,776 bytes.
   */
  readonly maxHistoryBytes?: number | undefined;
  /**
   * The engine that joins this server with others: topics, histories and presence are then those of all of them. Default:
   * none, each server is alone. The server starts and stops it, and never closes the client object inside it.
   */
  readonly cluster?: Engine | undefined;
  /** Whether `ready()` is `false` while the engine is down. Needs `cluster`. Default `false`. */
  readonly requireEngine?: boolean | undefined;
  /**
   * Decides whether a client of `hawser.v1` may subscribe to a topic. Default: none, every subscription is refused. Asked
   * anew for each subscription.
   */
  readonly authorizeSubscribe?: AuthorizeSubscribe<UserData> | undefined;
  /** Decides whether a client of `hawser.v1` may publish to a topic. Default: none, every publish is refused. */
  readonly authorizePublish?: AuthorizePublish<UserData> | undefined;
  /**
   * Counts messages by kind and size, and measures a sample of the handlers, for `server.metrics()`; costs about 40 ns an echo.
   * The counters of `server.stats()` are always on. `true` means an object with all defaults. Default `false`; `true` if
   * `endpoints.metrics` or `admin` shows them.
   */
  readonly metrics?: boolean | MetricsOptions | undefined;
  /**
   * Load control: the server measures how close it is to its capacity, and degrades step by step before it fails: it delays and
   * refuses handshakes, saves work per connection, closes connections of low priority, and returns to full service by itself.
   * `true` means an object with all defaults. Costs about 0.2 % of a core. Default `false`.
   */
  readonly loadControl?: boolean | LoadControlOptions | undefined;
  /**
   * Name of this server in its metrics, as the label `server`, and on pages that show several servers; 1 to 256 characters.
   * Default: none.
   */
  readonly name?: string | undefined;
  /**
   * How the server drives sockets. `'auto'`: Node's handles directly, which costs up to a third less, if a check at
   * the first `listen` or `attach` finds that this Node supports it; otherwise streams. `'stream'`: always streams,
   * Node's public interface. Default `'auto'`. Streams that are not sockets of Node, or that other code listens to,
   * always use streams; `stats()` reports what a port of the server's own uses.
   */
  readonly transport?: 'auto' | 'stream' | undefined;
  /**
   * Number of connections that the system queues until the server accepts them. Default 511; 1 to 65,535. The default
   * is Node's.
   */
  readonly backlog?: number | undefined;
  /**
   * Runs `selfCheck()` every 5 minutes while there are connections. What it repairs is logged at `warn`. Default `false`: it takes time
   * proportional to connections and subscriptions.
   */
  readonly debugChecks?: boolean | undefined;
}

/** Options without a default value: `undefined` if not given. */
type Unfilled =
  | 'path'
  | 'tls'
  | 'upgrade'
  | 'request'
  | 'requestHead'
  | 'name'
  | 'logger'
  | 'cluster'
  | 'authorizeSubscribe'
  | 'authorizePublish';
type Filled<UserData> = Omit<
  ServerOptions<UserData>,
  | Unfilled
  | 'rateLimit'
  | 'violationLimit'
  | 'perMessageDeflate'
  | 'metrics'
  | 'loadControl'
  | 'endpoints'
  | 'admin'
  | 'history'
  | 'presence'
>;

/** {@link ServerOptions} after checking, with every default filled in. Frozen, lists included. */
export type ResolvedServerOptions<UserData = unknown> = {
  readonly [Name in keyof Filled<UserData>]-?: Exclude<Filled<UserData>[Name], undefined>;
} & {
  readonly [Name in Unfilled]: ServerOptions<UserData>[Name] | undefined;
} & {
  readonly rateLimit: false | RateLimit;
  readonly violationLimit: false | ViolationLimit;
  readonly perMessageDeflate: false | DeflateSettings;
  readonly metrics: false | MetricsSettings;
  readonly loadControl: false | LoadControlSettings;
  readonly endpoints: EndpointSettings;
  readonly admin: false | AdminSettings;
  readonly history: readonly HistorySettings[];
  readonly presence: readonly PresenceSettings[];
};
