import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisServer } from '../../test/cluster/redis/server.ts';
import { Child, CORE } from '../child.ts';
import type { ClientsSettings } from './clients.ts';
import type { Kind, Order } from './node.ts';
import { cpuMicros } from './usage.ts';

/** One compared cluster. */
export interface ClusterSide {
  readonly title: string;
  readonly kind: Kind;
  readonly prefix: 'kept' | 'plain';
}

export const SIDES: readonly ClusterSide[] = [
  { title: 'Hawser, one node, history', kind: 'hawser alone', prefix: 'kept' },
  { title: 'Hawser, two nodes, history', kind: 'hawser', prefix: 'kept' },
  { title: 'Hawser, two nodes', kind: 'hawser', prefix: 'plain' },
  { title: 'Socket.IO, Redis adapter', kind: 'socket.io', prefix: 'plain' },
  { title: 'Socket.IO, Redis streams adapter', kind: 'socket.io streams', prefix: 'plain' },
];

/** CPU time per message in µs. On one node the sender is the receiver. */
export interface FanOutSample {
  readonly sender: number;
  readonly receiver: number;
  readonly redis: number;
  readonly all: number;
}

export interface FanOutRow {
  readonly side: string;
  readonly bytes: number;
  readonly samples: readonly FanOutSample[];
}

const TOPICS = 100;
const RATE = 2_000;
const MESSAGES = { warmUp: 2_000, measured: 3_000 };
const script = (name: string, settings: object): readonly string[] => [
  process.execPath,
  join(import.meta.dirname, `${name}.js`),
  JSON.stringify(settings),
];

/** A cluster of two nodes: messages are published on one, and all subscribers are on the other. */
class Cluster {
  readonly side: ClusterSide;
  readonly #topics: readonly string[];
  readonly #redis: RedisServer;
  readonly #sender: Child;
  readonly #receiver: Child;
  readonly #clients: Child;
  #received = 0;

  private constructor(
    side: ClusterSide,
    topics: readonly string[],
    redis: RedisServer,
    nodes: readonly [Child, Child],
    clients: Child,
  ) {
    this.side = side;
    this.#topics = topics;
    this.#redis = redis;
    [this.#sender, this.#receiver] = nodes;
    this.#clients = clients;
  }

  static async start(side: ClusterSide): Promise<Cluster> {
    const redis = await RedisServer.start();
    const node = (): Child =>
      new Child(side.title, CORE.SERVER, script('node', { kind: side.kind, redisPort: redis.port }), {});
    const sender = node();
    const receiver = side.kind === 'hawser alone' ? sender : node();
    const own = await sender.next<{ readonly port: number }>();
    const { port } = receiver === sender ? own : await receiver.next<{ readonly port: number }>();
    const topics = Array.from({ length: TOPICS }, (_, at) => `${side.prefix}:${at}`);
    const protocol = side.kind.startsWith('hawser') ? 'hawser.v1' : 'socket.io';
    const settings: ClientsSettings = { protocol, port, topics };
    const clients = new Child(`clients of ${side.title}`, CORE.LOAD, script('clients', settings), {});
    await clients.next();
    const cluster = new Cluster(side, topics, redis, [sender, receiver], clients);
    // Without an answer that says when the interest is known on the other node, the first message shows it.
    while (cluster.#received < TOPICS) await cluster.#publish(TOPICS, 128, 0);
    return cluster;
  }

  async measure(bytes: number): Promise<FanOutSample> {
    await this.#publish(MESSAGES.warmUp, bytes, MESSAGES.warmUp);
    const before = this.#cpu();
    await this.#publish(MESSAGES.measured, bytes, MESSAGES.measured);
    const after = this.#cpu();
    const perMessage = (of: (usage: Usage) => number): number => (of(after) - of(before)) / MESSAGES.measured;
    const sender = perMessage((usage) => usage.sender);
    const receiver = this.#receiver === this.#sender ? 0 : perMessage((usage) => usage.receiver);
    const redis = perMessage((usage) => usage.redis);
    return { sender, receiver, redis, all: sender + receiver + redis };
  }

  async end(): Promise<void> {
    await Promise.all([this.#clients, this.#sender, this.#receiver].map((child) => child.kill()));
    await this.#redis.end();
  }

  /** Publishes, and waits until so many messages have arrived. @throws Error if they do not. */
  async #publish(messages: number, bytes: number, expected: number): Promise<void> {
    const before = this.#received;
    const order: Order = { messages, perSecond: RATE, bytes, topics: this.#topics };
    await this.#sender.ask(JSON.stringify(order));
    for (let tries = 0; ; tries++) {
      ({ received: this.#received } = await this.#clients.ask<{ readonly received: number }>('count'));
      if (this.#received - before >= expected && (expected > 0 || tries > 2)) return;
      if (tries === 500)
        throw new Error(`${this.side.title}: ${this.#received - before} of ${expected} messages arrived`);
      await delay(20);
    }
  }

  #cpu(): Usage {
    return {
      sender: cpuMicros(this.#sender.pid),
      receiver: cpuMicros(this.#receiver.pid),
      redis: cpuMicros(this.#redis.pid),
    };
  }
}

interface Usage {
  readonly sender: number;
  readonly receiver: number;
  readonly redis: number;
}

/** Measures all sides right after each other, in another order each round. */
export async function fanOut(rounds: number, sizes: readonly number[]): Promise<FanOutRow[]> {
  const clusters: Cluster[] = [];
  const samples = new Map<string, { bytes: number; side: string; samples: FanOutSample[] }>();
  try {
    for (const side of SIDES) clusters.push(await Cluster.start(side));
    for (let round = 0; round < rounds; round++)
      for (const bytes of sizes)
        for (let at = 0; at < clusters.length; at++) {
          const cluster = clusters[(at + round) % clusters.length]!;
          const key = `${cluster.side.title} ${bytes}`;
          const row = samples.get(key) ?? { bytes, side: cluster.side.title, samples: [] };
          samples.set(key, row);
          row.samples.push(await cluster.measure(bytes));
        }
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.end()));
  }
  return [...samples.values()];
}
