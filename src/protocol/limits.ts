/**
 * Limits on what a peer can make this side hold. Every limit is a whole number above 0, checked where options are read.
 */
export interface ProtocolLimits {
  /** Largest message in bytes, after reassembly; over it the connection fails with 1009. */
  readonly maxMessageBytes: number;
  /** Largest payload of one frame in bytes; over it the connection fails with 1009. */
  readonly maxFrameBytes: number;
  /** Largest number of frames in one message, empty ones included; over it the connection fails with 1008. */
  readonly maxFragments: number;
  /**
   * Largest number of pongs that are queued while the socket is blocked. Over it the oldest pings stay unanswered
   * (§5.5.3).
   */
  readonly maxPendingPongs: number;
}

/** Limits of an outbox. */
export interface OutgoingLimits {
  /** Largest number of pongs that are queued while the wire is blocked. */
  readonly maxPendingPongs: number;
  /** Approximate number of bytes that the wire gets before the peer reads them. Default 262,144. */
  readonly highWaterMarkBytes?: number;
}

/** Default of `highWaterMarkBytes`. */
export const HIGH_WATER_MARK_BYTES = 262_144;

/**
 * Bytes that each queue entry counts in addition to its payload. A small message in its own buffer uses about 215 more
 * bytes of heap (decision 0015). Without this charge, a queue of empty messages would have no limit in bytes.
 */
export const ENTRY_BYTES = 128;

/** Payloads and shared frames from this size on are sent without a copy; smaller ones are packed next to each other. */
export const UNCOPIED_FROM_BYTES = 16_384;

/** Default limits of a connection, the same as those of servers and clients of this library. */
export const DEFAULT_LIMITS: ProtocolLimits = /* @__PURE__ */ Object.freeze({
  maxMessageBytes: 1_048_576,
  maxFrameBytes: 1_048_576,
  maxFragments: 16_384,
  maxPendingPongs: 16,
});

/**
 * Limit in bytes for a message that an extension has transformed, before it is decoded: deflate can expand a message that
 * is within the limit.
 */
export const expandedBytes = (bytes: number): number => Math.floor((bytes * 9) / 8) + 64;
