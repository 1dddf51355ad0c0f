import type { Role } from '../protocol/constants.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import { checkCount, refuseSurplus } from '../options/call-check.ts';
import {
  checkCloseCall,
  checkDrainedOptions,
  checkPublishOptions,
  checkSendOptions,
  type Audience,
  type SendOptions,
} from '../options/call-options.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { ConnectionDriver } from './connection-driver.ts';
import type { ConnectionEvents, ConnectionIdentity, HandshakeResponse } from './connection-events.ts';
import { SafeEmitter } from './emitter.ts';
import { warnOfHandlerProperties } from './event-names.ts';
import type { ConnectionHost, PublishDelivery } from './host.ts';
import type { ConnectionState } from './states.ts';
import { NO_TOPICS } from './topic-set.ts';

/** Ends the sentence about a callback of `subscribe`. */
const NO_TOPIC_LISTENER = 'what is published to a topic is sent to this connection';

/** What drives a {@link Connection}. */
export type DriverOf<UserData> = ConnectionDriver<Connection<UserData>>;

/** Reads the private field of a connection; assigned once, where that field is in scope. */
let readDriver: <UserData>(value: object) => DriverOf<UserData> | undefined;

/** The driver of a connection; `undefined` for any other object. */
export function driverIn<UserData>(value: object): DriverOf<UserData> | undefined {
  return readDriver(value);
}

/** The driver of a connection. */
export function driverOf<UserData>(connection: Connection<UserData>): DriverOf<UserData> {
  return readDriver<UserData>(connection)!;
}

/**
 * One WebSocket connection after its handshake; the same class on both sides. No method throws because of its state. It has
 * these members and no others: properties that you add are yours, and the library never reads them.
 * @typeParam UserData What the application keeps with it, in `data`.
 */
export class Connection<UserData = unknown>
  extends SafeEmitter<ConnectionEvents>
  implements AsyncIterable<Message>
{
  /** Yours: set by the `upgrade` hook, writable; on the client's side `undefined` until you set it. */
  data: UserData;
  readonly #driver: DriverOf<UserData>;

  static {
    readDriver = <Data>(value: object) =>
      #driver in value ? (value.#driver as unknown as DriverOf<Data>) : undefined;
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
   * Made by servers and clients, not by applications.
   * @param open Takes the socket over, with the owner it is given.
   * @param nextKey Gives a fresh masking key for each frame: clients only.
   * @internal
   */
  constructor(
    host: ConnectionHost<DriverOf<UserData>, Connection<UserData>>,
    identity: ConnectionIdentity<UserData>,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
  ) {
    const driver = new ConnectionDriver<Connection<UserData>>(host, identity, role, open, nextKey);
    super(driver);
    driver.connection = this;
    this.#driver = driver;
    this.data = identity.data;
  }

  /** Unique, random, never reused. */
  get id(): string {
    return this.#driver.id;
  }

  /** The subprotocol agreed on, `''` if none (§1.9). */
  get protocol(): string {
    return this.#driver.protocol;
  }

  /** The extensions agreed on, as in the header field; `''` if none. */
  get extensions(): string {
    return this.#driver.extensions;
  }

  /** The peer, IPv4-mapped addresses as IPv4; `''` where there is none, as behind a Unix socket. */
  get remoteAddress(): string {
    return this.#driver.remoteAddress;
  }

  /** Port of the peer; 0 where there is none, or where a trusted proxy named the peer. */
  get remotePort(): number {
    return this.#driver.remotePort;
  }

  /** The server's answer to the handshake, with its fields; `undefined` on the server's side. */
  get response(): HandshakeResponse | undefined {
    return this.#driver.response;
  }

  /** `open`, `closing` (a Close was sent or received, or the peer failed), or `closed`. */
  get state(): ConnectionState {
    return this.#driver.state;
  }

  /** Wall time of the end of the handshake. */
  get connectedAt(): Date {
    return new Date(this.#driver.connectedAtMs);
  }

  /**
   * When the credentials of the peer end, in wall time: then the connection is closed with 1008, and `expiryWarningMs`
   * before there is an `expiring` event. `undefined`: never. Accurate to a second. Writable: a later time is a refresh.
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
   * Bytes accepted and not yet taken by the kernel: in the queues here, in the socket and in TLS. Each entry of a queue counts
   * 128 bytes more, since it costs memory; small messages share entries while the socket is blocked.
   */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Round trip of our pings in ms, smoothed over about ten; `undefined` before the first answer. */
  get rttMs(): number | undefined {
    return this.#driver.rttMs;
  }

  /** How long ago the last byte came, in ms. */
  get lastReceivedAgoMs(): number {
    return this.#driver.lastReceivedAgoMs;
  }

  /** Messages accepted by `send`, broadcasts and publishes included. */
  get messagesSent(): number {
    return this.#driver.messagesSent;
  }

  /** Messages received whole, whether delivered yet or not. */
  get messagesReceived(): number {
    return this.#driver.messagesReceived;
  }

  /**
   * Messages not sent because of the state or the overflow policy, and received ones that were never delivered: those that
   * waited for a consumer for more than 10 s, too.
   */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /** Bytes received after the handshake, as on the wire. */
  get bytesReceived(): number {
    return this.#driver.bytesReceived;
  }

  /** Bytes handed to the socket after the handshake. */
  get bytesSent(): number {
    return this.#driver.bytesSent;
  }

  /**
   * Topics subscribed to now; not to be changed. The subscriptions end when the state turns closed, and these stay readable
   * until the `close` events of connection and server were emitted.
   */
  get topics(): ReadonlySet<string> {
    return this.#driver.topicSet ?? NO_TOPICS;
  }

  /** How it ended; `undefined` until it is closed. */
  get closeInfo(): CloseInfo | undefined {
    return this.#driver.closeInfo;
  }

  /** Resolves when the connection is over and the last message was delivered. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#driver.closed;
  }

  /**
   * Sends a message: a string as text, bytes as binary. Bytes are not copied: leave them unchanged until
   * `bufferedBytes` says they are out. A payload that is detached before it is written ends the connection with 1011, cause
   * `payload-detached`.
   * @returns `true`: accepted, go on. `false`: accepted, but wait for `drain`; or not sent, because the connection is not
   *   open or is over its limit (`state` and `droppedMessages` tell).
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}, and for a callback; `ERR_OPTION` for an
   *   option.
   */
  send(payload: Payload, options?: SendOptions): boolean;
  // A third parameter, since `arguments` and rest parameters allocate: this is the hot path.
  send(payload: Payload, options?: SendOptions, surplus?: unknown): boolean {
    if (options !== undefined || surplus !== undefined) checkSendOptions('connection', options, surplus);
    return this.#driver.send(payload, options);
  }

  /**
   * Resolves once no more than half of the high-water mark waits; at once if no more than the mark does.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the connection ends first; or the reason of `signal`;
   *   `ERR_ARGUMENT`, at once, for a callback.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
  drained(options?: { readonly signal?: AbortSignal }, surplus?: unknown): Promise<void> {
    checkDrainedOptions('connection', options, surplus);
    return this.#driver.drained(options?.signal);
  }

  /**
   * Sends a ping (§5.5.2). The heartbeat pings by itself; this is for measuring and for protocols that ask for it.
   * @param payload At most 125 bytes; a string as UTF-8.
   * @returns Like {@link send}. Nothing is sent while `bufferedBytes` is at `maxBufferedBytes` or above.
   * @throws MisuseError `ERR_ARGUMENT` for a longer payload.
   */
  ping(payload?: Payload): boolean;
  ping(payload: Payload = '', ...surplus: unknown[]): boolean {
    checkCount('connection.ping', surplus, 0, "the answer is the event 'pong'");
    return this.#driver.ping(payload);
  }

  /**
   * Starts the closing handshake (§7.1.2): messages already accepted go out first, then Close. Later calls do nothing.
   * Received ones that wait are delivered still, unless nobody takes any: without a listener, or after a loop was left.
   * @param code 1000 to 1003, 1007 to 1009, 1011 to 1014, 3000 to 4999; clients also 1010. Default 1000. Every code of a
   *   {@link CloseInfo} is accepted, so that a relay can pass it on: 1005 sends a Close without code and reason; 1006, 1015
   *   and, from a server, 1010 send 1011.
   * @param reason At most 123 bytes of UTF-8; a longer one is cut at a code point.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is no string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseCall('connection', arguments);
    this.#driver.close(code, reason);
  }

  /**
   * Throws the connection away, without closing handshake: code 1006, cause `terminated`. Received messages that are not
   * delivered yet are dropped, so that `close` follows at once.
   */
  terminate(): void {
    checkCount('connection.terminate', arguments, 0, 'close(code, reason) sends a code');
    this.#driver.terminate();
  }

  /** Stops delivery at the next message. Nothing is lost: soon TCP holds the peer back. */
  pause(): void;
  pause(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('connection.pause', surplus);
    this.#driver.pause();
  }

  /** Goes on with delivery after {@link pause}, or after a loop was left. */
  resume(): void;
  resume(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('connection.resume', surplus);
    this.#driver.resume();
  }

  /**
   * Subscribes to a topic of the server.
   * @returns `true` if new; `false` if subscribed already, over a limit, or not open.
   * @throws MisuseError `ERR_ARGUMENT` unless `topic` is a string of 1 to 256 bytes without control characters;
   *   `ERR_STATE` on the client's side: only a server has topics.
   */
  subscribe(topic: string): boolean;
  subscribe(topic: string, surplus?: unknown): boolean {
    if (surplus !== undefined) refuseSurplus('connection.subscribe', surplus, NO_TOPIC_LISTENER);
    return this.#driver.subscribe(topic);
  }

  /**
   * @returns Whether it was subscribed.
   * @throws MisuseError `ERR_STATE` on the client's side.
   */
  unsubscribe(topic: string): boolean;
  unsubscribe(topic: string, surplus?: unknown): boolean {
    if (surplus !== undefined) refuseSurplus('connection.unsubscribe', surplus);
    return this.#driver.unsubscribe(topic);
  }

  /**
   * Publishes to all subscribers of a topic but this connection. See `WebSocketServer.publish`.
   * @throws MisuseError `ERR_STATE` on the client's side.
   */
  publish(
    topic: string,
    payload: Payload,
    options?: SendOptions & Audience<Connection<UserData>>,
  ): PublishDelivery;
  publish(
    topic: string,
    payload: Payload,
    options?: SendOptions & Audience<Connection<UserData>>,
    surplus?: unknown,
  ): PublishDelivery {
    if (options !== undefined || surplus !== undefined) checkPublishOptions('connection', options, surplus);
    return this.#driver.publish(topic, payload, options);
  }

  /**
   * Messages one by one, as fast as the loop asks for them; ends when the connection does, however it does. Leaving the
   * loop pauses the connection, until another loop begins or `resume`. Without a `message` listener, messages wait for that
   * for 10 s; from then on they are dropped and counted in `droppedMessages`.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#driver.loop();
  }

  /** Closes with 1000 and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.close(1000, '');
    await this.#driver.closed;
  }
}
