import { checkCount, refuseSurplus } from '../../options/call-check.ts';
import { jsonText } from '../../options/json-text.ts';
import {
  checkCloseCall,
  checkDrainedOptions,
  checkSendOptions,
  type SendOptions,
} from '../../options/call-options.ts';
import { SafeEmitter } from '../../connection/emitter.ts';
import { warnOfHandlerProperties } from '../../connection/event-names.ts';
import type { Message, Payload } from '../../protocol/payload.ts';
import type { ClientConnection } from '../connect.ts';
import { checkClientArguments } from '../../options/client-call-check.ts';
import { ReconnectDriver } from './reconnect-driver.ts';
import type { EndInfo, ReconnectEvents } from './reconnect-events.ts';
import type { ReconnectOptions } from '../../options/reconnect-options.ts';
import type { Asked } from '../../options/retry-options.ts';
import type { ReconnectState } from './reconnect-states.ts';
import type { ClientTopic } from '../topics/client-topic.ts';
import type { HandleOptions, TopicOptions } from '../topics/client-topics.ts';
import type { RequestOptions } from '../../options/topic-types.ts';
import type { RequestHandler } from '../topics/requests.ts';

/**
 * A client that reconnects: one object for any number of connections, one after another. It starts to connect at once;
 * listeners that are attached in the same turn miss no event. Messages arrive in three ways, as on a connection, across
 * reconnects. The application must request messages again that were lost in between. The client keeps the process alive until
 * it is closed. {@link ReconnectEvents} describes the events.
 */
export class ReconnectingClient
  extends SafeEmitter<ReconnectEvents>
  implements AsyncIterable<Message>, AsyncDisposable
{
  readonly #driver: ReconnectDriver;

  static {
    warnOfHandlerProperties(
      this.prototype,
      'client',
      {
        onopen: "client.on('open', (connection) => …)",
        onmessage: "client.on('message', (message) => …)",
        onclose: "client.on('close', (info) => …)",
        onerror: "client.on('error', (error) => …)",
      },
      (client) => (#driver in client ? client.#driver.warnings : undefined),
    );
  }

  /**
   * @param url As for `connect`, or a function that the client calls before every attempt.
   * @throws MisuseError `ERR_OPTION` for an invalid option, `ERR_ARGUMENT` for an invalid URL.
   */
  constructor(url: Asked<string | URL>, options?: ReconnectOptions) {
    checkClientArguments('new ReconnectingClient', arguments);
    const driver = new ReconnectDriver(url, options);
    super(driver);
    driver.emitter = this;
    this.#driver = driver;
    driver.start();
  }

  /** Resolves when the client has ended, for any reason. Never rejects. */
  get closed(): Promise<EndInfo> {
    return this.#driver.closed;
  }

  /** See {@link ReconnectState}. */
  get state(): ReconnectState {
    return this.#driver.state;
  }

  /** The current connection; another one after each reconnect. `undefined` while there is none. */
  get connection(): ClientConnection | undefined {
    return this.#driver.connection;
  }

  /** Attempts in a row without a stable connection. */
  get attempts(): number {
    return this.#driver.attempts;
  }

  /** Accepted bytes that the kernel has not taken: those in the offline queue, and those of the connection. */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#driver.queuedMessages;
  }

  /** Messages that were dropped: unsent ones (no room, expired, client ended), and received ones without a consumer. */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /**
   * Sends a message. Without a connection, or while the offline queue is not empty, the message goes into that queue, which
   * copies bytes. The client does not repeat messages that it passed to a connection that failed: they may have arrived.
   * @returns With a connection: as `Connection.send`. Without: whether the queue accepted the message.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}, and for a callback; `ERR_OPTION` for an
   *   invalid option.
   */
  send(payload: Payload, options?: SendOptions): boolean;
  send(payload: Payload, options?: SendOptions, surplus?: unknown): boolean {
    if (options !== undefined || surplus !== undefined) checkSendOptions('client', options, surplus);
    return this.#driver.send(payload, options);
  }

  /**
   * Sends `JSON.stringify(value)` as text. The value is written at once, also for the offline queue.
   * @returns As {@link send}.
   * @throws MisuseError As `Connection.sendJson`.
   */
  sendJson(value: unknown, options?: SendOptions): boolean;
  sendJson(value: unknown, options?: SendOptions, surplus?: unknown): boolean {
    return this.#driver.send(jsonText('client', value, options, surplus), options);
  }

  /**
   * Resolves once there is a connection, the offline queue is empty, and at most half of the high-water mark is buffered.
   * Waits across reconnects.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the client ends first; or the reason of `signal`.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
  drained(options?: { readonly signal?: AbortSignal }, surplus?: unknown): Promise<void> {
    checkDrainedOptions('client', options, surplus);
    return this.#driver.drained(options?.signal);
  }

  /**
   * Ends the client: with a closing handshake (§7.1.2) if there is a connection, otherwise at once. Drops the offline queue;
   * await {@link drained} first to send it. Delivers received messages that are queued, unless there is no consumer (no
   * listener, or a loop that was left). Later calls do nothing.
   * @param code As for `Connection.close`. Default 1000.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is not a string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseCall('client', arguments);
    this.#driver.close(code, reason);
  }

  /**
   * A topic of the server, over all connections. Needs `'hawser.v1'` in `protocols`. Messages of topics are not messages of the
   * client.
   * @returns The open topic of that name, if there is one and `options` is not given.
   * @throws MisuseError `ERR_STATE` without the subprotocol, after the end of the client, or with `options` for an open topic;
   *   `ERR_ARGUMENT` or `ERR_OPTION` for invalid arguments.
   */
  topic(name: string, options?: TopicOptions): ClientTopic {
    checkCount('client.topic', arguments, 2);
    return this.#driver.topicsFor('client.topic').topic(name, options);
  }

  /**
   * Asks the server, and resolves with its answer. Needs `'hawser.v1'` in `protocols`. While there is no connection, or 16
   * operations are unanswered, the request is queued within the limits of `offlineQueue`.
   * @param data A value that JSON can express. Default: no data.
   * @throws OperationError As a rejection. Its code is the server's (`no-handler`, `invalid`, `failed`, `forbidden`) or the
   *   client's (`timeout`, `disconnected`); `outcome` says whether the server may have acted. Or the reason of `signal`.
   *   MisuseError as of {@link topic}.
   */
  request(name: string, data?: unknown, options?: RequestOptions): Promise<unknown> {
    checkCount('client.request', arguments, 3);
    return this.#driver.topicsFor('client.request').request(name, data, options);
  }

  /**
   * Answers requests of the server. Needs `'hawser.v1'` in `protocols`. The result of `handler` is sent as JSON. If it throws, the
   * server gets the code `failed` without the message, and the client emits `error`.
   * @returns A function that removes the handler.
   * @throws MisuseError as of {@link topic}; `ERR_STATE` if the name has a handler.
   */
  handle<Data = unknown>(
    name: string,
    handler: RequestHandler<Data>,
    options?: HandleOptions<Data>,
  ): () => void {
    checkCount('client.handle', arguments, 3);
    return this.#driver.topicsFor('client.handle').handle(name, handler, options);
  }

  /** Stops delivery at the next message. Nothing is lost: TCP applies back-pressure to the server. */
  pause(): void;
  pause(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('client.pause', surplus);
    this.#driver.pause();
  }

  /** Continues delivery after {@link pause}, or after a loop was left. */
  resume(): void;
  resume(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('client.resume', surplus);
    this.#driver.resume();
  }

  /**
   * Messages one by one, across reconnects, at the pace of the loop; ends when the client ends. Leaving the loop pauses
   * delivery until another loop starts or `resume` is called.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#driver.loop();
  }

  /** Closes with 1000 and waits for the end. For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.close(1000, '');
    await this.#driver.closed;
  }
}
