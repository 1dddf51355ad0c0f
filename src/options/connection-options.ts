import type { Clock } from '../engine/clock.ts';
import type { Logger } from '../engine/logger.ts';
import type { RandomSource } from '../engine/random.ts';
import type { MemoryBudget } from '../engine/memory-budget.ts';

/** Rate limits of one connection (RL-01). Give at least one of the two rates; a rate that is not given is not limited. */
export interface RateLimitOptions {
  /** Messages and control frames. No default; 1 to 1,000,000,000. For chat-like use: 100. */
  readonly messagesPerSecond?: number | undefined;
  /** Burst: messages that may arrive at once. Default 2 × `messagesPerSecond`; 1 to 2,000,000,000. */
  readonly burstMessages?: number | undefined;
  /** Bytes on the wire per second. No default; 1 to 1,000,000,000. For chat-like use: 1 MiB. */
  readonly bytesPerSecond?: number | undefined;
  /** Burst: bytes that may arrive at once. Default 2 × `bytesPerSecond`; 1 to 2,000,000,000. */
  readonly burstBytes?: number | undefined;
  /**
   * `close` closes a connection that exceeds a rate; `throttle` stops reading from it until the rate allows more.
   * Default `'close'`.
   */
  readonly action?: 'close' | 'throttle' | undefined;
  /** Close code for `action: 'close'`. Default 1008 (§7.4.1); any code that a server may send. */
  readonly closeCode?: number | undefined;
}

/** Options of permessage-deflate (RFC 7692). All are optional. */
export interface PerMessageDeflateOptions {
  /**
   * Whether messages may refer to earlier messages, if the peer agrees. Default `false`, which saves about 230 KB per
   * connection that has sent and received. Use `true` for small messages that resemble each other. Not with
   * `onOverflow: 'drop-oldest'`.
   */
  readonly contextTakeover?: boolean | undefined;
  /**
   * Minimum size of a message to compress, unless `compress` decides. Default 1,024; 0 to 2,147,483,647 bytes.
   * Compressing smaller messages gains little.
   */
  readonly thresholdBytes?: number | undefined;
  /** Compression level of zlib. Default 3; 1 to 9. Level 6 takes twice the time and saves 8 % more. */
  readonly level?: number | undefined;
  /** Memory level of zlib: 2^(`memLevel` + 9) bytes per context. Default 8; 1 to 9. */
  readonly memLevel?: number | undefined;
  /**
   * Maximum window for messages of the server: 2^n bytes. Default 15; 9 to 15 bits. A smaller window saves memory on
   * both sides.
   */
  readonly serverMaxWindowBits?: number | undefined;
  /** Maximum window for messages of the client: 2^n bytes. Default 15; 9 to 15 bits. */
  readonly clientMaxWindowBits?: number | undefined;
  /**
   * Larger messages are compressed and inflated on zlib's thread pool, at most 4 at a time; messages after them wait.
   * Default 131,072; 1 to 2,147,483,647 bytes: one or two milliseconds on the event loop.
   */
  readonly asyncThresholdBytes?: number | undefined;
}

/**
 * Limits and timeouts of one connection. Memory limits are finite and cannot be switched off; policies can, with
 * `false`. A missing option, or `undefined`, means the default.
 */
export interface ConnectionOptions {
  /**
   * Maximum size of a message after reassembly; above it the connection closes with 1009. Default 1,048,576; 1 to
   * 536,870,888 bytes, the longest possible string. Ample for text; a thousand peers with such messages still fit
   * into memory.
   */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Maximum payload of one frame; above it the connection closes with 1009 as soon as the header has arrived. Default
   * 1,048,576; 1 to 536,870,888 bytes. If only `maxMessageBytes` is given, this has the same value. It cannot be
   * larger than `maxMessageBytes`.
   */
  readonly maxFrameBytes?: number | undefined;
  /**
   * Maximum number of frames in one message, empty frames included; above it the connection closes with 1008. Default
   * 16,384; 1 to 16,777,216. Empty fragments count no bytes, so no other limit would stop them.
   */
  readonly maxFragments?: number | undefined;
  /**
   * Maximum number of pending pongs while the socket is blocked; above it only the newest ping is answered (§5.5.3).
   * Default 16; 1 to 65,536. Each holds up to 125 bytes.
   */
  readonly maxPendingPongs?: number | undefined;
  /**
   * Time from the first byte of a message or frame to its last; then the connection closes with 1008. Default 30,000;
   * 1 to 2,147,483,647 ms. An unfinished message holds memory. Time without reading does not count.
   */
  readonly messageTimeoutMs?: number | undefined;
  /** Whether to ping connections. Default `true`: only a ping detects a peer that disappeared without closing. */
  readonly heartbeat?: boolean | undefined;
  /**
   * Interval between pings. Default 30,000; 1 to 2,147,483,647 ms. 30 to 60 s keeps proxies from closing idle
   * connections; less than 10 s wastes traffic. Must be above `pongTimeoutMs`.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * Time without any received byte after which a ping counts as unanswered. Default 10,000; 1 to 2,147,483,647 ms.
   * Slow mobile links need seconds.
   */
  readonly pongTimeoutMs?: number | undefined;
  /**
   * Number of unanswered pings in a row after which the peer counts as dead. Default 2; 1 to 100. A single loss can
   * be an accident.
   */
  readonly maxMissedPongs?: number | undefined;
  /**
   * Time without any received byte after which the connection closes with 1001. Default 60,000; 1 to 2,147,483,647
   * ms, or `false`. Must be above `pingIntervalMs` while the heartbeat is on; otherwise healthy peers would be closed
   * before their first ping.
   */
  readonly idleTimeoutMs?: number | false | undefined;
  /**
   * Time that the peer may accept no byte while output is pending; then the socket is destroyed. Default 10,000; 1 to
   * 2,147,483,647 ms. A peer that stops reading holds memory.
   */
  readonly writeTimeoutMs?: number | undefined;
  /** Time limit of the closing handshake. Default 5,000; 1 to 2,147,483,647 ms. Ample for a round trip. */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * How long before `expiresAt`, and before the end of `maxLifetimeMs`, the `expiring` event is emitted. Default 30,000; 1 to
   * 2,147,483,647 ms. Time for a refresh.
   */
  readonly expiryWarningMs?: number | undefined;
  /**
   * Time after which a connection closes with 1001, cause `lifetime`, so that clients spread over servers again. Default `false`;
   * 1 to 2,147,483,647 ms, or `false`. Each connection gets a random time up to 10 % below or above it: connections
   * that opened together do not reconnect together.
   */
  readonly maxLifetimeMs?: number | false | undefined;
  /** How fast a peer may send; see {@link RateLimitOptions}. Default `false`: the right rate depends on the application. */
  readonly rateLimit?: false | RateLimitOptions | undefined;
  /**
   * High-water mark: `send` returns `false` from this many buffered bytes on, until half of them are written. Default
   * 262,144; 1 to 2,147,483,647 bytes. At most this many bytes are given to the socket at a time. Not above
   * `maxBufferedBytes`.
   */
  readonly highWaterMarkBytes?: number | undefined;
  /**
   * `onOverflow` applies to a message that is sent while `bufferedBytes` is at or above this limit, so at most this
   * and one message are queued. Each queue entry counts 128 bytes besides its own; small messages share entries.
   * Default 1,048,576; 1 to 2,147,483,647 bytes. This bounds a slow consumer; a short stall has no effect.
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * What happens at `maxBufferedBytes`: `close` with 1013, drop the new message, or drop the oldest pending messages.
   * `conflate`: while the socket accepts no bytes, a message sent with a `key` replaces the queued message with the same key,
   * in its place; at `maxBufferedBytes`, close with 1013. Default `'close'`: a reconnect is better than a silent gap.
   */
  readonly onOverflow?: 'close' | 'drop-newest' | 'drop-oldest' | 'conflate' | undefined;
  /**
   * Memory limit for all connections together: pending output, and unfinished and undelivered messages. Above it, the
   * connection that holds most is closed with 1013. Default: one budget of 268,435,456 bytes for the process.
   */
  readonly memoryBudget?: MemoryBudget | undefined;
  /**
   * How text arrives: `'string'`, or `'buffer'` for the bytes of its UTF-8, as a `Buffer`. Default `'string'`. Listeners of
   * `message` get `isText` as their last argument, and iterators yield buffers. For relays and for text of many scripts: text is
   * checked, but neither decoded nor, if it is sent on unchanged with `{ binary: false }` while it is delivered, encoded or checked
   * again. A text below 4,096 bytes shares memory of 8,192 bytes with other texts that were delivered: its `.buffer` shows them, and it
   * keeps them in memory. Copy it (`Buffer.from(text)`) before you keep it for long or pass on `.buffer`.
   */
  readonly textAs?: 'string' | 'buffer' | undefined;
  /**
   * Keeps memory that large messages have freed in the process: with glibc up to 48 MiB, other allocators ignore it. Without it,
   * a message of 64 KiB costs several times the processor time. Default `true`. It takes effect for the whole process as soon as a
   * connection with it receives 1 KiB at once, or after 64 turns of the event loop with writes, and cannot be undone.
   */
  readonly retainFreedMemory?: boolean | undefined;
  /**
   * Bytes to read ahead while delivery is stopped; then TCP back-pressure stops the peer. Default 65,536; 1 to
   * 2,147,483,647 bytes. Pings in these bytes are still answered. After the program has left a `for await` loop, the
   * limit is `maxMessageBytes`.
   */
  readonly receiveAheadBytes?: number | undefined;
  /**
   * Maximum number of messages of one connection in listeners that returned a promise. Default 1; 1 to 1,000,000.
   * With 1, messages are handled in order.
   */
  readonly maxConcurrentMessages?: number | undefined;
  /**
   * Compresses messages to peers that support it (permessage-deflate, RFC 7692); see {@link PerMessageDeflateOptions}
   * for the meaning of `true`. Default `false`: compression costs time and memory, and its size reveals secrets that
   * share a message with text that another party chose (CRIME, BREACH).
   */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** Clock, random source and logger of a server or a client. */
export interface PlatformOptions {
  /** Receives log lines. Default: none, and no line is built. Errors that it throws are ignored. */
  readonly logger?: Logger | undefined;
  /** Default: the platform's clock. With a virtual clock, a test lets an hour pass in a millisecond. */
  readonly clock?: Clock | undefined;
  /** Default: the platform's random source. With a seeded one, ids, delays and pings of a test are known. */
  readonly random?: RandomSource | undefined;
}
