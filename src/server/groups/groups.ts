import type { Connection, DriverOf } from '../../connection/connection.ts';
import type { Observers } from '../../connection/observers.ts';
import type { ConnectionGroups, Delivery } from '../../connection/owner.ts';
import { topicsIn } from '../../connection/topic-set.ts';
import { MESSAGE_SEND, TOPIC_PUBLISH } from '../../engine/channels.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Audience, SendOptions } from '../../options/call-options.ts';
import { refuseOption } from '../../options/option-check.ts';
import { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Payload } from '../../protocol/payload.ts';
import type { MessageMeter } from '../../observe/message-meter.ts';
import type { MessageTracer } from '../../observe/tracing/traces.ts';
import type { Counters } from '../counters.ts';
import {
  type BroadcastOptions,
  broadcastTo,
  type ConnectionIds,
  driversOf,
  exceptedIds,
} from './broadcast.ts';
import { type Relay, RelayCalls, type RelayedDelivery } from './relay.ts';
import type { ReadonlyRegistry } from './registry.ts';
import type { Position } from './topic.ts';
import { type TopicLimits, TopicTable } from './topics.ts';

/** The server that the groups belong to. */
export interface GroupsOwner<UserData> {
  readonly options: TopicLimits;
  readonly engine: Engine;
  readonly counters: Counters;
  readonly meter: MessageMeter | undefined;
  readonly messageTracer: MessageTracer | undefined;
  readonly observers: Observers;
  readonly registry: ReadonlyRegistry<DriverOf<UserData>>;
  subscribed(driver: DriverOf<UserData>, topic: string): void;
  unsubscribed(driver: DriverOf<UserData>, topic: string): void;
  /** A function of the application failed. @param where Which. */
  handlerFailed(error: unknown, driver: undefined, where: string): void;
}

/** Groups of connections that get the same message: the subscribers of a topic, or all connections of the server. */
export class Groups<UserData> implements ConnectionGroups<DriverOf<UserData>, Connection<UserData>> {
  readonly topics: TopicTable<DriverOf<UserData>>;
  readonly #owner: GroupsOwner<UserData>;
  readonly #relay: RelayCalls | undefined;

  /** @param relay Joins the topics with those of other servers. Default: none. */
  constructor(owner: GroupsOwner<UserData>, relay: Relay | undefined) {
    this.#owner = owner;
    this.#relay =
      relay === undefined
        ? undefined
        : new RelayCalls(relay, (error, topic) => owner.observers.tell('relayFailed', error, topic));
    this.topics = new TopicTable(owner.options, this.#relay);
    relay?.start((topic, message, except, position) =>
      this.#deliverRelayed(topic, message, except, position),
    );
  }

  subscribe(driver: DriverOf<UserData>, topic: string): boolean {
    if (driver.state !== 'open') return false;
    const added = this.topics.subscribe(driver, topic);
    if (added) this.#owner.subscribed(driver, topic);
    return added;
  }

  unsubscribe(driver: DriverOf<UserData>, topic: string): boolean {
    const removed = this.topics.unsubscribe(driver, topic);
    if (removed) this.#owner.unsubscribed(driver, topic);
    return removed;
  }

  /** Removes a closed connection from every topic. */
  unsubscribeAll(driver: DriverOf<UserData>): void {
    const { topicSet } = driver;
    if (topicSet === undefined) return;
    driver.attempt(() => this.topics.unsubscribeAll(driver));
    driver.attempt(() => {
      for (const topic of topicsIn(topicSet)) this.#owner.unsubscribed(driver, topic);
    });
  }

  publish(
    driver: DriverOf<UserData> | undefined,
    topic: string,
    payload: Payload,
    options: (SendOptions & Audience<Connection<UserData>>) | undefined,
  ): Delivery | RelayedDelivery {
    const message = new PreparedMessage(payload, options, this.#owner.engine.reusableBytes);
    const recipients = this.topics.find(topic)?.recipients ?? [];
    const except = exceptedIds(options?.except, driver?.id);
    const where = options?.where;
    const relay = this.#relay;
    if (relay !== undefined && where !== undefined)
      refuseOption('where', where, 'left out: a function cannot be sent to the other servers');
    const delivery = this.#deliver(recipients, message, except, where);
    if (TOPIC_PUBLISH.hasSubscribers) TOPIC_PUBLISH.publish({ topic, bytes: message.payloadBytes, delivery });
    if (relay === undefined) return delivery;
    const { sent, skipped, failed } = delivery;
    return { sent, skipped, failed, relayed: relay.publish(topic, message, except) };
  }

  broadcast(payload: Payload, options: BroadcastOptions<UserData> | undefined): Delivery {
    const { engine, registry } = this.#owner;
    const message = new PreparedMessage(payload, options, engine.reusableBytes);
    const except = exceptedIds(options?.except, undefined);
    const to = options?.to;
    const drivers = to === undefined ? registry : driversOf(to, registry);
    return this.#deliver(drivers, message, except, options?.where);
  }

  #deliverRelayed(
    name: string,
    message: PreparedMessage,
    except: ConnectionIds,
    position: Position | undefined,
  ): void {
    const topic = this.topics.get(name);
    if (topic === undefined) return;
    if (position !== undefined) topic.position = position;
    this.#deliver(topic.recipients, message, except, undefined);
  }

  #deliver(
    drivers: Iterable<DriverOf<UserData> | undefined>,
    message: PreparedMessage,
    except: ConnectionIds,
    where: Audience<Connection<UserData>>['where'],
  ): Delivery {
    const { counters, meter, messageTracer } = this.#owner;
    const trace =
      messageTracer?.isNext() === true
        ? messageTracer.broadcast(message.payloadBytes, message.isText)
        : undefined;
    const startedMs = meter === undefined ? 0 : meter.now();
    const delivery = broadcastTo(drivers, message, except, where, (error) =>
      this.#owner.handlerFailed(error, undefined, 'a where predicate'),
    );
    counters.broadcasts++;
    counters.recipients += delivery.sent;
    meter?.broadcast(message.payloadBytes, message.isText, delivery.sent, startedMs);
    trace?.ended(delivery.sent);
    if (MESSAGE_SEND.hasSubscribers && delivery.sent > 0) {
      const { payloadBytes: bytes, isText } = message;
      MESSAGE_SEND.publish({ bytes, isText, recipients: delivery.sent });
    }
    return delivery;
  }
}
