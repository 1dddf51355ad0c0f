import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  SIGNAL,
  type ValueRule,
  wholeNumber,
} from '../../options/call-check.ts';
import { checkTopic } from '../../options/topic-name.ts';
import { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Payload } from '../../protocol/payload.ts';
import type {
  CallLimits,
  ClusterAnswer,
  ClusterCallOptions,
  ClusterStats,
  ClusterTotals,
  NodeInfo,
  NodeStats,
} from './cluster-calls.ts';
import type { LocalServer, OtherNodes, Relayed, TopicNode } from './topic-node.ts';

const DEADLINE_MS = 2_000;
const OPTIONS = callOptions({ deadlineMs: wholeNumber(1, 2 ** 31 - 1), signal: SIGNAL });
const CONNECTION_ID: ValueRule = {
  fits: (value) => typeof value === 'string' && value !== '' && value.length <= 64,
  allowed: 'the id of a connection: connection.id',
};
const AWAIT = 'await the promise that it returns';

/** The other servers, and the state of what joins them. */
export type ClusterLink = OtherNodes & Pick<TopicNode, 'state'>;

/**
 * Calls to all servers that the option `cluster` joins: `server.cluster`. Each asks this server at once and the others through the engine,
 * and waits for those that were alive at the last sign of life. The promises reject for wrong arguments and with the reason of an aborted
 * signal, and for nothing else: a server that does not answer in time is in `missing`. Without the option `cluster`, the calls
 * concern this server alone.
 */
export interface ServerCluster {
  /** Names this server among the others. Random, new for each start. */
  readonly nodeId: string;
  /** `alone`: without the option `cluster`. `down`: the engine cannot be used now. */
  readonly state: 'alone' | 'up' | 'down';
  /**
   * The servers that are alive, this one first. A server that was killed stays in the list for at most 30 seconds. While the engine is away,
   * the list is the last one that is known.
   */
  nodes(): Promise<readonly NodeInfo[]>;
  /**
   * Counts the subscribers of a topic.
   * @throws MisuseError (as a rejection) `ERR_ARGUMENT` for an invalid topic, `ERR_OPTION` for an invalid option.
   */
  subscriberCount(topic: string, options?: ClusterCallOptions): Promise<ClusterAnswer<number>>;
  /**
   * Closes a connection with 1000, whichever server has it. A `ReconnectingClient` does not come back from that.
   * @returns `value`: whether a server had it. The first server that had it completes the call; then `missing` is empty.
   * @throws MisuseError (as a rejection) `ERR_ARGUMENT` for a value that is no id, `ERR_OPTION` for an invalid option.
   */
  disconnect(connectionId: string, options?: ClusterCallOptions): Promise<ClusterAnswer<boolean>>;
  /**
   * Sends a message to the connections of all servers: to those of this one at once. Best effort, in the order of the calls; no
   * server answers.
   * @returns Resolves when the engine has taken the message. `value.ok` says whether it has; `value.delivery` has the counts of this server.
   *   `value.outcome` is `not-published` only if no connection has the message, also of this server.
   * @throws MisuseError (as a rejection) `ERR_ARGUMENT` for a payload that cannot be sent, `ERR_OPTION` for an invalid option; then
   *   no connection gets the message.
   */
  broadcast(payload: Payload, options?: ClusterCallOptions): Promise<ClusterAnswer<Relayed>>;
  /**
   * The statistics of all servers, and their sums.
   * @throws MisuseError (as a rejection) `ERR_ARGUMENT` or `ERR_OPTION` for an invalid option.
   */
  stats(options?: ClusterCallOptions): Promise<ClusterAnswer<ClusterStats>>;
}

/** The calls of one server. */
export class AllServers implements ServerCluster {
  readonly #local: LocalServer;
  readonly #others: ClusterLink | undefined;

  /** @param others `undefined` for a server on its own. */
  constructor(local: LocalServer, others: ClusterLink | undefined) {
    this.#local = local;
    this.#others = others;
  }

  get nodeId(): string {
    return this.#local.info.id;
  }

  get state(): 'alone' | 'up' | 'down' {
    return this.#others?.state ?? 'alone';
  }

  async nodes(): Promise<readonly NodeInfo[]> {
    checkCount('server.cluster.nodes', arguments, 0);
    const nodes = (await this.#others?.nodes()) ?? [];
    return nodes.length > 0 ? nodes : [this.#local.info];
  }

  async subscriberCount(topic: string, options?: ClusterCallOptions): Promise<ClusterAnswer<number>> {
    const limits = limitsOf('subscriberCount', options, arguments, 2);
    checkTopic(topic);
    const own = this.#local.subscriberCount(topic);
    const others = await this.#others?.ask('subscriber-count', topic, limits);
    let sum = own;
    for (const count of others?.values.values() ?? []) sum += count;
    return this.#answer(sum, others);
  }

  async disconnect(connectionId: string, options?: ClusterCallOptions): Promise<ClusterAnswer<boolean>> {
    const limits = limitsOf('disconnect', options, arguments, 2);
    checkArgument('server.cluster.disconnect', 'connectionId', connectionId, CONNECTION_ID);
    if (this.#local.disconnect(connectionId)) return this.#answer(true, undefined);
    const others = await this.#others?.ask('disconnect', connectionId, limits);
    return this.#answer([...(others?.values.values() ?? [])].includes(true), others);
  }

  async broadcast(payload: Payload, options?: ClusterCallOptions): Promise<ClusterAnswer<Relayed>> {
    const limits = limitsOf('broadcast', options, arguments, 2);
    const message = new PreparedMessage(payload);
    const delivery = this.#local.broadcast(message);
    const relayed = (await this.#others?.broadcast(message.frame, limits)) ?? { ok: true };
    if (relayed.ok) return this.#answer({ ok: true, delivery }, undefined);
    const outcome = delivery.sent > 0 ? 'unknown' : relayed.outcome;
    return this.#answer({ ok: false, error: relayed.error, outcome }, undefined);
  }

  async stats(options?: ClusterCallOptions): Promise<ClusterAnswer<ClusterStats>> {
    const limits = limitsOf('stats', options, arguments, 1);
    const others = await this.#others?.ask('stats', '', limits);
    const nodes = [this.#local.stats(), ...(others?.values.values() ?? [])];
    return this.#answer({ totals: totalsOf(nodes), nodes }, others);
  }

  #answer<Value>(
    value: Value,
    others:
      | { readonly values: ReadonlyMap<string, unknown>; readonly missing: readonly string[] }
      | undefined,
  ): ClusterAnswer<Value> {
    return {
      value,
      answered: [this.nodeId, ...(others?.values.keys() ?? [])],
      missing: others?.missing ?? [],
    };
  }
}

/** Checks the options of a call with at most `most` arguments. @throws MisuseError, or the reason of a signal that is aborted. */
function limitsOf(
  name: string,
  options: ClusterCallOptions | undefined,
  given: ArrayLike<unknown>,
  most: number,
): CallLimits {
  const call = `server.cluster.${name}`;
  checkCount(call, given, most, AWAIT);
  checkCallOptions(call, options, OPTIONS, AWAIT);
  const { deadlineMs = DEADLINE_MS, signal } = options ?? {};
  signal?.throwIfAborted();
  return { deadlineMs, signal };
}

/** Sums over servers. */
function totalsOf(nodes: readonly NodeStats[]): ClusterTotals {
  const sum = (name: keyof ClusterTotals): number => nodes.reduce((total, node) => total + node[name], 0);
  return {
    connections: sum('connections'),
    slowConnections: sum('slowConnections'),
    subscriptions: sum('subscriptions'),
    messagesReceived: sum('messagesReceived'),
    messagesSent: sum('messagesSent'),
    messagesDropped: sum('messagesDropped'),
    bytesReceived: sum('bytesReceived'),
    bytesSent: sum('bytesSent'),
    bytesBuffered: sum('bytesBuffered'),
  };
}
