import type { Clock } from '../engine/clock.ts';
import type { Logger } from '../engine/logger.ts';
import type { RandomSource } from '../engine/random.ts';
import type { MemoryBudget } from '../engine/memory-budget.ts';

/** Per-connection rates (RL-01). At least one of the two rates has to be given; what is left out is not limited. */
export interface RateLimitOptions {
  /** Messages and control frames. No default; 1 to 1,000,000,000. For chat-like use: 100. */
  readonly messagesPerSecond?: number | undefined;
  /** How many may come at once. Default 2 × `messagesPerSecond`; 1 to 2,000,000,000. */
  readonly burstMessages?: number | undefined;
  /** Bytes as they are on the wire. No default; 1 to 1,000,000,000. For chat-like use: 1 MiB. */
  readonly bytesPerSecond?: number | undefined;
  /** How many may come at once. Default 2 × `bytesPerSecond`; 1 to 2,000,000,000. */
  readonly burstBytes?: number | undefined;
  /** `close` ends the connection of who is too fast; `throttle` stops reading until there are tokens. Default `'close'`. */
  readonly action?: 'close' | 'throttle' | undefined;
  /** Sent with `action: 'close'`. Default 1008 (§7.4.1); any code that a server may send. */
  readonly closeCode?: number | undefined;
}

/** How messages are compressed (RFC 7692). All may be left out. */
export interface PerMessageDeflateOptions {
  /**
   * Whether messages may refer to earlier messages, where the peer agrees. Default `false`: about 230 KB less for each
   * connection, once it has sent and received. `true` for small messages that resemble each other. Not together with
   * `onOverflow: 'drop-oldest'`.
   */
  readonly contextTakeover?: boolean | undefined;
  /**
   * Smaller messages go as they are, unless `compress` says otherwise. Default 1,024; 0 to 2,147,483,647 bytes. Below it
   * little is gained.
   */
  readonly thresholdBytes?: number | undefined;
  /** How hard zlib tries. Default 3; 1 to 9. 6 takes twice the time for 8 % less. */
  readonly level?: number | undefined;
  /** Memory of zlib for what it has seen: 2^(`memLevel` + 9) bytes for each context. Default 8; 1 to 9. */
  readonly memLevel?: number | undefined;
  /** Largest window of what the server sends: 2^n bytes. Default 15; 9 to 15 bits. A smaller one saves memory on both sides. */
  readonly serverMaxWindowBits?: number | undefined;
  /** The same for what the client sends. Default 15; 9 to 15 bits. */
  readonly clientMaxWindowBits?: number | undefined;
  /**
   * Larger messages are compressed and inflated by other threads, at most 4 at a time; what follows them waits. Default
   * 131,072; 1 to 2,147,483,647 bytes: a millisecond or two on the event loop.
   */
  readonly asyncThresholdBytes?: number | undefined;
}

/**
 * What one connection may cost us, and how long we wait for it. Limits on memory are finite and stay on; a policy that
 * can be switched off takes `false`. Left out, or `undefined`, means the default.
 */
export interface ConnectionOptions {
  /**
   * Largest message after reassembly; over it: 1009. Default 1,048,576; 1 to 536,870,888 bytes, the longest string there
   * can be. Ample for text, and a thousand such peers still fit into memory.
   */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Largest payload of one frame; over it: 1009, as soon as its header has arrived. Default 1,048,576; 1 to 536,870,888
   * bytes. Follows `maxMessageBytes` where only that is given, and cannot be above it.
   */
  readonly maxFrameBytes?: number | undefined;
  /**
   * Most frames in one message, empty ones included; over it: 1008. Default 16,384; 1 to 16,777,216. Empty fragments
   * weigh nothing in bytes, and would go on for ever.
   */
  readonly maxFragments?: number | undefined;
  /**
   * Most pongs that wait while the socket is blocked; beyond it only the newest ping is answered (§5.5.3). Default 16;
   * 1 to 65,536. Each holds up to 125 bytes.
   */
  readonly maxPendingPongs?: number | undefined;
  /**
   * From the first byte of a message, or of a frame, to its last; over it: 1008. Default 30,000; 1 to 2,147,483,647 ms.
   * An unfinished message holds memory. Time in which we do not read does not count.
   */
  readonly messageTimeoutMs?: number | undefined;
  /** Whether connections are pinged. Default `true`: nothing else finds a peer that has vanished without a word. */
  readonly heartbeat?: boolean | undefined;
  /**
   * How often each connection is pinged. Default 30,000; 1 to 2,147,483,647 ms. 30 to 60 s keeps proxies from cutting the
   * line; below 10 s is a waste. Above `pongTimeoutMs`.
   */
  readonly pingIntervalMs?: number | undefined;
  /** How long a ping may go without a byte in return. Default 10,000; 1 to 2,147,483,647 ms. Slow mobile links need seconds. */
  readonly pongTimeoutMs?: number | undefined;
  /** Unanswered pings in a row after which a peer is dead. Default 2; 1 to 100. One alone may be an accident. */
  readonly maxMissedPongs?: number | undefined;
  /**
   * A peer that sends no byte for so long is closed with 1001. Default 60,000; 1 to 2,147,483,647 ms, or `false`. Above
   * `pingIntervalMs` while the heartbeat is on, or healthy peers would be closed before they are asked.
   */
  readonly idleTimeoutMs?: number | false | undefined;
  /**
   * Bytes wait and the peer took none for so long: the socket is destroyed. Default 10,000; 1 to 2,147,483,647 ms. A peer
   * that stops reading holds our memory.
   */
  readonly writeTimeoutMs?: number | undefined;
  /** The closing handshake is given up after so long. Default 5,000; 1 to 2,147,483,647 ms. Ample for a round trip. */
  readonly closeTimeoutMs?: number | undefined;
  /** How long before `expiresAt` the event `expiring` comes. Default 30,000; 1 to 2,147,483,647 ms. Time for a refresh. */
  readonly expiryWarningMs?: number | undefined;
  /** How fast a peer may send; see {@link RateLimitOptions}. Default `false`: only the application knows what is too fast. */
  readonly rateLimit?: false | RateLimitOptions | undefined;
  /**
   * From so many waiting bytes on `send` says `false`, until half of them are gone. Default 262,144; 1 to 2,147,483,647
   * bytes. At most so many are handed to the socket ahead of the peer. Not above `maxBufferedBytes`.
   */
  readonly highWaterMarkBytes?: number | undefined;
  /**
   * A message offered while `bufferedBytes` is at this or above meets `onOverflow`: at most this and one message are queued.
   * Each entry of a queue counts 128 bytes beside its own; small messages share entries. Default 1,048,576;
   * 1 to 2,147,483,647 bytes. A slow reader is bounded, a short stall is not noticed.
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * What happens then: `close` with 1013, or drop this message, or the oldest waiting ones. Default `'close'`: a silent
   * hole is worse than a reconnect.
   */
  readonly onOverflow?: 'close' | 'drop-newest' | 'drop-oldest' | undefined;
  /**
   * What this side may hold for all connections together: waiting output, unfinished and undelivered messages. Over it
   * whoever holds most is closed with 1013. Default: one budget of 268,435,456 bytes for the whole process.
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
   * How much is read ahead while delivery is stopped, before TCP holds the peer back. Default 65,536; 1 to 2,147,483,647
   * bytes. Pings found there are still answered. After a loop was left, as much as `maxMessageBytes`.
   */
  readonly receiveAheadBytes?: number | undefined;
  /**
   * How many messages of one connection may be in listeners that returned a promise. Default 1; 1 to 1,000,000. One at a
   * time keeps their order.
   */
  readonly maxConcurrentMessages?: number | undefined;
  /**
   * Compresses messages with peers that can (permessage-deflate, RFC 7692); see {@link PerMessageDeflateOptions} for what
   * `true` means. Default `false`: it costs time and memory, and tells the length of secrets that share a message with
   * what somebody else chose (CRIME, BREACH).
   */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** Where a server or a client gets time and chance from, and writes its log. */
export interface PlatformOptions {
  /** Where log lines go. Default: nowhere, and then none is built. What it throws is ignored. */
  readonly logger?: Logger | undefined;
  /** Default: the platform's. A test hands in its own, and an hour passes in a millisecond. */
  readonly clock?: Clock | undefined;
  /** Default: the platform's. A test hands in its own, and ids, delays and pings are known. */
  readonly random?: RandomSource | undefined;
}
