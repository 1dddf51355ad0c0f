import type { CloseInfo } from '../connection/close-info.ts';
import { Delivery } from '../connection/delivery.ts';
import { SafeEmitter } from '../connection/emitter.ts';
import type { ListenerResult, SendOptions } from '../connection/host.ts';
import { ConnectionLog } from '../connection/log.ts';
import { checkCloseArguments } from '../protocol/close.ts';
import { PeerError } from '../protocol/errors.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import type { ClientConnection } from './connect.ts';
import type { ResolvedConnectOptions } from './connect-options.ts';
import { ConnectionSeries } from './connection-series.ts';
import { setKeepingTimer } from './keeping-timer.ts';
import type { UnsentMessage } from './offline-queue.ts';
import type { EndInfo, ReconnectEvents, RetryInfo } from './reconnect-events.ts';
import type { Asked, ReconnectOptions } from './reconnect-options.ts';
import { ReconnectOutbox } from './reconnect-outbox.ts';
import type { ReconnectState } from './reconnect-states.ts';
import { resolveReconnectOptions } from './resolve-reconnect-options.ts';

/**
 * A client that comes back: one object over any number of connections, one after the other. It begins to connect at once,
 * and listeners that are attached in the same turn miss nothing. Messages arrive in three ways, as with a connection, and
 * go on across reconnects; what was lost on the way is the application's to ask for again. It keeps the process alive
 * until it is closed.
 */
export class ReconnectingClient
  extends SafeEmitter<ReconnectEvents>
  implements AsyncIterable<Message>, AsyncDisposable
{
  /** Resolves when it is over, by whatever way. Never rejects. */
  readonly closed: Promise<EndInfo>;
  /** @internal */
  ownListeners: readonly ((message: Message) => ListenerResult)[] = [];
  /** @internal */
  readonly hostListenerCount = 0;

  readonly #settings: ResolvedConnectOptions;
  readonly #series: ConnectionSeries;
  readonly #outbox: ReconnectOutbox;
  readonly #delivery: Delivery;
  readonly #log: ConnectionLog;
  #resolveClosed: (info: EndInfo) => void = () => {};
  /** While it is there the connection waits for us to deliver. */
  #backlog: { readonly gone: Promise<void>; readonly end: () => void } | undefined;
  /** While waiting for somebody to take the last messages. */
  #lastTimer: unknown;
  #dropped = 0;

  /**
   * @param url As of `connect`, or a function that is asked before every attempt.
   * @throws MisuseError `ERR_OPTION` for an option, `ERR_ARGUMENT` for a URL, that is not acceptable.
   */
  constructor(url: Asked<string | URL>, options?: ReconnectOptions) {
    super();
    const settings = resolveReconnectOptions(options);
    const { connection, offlineQueue } = settings;
    const { logger, signal } = connection;
    this.#settings = connection;
    this.#log = new ConnectionLog(logger);
    this.#delivery = new Delivery(this);
    this.#series = new ConnectionSeries(this, url, settings);
    this.#outbox = new ReconnectOutbox(this.#series, offlineQueue, connection, (message) =>
      this.#unsent(message),
    );
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    signal?.addEventListener('abort', this.#aborted);
    // Listeners are attached after this.
    queueMicrotask(() => {
      if (signal?.aborted === true) this.#aborted();
      else this.#series.begin();
    });
  }

  /** See {@link ReconnectState}. */
  get state(): ReconnectState {
    return this.#series.state;
  }

  /** The connection of now; another one after each reconnect. `undefined` while there is none. */
  get connection(): ClientConnection | undefined {
    return this.#series.connection;
  }

  /** Attempts in a row that brought no lasting connection. */
  get attempts(): number {
    return this.#series.attempts;
  }

  /** Bytes accepted and not yet taken by the kernel: those in the offline queue, and those of the connection. */
  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#outbox.queuedMessages;
  }

  /** Messages that were not sent and will not be: no room, too old, or over; and received ones that nobody took. */
  get droppedMessages(): number {
    return this.#dropped + (this.connection?.droppedMessages ?? 0);
  }

  /**
   * Sends a message; without a connection, or while the queue is not empty, it goes into the offline queue, which copies
   * bytes. What was handed to a connection that dies is not sent again: nobody knows whether it arrived.
   * @returns With a connection as its `send`. Without: whether it was taken.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}.
   */
  send(payload: Payload, options?: SendOptions): boolean {
    return this.#outbox.send(payload, options);
  }

  /**
   * Resolves once there is a connection, the offline queue is empty and no more than half of the high-water mark waits; at
   * once if that is so. Waits across reconnects.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the client ends first; or the reason of `signal`.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#outbox.drained(options?.signal);
  }

  /**
   * Ends it: with a closing handshake (§7.1.2) where there is a connection, at once elsewhere. The offline queue is
   * dropped; wait for {@link drained} if it matters. Received messages that wait are delivered still, unless nobody takes
   * any: without a listener, or after a loop was left. Later calls do nothing.
   * @param code As of `Connection.close`. Default 1000.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is no string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseArguments(code, reason, 'client');
    this.#series.stop({ why: 'close' }, (connection) => connection.close(code, reason));
  }

  /** Stops delivery at the next message. Nothing is lost: soon TCP holds the server back. */
  pause(): void {
    this.#delivery.pause();
  }

  resume(): void {
    this.#delivery.resume();
  }

  /**
   * Messages one by one, across reconnects, as fast as the loop asks for them; ends when the client does. Leaving the loop
   * pauses delivery, until another loop begins or `resume`.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#delivery.loop('client', this.state === 'closed');
  }

  /** Closes with 1000 and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  // What `SeriesOwner` and `DeliveryOwner` ask and tell. @internal all of it, and therefore not `implements`: the published
  // types have to hold without it.

  /** @internal */
  opened(connection: ClientConnection): void {
    connection.on('drain', () => this.#flush());
    this.#tell('open', connection);
    this.#flush();
    connection.on('message', (message) => this.#received(connection, message));
  }

  /** @internal */
  left(): void {
    // What the connection has received is ours to keep now, and little.
    this.#letRead();
  }

  /** @internal */
  lost(connection: ClientConnection, info: CloseInfo): void {
    this.#dropped += connection.droppedMessages;
    if (this.state === 'closing') this.#finishIfDelivered();
    else this.#tell('down', { close: info });
  }

  /** @internal */
  retrying(info: RetryInfo): void {
    this.#tell('retry', info);
  }

  /** @internal */
  stopped(end: EndInfo): void {
    this.#outbox.end();
    if (end.why !== 'close' && end.why !== 'abort') this.#tell('giveUp', end);
    this.#finishIfDelivered();
  }

  /** @internal */
  get isReading(): boolean {
    return this.#backlog === undefined;
  }

  /** @internal */
  callHost(): void {}

  /** @internal */
  get maxConcurrentMessages(): number {
    return this.#settings.maxConcurrentMessages;
  }

  /** The connection stays: the next one would meet the same listener. @internal */
  listenerFailed(error: unknown): void {
    this.#log.handlerFailed(error, this.connection);
    this.#tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
  }

  /** @internal */
  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    if (this.#delivery.waitingBytes < this.#settings.receiveAheadBytes) this.#letRead();
    this.#finishIfDelivered();
  }

  protected override listenersChanged(name: string | undefined): void {
    if (name !== undefined && name !== 'message') return;
    this.ownListeners = this.rawListeners('message') as ((message: Message) => ListenerResult)[];
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  #flush(): void {
    if (this.#outbox.flush()) this.#tell('drain');
  }

  #received(connection: ClientConnection, message: Message): void | Promise<void> {
    this.#delivery.offer(message);
    if (this.#delivery.waitingBytes < this.#settings.receiveAheadBytes || connection.state !== 'open') return;
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
    // It may have been closing, politely.
    this.connection?.terminate();
  };

  /** The end comes behind the last message; for messages that nobody takes it waits no longer than for a closing handshake. */
  #finishIfDelivered(): void {
    const { state, connection, end } = this.#series;
    if (state !== 'closing' || connection !== undefined || end === undefined) return;
    const { clock, closeTimeoutMs, signal } = this.#settings;
    if (end.why === 'close' && this.#delivery.isAbandoned) this.#dropReceived();
    if (this.#delivery.waiting > 0) {
      this.#lastTimer ??= setKeepingTimer(clock, () => this.#lastTimeUp(), closeTimeoutMs);
      return;
    }
    clock.clearTimer(this.#lastTimer);
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

  #tell<Name extends keyof ReconnectEvents>(name: Name, ...args: ReconnectEvents[Name]): void {
    this.dispatch(name, args, (error) => {
      if (name === 'error') this.#log.handlerFailed(error, this.connection);
      else this.listenerFailed(error);
    });
  }
}
