// Soak of a cluster on Redis: node build/bench/cluster/soak.js [--minutes 10] [--clients 500] [--rate 1000] [--topics 100] [--follow 1]
// Nodes are killed at random and started again, and Redis closes all connections now and then. Every client checks the numbers that it
// gets. Prints one JSON object; exits with 1 if a message was lost silently or came twice.
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { waitUntil } from '../../src/testing/index.ts';
import { Ledger } from '../../test/cluster/proofs/ledger.ts';
import { NodeProcess } from '../../test/cluster/proofs/node-process.ts';
import { Publisher } from '../../test/cluster/proofs/publisher.ts';
import { Subscriber } from '../../test/cluster/proofs/subscriber.ts';
import { Commands } from '../../test/cluster/redis/clients.ts';
import { RedisServer } from '../../test/cluster/redis/server.ts';
import { count } from '../count.ts';

const NODES = 3;
const PUBLISHERS = 60;
const TICK_MS = 20;
/** Longest delay before a connection is tried again. */
const RECONNECT_MS = 200;
/** Shortest and longest time between two faults, and from the end of a node to its successor. */
const FAULT_MS = { min: 3_000, max: 9_000 };
const GONE_MS = { min: 500, max: 4_000 };
/** One fault of so many is a cut of all connections to Redis. */
const CUTS = 4;
const END_MS = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    clients: { type: 'string', default: '500' },
    rate: { type: 'string', default: '1000' },
    topics: { type: 'string', default: '100' },
    follow: { type: 'string', default: '1' },
  },
});

const between = ({ min, max }: { readonly min: number; readonly max: number }): number =>
  min + Math.random() * (max - min);

const durationMs = count('minutes', values.minutes) * 60_000;
const clients = count('clients', values.clients);
const rate = count('rate', values.rate);
const topics = Array.from({ length: count('topics', values.topics) }, (_, at) => `topic:${at}`);
const follow = Math.min(count('follow', values.follow), topics.length);

const ledger = new Ledger();
const server = await RedisServer.start();
const commands = new Commands(server.port);
const nodes = Array.from(
  { length: NODES },
  (_, at) => new NodeProcess({ redisPort: server.port, client: at % 2 }),
);

try {
  await Promise.all(nodes.map((node) => node.start()));
  const settings = {
    port: (): number | undefined => nodes[Math.floor(Math.random() * NODES)]!.port,
    pause: (): Promise<void> => delay(Math.random() * RECONNECT_MS),
  };
  const subscribers = Array.from(
    { length: clients },
    (_, at) =>
      new Subscriber(
        ledger,
        `client ${at}`,
        Array.from({ length: follow }, (_unused, i) => topics[(at + i * 37) % topics.length]!),
        settings,
      ),
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
  const state = { isOver: false };
  let kills = 0;
  let cuts = 0;
  async function faults(): Promise<void> {
    while (!state.isOver) {
      await delay(Math.min(between(FAULT_MS), durationMs / 4));
      if (state.isOver) return;
      if (Math.random() < 1 / CUTS) {
        cuts++;
        await commands.cutAll();
      } else {
        kills++;
        const node = nodes[Math.floor(Math.random() * NODES)]!;
        await node.kill();
        await delay(Math.min(between(GONE_MS), durationMs / 4));
        await node.start();
      }
    }
  }
  const faulty = faults();

  let sent = 0;
  for (let passedMs = 0; passedMs < durationMs; passedMs = performance.now() - beganMs) {
    for (const target = Math.floor((passedMs * rate) / 1_000); sent < target; sent++)
      publishers[sent % PUBLISHERS]!.due(1);
    await delay(TICK_MS);
  }
  state.isOver = true;
  const elapsedMs = performance.now() - beganMs;
  const backlog = publishers.reduce((sum, { behind }) => sum + behind, 0);
  await faulty;
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
  const ran = {
    minutes: Math.round(elapsedMs / 600) / 100,
    nodes: NODES,
    clients,
    topics: topics.length,
    follow,
    publishesPerSecond: Math.round(((sent - backlog) / elapsedMs) * 1_000),
    /** Publishes that were due and not sent: the machine was too slow for the rate. */
    backlog,
    deliveriesPerSecond: Math.round((counts.delivered / elapsedMs) * 1_000),
    kills,
    cuts,
  };
  process.stdout.write(`${JSON.stringify({ ran, counts, violations }, undefined, 2)}\n`);
  process.exitCode = counts.lostSilently === 0 && counts.twice === 0 ? 0 : 1;
} finally {
  await Promise.all(nodes.map((node) => node.kill()));
  commands.close();
  await server.end();
}
// Connections of clients that are still being tried would keep the process.
process.exit();
