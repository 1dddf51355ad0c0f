import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Commands } from '../redis/clients.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { redis } from '../redis/live.ts';
import type { RedisServer } from '../redis/server.ts';
import { Ledger } from './ledger.ts';
import { type ChildSettings, NodeProcess } from './node-process.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';

const NODES = 3;
const TOPICS = ['alpha', 'beta', 'gamma'];
const SUBSCRIBERS = 9;
/** Longest wait for an effect: on a machine with other work, twenty processes of a test take turns. */
const DEADLINE_MS = 60_000;

export const until = (description: string, condition: () => boolean): Promise<boolean> =>
  waitUntil(condition, { description, deadlineMs: DEADLINE_MS });

export interface WorldSettings {
  readonly redis?: readonly string[];
  /** Port of Redis for one node; default that of the server. */
  readonly portFor?: (server: RedisServer, node: number, t: TestContext) => Promise<number>;
  readonly engine?: ChildSettings['engine'];
  readonly history?: ChildSettings['history'];
  readonly padBytes?: number;
  /** Redis does not run at the start. */
  readonly startsWithoutRedis?: boolean;
}

/** One Redis, three nodes in processes of their own, subscribers of three topics on all nodes, and a publisher on each. */
export class World {
  readonly server: RedisServer;
  readonly commands: Commands;
  readonly nodes: readonly NodeProcess[];
  readonly ledger = new Ledger();
  subscribers: readonly Subscriber[] = [];
  #publishers: readonly Publisher[] = [];
  #turn = 0;

  private constructor(server: RedisServer, commands: Commands, nodes: readonly NodeProcess[]) {
    this.server = server;
    this.commands = commands;
    this.nodes = nodes;
  }

  static async start(t: TestContext, settings: WorldSettings = {}): Promise<World> {
    const { engine, history, padBytes = 0, startsWithoutRedis = false } = settings;
    const { server, commands } = await redis(t, ...(settings.redis ?? []));
    if (startsWithoutRedis) await server.kill();
    const ports = await Promise.all(
      Array.from({ length: NODES }, async (_, node) => settings.portFor?.(server, node, t) ?? server.port),
    );
    const nodes = ports.map(
      (redisPort, at) =>
        new NodeProcess({ redisPort, client: at % 2, engine: engine ?? {}, history: history ?? {} }),
    );
    const world = new World(server, commands, nodes);
    t.after(() => world.#end());
    await Promise.all(nodes.map((node) => node.start()));
    world.subscribers = Array.from(
      { length: SUBSCRIBERS },
      (_, at) => new Subscriber(world.ledger, `subscriber ${at}`, TOPICS, { port: () => world.#port() }),
    );
    world.#publishers = nodes.map(
      (node, at) =>
        new Publisher(world.ledger, `${at}`, TOPICS, { port: () => node.port ?? world.#port(), padBytes }),
    );
    return world;
  }

  /** Subscriptions that follow a topic. */
  get subscriptions(): number {
    return SUBSCRIBERS * TOPICS.length;
  }

  /** Every subscriber has an answer for every topic. */
  async live(): Promise<void> {
    await until('every subscription', () => this.subscribers.every(({ isLive }) => isLive));
  }

  /** Every subscriber gets so many messages more. */
  async progress(messages = 20): Promise<void> {
    const reached = new Set<Subscriber>();
    const left = new Map(this.subscribers.map((subscriber) => [subscriber, messages]));
    for (const subscriber of this.subscribers) {
      const before = subscriber.onMessage;
      subscriber.onMessage = () => {
        before?.();
        const count = left.get(subscriber)! - 1;
        left.set(subscriber, count);
        if (count === 0) reached.add(subscriber);
      };
    }
    await until('messages at every subscriber', () => reached.size === this.subscribers.length);
    for (const subscriber of this.subscribers) subscriber.onMessage = undefined;
  }

  /** So many publishes more are answered with `ok`. */
  async published(messages = 20): Promise<void> {
    const { counts } = this.ledger;
    const before = counts.published;
    await until('publishes', () => counts.published >= before + messages);
  }

  /** Every node has lost its engine so often. */
  async down(downs: number): Promise<void> {
    await until(`${downs} times down`, () => this.nodes.every(({ report }) => report.downs >= downs));
  }

  /** Every node has lost its engine so often, and has it again. */
  async back(downs: number): Promise<void> {
    await this.down(downs);
    await until('the engine', () => this.nodes.every(({ report }) => report.isUp));
  }

  /** Ends the traffic, and waits until every subscriber has the last message of every topic. */
  async settle(): Promise<void> {
    await Promise.all(this.#publishers.map((publisher) => publisher.stop()));
    const last = new Publisher(this.ledger, 'last', TOPICS, { port: () => this.#port() });
    await this.published(TOPICS.length * 2);
    await last.stop();
    const positions = new Map(TOPICS.map((topic) => [topic, this.ledger.top(topic)]));
    await until('the last message at every subscriber', () =>
      this.subscribers.every(({ followers }) =>
        followers.every((follower) => follower.has(positions.get(follower.topic)!)),
      ),
    );
  }

  /** Nothing was lost in silence, and nothing came twice. */
  proven(t: TestContext): void {
    const { counts, violations } = this.ledger;
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(violations, []);
    assert.deepEqual([counts.lostSilently, counts.twice], [0, 0]);
    assert.ok(counts.delivered > 0 && counts.published > 0);
  }

  /** Port of a node that runs, in turn. */
  #port(): number | undefined {
    for (let tries = 0; tries < NODES; tries++) {
      const { port } = this.nodes[this.#turn++ % NODES]!;
      if (port !== undefined) return port;
    }
    return undefined;
  }

  async #end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all([...this.subscribers, ...this.#publishers].map((session) => session.close()));
  }
}
