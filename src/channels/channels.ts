import { Buffer } from 'node:buffer';
import { type Connection, driverIn } from '../connection/connection.ts';
import { SafeEmitter } from '../connection/emitter.ts';
import { checkCallOptions, checkCount, refuseArgument } from '../options/call-check.ts';
import { jsonOf } from '../options/json-text.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { Channel } from './channel.ts';
import { MAX_METADATA_BYTES, MAX_NAME_BYTES } from './channel-frame.ts';
import {
  type ChannelsOptions,
  MIN_CONNECTION_MESSAGE_BYTES,
  OPEN_OPTIONS,
  type OpenChannelOptions,
  resolveChannels,
} from './channel-options.ts';
import type { ChannelsEvents } from './channels-events.ts';
import { ChannelsDriver } from './channels-driver.ts';

/** The subprotocol of connections with channels. Both sides have to offer it, and the server has to select it. */
export const CHANNELS_PROTOCOL = 'hawser.channels.v1';

/** The channels of one connection. {@link channels} makes it. {@link ChannelsEvents} describes the events. */
export class Channels extends SafeEmitter<ChannelsEvents> {
  readonly #driver: ChannelsDriver;

  /** @internal */
  constructor(driver: ChannelsDriver) {
    super(driver);
    this.#driver = driver;
    driver.channels = this;
  }

  /** Number of channels in use: not yet closed by both sides, or with undelivered messages. */
  get size(): number {
    return this.#driver.size;
  }

  /**
   * Opens a channel.
   * @param name 1 to 256 bytes of UTF-8; what it means is up to the application.
   * @returns Resolves when the peer has accepted.
   * @throws MisuseError As a rejection: `ERR_CHANNEL_REFUSED` if the peer refuses; `ERR_CLOSED` if the connection is not
   *   open, or ends; `ERR_STATE` if `maxChannels` channels are in use; the reason of `signal`. At once: `ERR_ARGUMENT` or
   *   `ERR_OPTION` for an invalid argument or option.
   */
  open(name: string, options: OpenChannelOptions = {}): Promise<Channel> {
    checkCount('channels.open', arguments, 2, 'await channels.open(name)');
    if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > MAX_NAME_BYTES)
      refuseArgument('channels.open', 'name', name, `a string of 1 to ${MAX_NAME_BYTES} bytes`);
    checkCallOptions('channels.open', options, OPEN_OPTIONS, 'await channels.open(name)');
    const { metadata, signal } = options;
    const json = metadata === undefined ? '' : jsonOf('channels.open: metadata', metadata);
    if (Buffer.byteLength(json) > MAX_METADATA_BYTES)
      throw new MisuseError(
        'ERR_OPTION',
        `channels.open: metadata have ${Buffer.byteLength(json)} bytes of JSON; the limit is ${MAX_METADATA_BYTES}`,
      );
    return this.#driver.open(name, json, metadata, signal);
  }
}

/**
 * Carries many channels over one connection, with the subprotocol `hawser.channels.v1`. The channels take all messages of
 * the connection: listeners of the server or of a `ReconnectingClient` do not get them. Call it once per connection, in the
 * turn in which you get the connection.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a connection; `ERR_OPTION` for an invalid option; `ERR_STATE` if the
 *   subprotocol was not negotiated, if the connection has channels already, or if its `maxMessageBytes` is below 16,448.
 */
export function channels<UserData>(connection: Connection<UserData>, options?: ChannelsOptions): Channels {
  checkCount('channels', arguments, 2);
  const isObject = typeof connection === 'object' && connection !== null;
  const driver = isObject ? driverIn<UserData>(connection) : undefined;
  if (driver === undefined)
    refuseArgument(
      'channels',
      'connection',
      connection,
      "a Connection, such as that of the event 'connection'",
    );
  const settings = resolveChannels(options);
  if (connection.protocol !== CHANNELS_PROTOCOL)
    throw new MisuseError(
      'ERR_STATE',
      `channels need the subprotocol ${CHANNELS_PROTOCOL}, but this connection has ${JSON.stringify(connection.protocol)}: set protocols: ['${CHANNELS_PROTOCOL}'] on server and client`,
    );
  if (driver.isExclusive)
    throw new MisuseError(
      'ERR_STATE',
      'channels or messageStreams() take the messages of this connection already',
    );
  const { maxMessageBytes } = driver.owner.settings;
  if (maxMessageBytes < MIN_CONNECTION_MESSAGE_BYTES)
    throw new MisuseError(
      'ERR_STATE',
      `channels need maxMessageBytes of at least ${MIN_CONNECTION_MESSAGE_BYTES}, but this connection has ${maxMessageBytes}`,
    );
  const channelsDriver = new ChannelsDriver(driver as never, settings);
  const result = new Channels(channelsDriver);
  driver.takeMessages((message, isText) => channelsDriver.received(message, isText));
  return result;
}
