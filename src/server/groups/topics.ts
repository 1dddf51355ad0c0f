import { checkTopic } from '../../options/topic-name.ts';
import { addTopic, deleteTopic, hasTopic, TopicSet, topicsIn } from '../../connection/topic-set.ts';
import type { Follower } from './follower.ts';
import { Topic } from './topic.ts';

/** A subscriber, as far as the table knows it: a place for its topics. */
export interface TopicHolder {
  /**
   * Written by the table while the holder can subscribe. `undefined` without topics, because most connections never have
   * any. After {@link TopicTable.unsubscribeAll} it still lists the topics, until the holder clears it.
   */
  topicSet: TopicSet | undefined;
}

/** The topics of a server that have subscribers, read-only. Iterating yields their names. */
export interface Topics<Subscriber> extends Iterable<string> {
  /** Topics with at least one subscriber. */
  readonly size: number;
  /** 0 for a topic without subscribers. */
  subscriberCount(topic: string): number;
  /** The subscribers, in the order of subscribing. The iterator is live and serves one pass. */
  subscribers(topic: string): IterableIterator<Subscriber>;
}

/** A counter that was wrong. */
export interface Correction {
  readonly name: string;
  readonly was: number;
  readonly is: number;
}

/** Limits of a {@link TopicTable}, both whole numbers above 0. */
export interface TopicLimits {
  readonly maxTopics: number;
  readonly maxTopicsPerConnection: number;
}

/** Hears which topics have members on this server. The table is up to date when it calls. */
export interface TopicInterest {
  /** `topic` got its first member. */
  subscribe(topic: string): void;
  /** `topic` lost its last member. */
  unsubscribe(topic: string): void;
}

/**
 * The topics of a server by name, and who is subscribed to them. Names are compared exactly. A name in the table was
 * checked when its topic came to be. Every call takes constant time, except {@link unsubscribeAll}, whose time is
 * proportional to the topics of the subscriber.
 */
export class TopicTable<Subscriber extends TopicHolder> implements Topics<Subscriber> {
  readonly #limits: TopicLimits;
  readonly #interest: TopicInterest | undefined;
  readonly #topics = new Map<string, Topic<Subscriber>>();
  #subscriptions = 0;

  constructor(limits: TopicLimits, interest?: TopicInterest) {
    this.#limits = limits;
    this.#interest = interest;
  }

  /** Topics with at least one subscriber. */
  get size(): number {
    return this.#topics.size;
  }

  /** Pairs of subscriber and topic. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /**
   * @returns `false` if already subscribed, or if a limit is reached.
   * @throws MisuseError `ERR_ARGUMENT`; see {@link checkTopic}.
   */
  subscribe(subscriber: Subscriber, name: string): boolean {
    const topic = this.find(name);
    const own = subscriber.topicSet;
    if (own !== undefined && (hasTopic(own, name) || own.size >= this.#limits.maxTopicsPerConnection))
      return false;
    if (topic === undefined) {
      if (this.#topics.size >= this.#limits.maxTopics) return false;
      this.#topics.set(name, new Topic(name, subscriber));
    } else topic.add(subscriber);
    addTopic((subscriber.topicSet ??= new TopicSet()), name);
    this.#subscriptions++;
    if (topic === undefined) this.#interest?.subscribe(name);
    return true;
  }

  /**
   * @returns Whether it was subscribed.
   * @throws MisuseError `ERR_ARGUMENT`; see {@link checkTopic}.
   */
  unsubscribe(subscriber: Subscriber, name: string): boolean {
    const topic = this.find(name);
    const own = subscriber.topicSet;
    if (topic === undefined || own === undefined || !topic.has(subscriber)) return false;
    deleteTopic(own, name);
    if (own.size === 0) subscriber.topicSet = undefined;
    this.#leave(subscriber, topic);
    return true;
  }

  /** @param subscriber A member of the topic. @param follower Gets its messages instead, until it leaves. */
  follow(subscriber: Subscriber, name: string, follower: Follower): void {
    this.#topics.get(name)?.follow(subscriber, follower);
  }

  followerOf(subscriber: Subscriber, name: string): Follower | undefined {
    return this.#topics.get(name)?.followers?.get(subscriber);
  }

  /** Removes a closed subscriber from every topic. Its `topicSet` still lists them. */
  unsubscribeAll(subscriber: Subscriber): void {
    const own = subscriber.topicSet;
    if (own === undefined) return;
    for (const name of topicsIn(own)) {
      const topic = this.#topics.get(name);
      if (topic?.has(subscriber) === true) this.#leave(subscriber, topic);
    }
  }

  /** The topic, or `undefined` without subscribers. */
  get(name: string): Topic<Subscriber> | undefined {
    return this.#topics.get(name);
  }

  /**
   * As {@link get}, for names that an application passes.
   * @throws MisuseError `ERR_ARGUMENT` for a name that is no topic; see {@link checkTopic}.
   */
  find(name: string): Topic<Subscriber> | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) checkTopic(name);
    return topic;
  }

  subscriberCount(name: string): number {
    return this.#topics.get(name)?.size ?? 0;
  }

  subscribers(name: string): IterableIterator<Subscriber> {
    return (
      this.#topics.get(name)?.members ?? new Set<Subscriber>()
    ).values() as IterableIterator<Subscriber>;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#topics.keys();
  }

  /**
   * The same table for the application, without the methods that change it.
   * @param shown Maps a subscriber to what the application gets.
   */
  view<Shown>(shown: (subscriber: Subscriber) => Shown): Topics<Shown> {
    const topics = this.#topics;
    return Object.freeze({
      get size() {
        return topics.size;
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

  /**
   * Removes every member for which `isMember` is false, or that does not know of the topic itself.
   * @returns The removed pairs.
   */
  repair(isMember: (subscriber: Subscriber) => boolean): { topic: string; subscriber: Subscriber }[] {
    const removed = [];
    for (const topic of this.#topics.values())
      for (const subscriber of topic.recipients) {
        const own = subscriber.topicSet;
        if (isMember(subscriber) && own !== undefined && hasTopic(own, topic.name)) continue;
        if (own !== undefined) this.dropOwn(subscriber, topic.name);
        this.#leave(subscriber, topic);
        removed.push({ topic: topic.name, subscriber });
      }
    return removed;
  }

  /** Deletes a topic from the set of a subscriber that is not among its members. */
  dropOwn(subscriber: Subscriber, name: string): void {
    const own = subscriber.topicSet!;
    deleteTopic(own, name);
    if (own.size === 0) subscriber.topicSet = undefined;
  }

  /** Counts the subscriptions anew. @returns The count, if it was wrong. */
  correct(): readonly Correction[] {
    let is = 0;
    for (const topic of this.#topics.values()) is += topic.size;
    const was = this.#subscriptions;
    this.#subscriptions = is;
    return was === is ? [] : [{ name: 'subscriptions', was, is }];
  }

  #leave(subscriber: Subscriber, topic: Topic<Subscriber>): void {
    topic.delete(subscriber);
    this.#subscriptions--;
    if (topic.size > 0) return;
    this.#topics.delete(topic.name);
    this.#interest?.unsubscribe(topic.name);
  }
}

function* mapped<From, To>(values: Iterable<From>, map: (value: From) => To): IterableIterator<To> {
  for (const value of values) yield map(value);
}
