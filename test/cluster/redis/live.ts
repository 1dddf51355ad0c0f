import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import type { RedisEngineOptions } from '../../../src/cluster/index.ts';
import type { ResolvedPresenceRule } from '../../../src/cluster/rules.ts';
import { type Clock, systemClock } from '../../../src/engine/clock.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { offsetsOf, RULE, TestNode } from '../recorded.ts';
import { type ServerProcess, serverProcess } from '../server-process.ts';
import { CLIENTS, Commands } from './clients.ts';
import type { RedisServer } from './server.ts';

/** Longest wait for an effect. Far more than a healthy test needs. */
const DEADLINE_MS = 20_000;

export const until = (description: string, condition: () => boolean): Promise<boolean> =>
  waitUntil(condition, { description, deadlineMs: DEADLINE_MS });

export interface LiveSettings extends Partial<RedisEngineOptions> {
  readonly port?: number;
  readonly maxMessages?: number;
  readonly clock?: Clock;
  readonly presence?: readonly ResolvedPresenceRule[];
}

/** A started node on a real Redis, with the platform's clock. The test stops it at its end. */
export function liveNode(t: TestContext, server: RedisServer, settings: LiveSettings = {}): TestNode {
  const {
    port = server.port,
    maxMessages = 10_000,
    clock = systemClock,
    presence = [],
    ...options
  } = settings;
  // Nodes of one test use both libraries.
  const kind = CLIENTS[nodes++ % 2]!;
  const node = new TestNode({
    clock,
    random: systemRandom,
    history: [{ ...RULE, maxMessages }],
    presence,
    deadlineMs: options.deadlineMs,
    engine: redisEngine({ client: kind.client(port), ...options }),
  });
  t.after(() => node.node.stop(100));
  return node;
}
let nodes = 0;

/** Three nodes that are up, each with a subscriber of `news`. */
export async function threeNodes(
  t: TestContext,
  server: RedisServer,
  settings: LiveSettings = {},
): Promise<readonly [TestNode, TestNode, TestNode]> {
  const three = [0, 1, 2].map(() => liveNode(t, server, settings));
  for (const { node } of three) node.subscribe('news');
  await allLive(three);
  return three as unknown as readonly [TestNode, TestNode, TestNode];
}

/** Waits until a message of each node has reached every node. */
export async function allLive(nodes: readonly TestNode[]): Promise<void> {
  const results = await Promise.all(nodes.map((node, at) => node.publish('news', `hello ${at}`)));
  const offsets = results.map((result) => (result.ok ? result.position!.offset : NaN));
  const top = Math.max(...offsets);
  for (const { owner } of nodes)
    await until('the message of every node', () => (offsetsOf(owner.delivered).at(-1) ?? 0) >= top);
}

/** A server and a connection for commands of the test; both end with the test. */
export async function redis(
  t: TestContext,
  ...args: string[]
): Promise<{ server: RedisServer; commands: Commands }> {
  const { RedisServer: Server } = await import('./server.ts');
  const server = await Server.start(...args);
  const commands = new Commands(server.port);
  t.after(async () => {
    commands.close();
    await server.end();
  });
  return { server, commands };
}

/** A server of the cluster in a process of its own. */
export const serverChild = (t: TestContext, { port }: RedisServer): Promise<ServerProcess> =>
  serverProcess(t, join(import.meta.dirname, 'server-child.js'), `${port}`);

/** Counts the events of a node that begin with a word. */
export const eventsOf = ({ owner }: TestNode, name: 'up' | 'down'): number =>
  owner.events.filter((event) => event.startsWith(`${name} `)).length;

/** The messages from some offset on, as offset and text. */
export const numbered = ({ owner }: TestNode, from = 0): readonly string[] =>
  owner.delivered
    .filter(({ position }) => position!.offset >= from)
    .map(({ position, message }) => `${position!.offset} ${message.payload.toString('utf8')}`);
