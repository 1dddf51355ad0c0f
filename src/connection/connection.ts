import { Buffer } from 'node:buffer';
import { checkCloseArguments } from '../protocol/close.ts';
import { OPCODE, type Role } from '../protocol/constants.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import { checkControlPayload } from '../protocol/frame-builder.ts';
import { type Message, outgoing, type Payload, payloadBytes } from '../protocol/payload.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import type { Transport, TransportOwner } from '../transport/transport.ts';
import type { CloseInfo } from './close-info.ts';
import type { ConnectionEvents, ConnectionIdentity, DroppedMessage } from './connection-events.ts';
import { Delivery } from './delivery.ts';
import { Drains } from './drains.ts';
import { Expiry, wallTimeMs } from './expiry.ts';
import { SafeEmitter } from './emitter.ts';
import type { Audience, ConnectionHost, ListenerResult, PublishDelivery, SendOptions } from './host.ts';
import { Link } from './link.ts';
import type { ConnectionState } from './states.ts';

const NO_TOPICS: ReadonlySet<string> = new Set();
const NO_LISTENERS: readonly never[] = Object.freeze([]);

/**
 * One WebSocket connection after its handshake; the same class on both sides. No method throws because of its state.
 * @typeParam UserData What the application keeps with it, in `data`.
 */
export class Connection<UserData = unknown>
  extends SafeEmitter<ConnectionEvents>
  implements AsyncIterable<Message>
{
  /** Unique, random, never reused. */
  readonly id: string;
  /** The subprotocol agreed on, `''` if none (§1.9). */
  readonly protocol: string;
  /** The extensions agreed on, as in the header field; `''` if none. */
  readonly extensions: string;
  /** The peer, IPv4-mapped addresses as IPv4; `''` where there is none, as behind a Unix socket. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Yours: set by the `upgrade` hook, writable; on the client's side `undefined` until you set it. */
  data: UserData;
  /** Messages accepted by `send`, broadcasts and publishes included. */
  messagesSent = 0;
  /** Messages not sent because of the state or the overflow policy, and received ones that were never delivered. */
  droppedMessages = 0;
  /** @internal */
  topicSet: Set<string> | undefined;
  /** What its host reserved for it. A weak map of them all was a tenth of a handshake. @internal */
  place: unknown;
  /** @internal */
  ownListeners: readonly ((message: Message) => ListenerResult)[] = NO_LISTENERS;

  readonly #host: ConnectionHost<Connection<UserData>>;
  readonly #link: Link;
  readonly #connectedAtMs: number;
  readonly #delivery: Delivery;
  #drains: Drains | undefined;
  #expiry: Expiry | undefined;
  #messagesReceived = 0;
  #closed: Promise<CloseInfo> | undefined;
  #resolveClosed: ((info: CloseInfo) => void) | undefined;
  #ended = false;
  #closeEmitted = false;

  /**
   * Made by servers and clients, not by applications.
   * @param open Takes the socket over, with the owner it is given.
   * @param nextKey Gives a fresh masking key for each frame: clients only.
   * @internal
   */
  constructor(
    host: ConnectionHost<Connection<UserData>>,
    identity: ConnectionIdentity<UserData>,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
  ) {
    super();
    this.#host = host;
    this.id = identity.id;
    this.protocol = identity.protocol;
    this.extensions = identity.extensions;
    this.data = identity.data;
    this.#connectedAtMs = host.deadlines.clock.wallNow();
    this.#delivery = new Delivery(this);
    this.#link = new Link(this, host, role, open, nextKey, identity.deflate);
    this.remoteAddress = this.#link.transport.remoteAddress;
    this.remotePort = this.#link.transport.remotePort;
    if (identity.expiresAt !== undefined) this.expiresAt = identity.expiresAt;
  }

  /** `open`, `closing` (a Close was sent or received, or the peer failed), or `closed`. */
  get state(): ConnectionState {
    return this.#link.state;
  }

  /** Wall time of the end of the handshake. */
  get connectedAt(): Date {
    return new Date(this.#connectedAtMs);
  }

  /**
   * When the credentials of the peer end, in wall time: then the connection is closed with 1008, and `expiryWarningMs`
   * before there is an `expiring` event. `undefined`: never. Accurate to a second. Writable: a later time is a refresh.
   * @throws MisuseError `ERR_ARGUMENT` when set to anything but a valid `Date`, ms since 1970, or `undefined`.
   */
  get expiresAt(): Date | undefined {
    return this.#expiry === undefined ? undefined : new Date(this.#expiry.atMs);
  }

  set expiresAt(at: Date | number | undefined) {
    if (at === undefined) {
      this.#expiry?.cancel();
      this.#expiry = undefined;
      return;
    }
    const atMs = wallTimeMs(at);
    this.#expiry ??= new Expiry(this, this.#host.deadlines, this.#host.settings.expiryWarningMs);
    if (this.state === 'open') this.#expiry.set(atMs);
    else this.#expiry.atMs = atMs;
  }

  /** Bytes accepted and not yet taken by the kernel: ours, the socket's and those of TLS. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes;
  }

  /** Round trip of our pings in ms, smoothed over about ten; `undefined` before the first answer. */
  get rttMs(): number | undefined {
    return this.#link.pings.rttMs;
  }

  /** How long ago the last byte came, in ms. */
  get lastReceivedAgoMs(): number {
    return this.#host.deadlines.now() - this.#link.watch.receivedAtMs;
  }

  /** Messages received whole, whether delivered yet or not. */
  get messagesReceived(): number {
    return this.#messagesReceived;
  }

  /** Bytes received after the handshake, as on the wire. */
  get bytesReceived(): number {
    return this.#link.bytesReceived;
  }

  /** Bytes handed to the socket after the handshake. */
  get bytesSent(): number {
    return this.#link.outbox.sentBytes;
  }

  /** Topics subscribed to now. */
  get topics(): ReadonlySet<string> {
    return this.topicSet ?? NO_TOPICS;
  }

  /** How it ended; `undefined` until it is closed. */
  get closeInfo(): CloseInfo | undefined {
    return this.#link.closeInfo;
  }

  /** Resolves when the connection is over and the last message was delivered. Never rejects. */
  get closed(): Promise<CloseInfo> {
    this.#closed ??= this.#closeEmitted
      ? Promise.resolve(this.#link.closeInfo!)
      : new Promise((resolve) => {
          this.#resolveClosed = resolve;
        });
    return this.#closed;
  }

  /**
   * Sends a message: a string as text, bytes as binary. Bytes are not copied: leave them unchanged until
   * `bufferedBytes` says they are out.
   * @returns `true`: accepted, go on. `false`: accepted, but wait for `drain`; or not sent, because the connection is not
   *   open or is over its limit (`state` and `droppedMessages` tell).
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}.
   */
  send(payload: Payload, options?: SendOptions): boolean {
    const link = this.#link;
    if (typeof payload === 'string' && options === undefined) {
      if (!this.#admit(payload.length)) return false;
      link.outbox.text(payload);
    } else if (options?.binary === undefined && typeof payload !== 'string') {
      const bytes = payloadBytes(payload);
      if (!this.#admit(bytes.length)) return false;
      link.outbox.data(OPCODE.BINARY, bytes, options?.compress);
    } else {
      const { opcode, data } = outgoing(payload, options?.binary);
      if (!this.#admit(data.length)) return false;
      if (typeof data === 'string') link.outbox.text(data, options?.compress);
      else link.outbox.data(opcode, data, options?.compress);
    }
    return this.#accepted();
  }

  /**
   * Sends a message that was encoded once for many.
   * @returns Whether it was accepted.
   * @internal
   */
  sendPrepared(message: PreparedMessage): boolean {
    if (!this.#admit(message.frame.length)) return false;
    this.#link.outbox.prepared(message);
    this.#accepted();
    return true;
  }

  /**
   * Resolves once no more than half of the high-water mark waits; at once if no more than the mark does.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the connection ends first; or the reason of `signal`.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void> {
    if (this.state === 'closed') return Promise.reject(closedError());
    if (this.bufferedBytes <= this.#host.settings.highWaterMarkBytes) return Promise.resolve();
    this.#drains ??= new Drains();
    return this.#drains.wait(options?.signal);
  }

  /**
   * Sends a ping (§5.5.2). The heartbeat pings by itself; this is for measuring and for protocols that ask for it.
   * @param payload At most 125 bytes; a string as UTF-8.
   * @returns Like {@link send}.
   * @throws MisuseError `ERR_ARGUMENT` for a longer payload.
   */
  ping(payload: Payload = ''): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payloadBytes(payload);
    checkControlPayload(bytes);
    if (this.state !== 'open') return false;
    this.#link.ping(bytes);
    return this.bufferedBytes <= this.#host.settings.highWaterMarkBytes;
  }

  /**
   * Starts the closing handshake (§7.1.2): messages already accepted go out first, then Close. Later calls do nothing.
   * Received ones that wait are delivered still, unless nobody takes any: without a listener, or after a loop was left.
   * @param code 1000 to 1003, 1007 to 1009, 1011 to 1014, 3000 to 4999; clients also 1010. Default 1000.
   * @param reason At most 123 bytes of UTF-8; a longer one is cut at a code point.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is no string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseArguments(code, reason, this.#link.core.role);
    this.#link.end.close(code, reason, 'local-close');
    this.#dropAbandoned();
  }

  /** Throws the connection away, without closing handshake: code 1006, cause `terminated`. */
  terminate(): void {
    this.#link.end.terminate('terminated');
    this.#dropAbandoned();
  }

  /** Stops delivery at the next message. Nothing is lost: soon TCP holds the peer back. */
  pause(): void {
    this.#delivery.pause();
  }

  resume(): void {
    this.#delivery.resume();
  }

  /**
   * Subscribes to a topic of the server.
   * @returns `true` if new; `false` if subscribed already, over a limit, or not open.
   * @throws MisuseError `ERR_ARGUMENT` unless `topic` is a string of 1 to 256 bytes without control characters;
   *   `ERR_STATE` on the client's side: only a server has topics.
   */
  subscribe(topic: string): boolean {
    return this.#host.subscribe(this, topic);
  }

  /**
   * @returns Whether it was subscribed.
   * @throws MisuseError `ERR_STATE` on the client's side.
   */
  unsubscribe(topic: string): boolean {
    return this.#host.unsubscribe(this, topic);
  }

  /**
   * Publishes to all subscribers of a topic but this connection. See `WebSocketServer.publish`.
   * @throws MisuseError `ERR_STATE` on the client's side.
   */
  publish(
    topic: string,
    payload: Payload,
    options?: SendOptions & Audience<Connection<UserData>>,
  ): PublishDelivery {
    return this.#host.publish(this, topic, payload, options);
  }

  /**
   * Messages one by one, as fast as the loop asks for them; ends when the connection does, however it does. Leaving the
   * loop pauses the connection, until another loop begins or `resume`.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#delivery.loop('connection', this.#closeEmitted);
  }

  /** Closes with 1000 and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  /** Ends the connection for a reason of the server's: a closing handshake with a cause of its own. @internal */
  closeFor(code: number, reason: string, cause: CloseInfo['cause']): void {
    this.#link.end.close(code, reason, cause);
  }

  /** Destroys the socket for a reason of the server's. @internal */
  terminateFor(cause: CloseInfo['cause']): void {
    this.#link.end.terminate(cause);
  }

  /** Hands over bytes that came before the connection existed. @internal */
  receiveEarly(bytes: Buffer): void {
    if (bytes.length > 0) this.#link.received(bytes);
  }

  /** The server's listeners for messages have changed. @internal */
  hostListenersChanged(): void {
    if (this.#delivery.waiting > 0) this.deliveryReady();
  }

  // What `LinkOwner`, `DeliveryOwner` and `ExpiryOwner` ask and tell. @internal all of it, and therefore not `implements`:
  // the published types have to hold without it.

  /** @internal */
  get wantsMore(): boolean {
    return this.#link.state !== 'open' || this.#delivery.waitingBytes < this.#host.settings.receiveAheadBytes;
  }

  /** @internal */
  received(message: Message): void {
    this.#messagesReceived++;
    if (this.#link.state === 'open') this.#delivery.offer(message);
    else this.#countDropped(1);
  }

  /** @internal */
  receivedPing(payload: Buffer): void {
    if (this.listenerCount('ping') > 0) this.#tell('ping', Buffer.from(payload));
  }

  /** @internal */
  receivedPong(payload: Buffer): void {
    if (this.listenerCount('pong') > 0) this.#tell('pong', Buffer.from(payload));
  }

  /** @internal */
  stateChanged(next: ConnectionState, previous: ConnectionState): void {
    this.#host.moved(next, previous);
    this.#expiry?.cancel();
    if (next === 'closed') {
      this.#drains?.reject(closedError());
      this.#host.left(this);
    }
    this.#tell('stateChange', next, previous);
  }

  /** @internal */
  flushed(): void {
    if (this.#drains === undefined) return;
    if (this.bufferedBytes > this.#host.settings.highWaterMarkBytes / 2) return;
    const drains = this.#drains;
    this.#drains = undefined;
    drains.resolve();
    // A connection that is over has room, but nobody who could use it: its last event is close.
    if (!drains.wasRefused || this.state === 'closed') return;
    this.#tell('drain');
    this.#host.drained(this);
  }

  /** @internal */
  ended(): void {
    this.#ended = true;
    this.#finishIfDelivered();
  }

  /** @internal */
  get undeliveredBytes(): number {
    return this.#delivery.waitingBytes;
  }

  /** @internal */
  outOfMemory(): void {
    this.#countDropped(this.#delivery.drop() + this.#link.outbox.dropWaiting());
    this.#link.end.fail(new PeerError('ERR_MEMORY_CAP'));
    this.#host.memoryShed();
  }

  /** @internal */
  expiring(): void {
    this.#tell('expiring');
  }

  /** @internal */
  expired(): void {
    const error = new PeerError('ERR_EXPIRED');
    this.#link.end.close(error.closeCode, error.reason, 'expired', error);
  }

  /** @internal */
  timedOut(): void {
    this.#countDropped(this.#delivery.drop());
    this.#finishIfDelivered();
  }

  /** @internal */
  get hostListenerCount(): number {
    return this.#host.messageListeners.length;
  }

  /** @internal */
  callHost(index: number, message: Message): ListenerResult {
    return this.#host.messageListeners[index]?.(this, message);
  }

  /** @internal */
  get maxConcurrentMessages(): number {
    return this.#host.settings.maxConcurrentMessages;
  }

  /** @internal */
  listenerFailed(error: unknown): void {
    this.#host.handlerFailed(error, this);
    // What waits was meant for a handler that just showed that it cannot go on.
    this.#countDropped(this.#delivery.drop());
    const fault = new PeerError('ERR_HANDLER', undefined, { cause: error });
    this.#link.end.close(fault.closeCode, fault.reason, 'handler-error', fault);
  }

  /** @internal */
  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    this.#finishIfDelivered();
    if (!this.#ended) this.#link.readMore();
  }

  protected override listenersChanged(name: string | undefined): void {
    if (name !== undefined && name !== 'message') return;
    this.ownListeners = this.rawListeners('message') as ((message: Message) => ListenerResult)[];
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  /** Whether a message may enter the outbox; applies the overflow policy if not. */
  #admit(bytes: number): boolean {
    const link = this.#link;
    if (link.state !== 'open') {
      this.#countDropped(1);
      return false;
    }
    const { settings } = this.#host;
    // Before a verdict on the peer, let the kernel take what it can.
    if (link.outbox.waitingBytes >= settings.highWaterMarkBytes) link.flush();
    if (link.bufferedBytes < settings.maxBufferedBytes) return true;
    return this.#overflow(bytes);
  }

  #overflow(bytes: number): boolean {
    const link = this.#link;
    const { maxBufferedBytes, onOverflow } = this.#host.settings;
    if (onOverflow === 'drop-oldest') {
      while (link.bufferedBytes >= maxBufferedBytes) {
        const dropped = link.outbox.dropOldest();
        if (dropped === 0) break;
        this.#dropped(dropped, onOverflow);
      }
      if (link.bufferedBytes < maxBufferedBytes) return true;
    }
    if (onOverflow === 'close') {
      this.#countDropped(link.outbox.dropWaiting());
      link.end.fail(new PeerError('ERR_SLOW_CONSUMER'));
    }
    this.#dropped(bytes, onOverflow);
    return false;
  }

  #accepted(): boolean {
    const link = this.#link;
    this.messagesSent++;
    this.#host.counters.messagesSent++;
    link.sendMessage();
    if (link.bufferedBytes <= this.#host.settings.highWaterMarkBytes) return true;
    this.#drains ??= new Drains();
    this.#drains.wasRefused = true;
    return false;
  }

  #dropped(bytes: number, policy: DroppedMessage['policy']): void {
    this.#countDropped(1);
    this.#tell('dropped', { bytes, policy });
  }

  #countDropped(count: number): void {
    this.droppedMessages += count;
    this.#host.counters.droppedMessages += count;
  }

  /** What nobody will take must not hold up the end. */
  #dropAbandoned(): void {
    if (!this.#delivery.isAbandoned) return;
    this.#countDropped(this.#delivery.drop());
    this.#finishIfDelivered();
  }

  #finishIfDelivered(): void {
    if (!this.#ended || this.#closeEmitted || this.#delivery.waiting > 0) return;
    this.#closeEmitted = true;
    this.#link.release();
    const info = this.#link.closeInfo!;
    this.#delivery.finish();
    if (info.error !== undefined) this.#tell('error', info.error);
    this.#tell('close', info);
    this.#host.closed(this, info);
    this.#resolveClosed?.(info);
  }

  #tell<Name extends keyof ConnectionEvents>(name: Name, ...args: ConnectionEvents[Name]): void {
    if (this.listenerCount(name) === 0) return;
    this.dispatch(name, args, (error) => {
      this.#host.handlerFailed(error, this);
      // A client has no server above it whose `error` event could tell.
      if (name === 'error' || this.#link.core.role === 'server') return;
      this.#tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
    });
  }
}

function closedError(): MisuseError {
  return new MisuseError('ERR_CLOSED', 'the connection closed before what waited was out');
}
