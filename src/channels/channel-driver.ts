import { Buffer } from 'node:buffer';
import { Delivery, type DeliveryOwner, type MessageListener } from '../connection/delivery.ts';
import { Drains } from '../connection/drains.ts';
import { dispatch, type ListenerWatcher, listenersOf, type SafeEmitter } from '../connection/emitter.ts';
import type { MessageIterator } from '../connection/message-iterator.ts';
import { OPCODE } from '../protocol/constants.ts';
import { MisuseError } from '../protocol/errors.ts';
import { outgoing, type Payload } from '../protocol/payload.ts';
import type { ChannelCloseInfo, ChannelEvents, ChannelState } from './channel-events.ts';
import { closeFrame, creditFrame, type ChannelFrame, TYPE } from './channel-frame.ts';
import { ChannelInbox, type LargePlaces } from './channel-inbox.ts';
import type { ChannelsSettings } from './channel-options.ts';
import { ChannelOutbox } from './channel-outbox.ts';

/** The connection that a channel belongs to. */
export interface ChannelOwner {
  readonly settings: ChannelsSettings;
  readonly places: LargePlaces;
  readonly isOpen: boolean;
  readonly closeTimeoutMs: number;
  /** Sends a frame at once. */
  sendFrame(frame: Buffer): void;
  /** The channel has frames to send. */
  ready(channel: ChannelDriver): void;
  /** Both sides have closed, and the last message was delivered. */
  over(channel: ChannelDriver): void;
  handlerFailed(error: unknown, where: string): void;
  setTimer(callback: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
}

/** Drives one channel. The application holds the `Channel`. */
export class ChannelDriver implements DeliveryOwner, ListenerWatcher {
  /** The object of the application. Its constructor sets this field. */
  channel!: SafeEmitter<ChannelEvents>;
  readonly id: number;
  readonly name: string;
  readonly metadata: unknown;
  state: ChannelState = 'opening';
  droppedMessages = 0;
  closeInfo: ChannelCloseInfo | undefined;
  readonly closed: Promise<ChannelCloseInfo>;
  readonly outbox = new ChannelOutbox();
  /** Settles the call of `open`; on the side that opened the channel, until the peer has answered. */
  answered: ((refusal: ChannelCloseInfo | undefined) => void) | undefined;

  readonly #owner: ChannelOwner;
  readonly #inbox: ChannelInbox;
  readonly #delivery: Delivery = new Delivery(this, Number.POSITIVE_INFINITY);
  #drains: Drains | undefined;
  /** The Close that was asked for, and whether it was sent. */
  #close: { readonly code: number; readonly reason: string; sent: boolean } | undefined;
  #closeTimer: unknown;
  #wasAccepted = false;
  #end: ChannelCloseInfo | undefined;
  #resolveClosed: (info: ChannelCloseInfo) => void = () => {};

  constructor(owner: ChannelOwner, id: number, name: string, metadata: unknown) {
    this.#owner = owner;
    this.id = id;
    this.name = name;
    this.metadata = metadata;
    const { windowBytes, maxMessageBytes } = owner.settings;
    this.#inbox = new ChannelInbox(windowBytes, maxMessageBytes, owner.places);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  // Called by the application, through its `Channel`.

  get bufferedBytes(): number {
    return this.outbox.bufferedBytes;
  }

  send(payload: Payload, binary: boolean | undefined): boolean {
    const { opcode, data } = outgoing(payload, binary);
    if (!this.#owner.isOpen || (this.state !== 'open' && this.state !== 'opening')) {
      this.droppedMessages++;
      return false;
    }
    const { maxBufferedBytes, highWaterMarkBytes } = this.#owner.settings;
    if (this.bufferedBytes >= maxBufferedBytes) {
      this.droppedMessages += this.outbox.drop() + 1;
      this.close(1013, 'the peer reads too slowly');
      return false;
    }
    const isOwn = typeof data === 'string';
    this.outbox.push(isOwn ? Buffer.from(data, 'utf8') : data, opcode === OPCODE.TEXT, isOwn);
    this.#owner.ready(this);
    this.outbox.keepLast();
    if (this.bufferedBytes <= highWaterMarkBytes) return true;
    (this.#drains ??= new Drains()).wasRefused = true;
    return false;
  }

  drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#closedError());
    if (this.bufferedBytes <= this.#owner.settings.highWaterMarkBytes) return Promise.resolve();
    return (this.#drains ??= new Drains()).wait(signal);
  }

  close(code: number, reason: string): void {
    if (this.#close !== undefined || this.#end !== undefined) return;
    this.#close = { code, reason, sent: false };
    // The peer has given no credit: nothing can be sent before the Close.
    if (this.state === 'opening') this.#dropUnsent();
    this.state = 'closing';
    this.#inbox.dropUnfinished();
    if (this.#delivery.isAbandoned) this.#dropUndelivered();
    this.#owner.ready(this);
    if (!this.#close.sent)
      this.#closeTimer = this.#owner.setTimer(() => this.#closeNow(), this.#owner.closeTimeoutMs);
  }

  pause(): void {
    this.#delivery.pause();
  }

  resume(): void {
    this.#delivery.resume();
  }

  loop(): MessageIterator {
    return this.#delivery.loop('channel', this.closeInfo !== undefined);
  }

  // Called by the connection.

  /** The channel has a frame that can be sent now. */
  get canSend(): boolean {
    if (this.state === 'opening' || this.#end !== undefined) return false;
    if (this.outbox.canSend) return true;
    return this.#close !== undefined && !this.#close.sent && this.outbox.size === 0;
  }

  /** Takes the next frame; only while {@link canSend}. */
  takeFrame(): Buffer {
    if (this.outbox.size > 0) return this.outbox.takeFrame(this.id);
    const { code, reason } = this.#close!;
    this.#close!.sent = true;
    this.#owner.clearTimer(this.#closeTimer);
    return closeFrame(this.id, code, reason);
  }

  /** Frames were sent. */
  flushed(): void {
    if (this.#drains === undefined || this.bufferedBytes > this.#owner.settings.highWaterMarkBytes / 2)
      return;
    const drains = this.#drains;
    this.#drains = undefined;
    drains.resolve();
    if (drains.wasRefused && this.#end === undefined) this.#tell('drain');
  }

  /** @returns False for a second acceptance. */
  acceptOnce(): boolean {
    const isFirst = !this.#wasAccepted;
    this.#wasAccepted = true;
    return isFirst;
  }

  /** The peer has accepted the channel, or this side has accepted it. */
  opened(): void {
    if (this.state !== 'opening') return;
    this.state = 'open';
    this.answered?.(undefined);
    this.answered = undefined;
    this.#owner.ready(this);
  }

  grant(credit: number): void {
    this.outbox.grant(credit);
    this.#owner.ready(this);
  }

  /** @throws PeerError `ERR_CHANNEL`. */
  received(frame: ChannelFrame): void {
    const isWanted = this.#close === undefined;
    const message = this.#inbox.receive(frame, isWanted);
    if (!isWanted) {
      if (frame.isLast) this.droppedMessages++;
      return;
    }
    if (this.#inbox.isTooBig) {
      this.#inbox.dropUnfinished();
      this.droppedMessages++;
      this.#dropUnsent();
      this.close(1009, `a message is larger than ${this.#owner.settings.maxMessageBytes} bytes`);
      return;
    }
    if (message !== undefined) this.#delivery.offer(message, frame.isText);
    this.#settle();
  }

  /** The peer has closed the channel; it sends nothing more on it. */
  peerClosed(code: number, reason: string): void {
    this.#dropUnsent();
    if (this.#close?.sent !== true) this.#owner.sendFrame(closeFrame(this.id, code, ''));
    this.finish({ code, reason, initiator: this.#close === undefined ? 'remote' : 'local' });
  }

  /** Nothing more arrives, and nothing can be sent. */
  finish(end: ChannelCloseInfo): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#owner.clearTimer(this.#closeTimer);
    this.#dropUnsent();
    this.state = 'closing';
    this.#inbox.dropUnfinished();
    this.answered?.(end);
    this.answered = undefined;
    this.#drains?.reject(this.#closedError());
    this.#drains = undefined;
    this.#finishIfDelivered();
    if (this.closeInfo === undefined) this.#dropLater();
  }

  // `ListenerWatcher`.

  listenersChanged(name: string | symbol | undefined): void {
    if (name !== undefined && name !== 'message') return;
    this.ownListeners = listenersOf(this.channel, 'message') as MessageListener[];
    this.#delivery.consumersChanged();
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  // `DeliveryOwner`.

  ownListeners: readonly MessageListener[] = [];
  readonly sharedListenerCount = 0;
  readonly maxConcurrentMessages = 1;
  readonly meter = undefined;
  readonly messageTracer = undefined;

  get emitter(): object {
    return this.channel;
  }

  callSharedListener(): void {}

  traceHandler(): undefined {}

  listenerFailed(error: unknown): void {
    this.#owner.handlerFailed(error, "a listener of 'message' of a channel");
    this.#dropUndelivered();
    this.#dropUnsent();
    this.close(1011, 'a handler of the application failed');
  }

  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    this.#settle();
    this.#finishIfDelivered();
  }

  /** Messages wait for a consumer without a limit in time: credit limits their bytes. */
  now(): number {
    return 0;
  }

  unclaimedUntil(): void {}

  #settle(): void {
    const credit = this.#inbox.settle(this.#delivery.waiting, () => this.#settle());
    if (credit === 0 || this.#end !== undefined || this.#close !== undefined) return;
    this.#owner.sendFrame(creditFrame(TYPE.CREDIT, this.id, credit));
  }

  /** The peer has given no credit for the rest in time. */
  #closeNow(): void {
    this.#dropUnsent();
    this.#owner.ready(this);
  }

  /** Drops the last messages if their consumer takes none of them for too long. */
  #dropLater(): void {
    const { waiting } = this.#delivery;
    this.#closeTimer = this.#owner.setTimer(() => {
      if (this.#delivery.waiting === waiting) this.#dropUndelivered();
      this.#finishIfDelivered();
      if (this.closeInfo === undefined) this.#dropLater();
    }, this.#owner.closeTimeoutMs);
  }

  #dropUnsent(): void {
    this.droppedMessages += this.outbox.drop();
  }

  #dropUndelivered(): void {
    this.droppedMessages += this.#delivery.drop();
  }

  #finishIfDelivered(): void {
    if (this.#end === undefined || this.closeInfo !== undefined || this.#delivery.waiting > 0) return;
    this.closeInfo = this.#end;
    this.state = 'closed';
    this.#owner.clearTimer(this.#closeTimer);
    this.#inbox.stop();
    this.#delivery.finish();
    this.#owner.over(this);
    this.#tell('close', this.#end);
    this.#resolveClosed(this.#end);
  }

  #closedError(): MisuseError {
    return new MisuseError(
      'ERR_CLOSED',
      `channel ${JSON.stringify(this.name)} closed before buffered data was sent`,
    );
  }

  #tell<Name extends keyof ChannelEvents>(name: Name, ...args: ChannelEvents[Name]): void {
    dispatch(this.channel, name, args, (error) =>
      this.#owner.handlerFailed(error, `a listener of '${name}' of a channel`),
    );
  }
}
