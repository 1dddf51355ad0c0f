import { BOOLEAN, checkOptions, checkSurplus, type Rule } from './check.ts';
import { TopicEmitter } from './emitter.ts';
import type { TopicCalls, TopicDriver } from './topic-driver.ts';
import type { Position, Presence, Published, TopicEvents, TopicMessage } from './topic-events.ts';

/** Options of `publish`. */
export interface TopicPublishOptions {
  /**
   * Sends the message again on the next connection if the answer is lost with this one. The server may then publish it twice.
   * Default `false`: the promise rejects with `outcome: 'unknown'`.
   */
  readonly resend?: boolean;
}

const PUBLISH: Readonly<Record<string, Rule>> = { resend: BOOLEAN };

/**
 * A topic of a server, over all connections of a client. After a reconnect the client subscribes again and tells the server the
 * position of its last message. The server then sends every missed message, once and in order; or the topic emits `lost`.
 *
 * Messages that no listener or loop takes are buffered, up to 1,000 messages or 1 MiB. Beyond that the client skips messages, and
 * later reads them from the history; without history the topic emits `lost`. {@link TopicEvents} describes the events.
 */
export class ClientTopic extends TopicEmitter<TopicEvents> implements AsyncIterable<TopicMessage> {
  readonly #driver: TopicDriver;
  readonly #calls: TopicCalls;

  /** @internal */
  constructor(driver: TopicDriver, calls: TopicCalls) {
    super(driver.listeners);
    this.#driver = driver;
    this.#calls = calls;
  }

  /** The name of the topic. */
  get name(): string {
    return this.#driver.name;
  }

  /**
   * `waiting`: not subscribed yet, or not at the moment. `live`: the server sends every message. `closed`: by `close()`, by the
   * end of the client, or by the server, which `error` reports.
   */
  get state(): 'waiting' | 'live' | 'closed' {
    const { state } = this.#driver;
    return state === 'subscribing' ? 'waiting' : state === 'behind' ? 'live' : state;
  }

  /**
   * The position of the last message that the application got: pass it as `since` after a reload of the page. `undefined` on a
   * topic without history, and before the first subscription.
   */
  get position(): Position | undefined {
    return this.#driver.delivered;
  }

  /**
   * Resolves with the position at which the subscription began, or begins again.
   * @throws OperationError (as a rejection) if the topic is closed first; its code is the reason of the server, or `closed`. Also if
   *   the server does not speak `hawser.v1`, with the code `no-protocol`.
   */
  subscribed(): Promise<Position | undefined> {
    checkSurplus('topic.subscribed', arguments, 0);
    return this.#driver.subscribed();
  }

  /**
   * Publishes a message. While there is no connection, or 16 operations are unanswered, the message is queued within the
   * limits of `offlineQueue`. This client does not get its own message, except when it recovers.
   * @param data A string, or bytes, which are copied.
   * @throws OperationError As a rejection, with `outcome`: `not-published`, or `unknown` if the answer is lost. MisuseError
   *   `ERR_ARGUMENT` for other data, `ERR_OPTION` for an unknown option, `ERR_STATE` after `close()`.
   */
  publish(data: string | ArrayBuffer | ArrayBufferView, options?: TopicPublishOptions): Promise<Published> {
    checkSurplus('topic.publish', arguments, 2);
    checkOptions('topic.publish', options, PUBLISH);
    return this.#calls.publish(this.#driver, data, options?.resend === true);
  }

  /**
   * Asks who is in the topic. With the option `presence`, `join` and `leave` report later changes; ask again after `recovered`
   * or `lost`.
   * @throws OperationError As a rejection. MisuseError `ERR_STATE` after `close()`.
   */
  presence(): Promise<Presence> {
    checkSurplus('topic.presence', arguments, 0);
    return this.#calls.presence(this.#driver);
  }

  /** Unsubscribes, drops buffered messages and ends loops. Later calls do nothing. */
  close(): void {
    checkSurplus('topic.close', arguments, 0);
    this.#driver.close();
  }

  /**
   * Messages one by one, across reconnects, at the pace of the loop. Ends when the topic or the client is closed; throws the
   * `OperationError` if the server refused or ended the subscription, or does not speak `hawser.v1`.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TopicMessage> {
    return this.#driver.feed.loop('topic');
  }
}
