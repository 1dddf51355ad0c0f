import type { Asked } from '../../options/retry-options.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { OfflineQueue, type UnsentMessage } from '../reconnect/offline-queue.ts';
import { refuseWithoutTopics } from '../topics/check.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { Listeners } from '../topics/emitter.ts';
import { Feed, type FeedOwner } from '../topics/feed.ts';
import { SUBPROTOCOL } from '../topics/frames.ts';
import { OperationError } from '../topics/operation-error.ts';
import type { TopicsHost } from '../topics/topics-host.ts';
import type { DownInfo, EndInfo, Message, Payload, ReconnectEvents, RetryInfo } from './browser-events.ts';
import { type BrowserSettings, type ReconnectOptions, resolveOptions } from './browser-options.ts';
import { BROWSER_PAYLOADS, checkedPayload, fromBase64, toBase64, utf8Length } from './browser-payloads.ts';
import { BrowserSeries, type SeriesOwner } from './browser-series.ts';
import type { BrowserSocket, Platform } from './platform.ts';
import { SilenceWatch } from './silence-watch.ts';

const EVENTS = {
  open: true,
  message: true,
  down: true,
  retry: true,
  giveUp: true,
  unsent: true,
  close: true,
  error: true,
} as const;
/** Limits of the received messages without a consumer. A browser has no back-pressure. */
const MAX_WAITING = 1_000;
const MAX_WAITING_BYTES = 16_777_216;
/** Close code after the server broke `hawser.v1`; a page may not send 1002. */
const VIOLATION = 4002;

/** Drives a reconnecting client in a browser. The application holds the `ReconnectingClient`. */
export class BrowserDriver implements SeriesOwner, FeedOwner<Message, Message>, TopicsHost {
  /** The object of the application. */
  client!: object;
  readonly listeners: Listeners<ReconnectEvents>;
  readonly closed: Promise<EndInfo>;
  readonly feed: Feed<Message, Message>;
  readonly series: BrowserSeries;
  droppedMessages = 0;

  readonly #settings: BrowserSettings;
  readonly #platform: Platform;
  readonly #queue: OfflineQueue<Payload> | undefined;
  /** Set once `hawser.v1` is used. */
  #topics: ClientTopics | undefined;
  /** The current connection speaks `hawser.v1`. */
  #speaks = false;
  #watch: SilenceWatch | undefined;
  #isSlow = false;
  #resolveClosed: (end: EndInfo) => void = () => {};

  constructor(url: Asked<string | URL>, options: ReconnectOptions | undefined, platform: Platform) {
    const settings = resolveOptions(options);
    this.#settings = settings;
    this.#platform = platform;
    const { offlineQueue } = settings;
    this.#queue =
      offlineQueue === false
        ? undefined
        : new OfflineQueue(offlineQueue, (message) => this.#unsent(message), BROWSER_PAYLOADS);
    this.feed = new Feed(this);
    this.listeners = new Listeners<ReconnectEvents>(
      'a client',
      EVENTS,
      () => this.feed.pump(),
      (error, name) => this.listenerFailed(error, `a listener of '${name}'`, name),
    );
    this.series = new BrowserSeries(this, url, settings, platform);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Starts to connect after this turn, so that the application can attach listeners first. */
  start(): void {
    const { signal } = this.#settings;
    signal?.addEventListener('abort', this.#aborted);
    queueMicrotask(() => {
      if (signal?.aborted === true) this.#aborted();
      else this.series.begin();
    });
  }

  // Called by the application, through its `ReconnectingClient`.

  get bufferedBytes(): number {
    return (this.#queue?.bytes ?? 0) + (this.series.socket?.bufferedAmount ?? 0);
  }

  get queuedMessages(): number {
    return this.#queue?.size ?? 0;
  }

  send(payload: Payload): boolean {
    const { state } = this.series;
    if (state === 'open' && this.queuedMessages === 0) return this.#pass(payload);
    if (this.#queue !== undefined && this.series.end === undefined)
      return this.#queue.push(payload, undefined, this.#platform.now());
    this.#unsent({ bytes: BROWSER_PAYLOADS.bytesOf(payload, undefined), why: 'offline' });
    return false;
  }

  close(code: number, reason: string): void {
    const isCode = code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999);
    if (!isCode)
      throw new MisuseError(
        'ERR_ARGUMENT',
        `client.close: code is ${String(code)}; a page may send 1000 and 3000 to 4999`,
      );
    if (typeof reason !== 'string' || utf8Length(reason) > 123)
      throw new MisuseError('ERR_ARGUMENT', 'client.close: reason must be a string of at most 123 bytes');
    this.series.stop({ why: 'close' }, code, reason);
  }

  /** @throws MisuseError `ERR_STATE` if this client cannot have topics. */
  topicsFor(call: string): ClientTopics {
    refuseWithoutTopics(call, this.#settings.protocols);
    if (this.#topics === undefined) {
      this.#topics = new ClientTopics(this);
      if (this.series.end !== undefined) this.#topics.end();
      else if (this.series.state === 'open') this.#topics.notSpoken(this.series.socket!.protocol);
    }
    return this.#topics;
  }

  // `SeriesOwner`.

  opened(socket: BrowserSocket): void {
    this.#speaks = socket.protocol === SUBPROTOCOL;
    if (this.#speaks) this.#topics ??= new ClientTopics(this);
    if (this.#speaks) this.#topics!.connected();
    else this.#topics?.notSpoken(socket.protocol);
    this.listeners.emit(this.client, 'open');
    this.#queue?.flush(
      this.#platform.now(),
      (payload) => this.series.state === 'open' && this.#pass(payload),
    );
  }

  received(data: unknown): void {
    this.#watch?.heard();
    const message = typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer);
    if (!this.#speaks) this.message(message);
    else if (typeof message === 'string') void this.#topics!.received(message);
    else this.violated('a frame is binary');
  }

  lost(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#topics?.disconnected();
  }

  down(info: DownInfo): void {
    this.listeners.emit(this.client, 'down', info);
  }

  retrying(info: RetryInfo): void {
    this.listeners.emit(this.client, 'retry', info);
  }

  stopped(end: EndInfo): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#settings.signal?.removeEventListener('abort', this.#aborted);
    this.#queue?.drop();
    this.#topics?.end();
    if (end.why !== 'close' && end.why !== 'abort') this.listeners.emit(this.client, 'giveUp', end);
  }

  finished(end: EndInfo): void {
    if (end.why === 'abort') this.feed.drop();
    this.feed.end();
    this.listeners.emit(this.client, 'close', end);
    this.#resolveClosed(end);
  }

  probe(): boolean {
    this.#watch?.probe();
    return this.#watch !== undefined;
  }

  // `FeedOwner`.

  get hasListeners(): boolean {
    return this.listeners.count('message') > 0;
  }

  valueOf(message: Message): Message {
    return message;
  }

  deliver(message: Message): readonly PromiseLike<unknown>[] | undefined {
    return this.listeners.call(this.client, 'message', message, typeof message === 'string');
  }

  taken(): void {
    if (this.feed.size < MAX_WAITING / 2 && this.feed.bytes < MAX_WAITING_BYTES / 2) this.#isSlow = false;
  }

  // `TopicsHost`.

  get clock(): Platform {
    return this.#platform;
  }

  get queue(): BrowserSettings['offlineQueue'] {
    return this.#settings.offlineQueue;
  }

  get backoff(): BrowserSettings {
    return this.#settings;
  }

  fraction(): number {
    return this.#platform.fraction();
  }

  get isWritable(): boolean {
    return this.series.socket?.readyState === 1;
  }

  sendFrame(frame: string): void {
    this.#transmit(frame);
  }

  readonly bytesOf = utf8Length;
  readonly dataOf = checkedPayload;
  readonly toBase64 = toBase64;
  readonly fromBase64 = fromBase64;

  message(message: Message): void {
    if (this.feed.size < MAX_WAITING && this.feed.bytes < MAX_WAITING_BYTES) {
      this.feed.push(message, message.length);
      return;
    }
    this.droppedMessages++;
    if (this.#isSlow) return;
    this.#isSlow = true;
    const text = 'messages are dropped, because the application does not take them';
    this.topicFailed(new OperationError('slow-consumer', text));
  }

  greeted(pingMs: number): void {
    this.#watch?.stop();
    this.#watch = new SilenceWatch(
      this.#platform,
      { pingMs, pongTimeoutMs: this.#settings.pongTimeoutMs },
      () => this.#transmit('{"op":"ping"}'),
      () => this.series.drop('no answer to a ping'),
    );
  }

  /** @param event The event whose listener failed. */
  listenerFailed(cause: unknown, where: string, event?: string): void {
    const error = new OperationError('handler', `${where} failed`, { cause });
    if (event === 'error') this.#platform.report(error);
    else this.topicFailed(error);
  }

  topicFailed(error: OperationError): void {
    if (this.listeners.count('error') > 0) this.listeners.emit(this.client, 'error', error);
    else this.#platform.report(error);
  }

  violated(detail: string): void {
    const error = new OperationError('protocol', `the server broke ${SUBPROTOCOL}: ${detail}`);
    this.topicFailed(error);
    this.series.stop({ why: 'refused', error }, VIOLATION, '');
  }

  /** A connection may close at any time; its close event tells. */
  #transmit(data: string | Uint8Array): void {
    const { socket } = this.series;
    if (socket?.readyState === 1) socket.send(data);
  }

  #pass(payload: Payload): boolean {
    const data = checkedPayload(payload);
    const { socket } = this.series;
    if ((socket?.bufferedAmount ?? 0) > this.#settings.maxBufferedBytes) {
      this.#unsent({ bytes: BROWSER_PAYLOADS.bytesOf(payload, undefined), why: 'full' });
      return false;
    }
    this.#transmit(this.#speaks ? this.#topics!.wrapped(data) : data);
    return true;
  }

  readonly #aborted = (): void => this.series.stop({ why: 'abort' });

  #unsent(message: UnsentMessage): void {
    this.droppedMessages++;
    this.listeners.emit(this.client, 'unsent', message);
  }
}
