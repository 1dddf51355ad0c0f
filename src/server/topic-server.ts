import type { Connection } from '../connection/connection.ts';
import { SafeEmitter } from '../connection/emitter.ts';
import type { Delivery, PublishDelivery } from '../connection/owner.ts';
import { checkCount } from '../options/call-check.ts';
import { checkPublishOptions, type PublishTo } from '../options/call-options.ts';
import { checkBroadcastOptions } from '../options/server-call-check.ts';
import { checkHandle, type Position } from '../options/topic-calls.ts';
import { checkTopic } from '../options/topic-name.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { Payload } from '../protocol/payload.ts';
import type { BroadcastOptions } from './groups/broadcast.ts';
import type { HandleOptions, RequestHandler } from './groups/request-handlers.ts';
import type { ServerCluster } from './groups/server-cluster.ts';
import type { MemberList } from './groups/topic-node.ts';
import type { Topics } from './groups/topics.ts';
import type { ServerCore } from './server-core.ts';
import type { ServerEvents } from './server-events.ts';

/** Recipients and encoding of a publish. */
export type PublishOptions<UserData = unknown> = PublishTo<Connection<UserData>>;

/** The half of a server that sends to many connections: broadcasts, topics, members and requests. */
export abstract class TopicServer<UserData = unknown> extends SafeEmitter<ServerEvents<UserData>> {
  readonly #core: ServerCore<UserData>;
  readonly #topics: Topics<Connection<UserData>>;

  /** @internal */
  constructor(core: ServerCore<UserData>) {
    super(core);
    this.#core = core;
    this.#topics = core.groups.topics.view(({ connection }) => connection);
  }

  /** Topics that have subscribers now. */
  get topics(): Topics<Connection<UserData>> {
    return this.#topics;
  }

  /** Calls to all servers that the option `cluster` joins; without it, to this server alone. */
  get cluster(): ServerCluster {
    return this.#core.topics.cluster;
  }

  /**
   * Sends a message to all connections, or to the recipients in `options`. It is encoded once. Best effort: no retry and no
   * acknowledgement. A recipient that fails does not affect the others.
   * @returns Counts; the three add up to the number of intended recipients.
   * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent, `ERR_OPTION` for an invalid option; then no
   *   connection gets the message.
   */
  broadcast(payload: Payload, options?: BroadcastOptions<UserData>): Delivery;
  broadcast(payload: Payload, options?: BroadcastOptions<UserData>, surplus?: unknown): Delivery {
    if (options !== undefined || surplus !== undefined) checkBroadcastOptions(options, surplus);
    return this.#core.groups.broadcast(payload, options);
  }

  /**
   * Sends a message to all subscribers of a topic, on all servers that the option `cluster` joins. It is encoded once.
   * Subscribers see publishes in the order of the calls.
   *
   * A topic with history is delivered when the engine has numbered the message: the counts are 0, and `relayed` has them.
   * @returns Counts as in {@link broadcast}, and on servers with `history`, `presence`, `cluster` or `hawser.v1` the promise
   *   `relayed`.
   * @throws MisuseError `ERR_ARGUMENT` for an invalid payload or topic; `ERR_OPTION` for an invalid option: with an engine,
   *   for `where` without `local`, and for more than 16 members of `except`. Never because of the engine.
   */
  publish(topic: string, payload: Payload, options?: PublishOptions<UserData>): PublishDelivery;
  publish(
    topic: string,
    payload: Payload,
    options?: PublishOptions<UserData>,
    surplus?: unknown,
  ): PublishDelivery {
    if (options !== undefined || surplus !== undefined) checkPublishOptions('server', options, surplus);
    return this.#core.groups.publish(undefined, topic, payload, options);
  }

  /**
   * The position of the last message of a topic with history.
   * @returns Rejects with `ERR_ARGUMENT` for a topic without history, and with the errors of the engine.
   */
  async position(topic: string): Promise<Position> {
    checkCount('server.position', arguments, 1);
    checkTopic(topic);
    const { node } = this.#core.groups;
    if (node?.hasHistory(topic) === true) return node.position(topic);
    throw new MisuseError(
      'ERR_ARGUMENT',
      `server.position: topic ${JSON.stringify(topic)} has no history; add a rule to the option history that matches it`,
    );
  }

  /**
   * The members of a topic with presence, on all servers.
   * @returns `members` is missing above `maxMembers`. Rejects with `ERR_ARGUMENT` for a topic without presence, and with the
   *   errors of the engine.
   */
  async presence(topic: string): Promise<MemberList> {
    checkCount('server.presence', arguments, 1);
    return this.#core.groups.presence.nodeOf('server.presence', topic).members(topic);
  }

  /**
   * Emits `join` and `leave` for the members of a topic with presence, until {@link unwatch}. Members that are there already
   * cause no event: read them with {@link presence}.
   * @returns Whether it is new.
   * @throws MisuseError `ERR_ARGUMENT` for a topic without presence.
   */
  watch(topic: string): boolean {
    checkCount('server.watch', arguments, 1, "listen to 'join' and 'leave'");
    return this.#core.groups.presence.watch(topic, this.#core.topics);
  }

  /** Ends {@link watch}. @returns Whether the topic was watched. */
  unwatch(topic: string): boolean {
    checkCount('server.unwatch', arguments, 1);
    checkTopic(topic);
    return this.#core.groups.presence.unwatch(topic, this.#core.topics);
  }

  /**
   * Answers requests that clients of `hawser.v1` send with `client.request(name, data)`.
   * @param handler Gets the data as parsed JSON, or what the schema made of it; returns the reply, a JSON value, or a promise.
   * @param options `schema`: any Standard Schema, as of Zod, Valibot or ArkType.
   * @throws MisuseError `ERR_STATE` for a name that has a handler; `ERR_ARGUMENT` or `ERR_OPTION` for an invalid argument.
   */
  handle<Data = unknown>(
    name: string,
    handler: RequestHandler<UserData, Data>,
    options?: HandleOptions<Data>,
  ): this {
    checkHandle(arguments);
    this.#core.topics.handlers.set(name, handler, options as HandleOptions<never>);
    return this;
  }
}
