import {
  BOOLEAN,
  callOptions,
  checkCallOptions,
  SIGNAL,
  type ValueRule,
  wholeNumber,
} from '../options/call-check.ts';
import { MisuseError } from '../protocol/errors.ts';
import { FRAME_COST, MAX_NUMBER } from './channel-frame.ts';

/** Options of the channels of one connection. All limits are finite. */
export interface ChannelsOptions {
  /** Largest number of open channels, of both sides together, 1 to 65,535. Further ones are refused with 1013. Default 64. */
  readonly maxChannels?: number;
  /** Channels that the peer may open in a second, and at once, 1 to 1,000,000; over it the connection closes with 1008. Default 100. */
  readonly maxOpensPerSecond?: number;
  /** Credit that each channel gives its peer, 1,024 to 268,435,455 bytes: what may arrive before it is delivered. Default 65,536. */
  readonly windowBytes?: number;
  /** Largest received message in bytes, from 1; a channel with a larger one closes with 1009. Default 1,048,576. */
  readonly maxMessageBytes?: number;
  /** Received messages larger than half of a window that may be in progress or undelivered at one time, 1 to 65,535. Default 4. */
  readonly maxLargeMessages?: number;
  /** Limit in bytes of messages that wait in one channel, from 1; over it the channel closes with 1013. Default 1,048,576. */
  readonly maxBufferedBytes?: number;
  /** `send` of a channel returns `false` above this many waiting bytes, from 1. At most `maxBufferedBytes`. Default 65,536, or `maxBufferedBytes` if
   * that is smaller. */
  readonly highWaterMarkBytes?: number;
}

/** Options of {@link Channels.open}. */
export interface OpenChannelOptions {
  /** Any JSON value of at most 4,096 bytes, for the peer. Default: none. */
  readonly metadata?: unknown;
  /** Gives up: the channel closes with 1001. */
  readonly signal?: AbortSignal;
}

/** Options of a message on a channel. */
export interface ChannelSendOptions {
  /** As for `Connection.send`. */
  readonly binary?: boolean;
}

export type ChannelsSettings = Required<ChannelsOptions>;

export const DEFAULT_CHANNELS: ChannelsSettings = Object.freeze({
  maxChannels: 64,
  maxOpensPerSecond: 100,
  windowBytes: 65_536,
  maxMessageBytes: 1_048_576,
  maxLargeMessages: 4,
  maxBufferedBytes: 1_048_576,
  highWaterMarkBytes: 65_536,
});

const BYTES = wholeNumber(1, Number.MAX_SAFE_INTEGER);
const ANY: ValueRule = { fits: () => true, allowed: 'a JSON value' };
const CHANNELS_OPTIONS = callOptions({
  maxChannels: wholeNumber(1, 65_535),
  maxOpensPerSecond: wholeNumber(1, 1_000_000),
  windowBytes: wholeNumber(1_024, MAX_NUMBER),
  maxMessageBytes: BYTES,
  maxLargeMessages: wholeNumber(1, 65_535),
  maxBufferedBytes: BYTES,
  highWaterMarkBytes: BYTES,
} satisfies Record<keyof ChannelsOptions, ValueRule>);

export const OPEN_OPTIONS = callOptions({ metadata: ANY, signal: SIGNAL });
export const CHANNEL_SEND_OPTIONS = callOptions({ binary: BOOLEAN });

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function resolveChannels(options: ChannelsOptions | undefined): ChannelsSettings {
  checkCallOptions('channels', options, CHANNELS_OPTIONS);
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  const settings: ChannelsSettings = { ...DEFAULT_CHANNELS, ...Object.fromEntries(given) };
  const { maxBufferedBytes } = settings;
  const highWaterMarkBytes =
    options?.highWaterMarkBytes ?? Math.min(DEFAULT_CHANNELS.highWaterMarkBytes, maxBufferedBytes);
  if (highWaterMarkBytes > maxBufferedBytes)
    throw new MisuseError(
      'ERR_OPTION',
      `channels: highWaterMarkBytes is ${highWaterMarkBytes}; it must be at most maxBufferedBytes (${maxBufferedBytes})`,
    );
  return { ...settings, highWaterMarkBytes };
}

/** The smallest `maxMessageBytes` of a connection that can carry channels. */
export const MIN_CONNECTION_MESSAGE_BYTES = 16_384 + FRAME_COST;
