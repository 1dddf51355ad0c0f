/** The options that the link of a connection depends on, as `ws` names them. */
export interface LinkOptions {
  /** Whether pings are answered. Default `true`. */
  readonly autoPong?: boolean | undefined;
  /** Time for the closing handshake, in ms. Default 30,000. */
  readonly closeTimeout?: number | undefined;
  /** Largest number of frames in a message; 0 for no limit. Default 16,384. */
  readonly maxFragments?: number | undefined;
  /** Largest message in bytes; 0 for 536,870,888, the length of the longest string. Default 104,857,600. */
  readonly maxPayload?: number | undefined;
  /** Pings that wait for their answer while the socket is blocked; older ones stay unanswered. Default 60. */
  readonly maxPendingAutoPongs?: number | undefined;
}

/** Defaults of `ws`. */
export const LINK_DEFAULTS = Object.freeze({
  autoPong: true,
  closeTimeout: 30_000,
  maxFragments: 16_384,
  maxPayload: 104_857_600,
  maxPendingAutoPongs: 60,
} as const);
