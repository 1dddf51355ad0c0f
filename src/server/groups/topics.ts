import { Buffer } from 'node:buffer';
import { addTopic, deleteTopic, hasTopic, TopicSet, topicsIn } from '../../connection/topic-set.ts';
import { MisuseError } from '../../protocol/errors.ts';

/** Longest topic name, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256;
/** Control characters, and surrogates without their other half, which have no UTF-8. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/** @throws MisuseError `ERR_ARGUMENT` unless `topic` is 1 to 256 bytes of UTF-8 without control characters. */
export function checkTopic(topic: unknown): asserts topic is string {
  const fault = topicFault(topic);
  if (fault !== undefined) throw new MisuseError('ERR_ARGUMENT', `a topic ${fault}`);
}

function topicFault(topic: unknown): string | undefined {
  if (typeof topic !== 'string') return `must be a string, not ${topic === null ? 'null' : typeof topic}`;
  if (topic === '') return 'must not be empty';
  // a UTF-16 unit is at most 3 bytes, so that short names need no counting
  if (topic.length * 3 > MAX_TOPIC_BYTES) {
    if (topic.length > MAX_TOPIC_BYTES)
      return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${topic.length} or more`;
    const bytes = Buffer.byteLength(topic);
    if (bytes > MAX_TOPIC_BYTES) return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${bytes}`;
  }
  return UNFIT.test(topic) ? 'must not contain control characters or lone surrogates' : undefined;
}

/** What the table needs of a subscriber: a place for its topics. */
export interface TopicHolder {
  /**
   * Written by the table while the holder can subscribe; `undefined` while there are none, as most connections of most
   * servers never have any. After {@link TopicTable.unsubscribeAll} it tells which topics there were, until the holder
   * clears it.
   */
  topicSet: TopicSet | undefined;
}

/** The topics of a server, to look at. Names are those that have subscribers now. */
export interface Topics<Subscriber> extends Iterable<string> {
  /** Topics with at least one subscriber. */
  readonly size: number;
  /** 0 for a topic that nobody has. */
  subscriberCount(topic: string): number;
  /** Those subscribed now, in the order of subscribing. The iterator is live and good for one pass. */
  subscribers(topic: string): IterableIterator<Subscriber>;
}

/** Limits of a {@link TopicTable}, both whole numbers above 0. */
export interface TopicLimits {
  readonly maxTopics: number;
  readonly maxTopicsPerConnection: number;
}

/**
 * Who is subscribed to what. Names are compared exactly; a topic exists from its first subscriber to its last, and a name
 * found in the table was checked when it came in. Everything takes constant time but {@link unsubscribeAll}, which takes
 * as long as the subscriber has topics.
 */
export class TopicTable<Subscriber extends TopicHolder> implements Topics<Subscriber> {
  readonly #limits: TopicLimits;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #subscriptions = 0;

  constructor(limits: TopicLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** Pairs of subscriber and topic. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * @returns `false` if already subscribed, or if a limit is reached.
   * @throws MisuseError `ERR_ARGUMENT`; see {@link checkTopic}.
   */
  subscribe(subscriber: Subscriber, topic: string): boolean {
    let audience = this.#subscribers.get(topic);
    if (audience === undefined) checkTopic(topic);
    const own = subscriber.topicSet;
    if (own !== undefined && (hasTopic(own, topic) || own.size >= this.#limits.maxTopicsPerConnection))
      return false;
    if (audience === undefined) {
      if (this.#subscribers.size >= this.#limits.maxTopics) return false;
      audience = new Set();
      this.#subscribers.set(topic, audience);
    }
    audience.add(subscriber);
    addTopic((subscriber.topicSet ??= new TopicSet()), topic);
    this.#subscriptions++;
    return true;
  }

  /**
   * @returns Whether it was subscribed.
   * @throws MisuseError `ERR_ARGUMENT`; see {@link checkTopic}.
   */
  unsubscribe(subscriber: Subscriber, topic: string): boolean {
    const audience = this.#subscribers.get(topic);
    if (audience === undefined) {
      checkTopic(topic);
      return false;
    }
    const own = subscriber.topicSet;
    if (own === undefined || !audience.has(subscriber)) return false;
    deleteTopic(own, topic);
    if (own.size === 0) subscriber.topicSet = undefined;
    this.#leave(subscriber, topic, audience);
    return true;
  }

  /** Takes a subscriber out of every topic, as when it closes. Its `topicSet` goes on telling which these were. */
  unsubscribeAll(subscriber: Subscriber): void {
    const own = subscriber.topicSet;
    if (own === undefined) return;
    for (const topic of topicsIn(own)) {
      const audience = this.#subscribers.get(topic);
      if (audience?.has(subscriber) === true) this.#leave(subscriber, topic, audience);
    }
  }

  /**
   * Those subscribed to `topic`, for publishing; `undefined` if nobody is. The set is live.
   * @throws MisuseError `ERR_ARGUMENT`; see {@link checkTopic}.
   */
  audience(topic: string): ReadonlySet<Subscriber> | undefined {
    const audience = this.#subscribers.get(topic);
    if (audience === undefined) checkTopic(topic);
    return audience;
  }

  subscriberCount(topic: string): number {
    return this.#subscribers.get(topic)?.size ?? 0;
  }

  subscribers(topic: string): IterableIterator<Subscriber> {
    return (this.#subscribers.get(topic) ?? new Set<Subscriber>()).values();
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#subscribers.keys();
  }

  /**
   * The same table for the application: what it can be asked, and nothing that changes it.
   * @param shown Gives what the application knows of a subscriber.
   */
  view<Shown>(shown: (subscriber: Subscriber) => Shown): Topics<Shown> {
    const byTopic = this.#subscribers;
    return Object.freeze({
      get size() {
        return byTopic.size;
      },
      subscriberCount: (topic: string) => {
        if (typeof topic !== 'string') checkTopic(topic);
        return this.subscriberCount(topic);
      },
      subscribers: (topic: string) => {
        if (typeof topic !== 'string') checkTopic(topic);
        return mapped(this.subscribers(topic), shown);
      },
      [Symbol.iterator]: () => this[Symbol.iterator](),
    });
  }

  #leave(subscriber: Subscriber, topic: string, audience: Set<Subscriber>): void {
    audience.delete(subscriber);
    this.#subscriptions--;
    if (audience.size === 0) this.#subscribers.delete(topic);
  }
}

function* mapped<From, To>(values: Iterable<From>, map: (value: From) => To): IterableIterator<To> {
  for (const value of values) yield map(value);
}
