import type { Message } from '../protocol/payload.ts';

/** `opening` until the peer has accepted; `closing` after a close of either side. */
export type ChannelState = 'opening' | 'open' | 'closing' | 'closed';

/** How a channel ended. */
export interface ChannelCloseInfo {
  /** Code of the peer's close; of the connection if that has ended. */
  readonly code: number;
  /** The peer's reason, `''` if it gave none. */
  readonly reason: string;
  /** The side that closed the channel first, or `connection` if the connection ended before the channel. */
  readonly initiator: 'local' | 'remote' | 'connection';
}

/** Events of a channel. */
export interface ChannelEvents {
  /** A whole message. If a listener returns a promise, the next message is delivered after it settles. */
  message: [message: Message, isText: boolean];
  /** After `send` returned `false` because of the high-water mark: at most half of the mark waits. */
  drain: [];
  /** Emitted once, after the last message. */
  close: [info: ChannelCloseInfo];
}
