import type {
  ConnectionOptions,
  PerMessageDeflateOptions,
  PlatformOptions,
  RateLimitOptions,
} from './connection-options.ts';
import {
  bytes,
  type CommonRule,
  count,
  ms,
  number,
  type NumberRule,
  object,
  oneOf,
  orFalse,
  plain,
} from './option-rules.ts';

const MAX_BYTES = 2 ** 31 - 1;
/** The longest string V8 can make: text of so many bytes always fits into one. */
const MAX_TEXT_BYTES = 2 ** 29 - 24;

/**
 * Every option of a single connection, on either side. Checks, documentation and the flags of the command line are made
 * from this table; a row that is missing or too many does not compile.
 */
export const CONNECTION_OPTION_TABLE = Object.freeze({
  maxMessageBytes: bytes(MAX_TEXT_BYTES, 'largest message'),
  maxFrameBytes: bytes(MAX_TEXT_BYTES, 'largest frame; as large as a message unless given'),
  maxFragments: count(16_777_216, 'most frames in one message'),
  maxPendingPongs: count(65_536, 'most pongs that wait for a blocked socket'),
  messageTimeoutMs: ms('time from the first byte of a message to its last'),
  heartbeat: plain('boolean', 'ping every connection'),
  pingIntervalMs: ms('time between two pings'),
  pongTimeoutMs: ms('time a ping may go unanswered'),
  maxMissedPongs: count(100, 'unanswered pings in a row that end a connection'),
  idleTimeoutMs: orFalse(ms('time without a byte received that ends a connection')),
  writeTimeoutMs: ms('time without a byte taken by the peer that ends a connection'),
  closeTimeoutMs: ms('time the closing handshake has'),
  expiryWarningMs: ms('time between the warning and the end of credentials'),
  rateLimit: plain('rate', 'how fast one connection may send'),
  highWaterMarkBytes: bytes(MAX_BYTES, 'waiting bytes from which on a sender should wait'),
  maxBufferedBytes: bytes(MAX_BYTES, 'waiting bytes from which on onOverflow applies'),
  onOverflow: oneOf(['close', 'drop-newest', 'drop-oldest'], 'what happens to a peer that reads too slowly'),
  memoryBudget: plain('budget', 'memory that all connections may hold together'),
  receiveAheadBytes: bytes(MAX_BYTES, 'bytes read ahead while messages are not taken'),
  maxConcurrentMessages: count(1_000_000, 'messages of one connection handled at a time'),
  perMessageDeflate: plain('deflate', 'compress messages (permessage-deflate)'),
} satisfies Readonly<Record<keyof ConnectionOptions, CommonRule>>);

/** Where a server or a client gets what it does not have of itself. */
export const PLATFORM_OPTION_TABLE = Object.freeze({
  logger: object(['debug', 'info', 'warn', 'error'], 'where log lines go'),
  clock: object(['now', 'wallNow', 'setTimer', 'clearTimer'], 'where time comes from'),
  random: object(['bytes', 'fraction', 'uuid'], 'where chance comes from'),
} satisfies Readonly<Record<keyof PlatformOptions, CommonRule>>);

const between = (kind: NumberRule['kind'], min: number, max: number, says: string): NumberRule =>
  Object.freeze({ ...number(kind, max, says), min });
/** The options inside `perMessageDeflate`. */
export const DEFLATE_TABLE = Object.freeze({
  contextTakeover: plain('boolean', 'messages may refer to the ones before them'),
  thresholdBytes: between('bytes', 0, MAX_BYTES, 'smallest message that is compressed'),
  level: between('count', 1, 9, 'how hard zlib tries'),
  memLevel: between('count', 1, 9, 'memory of zlib beside the window'),
  serverMaxWindowBits: between('bits', 9, 15, 'largest window of what the server sends'),
  clientMaxWindowBits: between('bits', 9, 15, 'largest window of what the client sends'),
  asyncThresholdBytes: bytes(MAX_BYTES, 'size from which on zlib leaves the event loop'),
} satisfies Readonly<Record<keyof PerMessageDeflateOptions, CommonRule>>);

const MAX_RATE = 1_000_000_000;
/** The options inside `rateLimit`. */
export const RATE_LIMIT_TABLE = Object.freeze({
  messagesPerSecond: count(MAX_RATE, 'messages and control frames a second'),
  burstMessages: count(2 * MAX_RATE, 'messages that may come at once'),
  bytesPerSecond: bytes(MAX_RATE, 'bytes a second'),
  burstBytes: bytes(2 * MAX_RATE, 'bytes that may come at once'),
  action: oneOf(['close', 'throttle'], 'what happens to a peer that is too fast'),
  closeCode: Object.freeze({ ...count(4999, 'sent when a peer is closed for its rate'), min: 1000 }),
} satisfies Readonly<Record<keyof RateLimitOptions, CommonRule>>);
