import type { Connection, DriverOf } from '../../connection/connection.ts';
import type { Observers } from '../../connection/observers.ts';
import type { ConnectionGroups, Delivery, PublishDelivery } from '../../connection/owner.ts';
import { topicsIn } from '../../connection/topic-set.ts';
import { TOPIC_PUBLISH } from '../../engine/channels.ts';
import type { Engine } from '../../engine/engine.ts';
import { type Audience, checkKey, type PublishTo } from '../../options/call-options.ts';
import { refuseOption } from '../../options/option-check.ts';
import type {
  EnterOptions,
  Position,
  SubscribedFrom,
  SubscribeFromOptions,
} from '../../options/topic-calls.ts';
import { pooledMessage, PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Payload } from '../../protocol/payload.ts';
import {
  type BroadcastOptions,
  type ConnectionIds,
  driversOf,
  exceptedIds,
  NO_RECIPIENTS,
} from './broadcast.ts';
import { FanOut, type FanOutOwner } from './fan-out.ts';
import type { Follower, Publication, TopicSession } from './follower.ts';
import type { NodeGate } from './node-gate.ts';
import type { ReadonlyRegistry } from './registry.ts';
import { SubscribeFrom, type SubscriptionOwner } from './subscribe-from.ts';
import type { Topic } from './topic.ts';
import type { TopicMessage } from './topic-node.ts';
import { TopicPresence } from './topic-presence.ts';
import { type TopicLimits, TopicTable } from './topics.ts';

/** Most ids of option `except` that an engine carries. */
const MAX_EXCEPT = 16;

/** The server that the groups belong to. */
export interface GroupsOwner<UserData> extends FanOutOwner {
  readonly options: TopicLimits & { readonly onOverflow: string };
  readonly engine: Engine;
  readonly observers: Observers;
  readonly registry: ReadonlyRegistry<DriverOf<UserData>>;
  subscribed(driver: DriverOf<UserData>, topic: string): void;
  unsubscribed(driver: DriverOf<UserData>, topic: string): void;
}

/** Groups of connections that get the same message: the subscribers of a topic, or all connections of the server. */
export class Groups<UserData>
  implements ConnectionGroups<DriverOf<UserData>, Connection<UserData>>, SubscriptionOwner<UserData>
{
  readonly topics: TopicTable<DriverOf<UserData>>;
  /** Joins the topics with their histories and with other servers; `undefined` on a server without any of it. */
  readonly node: NodeGate | undefined;
  readonly presence: TopicPresence<UserData>;
  /** Number of connections that speak a subprotocol of Hawser. */
  sessions = 0;
  readonly #owner: GroupsOwner<UserData>;
  readonly #fanOut: FanOut<UserData>;
  readonly #subscribeFrom: SubscribeFrom<UserData> = new SubscribeFrom(this);

  constructor(owner: GroupsOwner<UserData>, node?: NodeGate) {
    this.#owner = owner;
    this.node = node;
    this.topics = new TopicTable(owner.options, node);
    this.presence = new TopicPresence(node);
    this.#fanOut = new FanOut(owner);
  }

  subscribe(driver: DriverOf<UserData>, topic: string): boolean {
    if (driver.state !== 'open') return false;
    const added = this.topics.subscribe(driver, topic);
    if (!added) return false;
    const follower = (driver.session as TopicSession | undefined)?.followerOf(topic);
    if (follower !== undefined) this.topics.follow(driver, topic, follower);
    this.#owner.subscribed(driver, topic);
    return added;
  }

  /**
   * Subscribes a connection whose subscription began at a position. The caller sends what it missed, then calls
   * {@link joined}.
   * @param position Of the last message before those that come to `follower`; `undefined` without history.
   * @returns `false` if the connection is not open, or a limit is reached.
   */
  join(
    driver: DriverOf<UserData>,
    topic: string,
    follower: Follower,
    position: Position | undefined,
  ): boolean {
    if (driver.state !== 'open') return false;
    if (!this.topics.subscribe(driver, topic) && !this.isSubscribed(driver, topic)) return false;
    this.topics.follow(driver, topic, follower);
    if (position !== undefined) this.topics.get(topic)!.position = position;
    return true;
  }

  joined(driver: DriverOf<UserData>, topic: string): void {
    this.#owner.subscribed(driver, topic);
  }

  isSubscribed(driver: DriverOf<UserData>, topic: string): boolean {
    return this.topics.get(topic)?.has(driver) === true;
  }

  subscribeFrom(
    driver: DriverOf<UserData>,
    topic: string,
    since: Position | undefined,
    options: SubscribeFromOptions | undefined,
  ): Promise<SubscribedFrom> {
    return this.#subscribeFrom.subscribe(driver, topic, since, options);
  }

  unsubscribe(driver: DriverOf<UserData>, topic: string): boolean {
    const follower = this.topics.followerOf(driver, topic);
    const removed = this.leaveTopic(driver, topic);
    if (removed) follower?.unsubscribed();
    else if (this.#subscribeFrom.cancel(driver, topic)) return true;
    return removed;
  }

  /** As {@link unsubscribe}, for the session of the connection, which knows. */
  leaveTopic(driver: DriverOf<UserData>, topic: string): boolean {
    const removed = this.topics.unsubscribe(driver, topic);
    if (removed) this.#owner.unsubscribed(driver, topic);
    return removed;
  }

  /** Removes a closed connection from every topic. */
  unsubscribeAll(driver: DriverOf<UserData>): void {
    if (this.node !== undefined) {
      driver.attempt(() => this.#subscribeFrom.cancelAll(driver));
      driver.attempt(() => this.presence.leaveAll(driver));
    }
    const { topicSet } = driver;
    if (topicSet === undefined) return;
    driver.attempt(() => this.topics.unsubscribeAll(driver));
    driver.attempt(() => {
      for (const topic of topicsIn(topicSet)) this.#owner.unsubscribed(driver, topic);
    });
  }

  enter(driver: DriverOf<UserData>, topic: string, options: EnterOptions | undefined): boolean {
    return this.presence.enter(driver, topic, options);
  }

  leave(driver: DriverOf<UserData>, topic: string): boolean {
    return this.presence.leave(driver, topic);
  }

  droppedOldest(driver: DriverOf<UserData>): void {
    this.#eachFollower(driver, (follower, { position }) => follower.dropped(position));
  }

  /** The buffer of a connection has drained. */
  drained(driver: DriverOf<UserData>): void {
    this.#eachFollower(driver, (follower) => follower.drained());
  }

  publish(
    driver: DriverOf<UserData> | undefined,
    topic: string,
    payload: Payload,
    options: PublishTo<Connection<UserData>> | undefined,
    publication?: Publication,
  ): PublishDelivery {
    if (options?.key !== undefined) checkKey('publish', options.key, this.#owner.options.onOverflow);
    const { reusableBytes, framePool } = this.#owner.engine;
    const { node } = this;
    // A history keeps its messages, and engines read them later.
    const message =
      node === undefined
        ? pooledMessage(payload, options, reusableBytes, framePool)
        : new PreparedMessage(payload, options, reusableBytes);
    const found = this.topics.find(topic);
    const except = exceptedIds(options?.except, driver?.id);
    const where = options?.where;
    if (node !== undefined) return this.#publishByNode(node, topic, message, except, options, publication);
    const delivery = this.#fanOut.deliver(found?.recipients ?? [], message, except, where, undefined);
    framePool.delivered(message.frame, delivery.sent);
    if (TOPIC_PUBLISH.hasSubscribers) TOPIC_PUBLISH.publish({ topic, bytes: message.payloadBytes, delivery });
    return delivery;
  }

  broadcast(payload: Payload, options: BroadcastOptions<UserData> | undefined): Delivery {
    const { engine, registry } = this.#owner;
    const { reusableBytes, framePool } = engine;
    if (options?.key !== undefined) checkKey('broadcast', options.key, this.#owner.options.onOverflow);
    const message = pooledMessage(payload, options, reusableBytes, framePool);
    const except = exceptedIds(options?.except, undefined);
    const to = options?.to;
    const drivers = to === undefined ? registry : driversOf(to, registry);
    const delivery = this.#fanOut.deliver(drivers, message, except, options?.where, this.#formsOf(message));
    framePool.delivered(message.frame, delivery.sent);
    return delivery;
  }

  /** Sends a message to all connections. */
  broadcastPrepared(message: PreparedMessage): Delivery {
    return this.#fanOut.deliver(this.#owner.registry, message, undefined, undefined, this.#formsOf(message));
  }

  /** Delivers a message of a topic to the subscribers on this server. */
  deliver(topic: Topic<DriverOf<UserData>>, message: TopicMessage, where: Publication['where']): Delivery {
    const { followers } = topic;
    const send =
      followers === undefined
        ? undefined
        : (driver: DriverOf<UserData>): boolean => {
            const follower = followers.get(driver);
            return follower === undefined ? driver.sendPrepared(message.message) : follower.deliver(message);
          };
    const predicate = where as Audience<Connection<UserData>>['where'];
    return this.#fanOut.deliver(topic.recipients, message.message, message.except, predicate, send);
  }

  #publishByNode(
    node: NodeGate,
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    { where, local }: PublishTo<Connection<UserData>> = {},
    publication: Publication | undefined,
  ): PublishDelivery {
    const hasHistory = node.hasHistory(topic);
    if (local === true && hasHistory)
      refuseOption('local', true, 'left out for a topic with history: the engine decides its order');
    if (message.key !== undefined && hasHistory)
      refuseOption(
        'key',
        message.key,
        'left out for a topic with history: its subscribers get every message',
      );
    if (message.key !== undefined && local !== true && !node.isLocal)
      refuseOption(
        'key',
        message.key,
        'left out, or local must be true: subscribers of other servers get every message',
      );
    if (where !== undefined && local !== true && !node.isLocal)
      refuseOption(
        'where',
        where,
        'left out, or local must be true: a function cannot be sent to other servers',
      );
    if (local !== true && except instanceof Set && except.size > MAX_EXCEPT && (hasHistory || !node.isLocal))
      refuseOption('except', `${except.size} connections`, `at most ${MAX_EXCEPT} connections`);
    // A message that no other server can get is not delivered here either.
    const fits = hasHistory || local === true || node.fits(message, except);
    const found = hasHistory || !fits ? undefined : this.topics.get(topic);
    const delivery =
      found === undefined
        ? NO_RECIPIENTS
        : this.deliver(
            found,
            { topic, message, position: undefined, except, publisher: undefined, wireFrame: undefined },
            where,
          );
    if (TOPIC_PUBLISH.hasSubscribers) TOPIC_PUBLISH.publish({ topic, bytes: message.payloadBytes, delivery });
    const { sent, skipped, failed } = delivery;
    if (local === true) return { sent, skipped, failed };
    const publisher = publication ?? (where === undefined ? undefined : { where });
    return { sent, skipped, failed, relayed: node.publish(topic, message, except, publisher) };
  }

  /** How to send a message of the application to each connection; `undefined` while no connection has a form of its own. */
  #formsOf(message: PreparedMessage): ((driver: DriverOf<UserData>) => boolean) | undefined {
    if (this.sessions === 0) return undefined;
    let form: PreparedMessage | undefined;
    return (driver) =>
      driver.sendPrepared(driver.session === undefined ? message : (form ??= driver.session.formOf(message)));
  }

  #eachFollower(
    driver: DriverOf<UserData>,
    visit: (follower: Follower, topic: Topic<DriverOf<UserData>>) => void,
  ): void {
    const { topicSet } = driver;
    if (this.node === undefined || topicSet === undefined) return;
    for (const name of topicsIn(topicSet)) {
      const topic = this.topics.get(name);
      const follower = topic?.followers?.get(driver);
      if (follower !== undefined) visit(follower, topic!);
    }
  }
}
