import { drawDelayMs, longestDelayMs } from '../reconnect/backoff.ts';
import { Listeners } from './emitter.ts';
import { Feed, type FeedOwner } from './feed.ts';
import { type OkFrame, positionOf } from './frames.ts';
import { OperationError } from './operation-error.ts';
import type { Operations } from './operations.ts';
import type { Position, Presence, Published, TopicEvents, TopicMessage } from './topic-events.ts';
import type { TopicsHost } from './topics-host.ts';

/**
 * State of a topic. `waiting`: there is no connection, or the server asked the client to wait. `behind`: the application is
 * slower than the messages, and the client will read them from the history later.
 */
type DriverState = 'waiting' | 'subscribing' | 'live' | 'behind' | 'closed';

/** Limits of the buffer of received messages of one topic. Beyond them, the topic is `behind`. */
const MAX_BUFFERED = 1_000;
const MAX_BUFFERED_BYTES = 1_048_576;
/** Bytes that a buffered message counts in addition to its data. */
const MESSAGE_BYTES = 128;

const EVENTS = {
  message: true,
  recovered: true,
  lost: true,
  join: true,
  leave: true,
  members: true,
  error: true,
} as const;

/** A received message, or a change of the position with its event. */
type Entry =
  | { readonly message: TopicMessage; readonly position: Position | undefined }
  | {
      readonly message?: undefined;
      readonly position: Position | undefined;
      readonly event?: 'recovered' | 'lost';
      readonly missed?: number;
    };

/** The object that drives all topics of a client. */
export interface DriverOwner {
  readonly host: TopicsHost;
  readonly operations: Operations;
  readonly isConnected: boolean;
  /** Set while the current connection does not speak `hawser.v1`. */
  readonly noProtocol: OperationError | undefined;
  topicClosed(driver: TopicDriver): void;
}

/** The calls of a topic that need the connection. */
export interface TopicCalls {
  publish(driver: TopicDriver, data: unknown, resend: boolean): Promise<Published>;
  presence(driver: TopicDriver): Promise<Presence>;
}

/** Drives one topic: its subscription over all connections, its position and its delivery. */
export class TopicDriver implements FeedOwner<Entry, TopicMessage> {
  /** The object of the application. */
  topic!: object;
  readonly name: string;
  readonly listeners: Listeners<TopicEvents>;
  readonly feed: Feed<Entry, TopicMessage>;
  state: DriverState = 'waiting';
  /** Position of the last message that was delivered. */
  delivered: Position | undefined;
  readonly presence: boolean;

  readonly #owner: DriverOwner;
  /** Position of the last message that was received. */
  #received: Position | undefined;
  /** It was live before, so messages may be missing. */
  #wasLive = false;
  #refusals = 0;
  #timer: unknown;
  /** Callers that wait for the subscription. */
  #waiters: {
    readonly resolve: (position: Position | undefined) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  /** Why it is closed. */
  #end: OperationError | undefined;

  constructor(owner: DriverOwner, name: string, since: Position | undefined, presence: boolean) {
    this.#owner = owner;
    this.name = name;
    this.presence = presence;
    this.#received = since === undefined ? undefined : { epoch: since.epoch, offset: since.offset };
    this.delivered = this.#received;
    this.feed = new Feed(this);
    this.listeners = new Listeners<TopicEvents>(
      'a topic',
      EVENTS,
      () => this.feed.pump(),
      (error, event) => this.#listenerFailed(error, event),
    );
  }

  // Called by `ClientTopics`.

  connected(): void {
    this.#refusals = 0;
    this.#subscribe();
  }

  disconnected(): void {
    if (this.state === 'closed') return;
    this.state = 'waiting';
    this.#stopTimer();
  }

  message(message: TopicMessage, offset: number | undefined): void {
    if (this.state !== 'live') return;
    const { feed } = this;
    const received = this.#received;
    let position: Position | undefined;
    if (offset !== undefined && received !== undefined) {
      if (offset <= received.offset) return;
      position = { epoch: received.epoch, offset };
    }
    if (feed.size >= MAX_BUFFERED || feed.bytes > MAX_BUFFERED_BYTES) {
      this.state = 'behind';
      return;
    }
    this.#received = position ?? received;
    feed.push({ message, position }, MESSAGE_BYTES + message.length);
  }

  lost(position: Position | undefined): void {
    if (this.state !== 'live') return;
    this.#received = position;
    this.feed.push({ position, event: 'lost' }, MESSAGE_BYTES);
  }

  /** The server answered a publish of this client. It sends no message for it. */
  published(position: Position | undefined): void {
    const received = this.#received;
    if (this.state !== 'live' || position === undefined || position.epoch !== received?.epoch) return;
    if (position.offset <= received.offset) return;
    this.#received = position;
    this.feed.push({ position }, 0);
  }

  /** Ends the topic. @param error Why, if the application did not close it. */
  close(error?: OperationError): void {
    if (this.state === 'closed') return;
    const wasSubscribed = this.#owner.isConnected && this.state !== 'waiting';
    this.state = 'closed';
    this.#end = error ?? new OperationError('closed', `topic ${JSON.stringify(this.name)} was closed`);
    this.#stopTimer();
    this.#owner.topicClosed(this);
    if (wasSubscribed && error === undefined)
      this.#owner.operations.start(
        { op: 'unsubscribe', topic: this.name },
        { ofConnection: true, answered: () => {}, failed: () => {} },
      );
    if (error === undefined) this.feed.drop();
    this.feed.end(error?.code === 'closed' ? undefined : error);
    this.#rejectWaiters(this.#end);
  }

  /** The server does not speak `hawser.v1`. The topic stays open, because the next connection may speak it. */
  notSpoken(error: OperationError): void {
    if (this.state === 'closed') return;
    this.feed.end(error);
    this.#rejectWaiters(error);
    this.reported(error);
  }

  /** The server ended the subscription. Before `ok`, that is the one of an earlier topic with this name. */
  unsubscribed(code: string): void {
    if (this.state === 'live' || this.state === 'behind')
      this.refused(new OperationError(code, `the server ended the subscription: ${code}`));
  }

  /** The server refused the subscription, or ended it. */
  refused(error: OperationError): void {
    this.close(error);
    this.reported(error);
  }

  /** Tells the application of a failure. */
  reported(error: OperationError): void {
    if (this.listeners.count('error') > 0) this.listeners.emit(this.topic, 'error', error);
    else this.#owner.host.topicFailed(error, `topic ${JSON.stringify(this.name)}`);
  }

  // Called by the application, through its `ClientTopic`.

  subscribed(): Promise<Position | undefined> {
    const error = this.#end ?? this.#owner.noProtocol;
    if (error !== undefined) return Promise.reject(error);
    if (this.state === 'live' || this.state === 'behind') return Promise.resolve(this.#received);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  // `FeedOwner`.

  get hasListeners(): boolean {
    return this.listeners.count('message') > 0;
  }

  valueOf(entry: Entry): TopicMessage | undefined {
    return entry.message;
  }

  deliver(entry: Entry): readonly PromiseLike<unknown>[] | undefined {
    const { message, position } = entry;
    if (message !== undefined) {
      if (position !== undefined) this.delivered = position;
      return this.listeners.call(this.topic, 'message', message, position);
    }
    this.delivered = position;
    if (entry.event === 'recovered')
      return this.listeners.call(this.topic, 'recovered', { position, missed: entry.missed ?? 0 });
    if (entry.event === 'lost') return this.listeners.call(this.topic, 'lost', { position });
    return undefined;
  }

  taken(): void {
    const { feed } = this;
    if (this.state !== 'behind' || feed.size > MAX_BUFFERED / 2 || feed.bytes > MAX_BUFFERED_BYTES / 2)
      return;
    // The messages that were skipped are in the history: subscribes again from the last one in the buffer.
    this.#owner.operations.start(
      { op: 'unsubscribe', topic: this.name },
      { ofConnection: true, answered: () => {}, failed: () => {} },
    );
    this.#subscribe();
  }

  #subscribe(): void {
    this.#stopTimer();
    this.state = 'subscribing';
    const since = this.#received;
    this.#owner.operations.start(
      { op: 'subscribe', topic: this.name, since, presence: this.presence ? true : undefined },
      {
        ofConnection: true,
        answered: (frame) => {
          if (this.state === 'subscribing' && frame.op === 'ok') this.#begun(frame, since);
        },
        failed: (error) => {
          if (this.state === 'subscribing') this.#notBegun(error);
        },
      },
    );
  }

  #begun(frame: OkFrame, since: Position | undefined): void {
    const position = positionOf(frame);
    const mayMiss = this.#wasLive || since !== undefined;
    this.state = 'live';
    this.#wasLive = true;
    this.#refusals = 0;
    this.#received = position;
    if (frame.recovered === true)
      this.feed.push({ position, event: 'recovered', missed: frame.missed ?? 0 }, MESSAGE_BYTES);
    else if (mayMiss) this.feed.push({ position, event: 'lost' }, MESSAGE_BYTES);
    else this.feed.push({ position }, 0);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve(position);
  }

  #notBegun(error: OperationError): void {
    if (error.code !== 'busy' && error.code !== 'unavailable') {
      this.refused(error);
      return;
    }
    const { host } = this.#owner;
    this.state = 'waiting';
    const longestMs = longestDelayMs(host.backoff, ++this.#refusals, false);
    const delayMs = drawDelayMs(longestMs, host.fraction(), error.retryAfterMs);
    this.#timer = host.clock.setTimer(() => this.#subscribe(), delayMs);
  }

  #rejectWaiters(error: OperationError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }

  #listenerFailed(error: unknown, event: string): void {
    const where = `a listener of '${event}' of topic ${JSON.stringify(this.name)}`;
    if (event === 'error' || this.listeners.count('error') === 0)
      this.#owner.host.listenerFailed(error, where);
    else
      this.listeners.emit(
        this.topic,
        'error',
        new OperationError('handler', `${where} failed`, { cause: error }),
      );
  }

  #stopTimer(): void {
    this.#owner.host.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
