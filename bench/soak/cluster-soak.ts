import { setTimeout as delay } from 'node:timers/promises';
import { whole } from '../../src/load/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { Ledger } from '../../test/cluster/proofs/ledger.ts';
import { NodeProcess } from '../../test/cluster/proofs/node-process.ts';
import { Publisher } from '../../test/cluster/proofs/publisher.ts';
import { Subscriber } from '../../test/cluster/proofs/subscriber.ts';
import { Commands, ioredis, nodeRedis } from '../../test/cluster/redis/clients.ts';
import { noRedis, RedisServer } from '../../test/cluster/redis/server.ts';
import { count, type Findings, type RunContext } from './scenario.ts';

const NODES = 3;
const PUBLISHERS = 60;
const MOST_TOPICS = 100;
const TICK_MS = 20;
/** Longest delay before a connection is tried again. */
const RECONNECT_MS = 200;
/** Shortest and longest time between two faults, and from the end of a node to its successor. */
const FAULT_MS = { min: 3_000, max: 9_000 };
const GONE_MS = { min: 500, max: 4_000 };
/** One fault of so many is a cut of all connections to Redis. */
const CUTS = 4;
const END_MS = 120_000;

const between = ({ min, max }: { readonly min: number; readonly max: number }): number =>
  min + Math.random() * (max - min);

/** Kills nodes and cuts connections to Redis at random until it is stopped. */
class Faults {
  kills = 0;
  cuts = 0;
  readonly #nodes: readonly NodeProcess[];
  readonly #commands: Commands;
  readonly #longestMs: number;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(nodes: readonly NodeProcess[], commands: Commands, longestMs: number) {
    this.#nodes = nodes;
    this.#commands = commands;
    this.#longestMs = longestMs;
    this.#done = this.#run();
  }

  /** Waits until every node runs again. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await delay(Math.min(between(FAULT_MS), this.#longestMs));
      if (this.#isOver) return;
      if (Math.random() < 1 / CUTS) {
        this.cuts++;
        await this.#commands.cutAll();
      } else {
        this.kills++;
        const node = this.#nodes[Math.floor(Math.random() * NODES)]!;
        await node.kill();
        await delay(Math.min(between(GONE_MS), this.#longestMs));
        await node.start();
      }
    }
  }
}

async function soak(
  { connections, rate, durationMs }: RunContext,
  nodes: readonly NodeProcess[],
  commands: Commands,
): Promise<Findings> {
  const ledger = new Ledger();
  const topics = Array.from({ length: Math.min(MOST_TOPICS, connections) }, (_, at) => `topic:${at}`);
  const settings = {
    port: (): number | undefined => nodes[Math.floor(Math.random() * NODES)]!.port,
    pause: (): Promise<void> => delay(Math.random() * RECONNECT_MS),
  };
  const subscribers = Array.from(
    { length: connections },
    (_, at) => new Subscriber(ledger, `client ${at}`, [topics[at % topics.length]!], settings),
  );
  await waitUntil(() => subscribers.every(({ isLive }) => isLive), {
    description: 'every subscription',
    deadlineMs: END_MS,
  });
  const publishers = Array.from(
    { length: PUBLISHERS },
    (_, at) => new Publisher(ledger, `p${at}`, topics, { ...settings, isPaced: true }),
  );

  const beganMs = performance.now();
  const faults = new Faults(nodes, commands, durationMs / 4);
  let sent = 0;
  for (let passedMs = 0; passedMs < durationMs; passedMs = performance.now() - beganMs) {
    for (const target = Math.floor((passedMs * rate) / 1_000); sent < target; sent++)
      publishers[sent % PUBLISHERS]!.due(1);
    await delay(TICK_MS);
  }
  const elapsedMs = performance.now() - beganMs;
  const backlog = publishers.reduce((sum, { behind }) => sum + behind, 0);
  await faults.end();
  await Promise.all(publishers.map((publisher) => publisher.stop()));

  // The last message of every topic has reached every client; where it has not, the rest was lost silently.
  const last = new Publisher(ledger, 'last', topics, settings);
  const { published } = ledger.counts;
  await waitUntil(() => ledger.counts.published >= published + 2 * topics.length, {
    description: 'the last messages',
    deadlineMs: END_MS,
  });
  await last.stop();
  const missing = (): number =>
    subscribers
      .flatMap(({ followers }) => followers)
      .filter((follower) => !follower.has(ledger.top(follower.topic))).length;
  await waitUntil(() => missing() === 0, { description: 'the end', deadlineMs: END_MS }).catch(() =>
    ledger.lostSilently(missing(), `${missing()} subscriptions do not have the last message of their topic`),
  );

  await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  const { counts, violations } = ledger;
  const { kills, cuts } = faults;
  return {
    criteria: [
      count(
        'nodes are killed, or lose Redis',
        `${whole(kills)} kills, ${whole(cuts)} cuts of Redis`,
        kills + cuts > 0,
      ),
      count(
        'no message is missing silently or comes twice',
        `${whole(counts.delivered)} delivered of ${whole(counts.published)} published, ${whole(counts.recovered)} of ${whole(counts.resumes)} resumes with every message; ${counts.lostSilently} missing silently, ${counts.twice} twice ${violations.join('; ')}`.trim(),
        counts.delivered > 0 && counts.lostSilently === 0 && counts.twice === 0,
      ),
    ],
    figures: {
      nodes: NODES,
      topics: topics.length,
      publishesPerSecond: Math.round(((sent - backlog) / elapsedMs) * 1_000),
      /** Publishes that were due and not sent: the machine was too slow for the rate. */
      backlog,
      deliveriesPerSecond: Math.round((counts.delivered / elapsedMs) * 1_000),
      kills,
      cuts,
      counts,
      violations,
    },
  };
}

/** Why it cannot run here; `undefined` if it can. */
export const unavailable: string | undefined = [noRedis, ioredis.skip, nodeRedis.skip].find(
  (why): why is string => typeof why === 'string',
);

/** Kills nodes at random and starts them again, and cuts all connections to Redis now and then. */
export async function clusterSoak(context: RunContext): Promise<Findings> {
  const server = await RedisServer.start();
  const commands = new Commands(server.port);
  const nodes = Array.from(
    { length: NODES },
    (_, at) => new NodeProcess({ redisPort: server.port, client: at % 2 }),
  );
  try {
    await Promise.all(nodes.map((node) => node.start()));
    return await soak(context, nodes, commands);
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    commands.close();
    await server.end();
  }
}
