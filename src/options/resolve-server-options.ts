import { defaultEngine, type Engine } from '../engine/engine.ts';
import { ADMIN_TABLE, resolveAdmin } from './admin-options.ts';
import { DEFAULT_ENDPOINTS, resolveEndpoints } from './endpoint-options.ts';
import {
  completeOptions,
  DEFAULT_CONNECTION_OPTIONS,
  DEFAULT_PLATFORM_OPTIONS,
  engineDefaults,
  resolveDeflate,
} from './resolve-options.ts';
import { resolveLoadControl } from './load-control-options.ts';
import { DEFAULT_METRICS, resolveMetrics } from './metrics-options.ts';
import { SERVER_FOREIGN_NAMES } from './foreign-names.ts';
import { resolveRateLimit } from './rate-limit-options.ts';
import { checkedRecord, refuseOption } from './option-check.ts';
import { checkedServerOption } from './server-option-check.ts';
import { SERVER_OPTION_TABLE } from './server-option-table.ts';
import { resolveViolationLimit } from './violation-options.ts';
import type { ResolvedServerOptions, ServerOptions } from './server-options.ts';

export { SERVER_OPTION_TABLE } from './server-option-table.ts';
export type { ResolvedServerOptions, ServerOptions } from './server-options.ts';

/** What a server does when it is told nothing. Units, ranges and reasons are at {@link ServerOptions}. */
export const DEFAULT_SERVER_OPTIONS: ResolvedServerOptions<never> = Object.freeze({
  path: undefined,
  protocols: Object.freeze([]),
  allowedOrigins: 'same-origin',
  requireOrigin: false,
  allowedHosts: false,
  trustProxy: false,
  proxyProtocol: false,
  tls: undefined,
  upgrade: undefined,
  request: undefined,
  requestHead: undefined,
  endpoints: DEFAULT_ENDPOINTS,
  admin: false,
  upgradeTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  maxHeadBytes: 16_384,
  maxRequestBodyBytes: 65_536,
  maxHeaderFields: 100,
  maxPendingHandshakes: 1_000,
  maxPendingHandshakesPerIp: false,
  ...DEFAULT_CONNECTION_OPTIONS,
  maxConnections: 10_000,
  softLimitRatio: 0.8,
  softLimitReleaseRatio: 0.7,
  maxConnectionsPerIp: false,
  maxNewConnectionsPerMinute: false,
  maxNewConnectionsPerMinutePerIp: false,
  violationLimit: false,
  exemptAddresses: Object.freeze([]),
  ipv6PrefixBits: 64,
  retryAfterSeconds: 5,
  maxTopicsPerConnection: 128,
  maxTopics: 100_000,
  history: Object.freeze([]),
  presence: Object.freeze([]),
  maxHistoryBytes: 67_108_864,
  cluster: undefined,
  requireEngine: false,
  authorizeSubscribe: undefined,
  authorizePublish: undefined,
  metrics: false,
  loadControl: false,
  name: undefined,
  transport: 'auto',
  backlog: 511,
  debugChecks: false,
  ...DEFAULT_PLATFORM_OPTIONS,
});

/**
 * Checks options and fills in the defaults. The caller's object is read once and not kept.
 * @throws MisuseError `ERR_OPTION` for an unknown name, a value of the wrong type or out of range, or two that contradict
 *   each other; it names option, value and what is allowed.
 */
export function resolveServerOptions<UserData = unknown>(
  options: ServerOptions<UserData> = {},
  engine = defaultEngine,
): ResolvedServerOptions<UserData> {
  return completeServerOptions(givenServerOptions(options), engine);
}

/** The options that were given, each checked by itself. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/**
 * Checks each option by itself.
 * @returns Those that are not `undefined`.
 * @throws MisuseError `ERR_OPTION` for an unknown name, and a value of the wrong type or out of range.
 */
export function givenServerOptions(options: unknown): GivenOptions {
  return checkedRecord(
    'options',
    options,
    SERVER_OPTION_TABLE,
    (name, rule, value) => {
      if (rule.kind === 'rate') return resolveRateLimit(name, value, 'server');
      if (rule.kind === 'violations') return resolveViolationLimit(name, value);
      if (rule.kind === 'metrics') return resolveMetrics(name, value);
      if (rule.kind === 'loadControl') return resolveLoadControl(name, value);
      if (rule.kind === 'endpoints') return resolveEndpoints(name, value);
      if (rule.kind === 'admin') return resolveAdmin(name, value, ADMIN_TABLE, checkedServerOption);
      return rule.kind === 'deflate' ? resolveDeflate(name, value) : checkedServerOption(name, rule, value);
    },
    SERVER_FOREIGN_NAMES,
  );
}

/**
 * Fills in the defaults.
 * @param given Checked by {@link givenServerOptions}.
 * @throws MisuseError `ERR_OPTION` for two options that contradict each other.
 */
export function completeServerOptions<UserData>(
  given: GivenOptions,
  engine: Engine,
): ResolvedServerOptions<UserData> {
  const filled: ResolvedServerOptions<UserData> = {
    ...(DEFAULT_SERVER_OPTIONS as ResolvedServerOptions<UserData>),
    ...engineDefaults(engine),
    ...given,
  };
  // Who reads metrics wants all of them.
  const isRead = filled.endpoints.metrics !== false || filled.admin !== false;
  const metrics = given['metrics'] === undefined && isRead ? DEFAULT_METRICS : filled.metrics;
  if (filled.requestHead !== undefined && filled.request === undefined)
    refuseOption('requestHead', filled.requestHead, 'left out without the option request');
  checkEngine(filled);
  const softLimitReleaseRatio = softLimitRelease(given['softLimitReleaseRatio'] !== undefined, filled);
  return completeOptions(given, { ...filled, metrics, softLimitReleaseRatio });
}

/**
 * @returns The option `softLimitReleaseRatio`.
 * @throws MisuseError `ERR_OPTION` for a soft limit that would end above its begin.
 */
function softLimitRelease(
  isGiven: boolean,
  {
    softLimitRatio: limit,
    softLimitReleaseRatio: release,
  }: Pick<ResolvedServerOptions<never>, 'softLimitRatio' | 'softLimitReleaseRatio'>,
): number {
  if (limit === false || release <= limit) return release;
  return isGiven
    ? refuseOption('softLimitReleaseRatio', release, `at most softLimitRatio, which is ${limit}`)
    : limit;
}

/** @throws MisuseError `ERR_OPTION` for an engine that cannot do what other options need. */
function checkEngine({
  cluster,
  history,
  presence,
  requireEngine,
}: Pick<ResolvedServerOptions<never>, 'cluster' | 'history' | 'presence' | 'requireEngine'>): void {
  if (cluster === undefined) {
    if (requireEngine) refuseOption('requireEngine', true, 'false without the option cluster');
    return;
  }
  const { name, capabilities } = cluster as { name?: unknown; capabilities?: unknown };
  if (typeof name !== 'string' || typeof capabilities !== 'object' || capabilities === null)
    refuseOption('cluster', cluster, 'an engine with name and capabilities');
  if (history.length > 0 && !cluster.capabilities.history)
    refuseOption(
      'history',
      history,
      `left out with the engine ${name}, which stores no messages; redisEngine does`,
    );
  if (presence.length > 0 && !cluster.capabilities.presence)
    refuseOption(
      'presence',
      presence,
      `left out with the engine ${name}, which knows no members; redisEngine does`,
    );
}
