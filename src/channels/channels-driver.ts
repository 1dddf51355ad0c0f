import type { Buffer } from 'node:buffer';
import type { DriverOf } from '../connection/connection.ts';
import { countListeners, dispatch, type ListenerWatcher, type SafeEmitter } from '../connection/emitter.ts';
import { TokenBucket } from '../connection/token-bucket.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import { Channel } from './channel.ts';
import { ChannelDriver, type ChannelOwner } from './channel-driver.ts';
import {
  brokenRule,
  type ChannelFrame,
  creditFrame,
  MAX_NUMBER,
  openFrame,
  readFrame,
  TYPE,
} from './channel-frame.ts';
import type { LargePlaces } from './channel-inbox.ts';
import type { ChannelsSettings } from './channel-options.ts';
import type { ChannelsEvents } from './channels-events.ts';

/** Places for large messages, in the order of the requests. */
class Places implements LargePlaces {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  take(freed: () => void): boolean {
    this.#waiting.delete(freed);
    if (this.#free === 0) {
      this.#waiting.add(freed);
      return false;
    }
    this.#free--;
    return true;
  }

  release(): void {
    this.#free++;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}

/** Drives the channels of one connection: reads frames, and gives the channels turns to send. */
export class ChannelsDriver implements ChannelOwner, ListenerWatcher {
  channels!: SafeEmitter<ChannelsEvents>;
  readonly settings: ChannelsSettings;
  readonly places: LargePlaces;

  readonly #connection: DriverOf<unknown>;
  /** Channels in use: not closed by both sides, or with undelivered messages. */
  readonly #inUse = new Set<ChannelDriver>();
  /** Channels by id, until the peer's close. */
  readonly #byId = new Map<number, ChannelDriver>();
  /** Channels with frames to send, in the order of their turns. */
  readonly #ready = new Set<ChannelDriver>();
  readonly #opens: TokenBucket;
  #nextId: number;
  #lastPeerId = 0;
  #isSending = false;
  #isWaiting = false;

  constructor(connection: DriverOf<unknown>, settings: ChannelsSettings) {
    this.#connection = connection;
    this.settings = settings;
    this.places = new Places(settings.maxLargeMessages);
    this.#opens = new TokenBucket(settings.maxOpensPerSecond, settings.maxOpensPerSecond);
    this.#nextId = connection.link.core.role === 'client' ? 1 : 2;
    void connection.closed.then((info) => this.#ended(info));
  }

  get size(): number {
    return this.#inUse.size;
  }

  /** @param metadata JSON; empty for none. */
  open(name: string, metadata: string, value: unknown, signal: AbortSignal | undefined): Promise<Channel> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (!this.isOpen) return Promise.reject(new MisuseError('ERR_CLOSED', 'the connection is not open'));
    if (this.size >= this.settings.maxChannels)
      return Promise.reject(
        new MisuseError(
          'ERR_STATE',
          `maxChannels (${this.settings.maxChannels}) channels are open: close one first`,
        ),
      );
    if (this.#nextId > MAX_NUMBER)
      return Promise.reject(
        new MisuseError('ERR_STATE', 'this connection has used every channel id: connect again'),
      );
    const driver = new ChannelDriver(this, this.#nextId, name, value);
    this.#nextId += 2;
    const channel = this.#add(driver);
    const opened = new Promise<Channel>((resolve, reject) => {
      const aborted = (): void => {
        driver.answered = undefined;
        driver.close(1001, '');
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted);
      driver.answered = (refusal) => {
        signal?.removeEventListener('abort', aborted);
        if (refusal === undefined) resolve(channel);
        else reject(refused(name, refusal));
      };
    });
    this.sendFrame(openFrame(driver.id, this.settings.windowBytes, name, metadata));
    return opened;
  }

  // Called by the connection.

  received(message: Message, isText: boolean): void {
    if (this.#connection.state !== 'open') return;
    try {
      if (isText || typeof message === 'string')
        throw brokenRule('a text message arrived; frames are binary');
      this.#take(readFrame(message));
    } catch (error) {
      if (error instanceof PeerError) this.#connection.link.end.fail(error);
      else throw error;
    }
  }

  // `ChannelOwner`.

  get isOpen(): boolean {
    return this.#connection.state === 'open';
  }

  get closeTimeoutMs(): number {
    return this.#connection.owner.settings.closeTimeoutMs;
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    return this.#connection.owner.deadlines.clock.setTimer(callback, delayMs);
  }

  clearTimer(timer: unknown): void {
    if (timer !== undefined) this.#connection.owner.deadlines.clock.clearTimer(timer);
  }

  sendFrame(frame: Buffer): void {
    if (this.isOpen) this.#connection.send(frame, undefined);
  }

  ready(channel: ChannelDriver): void {
    if (channel.canSend) this.#ready.add(channel);
    this.#send();
  }

  over(channel: ChannelDriver): void {
    this.#inUse.delete(channel);
  }

  handlerFailed(error: unknown, where: string): void {
    this.#connection.owner.handlerFailed(error, this.#connection, where);
  }

  listenersChanged(): void {}

  #add(driver: ChannelDriver): Channel {
    this.#inUse.add(driver);
    this.#byId.set(driver.id, driver);
    return new Channel(driver);
  }

  #take(frame: ChannelFrame): void {
    if (frame.type === TYPE.OPEN) {
      this.#peerOpens(frame);
      return;
    }
    const channel = this.#byId.get(frame.id);
    if (channel === undefined) throw brokenRule(`channel ${frame.id} is not open`);
    if (frame.type === TYPE.DATA) channel.received(frame);
    else if (frame.type === TYPE.CLOSE) {
      this.#byId.delete(frame.id);
      this.#ready.delete(channel);
      channel.peerClosed(frame.code, frame.reason);
    } else {
      if (frame.type === TYPE.ACCEPT) {
        if (!this.#isOurs(frame.id) || !channel.acceptOnce())
          throw brokenRule(`channel ${frame.id} was accepted before`);
        channel.outbox.grant(frame.credit);
        channel.opened();
      } else channel.grant(frame.credit);
    }
  }

  #isOurs(id: number): boolean {
    return id % 2 === this.#nextId % 2;
  }

  #peerOpens({ id, credit, name, metadata }: ChannelFrame): void {
    if (this.#isOurs(id) || id <= this.#lastPeerId)
      throw brokenRule(`the id ${id} of a new channel is not the peer's, or is not new`);
    this.#lastPeerId = id;
    if (!this.#opens.take(1, this.#connection.owner.deadlines.now()))
      throw brokenRule(`more than ${this.settings.maxOpensPerSecond} channels were opened in a second`);
    const { maxChannels, maxOpensPerSecond } = this.settings;
    if (this.#byId.size >= maxChannels + 2 * maxOpensPerSecond)
      throw brokenRule('the refusals of too many channels were not answered');
    if (this.size >= maxChannels || countListeners(this.channels, 'channel') === 0) {
      const isFull = this.size >= maxChannels;
      // The peer answers with its close.
      const refusedDriver = new ChannelDriver(this, id, name, metadata);
      this.#byId.set(id, refusedDriver);
      new Channel(refusedDriver).close(
        isFull ? 1013 : 1008,
        isFull ? 'too many channels' : 'channels are not accepted',
      );
      return;
    }
    const driver = new ChannelDriver(this, id, name, metadata);
    driver.outbox.grant(credit);
    const channel = this.#add(driver);
    dispatch(this.channels, 'channel', [channel], (error) => {
      this.handlerFailed(error, "a listener of 'channel'");
      driver.close(1011, 'a handler of the application failed');
    });
    // A listener that closes the channel refuses it.
    if (driver.state !== 'opening') return;
    this.sendFrame(creditFrame(TYPE.ACCEPT, id, this.settings.windowBytes));
    driver.opened();
  }

  /** Round robin: each channel that can send gets one frame a turn, while the connection has room. */
  #send(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (const channel of this.#ready) {
        if (!this.#hasRoom) break;
        this.#ready.delete(channel);
        if (!channel.canSend) continue;
        this.sendFrame(channel.takeFrame());
        if (channel.canSend) this.#ready.add(channel);
        channel.flushed();
      }
    } finally {
      this.#isSending = false;
    }
    if (this.#ready.size > 0) this.#sendLater();
  }

  get #hasRoom(): boolean {
    return (
      this.isOpen && this.#connection.bufferedBytes <= this.#connection.owner.settings.highWaterMarkBytes
    );
  }

  #sendLater(): void {
    if (this.#isWaiting || !this.isOpen) return;
    this.#isWaiting = true;
    this.#connection.drained(undefined).then(
      () => {
        this.#isWaiting = false;
        this.#send();
      },
      // The connection has ended, and so do the channels.
      () => undefined,
    );
  }

  #ended({ code, reason }: CloseInfo): void {
    this.#ready.clear();
    this.#byId.clear();
    for (const channel of this.#inUse) channel.finish({ code, reason, initiator: 'connection' });
  }
}

function refused(
  name: string,
  { code, reason, initiator }: { code: number; reason: string; initiator: string },
): MisuseError {
  const who = initiator === 'connection' ? 'the connection closed' : 'the peer refused it';
  return new MisuseError(
    initiator === 'connection' ? 'ERR_CLOSED' : 'ERR_CHANNEL_REFUSED',
    `channel ${JSON.stringify(name)} was not opened: ${who} with ${code}${reason === '' ? '' : ` ${JSON.stringify(reason)}`}`,
  );
}
