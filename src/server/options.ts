import type { RateLimitOptions } from '../connection/connection-options.ts';
import { sharedMemoryBudget } from '../connection/memory-budget.ts';
import type { RateLimit } from '../connection/rate-guard.ts';
import { isSendableCode } from '../protocol/close.ts';
import { MisuseError } from '../protocol/errors.ts';
import { systemClock } from '../transport/clock.ts';
import { systemRandom } from '../transport/random.ts';
import { checkedOption, nearestName, refuseOption, shown } from './option-check.ts';
import { RATE_LIMIT_TABLE, SERVER_OPTION_TABLE, type OptionRule } from './option-table.ts';
import type { ResolvedServerOptions, ServerOptions } from './option-types.ts';

export { SERVER_OPTION_TABLE } from './option-table.ts';
export type { ResolvedServerOptions, ServerOptions } from './option-types.ts';

/** What a server does when it is told nothing. Units, ranges and reasons are at {@link ServerOptions}. */
export const DEFAULT_SERVER_OPTIONS: ResolvedServerOptions<never> = Object.freeze({
  path: undefined,
  protocols: Object.freeze([]),
  allowedOrigins: 'same-origin',
  requireOrigin: false,
  allowedHosts: false,
  trustProxy: false,
  tls: undefined,
  upgrade: undefined,
  request: undefined,
  upgradeTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  maxHeadBytes: 16_384,
  maxHeaderFields: 100,
  maxPendingHandshakes: 1_000,
  maxMessageBytes: 1_048_576,
  maxFrameBytes: 1_048_576,
  maxFragments: 16_384,
  maxPendingPongs: 16,
  messageTimeoutMs: 30_000,
  heartbeat: true,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 10_000,
  maxMissedPongs: 2,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 10_000,
  closeTimeoutMs: 5_000,
  expiryWarningMs: 30_000,
  maxConnections: 10_000,
  maxConnectionsPerIp: false,
  maxNewConnectionsPerMinute: false,
  maxNewConnectionsPerMinutePerIp: false,
  exemptAddresses: Object.freeze([]),
  ipv6PrefixBits: 64,
  retryAfterSeconds: 5,
  rateLimit: false,
  highWaterMarkBytes: 262_144,
  maxBufferedBytes: 1_048_576,
  onOverflow: 'close',
  memoryBudget: sharedMemoryBudget,
  receiveAheadBytes: 65_536,
  maxConcurrentMessages: 1,
  maxTopicsPerConnection: 128,
  maxTopics: 100_000,
  backlog: 511,
  logger: undefined,
  clock: systemClock,
  random: systemRandom,
});

/**
 * Checks options and fills in the defaults. The caller's object is read once and not kept.
 * @throws MisuseError `ERR_OPTION` for an unknown name, a value of the wrong type or out of range, or two that contradict
 *   each other; it names option, value and what is allowed.
 */
export function resolveServerOptions<UserData = unknown>(
  options: ServerOptions<UserData> = {},
): ResolvedServerOptions<UserData> {
  const given = checkedRecord('options', options, SERVER_OPTION_TABLE, (name, rule, value) =>
    rule.kind === 'rate' ? resolveRateLimit(name, value) : checkedOption(name, rule, value),
  );
  const resolved = { ...DEFAULT_SERVER_OPTIONS, ...given } as ResolvedServerOptions<UserData>;
  // a frame can be as large as a message, unless it is said that it cannot
  const maxFrameBytes =
    given['maxFrameBytes'] === undefined ? resolved.maxMessageBytes : resolved.maxFrameBytes;
  const complete = Object.freeze({ ...resolved, maxFrameBytes });
  refuseContradictions(complete);
  return complete;
}

/** Reads the own properties of an options object; those that are `undefined` are left out. */
function checkedRecord<Rule extends OptionRule>(
  what: string,
  options: unknown,
  table: Readonly<Record<string, Rule>>,
  check: (name: string, rule: Rule, value: unknown) => unknown,
): Record<string, unknown> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuseOption(what, options, 'an object');
  }
  const prefix = what === 'options' ? '' : `${what}.`;
  const given: Record<string, unknown> = Object.create(null);
  for (const entry of Object.entries(options)) {
    const [name, value]: [string, unknown] = entry;
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    if (rule === undefined) {
      const nearest = nearestName(name, Object.keys(table));
      throw new MisuseError(
        'ERR_OPTION',
        `there is no option ${prefix}${shown(name).slice(1, -1)} (given as ${shown(value)}); the nearest is ${prefix}${nearest}`,
      );
    }
    if (value !== undefined) given[name] = check(prefix + name, rule, value);
  }
  return given;
}

function resolveRateLimit(name: string, value: unknown): false | RateLimit {
  if (value === false) return value;
  if (typeof value !== 'object' || value === null) {
    refuseOption(name, value, 'false, or an object with messagesPerSecond, bytesPerSecond or both');
  }
  const given = checkedRecord(name, value, RATE_LIMIT_TABLE, checkedOption) as RateLimitOptions;
  const { messagesPerSecond, bytesPerSecond, action = 'close', closeCode = 1008 } = given;
  if (messagesPerSecond === undefined && bytesPerSecond === undefined) {
    refuseOption(name, value, 'false, or an object with messagesPerSecond, bytesPerSecond or both');
  }
  if (!isSendableCode(closeCode, 'server')) {
    refuseOption(
      `${name}.closeCode`,
      closeCode,
      'a code that a server may send: 1000 to 1003, 1007 to 1009, 1011 to 1014 or 3000 to 4999',
    );
  }
  return Object.freeze({
    messagesPerSecond,
    burstMessages: resolveBurst(
      name,
      'burstMessages',
      given.burstMessages,
      'messagesPerSecond',
      messagesPerSecond,
    ),
    bytesPerSecond,
    burstBytes: resolveBurst(name, 'burstBytes', given.burstBytes, 'bytesPerSecond', bytesPerSecond),
    action,
    closeCode,
  });
}

/** Without a rate a burst would fill no bucket; that is a slip, and not to be passed over. */
function resolveBurst(
  name: string,
  burstName: string,
  burst: number | undefined,
  rateName: string,
  rate: number | undefined,
): number | undefined {
  if (rate !== undefined) return burst ?? 2 * rate;
  return burst === undefined
    ? undefined
    : refuseOption(`${name}.${burstName}`, burst, `left out without ${rateName}`);
}

function refuseContradictions<UserData>(options: ResolvedServerOptions<UserData>): void {
  const { maxFrameBytes, maxMessageBytes, highWaterMarkBytes, maxBufferedBytes } = options;
  const { pongTimeoutMs, pingIntervalMs, idleTimeoutMs, heartbeat } = options;
  if (pongTimeoutMs >= pingIntervalMs) {
    refuseOption('pongTimeoutMs', pongTimeoutMs, `below pingIntervalMs, which is ${pingIntervalMs}`);
  }
  if (heartbeat && idleTimeoutMs !== false && idleTimeoutMs <= pingIntervalMs) {
    refuseOption(
      'idleTimeoutMs',
      idleTimeoutMs,
      `above pingIntervalMs, which is ${pingIntervalMs}, while the heartbeat is on, or false`,
    );
  }
  if (maxFrameBytes > maxMessageBytes) {
    refuseOption('maxFrameBytes', maxFrameBytes, `at most maxMessageBytes, which is ${maxMessageBytes}`);
  }
  if (highWaterMarkBytes > maxBufferedBytes) {
    refuseOption(
      'highWaterMarkBytes',
      highWaterMarkBytes,
      `at most maxBufferedBytes, which is ${maxBufferedBytes}`,
    );
  }
}
