/** What a peer may make us hold. Every limit is a whole number above 0; checked once, where options are read. */
export interface ProtocolLimits {
  /** Largest message, in bytes, after reassembly; over it: 1009. */
  readonly maxMessageBytes: number;
  /** Largest payload of one frame, in bytes; over it: 1009. */
  readonly maxFrameBytes: number;
  /** Most frames in one message, empty ones included; over it: 1008. */
  readonly maxFragments: number;
  /** Most pongs that wait while the socket is blocked; beyond it the oldest go unanswered (§5.5.3). */
  readonly maxPendingPongs: number;
}

/**
 * What each entry of a queue counts beside its bytes: a small message in a buffer of its own holds about 215 bytes more on
 * the heap (decision 0015). Without this charge a queue of empty messages has no limit in bytes.
 */
export const ENTRY_BYTES = 128;
