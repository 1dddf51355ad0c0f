import { Buffer } from 'node:buffer';
import { isHandlerTraced, MESSAGE_RECEIVE } from '../engine/channels.ts';
import type { HandlerTrace } from '../observe/tracing/traces.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import { copyOf, messageMemory } from '../protocol/message-memory.ts';
import type { Message } from '../protocol/payload.ts';
import type { ConnectionEvents } from './connection-events.ts';
import { Delivery, type DeliveryOwner, type MessageListener } from './delivery.ts';
import { type ListenerWatcher, listenersOf, type SafeEmitter } from './emitter.ts';
import { checkEventName, CONNECTION_EVENTS } from './event-names.ts';
import { PublishedHandler } from './handler-trace.ts';
import type { PartReceiver } from './link-owner.ts';
import type { MessageIterator } from './message-iterator.ts';
import type { ListenerResult } from './owner.ts';
import { SendingHalf } from './sending-half.ts';
import { type UnclaimedOwner, UnclaimedTimer } from './unclaimed-timer.ts';

const NO_LISTENERS: readonly never[] = Object.freeze([]);

const LISTENER_BESIDE_STREAMS =
  "a listener of 'message' is never called: messageStreams() takes the messages of this connection";

const receivesStreams = (): MisuseError =>
  new MisuseError('ERR_STATE', 'messageStreams() takes the messages of this connection already');

/** Returns the bytes of a whole message in memory of its own, which a page or a slab of texts is not. */
function bytesOf(message: Message): Buffer {
  if (typeof message !== 'string')
    return message.length === message.buffer.byteLength ? message : copyOf(message, 0, message.length);
  const bytes = messageMemory(Buffer.byteLength(message));
  bytes.write(message);
  return bytes;
}

/**
 * The receiving half of a connection: who gets its messages, when, and which are dropped. A base class, because an object of
 * its own would cost each idle connection memory.
 * @typeParam C The `Connection`.
 */
export abstract class ReceivingHalf<C extends SafeEmitter<ConnectionEvents>>
  extends SendingHalf<C>
  implements DeliveryOwner, ListenerWatcher, UnclaimedOwner
{
  ownListeners: readonly MessageListener[] = NO_LISTENERS;
  /** One listener takes all messages: those of the server or client get none. */
  isExclusive = false;
  readonly #delivery: Delivery;
  /** Set if messages are received as streams. */
  #parts: PartReceiver | undefined;
  #unclaimed: UnclaimedTimer | undefined;

  /** @param claimByMs Time until which messages are buffered for the first consumer. */
  constructor(claimByMs: number) {
    super();
    this.#delivery = new Delivery(this, claimByMs);
  }

  /** The last step of the end, once all messages were delivered. */
  protected abstract finishIfDelivered(): void;

  pause(): void {
    this.#delivery.pause();
  }

  resume(): void {
    this.#delivery.resume();
    this.#parts?.resumed();
  }

  loop(): MessageIterator {
    if (this.#parts !== undefined) throw receivesStreams();
    return this.#delivery.loop('connection', this.link.endStep === 'released');
  }

  /** From now on `listener` takes the messages, and the listeners of the server or client do not. Call it once. */
  takeMessages(listener: (message: Message, isText: boolean) => void): void {
    this.isExclusive = true;
    this.connection.on('message', listener);
  }

  /**
   * From now on `receiver` takes the messages part by part, also those that were not delivered yet.
   * @throws MisuseError `ERR_STATE` if the messages have a consumer, or if the connection speaks `hawser.v1`.
   */
  receiveParts(receiver: PartReceiver): void {
    if (this.#parts !== undefined) throw receivesStreams();
    if (this.session !== undefined)
      throw new MisuseError('ERR_STATE', 'a connection with hawser.v1 receives whole messages only');
    this.#delivery.handOver('messageStreams', (message, isText) => {
      receiver.received(bytesOf(message), isText, true);
    });
    this.isExclusive = true;
    this.#parts = receiver;
    this.link.core.passParts();
    if (this.link.endStep === 'released') receiver.ended();
    else this.deliveryReady();
  }

  /** The application has stopped delivery. */
  get isPaused(): boolean {
    return this.#delivery.isPaused;
  }

  /** Received parts were taken. */
  partsTaken(): void {
    if (this.link.endStep !== 'released') this.link.readMore();
  }

  /** The application has given up messages that it receives as streams. */
  partsDropped(messages: number): void {
    this.countDropped(messages, 'undelivered');
  }

  /** The listeners for the messages of all connections have changed. */
  sharedListenersChanged(): void {
    this.#delivery.consumersChanged();
    if (this.#delivery.waiting > 0) this.deliveryReady();
  }

  // `ListenerWatcher`.

  listenersChanged(name: string | symbol | undefined): void {
    if (name !== undefined && name !== 'message') {
      checkEventName(name, CONNECTION_EVENTS, this.owner.warnings);
      return;
    }
    this.ownListeners = listenersOf(this.connection, 'message') as MessageListener[];
    if (this.#parts !== undefined && this.ownListeners.length > 0)
      this.owner.warnings.mistake('HAWSER_EVENT', 'message listener beside streams', LISTENER_BESIDE_STREAMS);
    this.#delivery.consumersChanged();
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  // `LinkOwner`.

  get wantsMore(): boolean {
    const delivery = this.#delivery;
    const { settings } = this.owner;
    if (this.session?.wantsMore === false && this.link.state === 'open') return false;
    if (this.#parts !== undefined)
      return this.#parts.waitingBytes < settings.receiveAheadBytes || this.link.state !== 'open';
    if (delivery.waitingBytes < settings.receiveAheadBytes || this.link.state !== 'open') return true;
    // A Close may follow the messages that a loop left unread. Their memory is limited to that of one message.
    return delivery.isLoopLeft && delivery.waitingBytes < settings.maxMessageBytes;
  }

  received(message: Message, isText: boolean): void {
    if (this.#parts !== undefined) {
      this.#takePart(this.#parts, bytesOf(message), isText, true);
      return;
    }
    this.messagesReceived++;
    if (MESSAGE_RECEIVE.hasSubscribers) this.publishReceived(message, isText);
    if (this.session !== undefined && this.link.state === 'open') this.session.received(message, isText);
    else this.deliver(message, isText);
  }

  /** Passes a message to the application. */
  deliver(message: Message, isText: boolean): void {
    if (this.link.state !== 'open' || !this.#delivery.offer(message, isText))
      this.countDropped(1, 'undelivered');
  }

  receivedPart(part: Buffer, isText: boolean, isLast: boolean): void {
    const bytes = this.#takePart(this.#parts!, part, isText, isLast);
    if (!isLast) return;
    this.owner.counters.messagesReceived++;
    this.owner.meter?.received(bytes, isText);
  }

  get undeliveredBytes(): number {
    // After the end, parts belong to the application.
    const parts = this.link.endStep === 'released' ? 0 : (this.#parts?.waitingBytes ?? 0);
    return this.#delivery.waitingBytes + parts;
  }

  // `DeliveryOwner`.

  get emitter(): object {
    return this.connection;
  }

  get sharedListenerCount(): number {
    return this.isExclusive ? 0 : this.owner.messageListeners.length;
  }

  callSharedListener(index: number, message: Message, isText: boolean): ListenerResult {
    return this.owner.messageListeners[index]?.(this.connection, message, isText);
  }

  get maxConcurrentMessages(): number {
    return this.owner.settings.maxConcurrentMessages;
  }

  listenerFailed(error: unknown, where = "a listener of 'message'"): void {
    this.owner.handlerFailed(error, this, where);
    // The buffered messages were meant for a handler that has just failed.
    this.dropBuffered();
    const fault = new PeerError('ERR_HANDLER', undefined, { cause: error });
    this.link.end.close(fault.closeCode, fault.reason, 'handler-error', fault);
  }

  traceHandler(message: Message, isText: boolean, isSampled: boolean): HandlerTrace | undefined {
    const { messageListeners, messageTracer, passesMessagesOn } = this.owner;
    const inner = isSampled ? messageTracer?.handler(this, message, isText) : undefined;
    const listeners = this.ownListeners.length + (passesMessagesOn === true ? 0 : messageListeners.length);
    if (listeners === 0 || !isHandlerTraced()) return inner;
    return new PublishedHandler(this.connection, message, isText, inner);
  }

  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    const { endStep } = this.link;
    if (endStep === 'reported') this.finishIfDelivered();
    else if (endStep !== 'released') this.link.readMore();
  }

  now(): number {
    return this.owner.deadlines.now();
  }

  unclaimedUntil(atMs: number): void {
    this.#unclaimed ??= new UnclaimedTimer(this.owner.deadlines, this);
    this.#unclaimed.plan(atMs);
  }

  // `UnclaimedOwner`.

  unclaimedTooLong(): void {
    this.#unclaimed = undefined;
    this.countDropped(this.#delivery.dropUnclaimed(), 'undelivered');
    this.deliveryReady();
  }

  failed(error: unknown): void {
    this.link.failed(error);
  }

  /** Call when the connection is no longer open: an unfinished message stays unfinished. */
  protected receivingInterrupted(): void {
    this.#parts?.interrupted();
  }

  /** Call when all messages were delivered, and no more will arrive. */
  protected receivingEnded(): void {
    const { link } = this;
    if (this.#unclaimed !== undefined) link.attempt(() => this.#unclaimed?.cancel());
    link.attempt(() => this.#delivery.finish());
    if (this.#parts !== undefined) link.attempt(() => this.#parts?.ended());
  }

  protected get hasUndelivered(): boolean {
    return this.#delivery.waiting > 0;
  }

  /** Drops messages that were not delivered. */
  protected dropBuffered(): void {
    this.countDropped(this.#delivery.drop(), 'undelivered');
  }

  /** Drops parts that were not read. */
  protected dropParts(): void {
    this.#parts?.drop();
  }

  /** Unclaimed messages must not delay the end. */
  protected dropAbandoned(): void {
    if (this.#delivery.isAbandoned) this.dropUndelivered();
  }

  protected dropUndelivered(): void {
    this.dropBuffered();
    this.finishIfDelivered();
  }

  /** @returns Bytes of the message so far. */
  #takePart(receiver: PartReceiver, part: Buffer, isText: boolean, isLast: boolean): number {
    const isOpen = this.link.state === 'open';
    const bytes = isOpen ? receiver.received(part, isText, isLast) : part.length;
    if (!isLast) return bytes;
    this.messagesReceived++;
    this.reportReceivedParts(bytes, isText);
    if (!isOpen) this.countDropped(1, 'undelivered');
    return bytes;
  }
}
