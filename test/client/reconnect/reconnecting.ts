import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { EndInfo, ReconnectEvents } from '../../../src/client/reconnect/reconnect-events.ts';
import { type ReconnectOptions, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { leakCheck, seededRandom, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { ReconnectingClient } from '../dialling.ts';

/** A server that can stop and start again on the same port. */
export interface Harbour {
  readonly port: number;
  readonly url: string;
  /** The current server. */
  readonly server: () => WebSocketServer;
  /** Messages of clients, over all servers. */
  readonly received: string[];
  readonly leave: (code?: number) => Promise<void>;
  readonly comeBack: (options?: ServerOptions) => Promise<void>;
}

export async function harbour(t: TestContext, options: ServerOptions = {}): Promise<Harbour> {
  const leaks = leakCheck();
  const received: string[] = [];
  let server = new WebSocketServer(options);
  const start = async (next: WebSocketServer, port: number): Promise<number> => {
    server = next;
    server.on('message', (_, message) => void received.push(String(message)));
    return (await server.listen(port, '127.0.0.1')).port;
  };
  const port = await start(server, 0);
  t.after(async () => {
    await server.shutdown({ timeoutMs: 1_000 });
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  return {
    port,
    url: `ws://127.0.0.1:${port}/`,
    server: () => server,
    received,
    leave: async (code = 1012) => void (await server.shutdown({ code, batchIntervalMs: 0 })),
    comeBack: async (nextOptions = options) => void (await start(new WebSocketServer(nextOptions), port)),
  };
}

/** Events of a client in order: name and argument. */
export type Told = {
  [Name in keyof ReconnectEvents]: readonly [Name, ReconnectEvents[Name][0]];
}[keyof ReconnectEvents];

export interface Boat {
  readonly client: ReconnectingClient;
  readonly clock: VirtualClock;
  readonly told: Told[];
  /** Names of the events so far, without `message`. */
  readonly names: () => string[];
  /** Waits for one more event of that name than there were at the last call. */
  readonly next: <Name extends keyof ReconnectEvents>(name: Name) => Promise<ReconnectEvents[Name][0]>;
}

const NAMES = ['open', 'message', 'down', 'retry', 'giveUp', 'drain', 'unsent', 'close', 'error'] as const;

/**
 * A client with a virtual clock. The random fraction is always 0.5 by default. After the test the client is closed, and no timer
 * may be left.
 */
export function boat(
  t: TestContext,
  url: ConstructorParameters<typeof ReconnectingClient>[0],
  options: ReconnectOptions = {},
): Boat {
  const clock = new VirtualClock();
  const random = { ...seededRandom(1), fraction: () => 0.5 };
  const client = new ReconnectingClient(url, { clock, random, ...options });
  const told: Told[] = [];
  const seen = new Map<string, number>();
  for (const name of NAMES) {
    if (name !== 'message')
      client.on(name, (info?: unknown) => void told.push([name, info] as unknown as Told));
  }
  t.after(async () => {
    client.close();
    await client.closed;
    assert.equal(clock.pendingTimers, 0);
    assert.equal(client.state, 'closed');
  });
  return {
    client,
    clock,
    told,
    names: () => told.map(([name]) => name),
    next: async (name) => {
      const at = seen.get(name) ?? 0;
      seen.set(name, at + 1);
      const all = () => told.filter(([each]) => each === name);
      await waitUntil(() => all().length > at, {
        description: `'${name}' number ${at + 1}; so far ${told.map(([each]) => each).join(', ')}`,
      });
      const [, info] = all()[at] ?? assert.fail();
      return info;
    },
  };
}

/** A short form of the end: the reason, and the close code or the error. */
export const short = ({ why, close, error }: EndInfo): readonly unknown[] => [
  why,
  close?.code ?? (error as { code?: string } | undefined)?.code ?? error?.message,
];
