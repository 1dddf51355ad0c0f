import type { Clock } from '../engine/clock.ts';
import { defaultEngine, type Engine } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { RandomSource } from '../engine/random.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import { DEFLATE_TABLE } from './connection-option-table.ts';
import type { PerMessageDeflateOptions } from './connection-options.ts';
import { DEFLATE_FOREIGN_NAMES } from './foreign-names.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import type { ConnectionSettings } from './connection-settings.ts';

/** The defaults of a connection. Units, ranges and reasons are at `ConnectionOptions`. */
export const DEFAULT_CONNECTION_OPTIONS: ConnectionSettings = Object.freeze({
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
  maxLifetimeMs: false,
  rateLimit: false,
  highWaterMarkBytes: 262_144,
  maxBufferedBytes: 1_048_576,
  onOverflow: 'close',
  memoryBudget: defaultEngine.memoryBudget,
  textAs: 'string',
  retainFreedMemory: true,
  receiveAheadBytes: 65_536,
  maxConcurrentMessages: 1,
  perMessageDeflate: false,
});

/** Clock, random source and logger, after checking. */
export interface PlatformSettings {
  readonly logger: Logger | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
}

export const DEFAULT_PLATFORM_OPTIONS: PlatformSettings = Object.freeze({
  logger: undefined,
  clock: defaultEngine.clock,
  random: defaultEngine.random,
});

/** The defaults that an engine gives. */
export const engineDefaults = ({
  memoryBudget,
  clock,
  random,
}: Engine): Pick<Engine, 'memoryBudget' | 'clock' | 'random'> => ({ memoryBudget, clock, random });

/**
 * Fills in defaults that depend on other options.
 * @param given The options as given, each checked.
 * @param filled The same options with defaults, in a new object.
 * @returns `filled`, frozen.
 * @throws MisuseError `ERR_OPTION` for two that contradict each other.
 */
export function completeOptions<Settings extends ConnectionSettings>(
  given: Readonly<Record<string, unknown>>,
  filled: Settings,
): Settings {
  // a frame may be as large as a message unless maxFrameBytes is given
  const maxFrameBytes = given['maxFrameBytes'] === undefined ? filled.maxMessageBytes : filled.maxFrameBytes;
  const complete = Object.freeze(Object.assign(filled, { maxFrameBytes }));
  refuseContradictions(complete);
  return complete;
}

/** What `perMessageDeflate: true` means. Units, ranges and reasons are at `PerMessageDeflateOptions`. */
export const DEFAULT_DEFLATE_SETTINGS: DeflateSettings = Object.freeze({
  contextTakeover: false,
  thresholdBytes: 1_024,
  level: 3,
  memLevel: 8,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  asyncThresholdBytes: 131_072,
});

/**
 * Checks the option `perMessageDeflate` and fills in its defaults.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveDeflate(name: string, value: unknown): false | DeflateSettings {
  if (value === false) return value;
  if (value === true) return DEFAULT_DEFLATE_SETTINGS;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption(name, value, 'true, false, or an object of its options');
  const given = checkedRecord(
    name,
    value,
    DEFLATE_TABLE,
    checkedOption,
    DEFLATE_FOREIGN_NAMES,
  ) as PerMessageDeflateOptions;
  return Object.freeze({ ...DEFAULT_DEFLATE_SETTINGS, ...given } as DeflateSettings);
}

function refuseContradictions(options: ConnectionSettings): void {
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
  const { perMessageDeflate, onOverflow } = options;
  if (perMessageDeflate !== false && perMessageDeflate.contextTakeover && onOverflow === 'drop-oldest') {
    // with takeover, later messages refer to earlier ones, so dropping an earlier one breaks them
    refuseOption(
      'onOverflow',
      onOverflow,
      "'close', 'drop-newest' or 'conflate' with perMessageDeflate.contextTakeover",
    );
  }
}
