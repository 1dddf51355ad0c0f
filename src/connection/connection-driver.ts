import { Buffer } from 'node:buffer';
import { checkCloseArguments } from '../protocol/close.ts';
import type { Role } from '../protocol/constants.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import { copyOf, messageMemory } from '../protocol/message-memory.ts';
import { isTextPayload, type Message, type Payload, payloadLength } from '../protocol/payload.ts';
import { UNKNOWN_BYTES } from '../protocol/outgoing/outbox.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { ConnectionEvents, ConnectionIdentity, HandshakeResponse } from './connection-events.ts';
import { Delivery, type DeliveryOwner, type MessageListener, UNCLAIMED_MS } from './delivery.ts';
import { countListeners, dispatch, type ListenerWatcher, listenersOf, type SafeEmitter } from './emitter.ts';
import { checkEventName, CONNECTION_EVENTS } from './event-names.ts';
import {
  CONNECTION_CLOSE,
  CONNECTION_DRAIN,
  isHandlerTraced,
  MESSAGE_RECEIVE,
  MESSAGE_SEND,
} from '../engine/channels.ts';
import { Expiry, type ExpiryOwner, wallTimeMs } from './expiry.ts';
import type { ConnectionOwner, Delivery as DeliveryCounts, ListenerResult } from './owner.ts';
import { Link } from './link.ts';
import type { LinkOwner, PartReceiver } from './link-owner.ts';
import type { MessageMeter } from '../observe/message-meter.ts';
import type { DropCause } from '../observe/observer.ts';
import type { HandlerTrace, MessageTracer } from '../observe/tracing/traces.ts';
import { PublishedHandler } from './handler-trace.ts';
import type { MessageIterator } from './message-iterator.ts';
import { SendingHalf } from './sending-half.ts';
import type { ConnectionState } from './states.ts';
import type { TopicSet } from './topic-set.ts';
import { type UnclaimedOwner, UnclaimedTimer } from './unclaimed-timer.ts';
import type { Warnings } from './warnings.ts';
import type { PublishTo } from '../options/call-options.ts';
import type { StreamOptions, StreamSource } from '../options/stream-source.ts';
import type {
  EnterOptions,
  Position,
  RequestOptions,
  SubscribedFrom,
  SubscribeFromOptions,
} from '../options/topic-calls.ts';

const NO_LISTENERS: readonly never[] = Object.freeze([]);

const LISTENER_BESIDE_STREAMS =
  "a listener of 'message' is never called: messageStreams() takes the messages of this connection";

const receivesStreams = (): MisuseError =>
  new MisuseError('ERR_STATE', 'messageStreams() takes the messages of this connection already');

/** Returns the bytes of a whole message; those of a text in memory of its own. */
function bytesOf(message: Message): Buffer {
  if (typeof message !== 'string') return message;
  const bytes = messageMemory(Buffer.byteLength(message));
  bytes.write(message);
  return bytes;
}

/**
 * Drives one connection: the link below, delivery, topics and counters. The application holds a `Connection`, which has
 * public members only. The library holds the driver, so that no property assigned by the application reaches it.
 * @typeParam C The `Connection`.
 */
export class ConnectionDriver<C extends SafeEmitter<ConnectionEvents>>
  extends SendingHalf
  implements LinkOwner, DeliveryOwner, ExpiryOwner, ListenerWatcher, UnclaimedOwner
{
  readonly owner: ConnectionOwner<ConnectionDriver<C>, C>;
  readonly id: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly connectedAtMs: number;
  /** The object that the application holds. Set by its constructor. */
  connection!: C;
  ownListeners: readonly MessageListener[] = NO_LISTENERS;
  /** Written by the topic table. Kept after the state became `closed`, until `close` was emitted. */
  topicSet: TopicSet | undefined;
  /** The place that the owner reserved for this connection. A field, because a weak map cost a tenth of a handshake. */
  place: unknown;
  messagesReceived = 0;
  /** One listener takes all messages: those of the server or client get none. */
  isExclusive = false;

  /** The link below, also for tools that observe this one connection. */
  readonly link: Link;
  readonly #delivery: Delivery;
  #expiry: Expiry | undefined;
  /** Set if messages are received as streams. */
  #parts: PartReceiver | undefined;
  #unclaimed: UnclaimedTimer | undefined;
  #closed: { readonly promise: Promise<CloseInfo>; readonly resolve: (info: CloseInfo) => void } | undefined;

  /**
   * @param open Takes over the socket, with the owner that it is given.
   * @param nextKey Returns a fresh masking key for each frame; clients only.
   */
  constructor(
    owner: ConnectionOwner<ConnectionDriver<C>, C>,
    identity: Omit<ConnectionIdentity<unknown>, 'data'>,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
  ) {
    super();
    this.owner = owner;
    this.id = identity.id;
    this.protocol = identity.protocol;
    this.extensions = identity.extensions;
    this.connectedAtMs = owner.deadlines.clock.wallNow();
    this.#delivery = new Delivery(this, owner.deadlines.now() + UNCLAIMED_MS);
    this.link = new Link(this, owner, role, open, nextKey, identity.deflate);
    if (identity.expiresAt !== undefined) this.expireAt(identity.expiresAt);
  }

  // Members for the application, documented in `Connection`.

  get state(): ConnectionState {
    return this.link.state;
  }

  get remoteAddress(): string {
    return this.link.transport.remoteAddress;
  }

  get remotePort(): number {
    return this.link.transport.remotePort;
  }

  get response(): HandshakeResponse | undefined {
    return this.owner.response;
  }

  get expiresAtMs(): number | undefined {
    return this.#expiry?.atMs;
  }

  get rttMs(): number | undefined {
    return this.link.pings.rttMs;
  }

  get lastReceivedAgoMs(): number {
    return this.owner.deadlines.now() - this.link.watch.receivedAtMs;
  }

  get bytesReceived(): number {
    return this.link.bytesReceived;
  }

  get bytesSent(): number {
    return this.link.outbox.sentBytes;
  }

  get closeInfo(): CloseInfo | undefined {
    return this.link.closeInfo;
  }

  get closed(): Promise<CloseInfo> {
    if (this.#closed !== undefined) return this.#closed.promise;
    if (this.link.endStep === 'released') return Promise.resolve(this.link.closeInfo!);
    let resolve = (_info: CloseInfo): void => {};
    const promise = new Promise<CloseInfo>((settle) => {
      resolve = settle;
    });
    this.#closed = { promise, resolve };
    return promise;
  }

  /** @param at `undefined` for never. */
  expireAt(at: Date | number | undefined): void {
    if (at === undefined) {
      this.#expiry?.cancel();
      this.#expiry = undefined;
      return;
    }
    const atMs = wallTimeMs(at);
    this.#expiry ??= new Expiry(this, this.owner.deadlines, this.owner.settings.expiryWarningMs);
    if (this.state === 'open') this.#expiry.set(atMs);
    else this.#expiry.atMs = atMs;
  }

  close(code: number, reason: string): void {
    checkCloseArguments(code, reason, this.link.core.role);
    this.link.end.close(code, reason, 'local-close');
    this.#dropAbandoned();
  }

  terminate(): void {
    this.link.end.terminate('terminated');
    this.#dropUndelivered();
  }

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

  subscribe(topic: string): boolean {
    return this.owner.groups.subscribe(this, topic);
  }

  unsubscribe(topic: string): boolean {
    return this.owner.groups.unsubscribe(this, topic);
  }

  publish(topic: string, payload: Payload, options: PublishTo<C> | undefined): DeliveryCounts {
    return this.owner.groups.publish(this, topic, payload, options);
  }

  subscribeFrom(
    topic: string,
    since: Position | undefined,
    options: SubscribeFromOptions | undefined,
  ): Promise<SubscribedFrom> {
    return this.owner.groups.subscribeFrom(this, topic, since, options);
  }

  enter(topic: string, options: EnterOptions | undefined): boolean {
    return this.owner.groups.enter(this, topic, options);
  }

  leave(topic: string): boolean {
    return this.owner.groups.leave(this, topic);
  }

  request(name: string, data: unknown, options: RequestOptions | undefined): Promise<unknown> {
    if (this.session !== undefined) return this.session.request(name, data, options);
    const detail = 'connection.request needs a connection with the subprotocol hawser.v1';
    return Promise.reject(new MisuseError('ERR_STATE', detail));
  }

  override sendStream(source: StreamSource, options: StreamOptions): Promise<number> {
    if (this.session === undefined) return super.sendStream(source, options);
    const detail =
      'connection.sendStream sends no frames of hawser.v1: send whole messages with connection.send';
    return Promise.reject(new MisuseError('ERR_STATE', detail));
  }

  // Members for the server or client that owns the connection, and for its observers.

  /** Starts a closing handshake with a cause of the owner. */
  closeFor(code: number, reason: string, cause: CloseInfo['cause']): void {
    this.link.end.close(code, reason, cause);
    this.#dropAbandoned();
  }

  /** Destroys the socket with a cause of the owner. */
  terminateFor(cause: CloseInfo['cause']): void {
    this.link.end.terminate(cause);
  }

  /** Takes bytes that arrived before the connection existed. */
  receiveEarly(bytes: Buffer): void {
    if (bytes.length > 0) this.link.received(bytes);
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

  /** Shows mistakes of the application. */
  get warnings(): Warnings {
    return this.owner.warnings;
  }

  /** Runs one step of the removal of this connection. If it throws, the error is logged, and the next steps run. */
  attempt(step: () => void): void {
    this.link.attempt(step);
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
    if (MESSAGE_RECEIVE.hasSubscribers) this.#publishReceived(message, isText);
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

  receivedPing(payload: Buffer): void {
    if (countListeners(this.connection, 'ping') > 0) this.tell('ping', copyOf(payload, 0, payload.length));
  }

  receivedPong(payload: Buffer): void {
    if (countListeners(this.connection, 'pong') > 0) this.tell('pong', copyOf(payload, 0, payload.length));
  }

  stateChanged(next: ConnectionState, previous: ConnectionState): void {
    const link = this.link;
    this.owner.observers?.tell('stateChanged', this, next, previous);
    link.attempt(() => this.#expiry?.cancel());
    link.attempt(() => this.streamsEnded());
    link.attempt(() => this.#parts?.interrupted());
    if (next === 'closed') {
      link.attempt(() => this.sendingEnded());
      link.attempt(() => this.session?.ended());
    }
    link.attempt(() => this.owner.stateChanged(this, next));
    link.attempt(() => this.tell('stateChange', next, previous));
  }

  internalFault(error: unknown): void {
    this.owner.observers?.tell('internalFault', error, this);
  }

  roundTrip(rttMs: number): void {
    this.owner.observers?.tell('roundTrip', this, rttMs);
  }

  rateLimited(action: 'close' | 'throttle'): void {
    this.owner.observers?.tell('rateLimited', this, action);
  }

  ended(): void {
    this.#finishIfDelivered();
  }

  get undeliveredBytes(): number {
    // After the end, parts belong to the application.
    const parts = this.link.endStep === 'released' ? 0 : (this.#parts?.waitingBytes ?? 0);
    return this.#delivery.waitingBytes + parts;
  }

  outOfMemory(): void {
    this.countDropped(this.#delivery.drop(), 'undelivered');
    this.countDropped(this.link.outbox.dropWaiting(), 'unsent');
    this.link.end.fail(new PeerError('ERR_MEMORY_CAP'));
    this.#parts?.drop();
    this.owner.memoryShed();
  }

  outputFailed(error: PeerError): void {
    this.countDropped(this.link.outbox.dropWaiting(), 'unsent');
    this.link.end.fail(error);
  }

  timedOut(): void {
    this.#dropUndelivered();
  }

  // `ExpiryOwner`.

  expiring(): void {
    this.tell('expiring');
  }

  expired(): void {
    const error = new PeerError('ERR_EXPIRED');
    this.link.end.close(error.closeCode, error.reason, 'expired', error);
  }

  // `DeliveryOwner`.

  get meter(): MessageMeter | undefined {
    return this.owner.meter;
  }

  get messageTracer(): MessageTracer | undefined {
    return this.owner.messageTracer;
  }

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
    this.countDropped(this.#delivery.drop(), 'undelivered');
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
    if (endStep === 'reported') this.#finishIfDelivered();
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

  /** Unclaimed messages must not delay the end. */
  #dropAbandoned(): void {
    if (this.#delivery.isAbandoned) this.#dropUndelivered();
  }

  #dropUndelivered(): void {
    this.countDropped(this.#delivery.drop(), 'undelivered');
    this.#finishIfDelivered();
  }

  #finishIfDelivered(): void {
    const link = this.link;
    if (link.endStep !== 'reported' || this.#delivery.waiting > 0) return;
    link.attempt(() => link.release());
    link.attempt(() => this.#unclaimed?.cancel());
    const info = link.closeInfo!;
    link.attempt(() => this.#delivery.finish());
    link.attempt(() => this.#parts?.ended());
    link.attempt(() => {
      if (info.error !== undefined) this.tell('error', info.error);
    });
    link.attempt(() => this.tell('close', info));
    this.owner.observers?.tell('closed', this, info);
    if (CONNECTION_CLOSE.hasSubscribers) CONNECTION_CLOSE.publish({ connection: this.connection, info });
    link.attempt(() => this.owner.closed(this, info));
    this.topicSet = undefined;
    this.#closed?.resolve(info);
  }

  /** @returns Bytes of the message so far. */
  #takePart(receiver: PartReceiver, part: Buffer, isText: boolean, isLast: boolean): number {
    const isOpen = this.link.state === 'open';
    const bytes = isOpen ? receiver.received(part, isText, isLast) : part.length;
    if (!isLast) return bytes;
    this.messagesReceived++;
    if (MESSAGE_RECEIVE.hasSubscribers)
      MESSAGE_RECEIVE.publish({ connection: this.connection, bytes, isText, message: undefined });
    if (!isOpen) this.countDropped(1, 'undelivered');
    return bytes;
  }

  #publishReceived(message: Message, isText: boolean): void {
    const bytes = typeof message === 'string' ? Buffer.byteLength(message) : message.length;
    MESSAGE_RECEIVE.publish({ connection: this.connection, bytes, isText, message });
  }

  // `SendingHalf`.

  protected override reportSent(
    payload: Payload,
    known: number,
    binary: boolean | undefined,
    isSampled: boolean,
  ): void {
    const { meter, messageTracer } = this.owner;
    if (meter !== undefined || MESSAGE_SEND.hasSubscribers) {
      const bytes = known === UNKNOWN_BYTES ? payloadLength(payload) : known;
      const isText = isTextPayload(payload, binary);
      meter?.sent(bytes, isText);
      if (MESSAGE_SEND.hasSubscribers) MESSAGE_SEND.publish({ connection: this.connection, bytes, isText });
    }
    if (isSampled) messageTracer?.sent(this, payload, binary);
  }

  protected override reportStreamed(bytes: number, isText: boolean): void {
    this.owner.meter?.sent(bytes, isText);
    if (MESSAGE_SEND.hasSubscribers) MESSAGE_SEND.publish({ connection: this.connection, bytes, isText });
  }

  protected override reportDropped(messages: number, cause: DropCause): void {
    this.owner.observers?.tell('dropped', this, messages, cause);
    if (cause === 'drop-oldest') this.owner.groups.droppedOldest(this);
  }

  protected override reportDrain(): void {
    if (CONNECTION_DRAIN.hasSubscribers) CONNECTION_DRAIN.publish({ connection: this.connection });
    this.link.attempt(() => this.session?.drained());
    this.tell('drain');
    this.owner.drained(this);
  }

  protected override tell<Name extends keyof ConnectionEvents>(
    name: Name,
    ...args: ConnectionEvents[Name]
  ): void {
    if (countListeners(this.connection, name) === 0) return;
    dispatch(this.connection, name, args, (error) => {
      this.owner.handlerFailed(error, this, `a listener of '${name}'`);
      // A client has no server whose `error` event could report the failure.
      if (name === 'error' || this.link.core.role === 'server') return;
      this.tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
    });
  }
}
