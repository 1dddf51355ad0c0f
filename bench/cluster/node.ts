// One server of a compared cluster, in its own process: node node.js '{"kind":"hawser","redisPort":6379}'. It prints its port, takes
// orders as lines of JSON, answers each with a line, and exits at the end of standard input.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import type * as clusterModule from '../../src/cluster/index.ts';
import type * as hawserModule from '../../src/index.ts';
import { pubSubAdapter, Redis, socketIo, streamsAdapter } from './libraries.ts';

export type Kind = 'hawser' | 'hawser alone' | 'socket.io' | 'socket.io streams';

export interface NodeSettings {
  readonly kind: Kind;
  readonly redisPort: number;
}

/** Publishes `messages` in all, to the topics in turn. */
export interface Order {
  readonly messages: number;
  readonly perSecond: number;
  readonly bytes: number;
  readonly topics: readonly string[];
}

/** Milliseconds between two bursts. */
const TICK_MS = 5;

const { kind, redisPort } = JSON.parse(process.argv[2]!) as NodeSettings;
const redis = (): InstanceType<ReturnType<typeof Redis>> =>
  new (Redis())({ port: redisPort, host: '127.0.0.1' });

type Publish = (topic: string, text: string) => Promise<unknown> | undefined;

async function hawser(): Promise<{ port: number; publish: Publish }> {
  // Variables, so that the compiler does not resolve the names: it would look for the package in bench/, where it is not.
  const [name, engines] = ['hawser', 'hawser/cluster'];
  const { WebSocketServer } = (await import(name)) as typeof hawserModule;
  const { redisEngine } = (await import(engines)) as typeof clusterModule;
  const server = new WebSocketServer({
    protocols: ['hawser.v1'],
    history: { match: 'kept:*' },
    ...(kind === 'hawser' ? { cluster: redisEngine({ client: redis() as never }) } : {}),
    authorizeSubscribe: () => true,
  });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  return { port, publish: (topic, text) => server.publish(topic, text).relayed };
}

async function socketIoNode(): Promise<{ port: number; publish: Publish }> {
  const http = createServer();
  const io = new (socketIo())(http, {});
  const client = redis();
  io.adapter(kind === 'socket.io' ? pubSubAdapter(client, client.duplicate()) : streamsAdapter(client));
  io.on('connection', (socket) =>
    socket.on('join', async (room, done) => {
      await socket.join(room);
      done();
    }),
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    publish(topic, text) {
      io.to(topic).emit('message', text);
      return undefined;
    },
  };
}

const { port, publish } = await (kind.startsWith('hawser') ? hawser() : socketIoNode());
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function run({ messages, perSecond, bytes, topics }: Order): Promise<void> {
  const text = 'x'.repeat(bytes);
  const relayed: Promise<unknown>[] = [];
  const beganMs = performance.now();
  for (let sent = 0; sent < messages; await delay(TICK_MS)) {
    const due = Math.min(messages, Math.ceil(((performance.now() - beganMs) * perSecond) / 1_000));
    for (; sent < due; sent++) {
      const result = publish(topics[sent % topics.length]!, text);
      if (result !== undefined) relayed.push(result);
    }
  }
  for (const result of await Promise.all(relayed))
    if ((result as { readonly ok: boolean } | undefined)?.ok === false)
      throw new Error(`a message was not published: ${inspect(result)}`);
  say({ messages });
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void run(JSON.parse(line) as Order));
lines.on('close', () => process.exit());
say({ port });
