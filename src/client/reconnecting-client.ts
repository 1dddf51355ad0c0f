import { Buffer } from 'node:buffer';
import type { CloseInfo } from '../connection/close-info.ts';
import { Delivery } from '../connection/delivery.ts';
import { Drains } from '../connection/drains.ts';
import { SafeEmitter } from '../connection/emitter.ts';
import type { ListenerResult, SendOptions } from '../connection/host.ts';
import { ConnectionLog } from '../connection/log.ts';
import { MessageIterator } from '../connection/message-iterator.ts';
import { checkCloseArguments } from '../protocol/close.ts';
import { ConnectError } from '../protocol/connect-error.ts';
import { MisuseError, PeerError } from '../protocol/errors.ts';
import { type Message, outgoing, type Payload } from '../protocol/payload.ts';
import type { Clock } from '../transport/clock.ts';
import { type DeadlineQueue, deadlinesOf } from '../transport/deadlines.ts';
import { Backoff } from './backoff.ts';
import { type ClientConnection, connect } from './connect.ts';
import { OfflineQueue, type UnsentMessage } from './offline-queue.ts';
import type { EndInfo, ReconnectEvents } from './reconnect-events.ts';
import type { Asked, DownInfo, ReconnectOptions } from './reconnect-options.ts';
import { type Reaction, reactionToClose, reactionToError } from './reconnect-rules.ts';
import { ReconnectSource } from './reconnect-source.ts';
import { moveReconnect, type ReconnectCause, type ReconnectState } from './reconnect-states.ts';
import { type ReconnectSettings, resolveReconnectOptions } from './resolve-reconnect-options.ts';
import { SleepWatch } from './sleep-watch.ts';

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

  readonly #settings: ReconnectSettings;
  readonly #source: ReconnectSource;
  readonly #clock: Clock;
  readonly #deadlines: DeadlineQueue;
  readonly #backoff: Backoff;
  readonly #queue: OfflineQueue | undefined;
  readonly #delivery: Delivery;
  readonly #log: ConnectionLog;
  #resolveClosed: (info: EndInfo) => void = () => {};
  #state: ReconnectState = 'connecting';
  #connection: ClientConnection | undefined;
  #sleepWatch: SleepWatch | undefined;
  /** Only while connecting. */
  #attempt: AbortController | undefined;
  /** While waiting for the next attempt, or for somebody to take the last messages. */
  #timer: unknown;
  /** What the last attempt brought. */
  #credentials: string | undefined;
  /** The server wants others than these, and this is what it said. */
  #turnedAway: DownInfo | undefined;
  /** That was tried already, and no connection has lasted since. */
  #triedFresh = false;
  #drains: Drains | undefined;
  /** While it is there the connection waits for us to deliver. */
  #backlog: { readonly gone: Promise<void>; readonly end: () => void } | undefined;
  #dropped = 0;
  /** Set when it is over. */
  #end: EndInfo | undefined;

  /**
   * @param url As of `connect`, or a function that is asked before every attempt.
   * @throws MisuseError `ERR_OPTION` for an option, `ERR_ARGUMENT` for a URL, that is not acceptable.
   */
  constructor(url: Asked<string | URL>, options?: ReconnectOptions) {
    super();
    const settings = resolveReconnectOptions(options);
    const { clock, logger, signal } = settings.connection;
    this.#settings = settings;
    this.#source = new ReconnectSource(url, settings);
    this.#clock = clock;
    this.#deadlines = deadlinesOf(clock);
    this.#backoff = new Backoff(settings);
    this.#log = new ConnectionLog(logger);
    this.#delivery = new Delivery(this);
    this.#queue =
      settings.offlineQueue === false
        ? undefined
        : new OfflineQueue(settings.offlineQueue, (message) => this.#unsent(message));
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    signal?.addEventListener('abort', this.#aborted);
    // Listeners are attached after this.
    queueMicrotask(() => {
      if (signal?.aborted === true) this.#aborted();
      else if (this.#state === 'connecting') void this.#connect();
    });
  }

  /** See {@link ReconnectState}. */
  get state(): ReconnectState {
    return this.#state;
  }

  /** The connection of now; another one after each reconnect. `undefined` while there is none. */
  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  /** Attempts in a row that brought no lasting connection. */
  get attempts(): number {
    return this.#backoff.attempts;
  }

  /** Bytes accepted and not yet taken by the kernel: those in the offline queue, and those of the connection. */
  get bufferedBytes(): number {
    return (this.#queue?.bytes ?? 0) + (this.#connection?.bufferedBytes ?? 0);
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#queue?.size ?? 0;
  }

  /** Messages that were not sent and will not be: no room, too old, or over; and received ones that nobody took. */
  get droppedMessages(): number {
    return this.#dropped + (this.#connection?.droppedMessages ?? 0);
  }

  /**
   * Sends a message; without a connection, or while the queue is not empty, it goes into the offline queue, which copies
   * bytes. What was handed to a connection that dies is not sent again: nobody knows whether it arrived.
   * @returns With a connection as its `send`. Without: whether it was taken.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}.
   */
  send(payload: Payload, options?: SendOptions): boolean {
    const queue = this.#queue;
    const isOver = this.#state === 'closing' || this.#state === 'closed';
    if (this.#connection?.state === 'open' && !isOver && (queue?.size ?? 0) === 0) {
      const goOn = this.#connection.send(payload, options);
      if (!goOn) (this.#drains ??= new Drains()).wasRefused = true;
      return goOn;
    }
    if (queue !== undefined && !isOver) return queue.push(payload, options, this.#clock.now());
    this.#unsent({ bytes: Buffer.byteLength(outgoing(payload, options?.binary).data), why: 'offline' });
    return false;
  }

  /**
   * Resolves once there is a connection, the offline queue is empty and no more than half of the high-water mark waits; at
   * once if that is so. Waits across reconnects.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the client ends first; or the reason of `signal`.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(closedError());
    if (this.#hasRoom()) return Promise.resolve();
    this.#drains ??= new Drains();
    return this.#drains.wait(options?.signal);
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
    this.#stop({ why: 'close' }, (connection) => connection.close(code, reason));
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
    if (this.#delivery.iterator !== undefined) {
      throw new MisuseError('ERR_STATE', 'this client is being iterated already');
    }
    const iterator = new MessageIterator(
      () => this.deliveryReady(),
      () => this.#delivery.loopLeft(),
    );
    if (this.#state === 'closed') iterator.finish();
    else this.#delivery.loopEntered(iterator);
    return iterator;
  }

  /** Closes with 1000 and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  // What the delivery asks and tells. @internal all of it.

  /** @internal */
  callHost(): void {}

  /** @internal */
  get maxConcurrentMessages(): number {
    return this.#settings.connection.maxConcurrentMessages;
  }

  /** A listener failed. The connection stays: the next one would meet the same listener. @internal */
  listenerFailed(error: unknown): void {
    this.#log.handlerFailed(error, this.#connection);
    this.#tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
  }

  /** @internal */
  deliveryReady(): void {
    this.#delivery.deliverWaiting();
    if (this.#delivery.waitingBytes < this.#settings.connection.receiveAheadBytes) this.#letRead();
    this.#finishIfDelivered();
  }

  protected override listenersChanged(name: string | undefined): void {
    if (name !== undefined && name !== 'message') return;
    this.ownListeners = this.rawListeners('message') as ((message: Message) => ListenerResult)[];
    if (this.ownListeners.length > 0 && this.#delivery.waiting > 0) this.deliveryReady();
  }

  #move(cause: ReconnectCause): void {
    this.#state = moveReconnect(this.#state, cause);
  }

  /** One attempt. Nothing that comes of it counts once it was aborted. */
  async #connect(): Promise<void> {
    const attempt = new AbortController();
    const { signal } = attempt;
    this.#attempt = attempt;
    let connection: ClientConnection;
    try {
      const { url, options, credentials } = await this.#source.ask({
        attempt: this.#backoff.attempts,
        signal,
      });
      if (signal.aborted) return;
      if (this.#turnedAway !== undefined && credentials === this.#credentials) {
        this.#giveUp({ why: 'credentials', ...this.#turnedAway });
        return;
      }
      this.#turnedAway = undefined;
      this.#credentials = credentials;
      connection = await connect(url, options);
    } catch (error) {
      if (!signal.aborted) this.#down({ error: asError(error) }, reactionToError(error));
      return;
    }
    if (signal.aborted) connection.terminate();
    else this.#opened(connection);
  }

  #opened(connection: ClientConnection): void {
    this.#attempt = undefined;
    this.#connection = connection;
    this.#move('opened');
    this.#backoff.opened(this.#clock.now());
    connection.on('stateChange', () => this.#left());
    connection.on('drain', () => this.#flush());
    this.#sleepWatch = new SleepWatch(
      connection,
      this.#deadlines,
      this.#settings.connection.pongTimeoutMs,
      () => this.#backlog === undefined,
    );
    this.#tell('open', connection);
    this.#flush();
    connection.on('message', (message) => this.#received(connection, message));
    // It may have ended while the promise of `connect` was on its way: then there is no event any more.
    if (connection.state !== 'open') this.#left();
    void connection.closed.then((info) => this.#ended(connection, info));
  }

  /** The connection is not open any more. */
  #left(): void {
    this.#sleepWatch?.stop();
    this.#sleepWatch = undefined;
    // What it has received is ours to keep now, and little.
    this.#letRead();
    if (this.#state === 'open') this.#move('leaving');
  }

  #received(connection: ClientConnection, message: Message): void | Promise<void> {
    this.#delivery.offer(message);
    const { receiveAheadBytes } = this.#settings.connection;
    if (this.#delivery.waitingBytes < receiveAheadBytes || connection.state !== 'open') return;
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

  #ended(connection: ClientConnection, info: CloseInfo): void {
    this.#dropped += connection.droppedMessages;
    this.#connection = undefined;
    if (this.#backoff.lost(this.#clock.now())) this.#triedFresh = false;
    if (this.#state === 'closing') {
      this.#end = { ...this.#end!, close: info };
      this.#finishIfDelivered();
      return;
    }
    this.#tell('down', { close: info });
    if (this.#state === 'ending') this.#down({ close: info }, reactionToClose(info));
  }

  /** There is no connection: decides what follows. */
  #down(info: DownInfo, byRule: Reaction): void {
    this.#attempt = undefined;
    const reaction = this.#overruled(info, byRule);
    // The application may have closed it in the meantime.
    if (this.#state !== 'connecting' && this.#state !== 'ending') return;
    if (reaction === 'stay-away') {
      this.#giveUp({ why: 'refused', ...info });
      return;
    }
    if (reaction === 'again-if-fresh') {
      if (this.#triedFresh || !this.#source.canChange) {
        this.#giveUp({ why: 'credentials', ...info });
        return;
      }
      this.#triedFresh = true;
      this.#turnedAway = info;
    }
    const lowerBoundMs = info.error instanceof ConnectError ? info.error.retryAfterMs : undefined;
    const { random } = this.#settings.connection;
    const planned = this.#backoff.next(reaction === 'again-spread', random.fraction(), lowerBoundMs);
    if (planned === undefined) {
      this.#giveUp({ why: 'attempts', ...info });
      return;
    }
    this.#move('retry');
    this.#timer = this.#clock.setTimer(() => this.#due(), planned.delayMs);
    keepAlive(this.#timer);
    this.#tell('retry', { ...planned, ...info });
  }

  /** What the application makes of it, if it has an opinion. */
  #overruled(info: DownInfo, byRule: Reaction): Reaction {
    let again: boolean | undefined;
    try {
      again = this.#settings.shouldReconnect?.(info);
    } catch (error) {
      this.listenerFailed(error);
    }
    if (again === undefined) return byRule;
    if (!again) return 'stay-away';
    return byRule === 'again-spread' ? byRule : 'again';
  }

  #due(): void {
    this.#timer = undefined;
    this.#move('due');
    void this.#connect();
  }

  #giveUp(end: EndInfo): void {
    this.#stop(end, () => {});
  }

  readonly #aborted = (): void => {
    this.#dropReceived();
    this.#stop({ why: 'abort' }, (connection) => connection.terminate());
    // It may have been closing, politely.
    this.#connection?.terminate();
  };

  #stop(end: EndInfo, part: (connection: ClientConnection) => void): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#move('stop');
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#queue?.drop();
    this.#drains?.reject(closedError());
    this.#drains = undefined;
    if (end.why !== 'close' && end.why !== 'abort') this.#tell('giveUp', end);
    if (this.#connection === undefined) this.#finishIfDelivered();
    else part(this.#connection);
  }

  /** The end comes behind the last message; for messages that nobody takes it waits no longer than for a closing handshake. */
  #finishIfDelivered(): void {
    if (this.#state !== 'closing' || this.#connection !== undefined) return;
    if (this.#end?.why === 'close' && this.#delivery.isAbandoned) this.#dropReceived();
    if (this.#delivery.waiting > 0) {
      if (this.#timer !== undefined) return;
      this.#timer = this.#clock.setTimer(() => {
        this.#dropReceived();
        this.#finishIfDelivered();
      }, this.#settings.connection.closeTimeoutMs);
      keepAlive(this.#timer);
      return;
    }
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#settings.connection.signal?.removeEventListener('abort', this.#aborted);
    this.#move('ended');
    this.#delivery.iterator?.finish();
    this.#delivery.iterator = undefined;
    const end = this.#end!;
    this.#tell('close', end);
    this.#resolveClosed(end);
  }

  /** Sends what waits in the queue, as far as the connection takes it, and tells those who wait for room. */
  #flush(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#state !== 'open') return;
    this.#queue?.flush(
      this.#clock.now(),
      (payload, options) => connection.send(payload, options) && connection.state === 'open',
    );
    if (this.#drains === undefined || !this.#hasRoom()) return;
    const drains = this.#drains;
    this.#drains = undefined;
    drains.resolve();
    if (drains.wasRefused) this.#tell('drain');
  }

  #hasRoom(): boolean {
    const connection = this.#connection;
    if (connection?.state !== 'open' || (this.#queue?.size ?? 0) > 0) return false;
    return connection.bufferedBytes <= this.#settings.connection.highWaterMarkBytes;
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
      if (name === 'error') this.#log.handlerFailed(error, this.#connection);
      else this.listenerFailed(error);
    });
  }
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error), { cause: error });

const closedError = (): MisuseError =>
  new MisuseError('ERR_CLOSED', 'the client ended before what waited was out');

/** Who waits to connect again wants the process to stay, though our timers do not keep it of themselves. */
function keepAlive(timer: unknown): void {
  (timer as { ref?: () => void } | undefined)?.ref?.();
}
