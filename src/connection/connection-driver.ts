import type { Buffer } from 'node:buffer';
import { refuseArgument } from '../options/call-check.ts';
import type { PublishTo } from '../options/call-options.ts';
import { isPriority, PRIORITIES_ALLOWED, type Priority } from '../options/priority.ts';
import type { StreamOptions, StreamSource } from '../options/stream-source.ts';
import type {
  EnterOptions,
  Position,
  RequestOptions,
  SubscribedFrom,
  SubscribeFromOptions,
} from '../options/topic-calls.ts';
import { checkCloseArguments } from '../protocol/close.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { Role } from '../protocol/constants.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import type { Payload } from '../protocol/payload.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import type { ConnectionEvents, ConnectionIdentity, HandshakeResponse } from './connection-events.ts';
import { UNCLAIMED_MS } from './delivery.ts';
import type { SafeEmitter } from './emitter.ts';
import { Expiry, type ExpiryOwner, wallTimeMs } from './expiry.ts';
import { Lifetime, type LifetimeOwner } from './lifetime.ts';
import { Link } from './link.ts';
import type { LinkOwner } from './link-owner.ts';
import type { ConnectionOwner, PublishDelivery } from './owner.ts';
import { rateKeyOf } from './rate-key.ts';
import { ReceivingHalf } from './receiving-half.ts';
import type { ConnectionState } from './states.ts';
import type { TopicSet } from './topic-set.ts';
import type { Warnings } from './warnings.ts';

/** Sent at the end of `maxLifetimeMs`: the peer is to connect again. */
const GOING_AWAY = 1001;
const LIFETIME_REASON = 'maximum lifetime reached';

/**
 * Drives one connection: the link below, delivery, topics and counters. The application holds a `Connection`, which has
 * public members only. The library holds the driver, so that no property assigned by the application reaches it.
 * @typeParam C The `Connection`.
 */
export class ConnectionDriver<C extends SafeEmitter<ConnectionEvents>>
  extends ReceivingHalf<C>
  implements LinkOwner, ExpiryOwner, LifetimeOwner
{
  readonly owner: ConnectionOwner<ConnectionDriver<C>, C>;
  readonly id: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly connectedAtMs: number;
  /** The object that the application holds. Set by its constructor. */
  connection!: C;
  /** Written by the topic table. Kept after the state became `closed`, until `close` was emitted. */
  topicSet: TopicSet | undefined;
  /** The place that the owner reserved for this connection. A field, because a weak map cost a tenth of a handshake. */
  place: unknown;
  /** Importance while the server is overloaded. Changed by {@link prioritize}. */
  priority: Priority;

  /** The link below, also for tools that observe this one connection. */
  readonly link: Link;
  #expiry: Expiry | undefined;
  #lifetime: Lifetime | undefined;
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
    super(owner.deadlines.now() + UNCLAIMED_MS);
    this.owner = owner;
    this.id = identity.id;
    this.protocol = identity.protocol;
    this.extensions = identity.extensions;
    this.priority = identity.priority ?? 'normal';
    this.connectedAtMs = owner.deadlines.clock.wallNow();
    this.link = new Link(this, owner, role, open, nextKey, identity.deflate);
    if (identity.expiresAt !== undefined) this.expireAt(identity.expiresAt);
    const { maxLifetimeMs, expiryWarningMs } = owner.settings;
    if (maxLifetimeMs !== false) {
      const fraction = owner.random.fraction();
      this.#lifetime = new Lifetime(this, owner.deadlines, maxLifetimeMs, expiryWarningMs, fraction);
    }
  }

  // Members for the application, documented in `Connection`.

  get state(): ConnectionState {
    return this.link.state;
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
    return this.link.pings?.rttMs;
  }

  get lastReceivedAgoMs(): number {
    return this.owner.deadlines.now() - this.link.watch.receivedAtMs;
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
    this.#expiry ??= new Expiry(this, this.owner.deadlines, this.owner.settings);
    if (this.state === 'open') this.#expiry.set(atMs);
    else this.#expiry.atMs = atMs;
  }

  /** @throws MisuseError `ERR_ARGUMENT` for anything but a {@link Priority}. */
  prioritize(priority: unknown): void {
    if (!isPriority(priority)) refuseArgument('connection', 'priority', priority, PRIORITIES_ALLOWED);
    this.priority = priority;
    this.owner.priorityChanged?.(this);
  }

  close(code: number, reason: string): void {
    checkCloseArguments(code, reason, this.link.core.role);
    this.link.end.close(code, reason, 'local-close');
    this.dropAbandoned();
  }

  terminate(): void {
    this.link.end.terminate('terminated');
    this.dropUndelivered();
  }

  subscribe(topic: string): boolean {
    return this.owner.groups.subscribe(this, topic);
  }

  unsubscribe(topic: string): boolean {
    return this.owner.groups.unsubscribe(this, topic);
  }

  publish(topic: string, payload: Payload, options: PublishTo<C> | undefined): PublishDelivery {
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
    this.dropAbandoned();
  }

  /** Destroys the socket with a cause of the owner. */
  terminateFor(cause: CloseInfo['cause']): void {
    this.link.end.terminate(cause);
  }

  /** Takes bytes that arrived before the connection existed. */
  receiveEarly(bytes: Buffer): void {
    if (bytes.length > 0) this.link.received(bytes);
  }

  /** Shows mistakes of the application. */
  get warnings(): Warnings {
    return this.owner.warnings;
  }

  /** Runs one step of the removal of this connection. If it throws, the error is logged, and the next steps run. */
  attempt(step: () => void): void {
    this.link.attempt(step);
  }

  rateKey(): string | undefined {
    try {
      const { rateLimit } = this.owner.settings;
      return rateLimit === false ? undefined : rateKeyOf(rateLimit, this.connection);
    } catch (error) {
      this.listenerFailed(error, 'the function rateLimit.key');
      return undefined;
    }
  }

  stateChanged(next: ConnectionState, previous: ConnectionState): void {
    const link = this.link;
    this.owner.observers?.tell('stateChanged', this, next, previous);
    if (this.#expiry !== undefined || this.#lifetime !== undefined)
      link.attempt(() => {
        this.#expiry?.cancel();
        this.#lifetime?.cancel();
      });
    link.attempt(() => this.streamsEnded());
    link.attempt(() => this.receivingInterrupted());
    if (next === 'closed') {
      link.attempt(() => this.sendingEnded());
      if (this.session !== undefined) link.attempt(() => this.session?.ended());
    }
    link.attempt(() => this.owner.stateChanged(this, next));
    link.attempt(() => this.tell('stateChange', next, previous));
  }

  ended(): void {
    this.finishIfDelivered();
  }

  outOfMemory(): void {
    this.dropBuffered();
    this.countDropped(this.link.outbox.dropWaiting(), 'unsent');
    this.link.end.fail(new PeerError('ERR_MEMORY_CAP'));
    this.dropParts();
    this.owner.memoryShed();
  }

  outputFailed(error: PeerError): void {
    this.countDropped(this.link.outbox.dropWaiting(), 'unsent');
    this.link.end.fail(error);
  }

  timedOut(): void {
    this.dropUndelivered();
  }

  // `ExpiryOwner`.

  expiring(): void {
    this.tell('expiring', 'credentials');
  }

  expired(): void {
    const error = new PeerError('ERR_EXPIRED');
    this.link.end.close(error.closeCode, error.reason, 'expired', error);
  }

  // `LifetimeOwner`.

  lifetimeEnding(): void {
    this.tell('expiring', 'lifetime');
  }

  lifetimeOver(): void {
    this.link.end.close(GOING_AWAY, LIFETIME_REASON, 'lifetime');
  }

  protected override finishIfDelivered(): void {
    const link = this.link;
    if (link.endStep !== 'reported' || this.hasUndelivered) return;
    link.attempt(() => link.release());
    const info = link.closeInfo!;
    this.receivingEnded();
    const { error } = info;
    if (error !== undefined) link.attempt(() => this.tell('error', error));
    link.attempt(() => this.tell('close', info));
    this.reportClosed(info);
    link.attempt(() => this.owner.closed(this, info));
    this.topicSet = undefined;
    this.#closed?.resolve(info);
  }
}
