import { Buffer } from 'node:buffer';
import { SafeEmitter } from '../connection/emitter.ts';
import { checkCallOptions, checkCount, refuseArgument, refuseSurplus } from '../options/call-check.ts';
import { checkCloseCall, checkDrainedOptions } from '../options/call-options.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import type { ChannelCloseInfo, ChannelEvents, ChannelState } from './channel-events.ts';
import type { ChannelDriver } from './channel-driver.ts';
import { isCloseCode, MAX_REASON_BYTES } from './channel-frame.ts';
import { CHANNEL_SEND_OPTIONS, type ChannelSendOptions } from './channel-options.ts';

/**
 * One logical connection over a WebSocket connection. Messages of one channel keep their order; a channel whose messages are
 * not consumed stops its own sender and no other channel. {@link ChannelEvents} describes the events.
 */
export class Channel extends SafeEmitter<ChannelEvents> implements AsyncIterable<Message> {
  readonly #driver: ChannelDriver;

  /**
   * `Channels.open` and the event `channel` make channels; applications do not.
   * @internal
   */
  constructor(driver: ChannelDriver) {
    super(driver);
    this.#driver = driver;
    driver.channel = this;
  }

  /** Unique on the connection; odd if the client opened the channel, even if the server did. */
  get id(): number {
    return this.#driver.id;
  }

  /** The name that the opening side chose. Names need not be unique. */
  get name(): string {
    return this.#driver.name;
  }

  /** The JSON value that the opening side gave; `undefined` for none. Comes from the peer: check it. */
  get metadata(): unknown {
    return this.#driver.metadata;
  }

  /** The state of the channel; `closed` also after the connection has ended. */
  get state(): ChannelState {
    return this.#driver.state;
  }

  /** Bytes that wait for credit of the peer or for the connection; each message counts 128 more. */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Messages not sent because of the state or a limit, and received messages that were never delivered. */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /** How the channel ended; `undefined` until it is closed. */
  get closeInfo(): ChannelCloseInfo | undefined {
    return this.#driver.closeInfo;
  }

  /** Resolves when the channel has ended and the last message was delivered. Never rejects. */
  get closed(): Promise<ChannelCloseInfo> {
    return this.#driver.closed;
  }

  /**
   * Sends a message: a string as text, bytes as binary. Bytes that cannot be sent at once are copied.
   * @returns `true`: go on. `false`: accepted, but wait for `drain`; or not sent, because the channel is not open, or has
   *   more than `maxBufferedBytes` waiting, which closes it with 1013.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}; `ERR_OPTION` for an option.
   */
  send(payload: Payload, options?: ChannelSendOptions): boolean;
  send(payload: Payload, options?: ChannelSendOptions, surplus?: unknown): boolean {
    if (surplus !== undefined) refuseSurplus('channel.send', surplus, 'await channel.drained()');
    if (options !== undefined)
      checkCallOptions('channel.send', options, CHANNEL_SEND_OPTIONS, 'await channel.drained()');
    return this.#driver.send(payload, options?.binary);
  }

  /**
   * Resolves when at most half of the high-water mark waits; at once if it is at or below the mark.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) if the channel ends first; the reason of `signal` if it aborts.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
  drained(options?: { readonly signal?: AbortSignal }, surplus?: unknown): Promise<void> {
    checkDrainedOptions('channel', options, surplus);
    return this.#driver.drained(options?.signal);
  }

  /**
   * Closes the channel after the accepted messages. If the peer gives no credit for them within `closeTimeoutMs` of the
   * connection, they are dropped. Later calls do nothing.
   * @param code 1000 to 1003, 1007 to 1014, or 3000 to 4999. Default 1000.
   * @param reason At most 123 bytes of UTF-8.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is too long or not a string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseCall('channel', arguments);
    if (!isCloseCode(code))
      refuseArgument('channel.close', 'code', code, 'a close code such as 1000 or 4000');
    if (typeof reason !== 'string' || Buffer.byteLength(reason) > MAX_REASON_BYTES)
      refuseArgument('channel.close', 'reason', reason, `a string of at most ${MAX_REASON_BYTES} bytes`);
    this.#driver.close(code, reason);
  }

  /** Stops delivery before the next message. When the credit is used up, the peer stops sending on this channel. */
  pause(): void {
    checkCount('channel.pause', arguments, 0);
    this.#driver.pause();
  }

  /** Continues delivery after {@link pause}, or after the application left its loop. */
  resume(): void {
    checkCount('channel.resume', arguments, 0);
    this.#driver.resume();
  }

  /**
   * Iterates over messages with back-pressure; ends when the channel ends. Leaving the loop pauses the channel.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#driver.loop();
  }

  /** Closes with 1000 and waits for the end; for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.close(1000, '');
    await this.#driver.closed;
  }
}
