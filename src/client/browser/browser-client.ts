// Pages that compile with `lib: ["es2022", "dom"]` have no AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Asked } from '../../options/retry-options.ts';
import { checkArgument, checkSurplus, type Rule } from '../topics/check.ts';
import type { ClientTopic } from '../topics/client-topic.ts';
import type { HandleOptions, TopicOptions } from '../topics/client-topics.ts';
import type { RequestOptions } from '../../options/topic-types.ts';
import { TopicEmitter } from '../topics/emitter.ts';
import type { RequestHandler } from '../topics/requests.ts';
import type { ReconnectState } from '../reconnect/reconnect-states.ts';
import { BrowserDriver } from './browser-driver.ts';
import type { EndInfo, Message, Payload, ReconnectEvents } from './browser-events.ts';
import type { ReconnectOptions } from './browser-options.ts';
import { platformOf } from './platform.ts';

const URL_RULE: Rule = [
  (value) => typeof value === 'string' || typeof value === 'function' || value instanceof URL,
  'a string, a URL, or a function that returns one',
];

/**
 * A client that reconnects, over the browser's `WebSocket`: one object for any number of connections, one after another. It starts
 * to connect at once; listeners that are attached in the same turn miss no event. It works in pages and in workers.
 *
 * With `hawser.v1` it also finds connections that are open and dead: it sends a ping after a time of silence, and when the network
 * or the page comes back. {@link ReconnectEvents} describes the events.
 */
export class ReconnectingClient
  extends TopicEmitter<ReconnectEvents>
  implements AsyncIterable<Message>, AsyncDisposable
{
  readonly #driver: BrowserDriver;

  /**
   * @param url `wss:` or `ws:`; or a function that the client calls before every attempt.
   * @throws MisuseError `ERR_OPTION` for an invalid option, `ERR_ARGUMENT` for another argument that is invalid.
   */
  constructor(url: Asked<string | URL>, options?: ReconnectOptions) {
    const call = 'new ReconnectingClient';
    checkSurplus(call, arguments, 2);
    checkArgument(call, 'url', url, URL_RULE);
    const driver = new BrowserDriver(url, options, platformOf(globalThis));
    super(driver.listeners);
    driver.client = this;
    this.#driver = driver;
    driver.start();
  }

  /** Resolves when the client has ended, for any reason. Never rejects. */
  get closed(): Promise<EndInfo> {
    return this.#driver.closed;
  }

  /** See {@link ReconnectState}. */
  get state(): ReconnectState {
    return this.#driver.series.state;
  }

  /** The subprotocol of the current connection; `''` without one. */
  get protocol(): string {
    return this.#driver.series.socket?.protocol ?? '';
  }

  /** Attempts in a row without a stable connection. */
  get attempts(): number {
    return this.#driver.series.attempts;
  }

  /** Bytes in the offline queue, and those that the browser has not sent. */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#driver.queuedMessages;
  }

  /** Messages that were dropped: unsent ones, and received ones that no listener or loop took in time. */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /**
   * Sends a message. Without a connection it goes into the offline queue, which copies bytes. The client does not repeat messages
   * that it passed to a connection that failed: they may have arrived.
   * @returns Whether the message was accepted; `unsent` tells why not.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}.
   */
  send(payload: Payload): boolean {
    checkSurplus('client.send', arguments, 1);
    return this.#driver.send(payload);
  }

  /**
   * Ends the client: with a closing handshake if there is a connection, otherwise at once. Drops the offline queue. Later calls do
   * nothing.
   * @param code 1000, or 3000 to 4999: a page may send no other. Default 1000.
   * @param reason At most 123 bytes of UTF-8. Default `''`.
   * @throws MisuseError `ERR_ARGUMENT` for another code or reason.
   */
  close(code = 1000, reason = ''): void {
    checkSurplus('client.close', arguments, 2);
    this.#driver.close(code, reason);
  }

  /**
   * A topic of the server, over all connections. Needs `'hawser.v1'` in `protocols`.
   * @returns The open topic of that name, if there is one and `options` is not given.
   * @throws MisuseError `ERR_STATE` without the subprotocol, after the end of the client, or with `options` for an open topic;
   *   `ERR_ARGUMENT` or `ERR_OPTION` for invalid arguments.
   */
  topic(name: string, options?: TopicOptions): ClientTopic {
    checkSurplus('client.topic', arguments, 2);
    return this.#driver.topicsFor('client.topic').topic(name, options);
  }

  /**
   * Asks the server, and resolves with its answer. Needs `'hawser.v1'` in `protocols`.
   * @param data A value that JSON can express. Default: no data.
   * @throws OperationError As a rejection; `outcome` says whether the server may have acted. Or the reason of `signal`.
   *   MisuseError as of {@link topic}.
   */
  request(name: string, data?: unknown, options?: RequestOptions): Promise<unknown> {
    checkSurplus('client.request', arguments, 3);
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
    checkSurplus('client.handle', arguments, 3);
    return this.#driver.topicsFor('client.handle').handle(name, handler, options);
  }

  /**
   * Messages one by one, across reconnects; ends when the client ends.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#driver.feed.loop('client');
  }

  /** Closes with 1000 and waits for the end. For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.close(1000, '');
    await this.#driver.closed;
  }
}
