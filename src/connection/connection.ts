import type { Role } from '../protocol/constants.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import { checkCount, refuseSurplus } from '../options/call-check.ts';
import { jsonText } from '../options/json-text.ts';
import type { Priority } from '../options/priority.ts';
import { checkStreamSource, type StreamOptions, type StreamSource } from '../options/stream-source.ts';
import {
  checkCloseCall,
  checkDrainedOptions,
  checkPublishOptions,
  checkSendOptions,
  type PublishTo,
  type SendOptions,
} from '../options/call-options.ts';
import {
  checkEnter,
  checkRequest,
  checkSubscribeFrom,
  type EnterOptions,
  type Position,
  type RequestOptions,
  type SubscribedFrom,
  type SubscribeFromOptions,
} from '../options/topic-calls.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { ConnectionDriver } from './connection-driver.ts';
import type { ConnectionEvents, ConnectionIdentity, HandshakeResponse } from './connection-events.ts';
import { companionOf, SafeEmitter } from './emitter.ts';
import { warnOfHandlerProperties } from './event-names.ts';
import { KeptShapes } from './kept-shapes.ts';
import { OpenConnections } from './open-connections.ts';
import type { ConnectionOwner, PublishDelivery } from './owner.ts';
import type { ConnectionState } from './states.ts';
import { NO_TOPICS } from './topic-set.ts';

/** Ends the error for a callback passed to `subscribe`. */
const NO_TOPIC_LISTENER = 'what is published to a topic is sent to this connection';

/** The driver of a {@link Connection}. */
export type DriverOf<UserData> = ConnectionDriver<Connection<UserData>>;

/** Returns the driver of a connection; `undefined` for any other object. */
export function driverIn<UserData>(value: object): DriverOf<UserData> | undefined {
  const companion = companionOf(value);
  return companion instanceof ConnectionDriver ? (companion as DriverOf<UserData>) : undefined;
}

/** Returns the driver of a connection. */
export function driverOf<UserData>(connection: Connection<UserData>): DriverOf<UserData> {
  return companionOf(connection) as DriverOf<UserData>;
}

/**
 * One WebSocket connection after its handshake; the same class on server and client. No method throws because of the
 * state. It has these members and no others: properties that you add are yours, and the library never reads them.
 * {@link ConnectionEvents} describes the events.
 * @typeParam UserData Type of the application's `data`.
 */
export class Connection<UserData = unknown>
  extends SafeEmitter<ConnectionEvents>
  implements AsyncIterable<Message>
{
  /**
   * Data of the application, writable. On a server, the `upgrade` hook sets it first; on a client it is `undefined` at
   * first.
   */
  data: UserData;
  readonly #driver: DriverOf<UserData>;

  static {
    warnOfHandlerProperties(
      this.prototype,
      'connection',
      {
        onopen: 'no listener: a connection is open when you get it',
        onmessage: "connection.on('message', (message) => …)",
        onclose: "connection.on('close', (info) => …)",
        onerror: "connection.on('error', (error) => …)",
      },
      (connection) => driverIn(connection)?.warnings,
    );
  }

  /**
   * Servers and clients create connections; applications do not.
   * @param open Takes over the socket, with the owner that it is given.
   * @param nextKey Returns a fresh masking key for each frame; clients only.
   * @internal
   */
  constructor(
    owner: ConnectionOwner<DriverOf<UserData>, Connection<UserData>>,
    identity: ConnectionIdentity<UserData>,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
  ) {
    owner.engine.part(KeptShapes).keep(identity.deflate !== undefined);
    const driver = new ConnectionDriver<Connection<UserData>>(owner, identity, role, open, nextKey);
    super(driver);
    driver.connection = this;
    this.#driver = driver;
    this.data = identity.data;
    owner.engine.part(OpenConnections).opened(this);
  }

  /** Random and unique; never reused. */
  get id(): string {
    return this.#driver.id;
  }

  /** The negotiated subprotocol, `''` if none (§1.9). */
  get protocol(): string {
    return this.#driver.protocol;
  }

  /** The negotiated extensions as in the header field; `''` if none. */
  get extensions(): string {
    return this.#driver.extensions;
  }

  /** IP address of the peer, IPv4-mapped addresses as IPv4; `''` if there is none, as on a Unix socket. */
  get remoteAddress(): string {
    return this.#driver.remoteAddress;
  }

  /** Port of the peer; 0 if there is none, or if a trusted proxy reported the address of the peer. */
  get remotePort(): number {
    return this.#driver.remotePort;
  }

  /** The server's response to the handshake; `undefined` on the server side. */
  get response(): HandshakeResponse | undefined {
    return this.#driver.response;
  }

  /** `open`, `closing` (a Close was sent or received, or the peer failed), or `closed`. */
  get state(): ConnectionState {
    return this.#driver.state;
  }

  /** Wall time at which the handshake completed. */
  get connectedAt(): Date {
    return new Date(this.#driver.connectedAtMs);
  }

  /**
   * Wall time at which the credentials of the peer expire; `undefined` for never. At that time the connection closes
   * with 1008; `expiryWarningMs` before, `expiring` is emitted. Accurate to a second. Writable: a later time refreshes
   * the credentials.
   * @throws MisuseError `ERR_ARGUMENT` when set to anything but a valid `Date`, ms since 1970, or `undefined`.
   */
  get expiresAt(): Date | undefined {
    const atMs = this.#driver.expiresAtMs;
    return atMs === undefined ? undefined : new Date(atMs);
  }

  set expiresAt(at: Date | number | undefined) {
    this.#driver.expireAt(at);
  }

  /**
   * Importance while the server is overloaded: `'critical'`, `'high'`, `'normal'` or `'low'`. Default `'normal'`, or the
   * result of the `upgrade` hook. Writable. With the option `loadControl`, a critical server refuses handshakes of `normal`
   * and `low` and closes connections, `low` first; it never closes one of `critical`. On a client it has no effect.
   * @throws MisuseError `ERR_ARGUMENT` when set to anything else.
   */
  get priority(): Priority {
    return this.#driver.priority;
  }

  set priority(priority: Priority) {
    this.#driver.prioritize(priority);
  }

  /**
   * Bytes accepted by `send` and not yet by the kernel: in our queues, in the socket and in TLS. Each queue entry
   * counts as 128 more bytes for its memory. While the socket is blocked, small messages share entries.
   */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Round-trip time of our pings in ms, smoothed over about ten samples; `undefined` before the first pong. */
  get rttMs(): number | undefined {
    return this.#driver.rttMs;
  }

  /** Time since the last byte arrived, in ms. */
  get lastReceivedAgoMs(): number {
    return this.#driver.lastReceivedAgoMs;
  }

  /** Messages that `send` accepted, including broadcasts and publishes. */
  get messagesSent(): number {
    return this.#driver.messagesSent;
  }

  /** Messages received completely, including those not delivered yet. */
  get messagesReceived(): number {
    return this.#driver.messagesReceived;
  }

  /**
   * Messages not sent because of the state or the overflow policy, and received messages that were never delivered,
   * including those that had no consumer for more than 10 s.
   */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /** Bytes received after the handshake, on the wire. */
  get bytesReceived(): number {
    return this.#driver.bytesReceived;
  }

  /** Bytes passed to the socket after the handshake. */
  get bytesSent(): number {
    return this.#driver.bytesSent;
  }

  /**
   * Current topics, read-only. Subscriptions end when the state becomes `closed`, but the set stays readable until the
   * `close` events of connection and server were emitted.
   */
  get topics(): ReadonlySet<string> {
    return this.#driver.topicSet ?? NO_TOPICS;
  }

  /** How the connection ended; `undefined` until it is closed. */
  get closeInfo(): CloseInfo | undefined {
    return this.#driver.closeInfo;
  }

  /** Resolves when the connection has ended and the last message was delivered. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#driver.closed;
  }

  /**
   * Sends a message: a string as text, bytes as binary. Bytes are not copied: leave them unchanged until
   * `bufferedBytes` shows that they were sent. A payload that is detached before it is written ends the connection with
   * 1011, cause `payload-detached`.
   * @returns `true`: accepted, go on. `false`: accepted, but wait for `drain`; or not sent, because the connection is
   *   not open or is over its limit (`state` and `droppedMessages` tell which).
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}, and for a callback; `ERR_OPTION` for
   *   an option.
   */
  send(payload: Payload, options?: SendOptions): boolean;
  // `surplus` is a parameter because `arguments` and rest parameters allocate, and this is the hot path.
  send(payload: Payload, options?: SendOptions, surplus?: unknown): boolean {
    if (options !== undefined || surplus !== undefined) checkSendOptions('connection', options, surplus);
    return this.#driver.send(payload, options);
  }

  /**
   * Sends `JSON.stringify(value)` as text.
   * @param options As for {@link send}; `binary: true` sends the same bytes as binary.
   * @returns As {@link send}.
   * @throws MisuseError `ERR_ARGUMENT` for a value without a JSON form: `undefined`, a function, a symbol, a BigInt, a
   *   promise, a `Map`, a `Set`, an object that contains itself, or one whose `toJSON` throws (then `cause`);
   *   `ERR_OPTION` for an option.
   */
  sendJson(value: unknown, options?: SendOptions): boolean;
  sendJson(value: unknown, options?: SendOptions, surplus?: unknown): boolean {
    return this.#driver.send(jsonText('connection', value, options, surplus), options);
  }

  /**
   * Sends one message in fragments (§5.4), a chunk of the source after another. Waits while the buffer is above the
   * high-water mark. Other messages wait in order until the message is complete; pings and pongs do not. A second stream
   * begins after the first one and the messages behind it. The message is not compressed.
   *
   * A message that has begun cannot be given up. If the source throws, or `signal` aborts, the connection closes with
   * 1011; before the first chunk, nothing is sent. `close()` closes without the rest of the message. Hawser's own limits of
   * the peer are `maxMessageBytes`, `maxFragments` (a chunk is at least one fragment) and `messageTimeoutMs`.
   * @param source Strings or bytes; chunks of text may be cut inside a character. Not for one string or Buffer: use
   *   {@link send}. A source that is abandoned is told by `return()`.
   * @returns Resolves with the bytes of the payload when the last fragment was accepted.
   * @throws MisuseError As a rejection: `ERR_CLOSED` if the connection ends first, `ERR_ARGUMENT` for a chunk that is no
   *   {@link Payload} or for text that is not UTF-8; what the source throws; the reason of `signal`. At once:
   *   `ERR_ARGUMENT` or `ERR_OPTION` for an invalid argument or option.
   */
  sendStream(source: StreamSource, options?: StreamOptions): Promise<number>;
  sendStream(source: StreamSource, options: StreamOptions = {}, surplus?: unknown): Promise<number> {
    checkStreamSource(source, options, surplus);
    return this.#driver.sendStream(source, options);
  }

  /**
   * Resolves when the buffer is at or below half of the high-water mark; at once if it is at or below the mark.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) if the connection ends first; the reason of `signal` if it
   *   aborts; `ERR_ARGUMENT`, at once, for a callback.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
  drained(options?: { readonly signal?: AbortSignal }, surplus?: unknown): Promise<void> {
    checkDrainedOptions('connection', options, surplus);
    return this.#driver.drained(options?.signal);
  }

  /**
   * Sends a ping (§5.5.2). The heartbeat sends pings by itself; use this to measure, or for protocols that need it.
   * @param payload At most 125 bytes; a string is sent as UTF-8.
   * @returns Like {@link send}. Sends nothing while `bufferedBytes` is at or above `maxBufferedBytes`.
   * @throws MisuseError `ERR_ARGUMENT` for a longer payload.
   */
  ping(payload?: Payload): boolean;
  ping(payload: Payload = '', ...surplus: unknown[]): boolean {
    checkCount('connection.ping', surplus, 0, "the answer is the event 'pong'");
    return this.#driver.ping(payload);
  }

  /**
   * Starts the closing handshake (§7.1.2): accepted messages are sent first, then Close. Later calls do nothing.
   * Received messages that are buffered already are still delivered, unless there is no consumer (no listener, or the application
   * left its loop). Messages that arrive after this call are dropped, and counted in `droppedMessages`.
   * @param code 1000 to 1003, 1007 to 1009, 1011 to 1014, 3000 to 4999; clients also 1010. Default 1000. Every code of
   *   a {@link CloseInfo} is accepted, so that a relay can pass it on: 1005 sends a Close without code and reason; 1006,
   *   1015 and, from a server, 1010 send 1011.
   * @param reason At most 123 bytes of UTF-8; a longer one is cut at a code point.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is not a string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseCall('connection', arguments);
    this.#driver.close(code, reason);
  }

  /**
   * Destroys the connection without a closing handshake: code 1006, cause `terminated`. Drops received messages that
   * were not delivered yet, so that `close` follows at once.
   */
  terminate(): void {
    checkCount('connection.terminate', arguments, 0, 'close(code, reason) sends a code');
    this.#driver.terminate();
  }

  /** Stops delivery before the next message. No message is lost: when the read-ahead is full, TCP stops the peer. */
  pause(): void;
  pause(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('connection.pause', surplus);
    this.#driver.pause();
  }

  /** Continues delivery after {@link pause}, or after the application left its loop. */
  resume(): void;
  resume(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('connection.resume', surplus);
    this.#driver.resume();
  }

  /**
   * Subscribes to a topic of the server.
   * @returns `true` if new; `false` if already subscribed, over a limit, or not open.
   * @throws MisuseError `ERR_ARGUMENT` unless `topic` is a string of 1 to 256 bytes without control characters;
   *   `ERR_STATE` on a client: topics exist only on servers.
   */
  subscribe(topic: string): boolean;
  subscribe(topic: string, surplus?: unknown): boolean {
    if (surplus !== undefined) refuseSurplus('connection.subscribe', surplus, NO_TOPIC_LISTENER);
    return this.#driver.subscribe(topic);
  }

  /**
   * Unsubscribes from a topic.
   * @returns Whether the connection was subscribed.
   * @throws MisuseError `ERR_STATE` on a client.
   */
  unsubscribe(topic: string): boolean;
  unsubscribe(topic: string, surplus?: unknown): boolean {
    if (surplus !== undefined) refuseSurplus('connection.unsubscribe', surplus);
    return this.#driver.unsubscribe(topic);
  }

  /**
   * Publishes to all subscribers of a topic except this connection, on all servers. See `WebSocketServer.publish`.
   * @throws MisuseError `ERR_STATE` on a client.
   */
  publish(topic: string, payload: Payload, options?: PublishTo<Connection<UserData>>): PublishDelivery;
  publish(
    topic: string,
    payload: Payload,
    options?: PublishTo<Connection<UserData>>,
    surplus?: unknown,
  ): PublishDelivery {
    if (options !== undefined || surplus !== undefined) checkPublishOptions('connection', options, surplus);
    return this.#driver.publish(topic, payload, options);
  }

  /**
   * Subscribes to a topic with history, from a position on: the messages after `since` are sent first, then all later
   * ones, in order and without a gap. For protocols of your own; clients of `hawser.v1` do it by themselves.
   * @param since The last position that the peer has. Default: the subscription begins with the next message.
   * @returns Rejects with `ERR_ARGUMENT` for a topic without history; `ERR_STATE` if subscribed already, over a limit, or
   *   unsubscribed meanwhile; `ERR_CLOSED` if the connection ends; `ERR_ENGINE_DOWN`; `ERR_ENGINE_FULL` if too many
   *   subscriptions are pending (`retryAfterMs` says when to try again); or the reason of `signal`.
   * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`, at once, for an invalid argument.
   */
  subscribeFrom(topic: string, since?: Position, options?: SubscribeFromOptions): Promise<SubscribedFrom> {
    checkSubscribeFrom(arguments);
    return this.#driver.subscribeFrom(topic, since, options);
  }

  /**
   * Makes this connection a member of a topic with presence, until {@link leave} or its end. Again: changes key and info.
   * @returns `false` if the connection is not open, or a member of 16 topics already.
   * @throws MisuseError `ERR_ARGUMENT` without presence; `ERR_OPTION` for an invalid option; `ERR_STATE` on a client.
   */
  enter(topic: string, options?: EnterOptions): boolean {
    checkEnter(arguments);
    return this.#driver.enter(topic, options);
  }

  /**
   * Ends a membership that {@link enter} began. @returns Whether there was one.
   * @throws MisuseError `ERR_STATE` on a client.
   */
  leave(topic: string): boolean {
    checkCount('connection.leave', arguments, 1);
    return this.#driver.leave(topic);
  }

  /**
   * Asks the client, if the connection speaks `hawser.v1`.
   * @param data JSON value; it is sent as JSON text.
   * @returns The reply. Rejects with a `RequestError`, whose `code` is `no-handler`, `invalid`, `failed` or `timeout`; with
   *   `ERR_CLOSED` if the connection ends; `ERR_STATE` on another connection, or while 16 requests are open;
   *   `ERR_ARGUMENT` for data that is no JSON value; or the reason of `signal`.
   * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`, at once, for another invalid argument.
   */
  request(name: string, data?: unknown, options?: RequestOptions): Promise<unknown> {
    checkRequest(arguments);
    return this.#driver.request(name, data, options);
  }

  /**
   * Iterates over messages with back-pressure; ends when the connection ends, for any reason. Leaving the loop pauses
   * the connection until another loop starts or `resume` is called. Without a `message` listener, messages are then
   * buffered for 10 s. After that they are dropped and counted in `droppedMessages`.
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
