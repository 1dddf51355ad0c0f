import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { natsEngine, type NatsEngineOptions } from '../../../src/cluster/index.ts';
import type { ResolvedPresenceRule } from '../../../src/cluster/rules.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { TestNode } from '../recorded.ts';
import { type ServerProcess, serverProcess } from '../server-process.ts';
import { type AppConnection, type ClientKind } from './clients.ts';
import { NatsServer } from './server.ts';

/** Longest wait for an effect. Far more than a healthy test needs. */
const DEADLINE_MS = 20_000;

export const until = (description: string, condition: () => boolean): Promise<boolean> =>
  waitUntil(condition, { description, deadlineMs: DEADLINE_MS });

/** A server that ends with the test. */
export async function nats(t: TestContext, config?: string): Promise<NatsServer> {
  const server = await NatsServer.start(config);
  t.after(() => server.end());
  return server;
}

export interface LiveSettings extends Omit<Partial<NatsEngineOptions>, 'connection'> {
  readonly presence?: readonly ResolvedPresenceRule[];
  /** Options of the connection. */
  readonly connecting?: object;
}

/** A started node on a real NATS, with the platform's clock. At the end of the test it stops, and its connection closes. */
export function liveNode(
  t: TestContext,
  servers: string | readonly string[],
  kind: ClientKind,
  { presence = [], connecting, ...options }: LiveSettings = {},
): TestNode {
  const end = new AbortController();
  const connection = kind.connect(servers, connecting, end.signal);
  let open: AppConnection | undefined;
  connection.then(
    (found) => {
      open = found;
      // It came after the end of the test.
      if (end.signal.aborted) void found.close();
    },
    () => undefined,
  );
  const node = new TestNode({
    clock: systemClock,
    random: systemRandom,
    history: [],
    presence,
    deadlineMs: options.deadlineMs,
    engine: natsEngine({ ...options, connection }),
  });
  t.after(async () => {
    end.abort();
    await node.node.stop(100);
    await open?.close();
  });
  return node;
}

/** Waits until a message of `from` reaches `to`: without history, interest is not awaited. */
export async function joined(from: TestNode, to: TestNode, topic = 'news'): Promise<void> {
  to.node.subscribe(topic);
  await waitUntil(
    async () => {
      await from.publish(topic, 'hello');
      return to.owner.texts.includes('hello');
    },
    { description: 'a message of the other node', deadlineMs: DEADLINE_MS },
  );
}

/** What arrived at a node, apart from the messages of {@link joined}. */
export const textsOf = ({ owner }: TestNode): readonly string[] =>
  owner.texts.filter((text) => text !== 'hello');

/** A server of the cluster, with one member of `room`, in a process of its own. */
export const serverChild = (t: TestContext, url: string): Promise<ServerProcess> =>
  serverProcess(t, join(import.meta.dirname, 'server-child.js'), url);

/** Counts the events of a node that begin with a word. */
export const eventsOf = ({ owner }: TestNode, name: 'up' | 'down'): number =>
  owner.events.filter((event) => event.startsWith(`${name} `)).length;
