import { hostname } from 'node:os';
import type { DriverOf } from '../../connection/connection.ts';
import type { Delivery } from '../../connection/owner.ts';
import type { Clock } from '../../engine/clock.ts';
import type { RandomSource } from '../../engine/random.ts';
import { processId, VERSION } from '../../observe/version.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Readiness } from '../readiness.ts';
import type { ServerStats } from '../stats.ts';
import type { NodeInfo, NodeStats } from './cluster-calls.ts';
import type { ReadonlyRegistry } from './registry.ts';
import type { LocalServer } from './topic-node.ts';

/** The server that questions of all servers are about. */
export interface OwnServerOwner<UserData> {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly options: { readonly name: string | undefined };
  readonly registry: ReadonlyRegistry<DriverOf<UserData>>;
  readonly groups: {
    readonly topics: { subscriberCount(topic: string): number };
    broadcastPrepared(message: PreparedMessage): Delivery;
  };
  readiness(): Readiness;
  stats(transport: ServerStats['transport']): ServerStats;
}

/** This server, as it answers questions of all servers of a cluster. */
export class OwnServer<UserData> implements LocalServer {
  readonly #owner: OwnServerOwner<UserData>;
  #info: NodeInfo | undefined;

  constructor(owner: OwnServerOwner<UserData>) {
    this.#owner = owner;
  }

  get info(): NodeInfo {
    const { random, options, clock } = this.#owner;
    this.#info ??= {
      id: random.bytes(12).toString('base64url'),
      name: options.name,
      host: hostname(),
      pid: processId(),
      version: VERSION,
      since: new Date(clock.wallNow() - this.#stats().uptimeMs),
    };
    return this.#info;
  }

  subscriberCount(topic: string): number {
    return this.#owner.groups.topics.subscriberCount(topic);
  }

  disconnect(connectionId: string): boolean {
    const driver = this.#owner.registry.get(connectionId);
    driver?.close(1000, '');
    return driver !== undefined;
  }

  stats(): NodeStats {
    const { id, name, host, pid, version } = this.info;
    const { ready, reasons } = this.#owner.readiness();
    const { uptimeMs, connections, slowConnections, topics, messages, bytes } = this.#stats();
    return {
      id,
      name,
      host,
      pid,
      version,
      ready,
      reasons,
      uptimeMs,
      connections: connections.now,
      slowConnections,
      topics: topics.count,
      subscriptions: topics.subscriptions,
      messagesReceived: messages.received,
      messagesSent: messages.sent,
      messagesDropped: messages.dropped,
      bytesReceived: bytes.received,
      bytesSent: bytes.sent,
      bytesBuffered: bytes.buffered,
    };
  }

  broadcast(message: PreparedMessage): Delivery {
    return this.#owner.groups.broadcastPrepared(message);
  }

  #stats(): ServerStats {
    // The transport is not shown.
    return this.#owner.stats('stream');
  }
}
