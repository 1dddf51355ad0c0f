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
