import type { ServerOptionName } from './server-option-table.ts';
import type { ServerOptions } from './server-options.ts';

/** What to do where nothing else helps. */
export const OTHER_SERVER = 'start a second server with the new value, and shut this one down';
const HOOK = 'give the server one function, and let it read what changes';

/**
 * Whether `server.configure` can change an option while the server runs: `true`, or what to do instead. A missing row does not
 * compile.
 */
export const RUN_TIME_TABLE = Object.freeze({
  path: OTHER_SERVER,
  protocols: OTHER_SERVER,
  allowedOrigins: true,
  requireOrigin: true,
  allowedHosts: true,
  trustProxy: true,
  proxyProtocol: OTHER_SERVER,
  tls: 'call server.reloadTls, or let tls: { certFile, keyFile, watch: true } follow the files',
  upgrade: HOOK,
  request: HOOK,
  requestHead: HOOK,
  endpoints: OTHER_SERVER,
  admin: OTHER_SERVER,
  upgradeTimeoutMs: true,
  handshakeTimeoutMs: true,
  maxHeadBytes: true,
  maxRequestBodyBytes: true,
  maxHeaderFields: true,
  maxPendingHandshakes: true,
  maxPendingHandshakesPerIp: true,
  maxMessageBytes: true,
  maxFrameBytes: true,
  maxFragments: true,
  maxPendingPongs: true,
  messageTimeoutMs: true,
  heartbeat: true,
  pingIntervalMs: true,
  pongTimeoutMs: true,
  maxMissedPongs: true,
  idleTimeoutMs: true,
  writeTimeoutMs: true,
  closeTimeoutMs: true,
  maxLifetimeMs: true,
  expiryWarningMs: true,
  rateLimit: true,
  violationLimit: true,
  highWaterMarkBytes: true,
  maxBufferedBytes: true,
  onOverflow: true,
  memoryBudget: OTHER_SERVER,
  textAs: OTHER_SERVER,
  retainFreedMemory: OTHER_SERVER,
  receiveAheadBytes: true,
  maxConcurrentMessages: true,
  perMessageDeflate: OTHER_SERVER,
  maxConnections: true,
  maxConnectionsPerIp: true,
  softLimitRatio: true,
  softLimitReleaseRatio: true,
  maxNewConnectionsPerMinute: true,
  maxNewConnectionsPerMinutePerIp: true,
  exemptAddresses: true,
  ipv6PrefixBits: OTHER_SERVER,
  retryAfterSeconds: true,
  maxTopicsPerConnection: true,
  maxTopics: true,
  history: OTHER_SERVER,
  presence: OTHER_SERVER,
  maxHistoryBytes: OTHER_SERVER,
  cluster: OTHER_SERVER,
  requireEngine: true,
  authorizeSubscribe: HOOK,
  authorizePublish: HOOK,
  loadControl: true,
  metrics: OTHER_SERVER,
  name: OTHER_SERVER,
  transport: OTHER_SERVER,
  backlog: OTHER_SERVER,
  debugChecks: 'call server.selfCheck when you want to know',
  logger: 'change the level inside the logger',
  clock: OTHER_SERVER,
  random: OTHER_SERVER,
} as const satisfies Readonly<Record<ServerOptionName, true | string>>);

/** Names of the options that `server.configure` can change. */
export type RunTimeOptionName = {
  [Name in ServerOptionName]: (typeof RUN_TIME_TABLE)[Name] extends true ? Name : never;
}[ServerOptionName];

/**
 * The options that `server.configure` can change while the server runs. A missing option stays as it is; `undefined` means the
 * default, as in the constructor.
 */
export type RunTimeOptions = Partial<Pick<ServerOptions, RunTimeOptionName>>;

/** An option that has changed. */
export interface OptionChange {
  readonly name: RunTimeOptionName;
  readonly from: unknown;
  readonly to: unknown;
}
