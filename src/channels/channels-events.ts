import type { Channel } from './channel.ts';

/** Events of the channels of a connection. */
export interface ChannelsEvents {
  /**
   * The peer opens a channel. It is accepted after the listeners have run; a listener refuses it by closing it. Without a
   * listener every channel is refused with 1008.
   */
  channel: [channel: Channel];
}
