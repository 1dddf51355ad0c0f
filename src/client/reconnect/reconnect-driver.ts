import type { CloseInfo } from '../../protocol/close-info.ts';
import { driverOf } from '../../connection/connection.ts';
import { Delivery, type DeliveryOwner, type MessageListener } from '../../connection/delivery.ts';
import {
  countListeners,
  dispatch,
  type ListenerWatcher,
  listenersOf,
  type SafeEmitter,
} from '../../connection/emitter.ts';
import { checkEventName } from '../../connection/event-names.ts';
import type { Observers } from '../../connection/observers.ts';
import { ERROR_LISTENER, Warnings } from '../../connection/warnings.ts';
import { PublishedHandler } from '../../connection/handler-trace.ts';
import type { MessageIterator } from '../../connection/message-iterator.ts';
import { type UnclaimedOwner, UnclaimedTimer } from '../../connection/unclaimed-timer.ts';
import { checkCloseArguments } from '../../protocol/close.ts';
import { PeerError } from '../../protocol/errors.ts';
import type { Message, Payload } from '../../protocol/payload.ts';
import type { DeadlineQueue } from '../../engine/deadlines.ts';
import { defaultEngine } from '../../engine/engine.ts';
import { clientOwnerOf, clientObservers } from '../client-owner.ts';
import type { ClientConnection } from '../connect.ts';
import { ConnectionSeries, type SeriesOwner } from './connection-series.ts';
import type { HandlerTrace } from '../../observe/tracing/traces.ts';
import { setKeepingTimer } from '../../engine/clock.ts';
import type { UnsentMessage } from './offline-queue.ts';
import { CLIENT_EVENTS, type EndInfo, type ReconnectEvents, type RetryInfo } from './reconnect-events.ts';
import type { ReconnectOptions } from '../../options/reconnect-options.ts';
import type { Asked } from '../../options/retry-options.ts';
import { ReconnectOutbox } from './reconnect-outbox.ts';
import type { ReconnectState } from './reconnect-states.ts';
import { type ReconnectSettings, resolveReconnectOptions } from '../../options/resolve-reconnect-options.ts';
import { checkKey, type SendOptions } from '../../options/call-options.ts';
import type { OperationError } from '../topics/operation-error.ts';
import type { ClientTopics } from '../topics/client-topics.ts';
import { SUBPROTOCOL } from '../topics/frames.ts';
import { refuseWithoutTopics } from '../topics/check.ts';
import { type LinkOwner, TopicsLink } from './topics-link.ts';

/**
 * Drives a reconnecting client: its series of connections, its delivery and its outbox. The application holds the
 * `ReconnectingClient`, which documents the public members.
 */
export class ReconnectDriver
  implements SeriesOwner, DeliveryOwner, ListenerWatcher, UnclaimedOwner, LinkOwner
{
  /** The object of the application. Its constructor sets this field. */
  emitter!: SafeEmitter<ReconnectEvents>;
  readonly closed: Promise<EndInfo>;
  ownListeners: readonly MessageListener[] = [];
  readonly sharedListenerCount = 0;

  readonly #settings: ReconnectSettings;
  readonly #deadlines: DeadlineQueue;
  readonly #series: ConnectionSeries;
  readonly #outbox: ReconnectOutbox;
  readonly #delivery: Delivery;
  readonly #observers: Observers | undefined;
  /** Shows mistakes of the application. */
  readonly warnings: Warnings;
  #resolveClosed: (info: EndInfo) => void = () => {};
  /** Set while the connection waits for the delivery of a message. */
  #backlog: { readonly gone: Promise<void>; readonly end: () => void } | undefined;
  /** Runs while the last messages have no consumer. */
  #lastTimer: unknown;
  #dropped = 0;
  #wasOpen = false;
  #unclaimed: UnclaimedTimer | undefined;
  /** Set once `hawser.v1` is used. */
  #link: TopicsLink | undefined;

  /** @throws MisuseError `ERR_OPTION` for an invalid option, `ERR_ARGUMENT` for an invalid URL. */
  constructor(url: Asked<string | URL>, options: ReconnectOptions | undefined, engine = defaultEngine) {
    const settings = resolveReconnectOptions(options, engine);
    const { connection, offlineQueue } = settings;
    this.#settings = settings;
    this.#deadlines = engine.deadlinesOf(connection.clock);
    this.#observers = clientObservers(connection);
    this.warnings = new Warnings(connection.logger);
    this.#delivery = new Delivery(this, Number.POSITIVE_INFINITY);
    this.#series = new ConnectionSeries(this, url, settings, engine);
    this.#outbox = new ReconnectOutbox(this.#series, offlineQueue, connection, (message) =>
      this.#unsent(message),
    );
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Starts to connect after this turn, so that the application can attach listeners first. */
  start(): void {
    const { signal } = this.#settings.connection;
    signal?.addEventListener('abort', this.#aborted);
    queueMicrotask(() => {
      if (signal?.aborted === true) this.#aborted();
      else this.#series.begin();
    });
  }

  // Called by the application, through its `ReconnectingClient`.

  get state(): ReconnectState {
    return this.#series.state;
  }

  get connection(): ClientConnection | undefined {
    return this.#series.connection;
  }

  get attempts(): number {
    return this.#series.attempts;
  }

  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  get queuedMessages(): number {
    return this.#outbox.queuedMessages;
  }

  get droppedMessages(): number {
    return this.#dropped + (this.connection?.droppedMessages ?? 0);
  }

  send(payload: Payload, options: SendOptions | undefined): boolean {
    if (options?.key !== undefined)
      checkKey('client.send', options.key, this.#settings.connection.onOverflow);
    return this.#outbox.send(payload, options);
  }

  drained(signal: AbortSignal | undefined): Promise<void> {
    return this.#outbox.drained(signal);
  }

  close(code: number, reason: string): void {
    checkCloseArguments(code, reason, 'client');
    this.#series.stop({ why: 'close' }, (connection) => connection.close(code, reason));
  }

  /** @throws MisuseError `ERR_STATE` if this client cannot have topics. */
  topicsFor(call: string): ClientTopics {
    refuseWithoutTopics(call, this.#settings.protocols);
    if (this.#link === undefined) {
      this.#link = new TopicsLink(this, this.#settings);
      if (this.#series.end !== undefined) this.#link.topics.end();
      else if (this.state === 'open') this.#link.opened(this.connection!);
    }
    return this.#link.topics;
  }

  pause(): void {
    this.#delivery.pause();
  }

  resume(): void {
    this.#delivery.resume();
  }

  loop(): MessageIterator {
    return this.#delivery.loop('client', this.state === 'closed');
  }

  // `SeriesOwner`, `DeliveryOwner` and `ListenerWatcher`.

  readonly meter = undefined;
  readonly messageTracer = undefined;

  opened(connection: ClientConnection): void {
    if (!this.#wasOpen) this.#delivery.claimFrom(this.now());
    this.#wasOpen = true;
    const owner = clientOwnerOf(connection);
    owner.onDrained = () => this.#flush();
    owner.passesMessagesOn = true;
    const speaks = connection.protocol === SUBPROTOCOL;
    if (speaks) this.#link ??= new TopicsLink(this, this.#settings);
    const link = speaks ? this.#link : undefined;
    // Before the event, because a listener of `open` may send.
    this.#outbox.wrapper = link;
    this.#tell('open', connection);
    this.#link?.opened(connection);
    this.#flush();
    owner.messageListeners = [
      link === undefined
        ? (_, message, isText) => this.#received(connection, message, isText)
        : (_, message, isText) => link.received(message, isText),
    ];
    driverOf(connection).sharedListenersChanged();
  }

  left(): void {
    // This client now owns the few bytes that the connection has received.
    this.#letRead();
  }

  lost(connection: ClientConnection, info: CloseInfo): void {
    this.#dropped += connection.droppedMessages;
    this.#link?.topics.disconnected();
    if (this.state === 'closing') this.#finishIfDelivered();
    else this.#tell('down', { close: info });
  }

  retrying(info: RetryInfo): void {
    this.#tell('retry', info);
  }

  stopped(end: EndInfo): void {
    this.#outbox.end();
    this.#link?.topics.end();
    if (end.why !== 'close' && end.why !== 'abort') this.#tell('giveUp', end);
    this.#finishIfDelivered();
  }

  get isReading(): boolean {
    return this.#backlog === undefined;
  }

  callSharedListener(): void {}

  get maxConcurrentMessages(): number {
    return this.#settings.connection.maxConcurrentMessages;
  }

  /** Keeps the connection: another one would have the same failing listener. */
  listenerFailed(error: unknown, where = "a listener of 'message'"): void {
    this.#handlerFailed(error);
    if (countListeners(this.emitter, 'error') === 0) this.warnings.failure(where, error);
    this.#tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
  }

  traceHandler(message: Message, isText: boolean): HandlerTrace | undefined {
    if (this.ownListeners.length === 0) return undefined;
    return new PublishedHandler(this.connection, message, isText);
  }

  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    if (this.#delivery.waitingBytes < this.#settings.connection.receiveAheadBytes) this.#letRead();
    this.#finishIfDelivered();
  }

  /** `url`, `protocols`, `headers` or `token` threw. The attempt has failed; `retry` or `giveUp` reports that. */
  sourceFailed(error: unknown): void {
    this.#observers?.tell('handlerFailed', error, undefined);
    const heard = countListeners(this.emitter, 'retry') + countListeners(this.emitter, 'giveUp');
    if (heard === 0) this.warnings.failure('a function given as url, protocols, headers or token', error);
  }

  listenersChanged(name: string | symbol | undefined): void {
    if (name !== undefined && name !== 'message') {
      checkEventName(name, CLIENT_EVENTS, this.warnings);
      return;
    }
    this.ownListeners = listenersOf(this.emitter, 'message') as MessageListener[];
    this.#delivery.consumersChanged();
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  now(): number {
    return this.#deadlines.now();
  }

  unclaimedUntil(atMs: number): void {
    this.#unclaimed ??= new UnclaimedTimer(this.#deadlines, this);
    this.#unclaimed.plan(atMs);
  }

  unclaimedTooLong(): void {
    this.#unclaimed = undefined;
    this.#dropped += this.#delivery.dropUnclaimed();
    this.deliveryReady();
  }

  failed(error: unknown): void {
    this.listenerFailed(error);
  }

  applicationMessage(message: Message, isText: boolean): void | Promise<void> {
    const { connection } = this;
    return connection === undefined ? undefined : this.#received(connection, message, isText);
  }

  topicFailed(error: OperationError, where: string): void {
    if (countListeners(this.emitter, 'error') === 0) this.warnings.failure(where, error);
    this.#tell('error', error);
  }

  #flush(): void {
    if (this.#outbox.flush()) this.#tell('drain');
  }

  #received(connection: ClientConnection, message: Message, isText: boolean): void | Promise<void> {
    if (!this.#delivery.offer(message, isText)) this.#dropped++;
    if (
      this.#delivery.waitingBytes < this.#settings.connection.receiveAheadBytes ||
      connection.state !== 'open'
    )
      return;
    if (this.#backlog === undefined) {
      let end = (): void => {};
      const gone = new Promise<void>((resolve) => {
        end = resolve;
      });
      this.#backlog = { gone, end };
    }
    return this.#backlog.gone;
  }

  #letRead(): void {
    const backlog = this.#backlog;
    this.#backlog = undefined;
    backlog?.end();
  }

  readonly #aborted = (): void => {
    this.#dropReceived();
    this.#series.stop({ why: 'abort' }, (connection) => connection.terminate());
    // The client may already be in a closing handshake.
    this.connection?.terminate();
  };

  /** Ends the client after the last message. Messages without a consumer delay the end by `closeTimeoutMs` at most. */
  #finishIfDelivered(): void {
    const { state, connection, end } = this.#series;
    if (state !== 'closing' || connection !== undefined || end === undefined) return;
    const { clock, closeTimeoutMs, signal } = this.#settings.connection;
    if (end.why === 'close' && this.#delivery.isAbandoned) this.#dropReceived();
    if (this.#delivery.waiting > 0) {
      this.#lastTimer ??= setKeepingTimer(clock, () => this.#lastTimeUp(), closeTimeoutMs);
      return;
    }
    clock.clearTimer(this.#lastTimer);
    this.#unclaimed?.cancel();
    signal?.removeEventListener('abort', this.#aborted);
    this.#series.finish();
    this.#delivery.finish();
    this.#tell('close', end);
    this.#resolveClosed(end);
  }

  #lastTimeUp(): void {
    this.#dropReceived();
    this.#finishIfDelivered();
  }

  #dropReceived(): void {
    this.#dropped += this.#delivery.drop();
  }

  #unsent(message: UnsentMessage): void {
    this.#dropped++;
    this.#tell('unsent', message);
  }

  #handlerFailed(error: unknown): void {
    const { connection } = this;
    this.#observers?.tell(
      'handlerFailed',
      error,
      connection === undefined ? undefined : driverOf(connection),
    );
  }

  #tell<Name extends keyof ReconnectEvents>(name: Name, ...args: ReconnectEvents[Name]): void {
    dispatch(this.emitter, name, args, (error) => {
      if (name !== 'error') this.listenerFailed(error, `a listener of '${name}'`);
      else {
        this.#handlerFailed(error);
        this.warnings.failure(ERROR_LISTENER, error);
      }
    });
  }
}
