import type {
  ConnectionOptions,
  PerMessageDeflateOptions,
  PlatformOptions,
  RateLimitOptions,
} from './connection-options.ts';
import { between, bytes, type CommonRule, count, ms, object, oneOf, orFalse, plain } from './option-rules.ts';

const MAX_BYTES = 2 ** 31 - 1;
/** The maximum length of a V8 string. Text of this many bytes always fits. */
const MAX_TEXT_BYTES = 2 ** 29 - 24;

/**
 * Every option of a single connection, on either side. Checks, documentation and command line flags are generated
 * from this table. A missing or surplus row does not compile.
 */
export const CONNECTION_OPTION_TABLE = Object.freeze({
  maxMessageBytes: bytes(MAX_TEXT_BYTES, 'maximum size of a message'),
  maxFrameBytes: bytes(MAX_TEXT_BYTES, 'maximum size of a frame; unless given, the maximum message size'),
  maxFragments: count(16_777_216, 'maximum frames in one message'),
  maxPendingPongs: count(65_536, 'maximum pongs queued for a blocked socket'),
  messageTimeoutMs: ms('time limit from the first byte of a message to its last'),
  heartbeat: plain('boolean', 'ping every connection'),
  pingIntervalMs: ms('time between two pings'),
  pongTimeoutMs: ms('time after which a ping counts as unanswered'),
  maxMissedPongs: count(100, 'unanswered pings in a row after which the connection ends'),
  idleTimeoutMs: orFalse(ms('time without received bytes after which the connection ends')),
  writeTimeoutMs: ms('time without write progress after which the connection ends'),
  closeTimeoutMs: ms('time limit of the closing handshake'),
  expiryWarningMs: ms('time from the warning to the expiry of credentials, or to the end of maxLifetimeMs'),
  maxLifetimeMs: orFalse(ms('time after which a connection ends, ± 10 % at random')),
  rateLimit: plain('rate', 'how fast a peer may send'),
  highWaterMarkBytes: bytes(MAX_BYTES, 'buffered bytes from which a sender should wait'),
  maxBufferedBytes: bytes(MAX_BYTES, 'buffered bytes from which onOverflow applies'),
  onOverflow: oneOf(
    ['close', 'drop-newest', 'drop-oldest', 'conflate'],
    'what happens when a peer reads too slowly',
  ),
  memoryBudget: plain('budget', 'memory that all connections together may use'),
  textAs: oneOf(['string', 'buffer'], 'how text arrives'),
  retainFreedMemory: plain('boolean', 'keep memory that large messages have freed (glibc)'),
  receiveAheadBytes: bytes(MAX_BYTES, 'bytes read ahead of the application'),
  maxConcurrentMessages: count(1_000_000, 'messages of one connection handled concurrently'),
  perMessageDeflate: plain('deflate', 'compress messages (permessage-deflate)'),
} satisfies Readonly<Record<keyof ConnectionOptions, CommonRule>>);

/** Options that replace the platform: log, time and randomness. */
export const PLATFORM_OPTION_TABLE = Object.freeze({
  logger: object(['debug', 'info', 'warn', 'error'], 'receives log lines'),
  clock: object(['now', 'wallNow', 'setTimer', 'clearTimer'], 'source of time'),
  random: object(['bytes', 'fraction', 'uuid'], 'source of random values'),
} satisfies Readonly<Record<keyof PlatformOptions, CommonRule>>);

/** The options inside `perMessageDeflate`. */
export const DEFLATE_TABLE = Object.freeze({
  contextTakeover: plain('boolean', 'messages may refer to earlier messages'),
  thresholdBytes: between('bytes', 0, MAX_BYTES, 'minimum size of a message to compress'),
  level: between('count', 1, 9, 'compression level of zlib'),
  memLevel: between('count', 1, 9, 'zlib memory in addition to the window'),
  serverMaxWindowBits: between('bits', 9, 15, 'maximum window for data from the server'),
  clientMaxWindowBits: between('bits', 9, 15, 'maximum window for data from the client'),
  asyncThresholdBytes: bytes(MAX_BYTES, 'size from which zlib runs on its thread pool'),
} satisfies Readonly<Record<keyof PerMessageDeflateOptions, CommonRule>>);

const MAX_RATE = 1_000_000_000;
/** The options inside `rateLimit`. */
export const RATE_LIMIT_TABLE = Object.freeze({
  messagesPerSecond: count(MAX_RATE, 'messages and control frames per second'),
  burstMessages: count(2 * MAX_RATE, 'messages that may arrive at once'),
  bytesPerSecond: bytes(MAX_RATE, 'bytes per second'),
  burstBytes: bytes(2 * MAX_RATE, 'bytes that may arrive at once'),
  action: oneOf(['close', 'throttle'], 'what happens when a peer sends too fast'),
  closeCode: Object.freeze({ ...count(4999, 'close code for a peer that sends too fast'), min: 1000 }),
} satisfies Readonly<Record<keyof RateLimitOptions, CommonRule>>);
