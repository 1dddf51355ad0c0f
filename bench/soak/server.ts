// The server of a scenario, in a process of its own: `hawser` from the bundled package, or `library`. The first call is `start`.
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { eventLoopTurns } from '../../src/testing/index.ts';
import type * as hawser from '../../src/index.ts';
import { answerCalls } from './answering.ts';
import { SESSION_MEMORY } from './crowd.ts';
import { Publishing, type PublishingPlan } from './publishing.ts';
import type { ServerSample, ServerSettings, Role } from './server-settings.ts';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
const servers: hawser.WebSocketServer[] = [];
/** How often each line was logged. */
const log = new Map<string, number>();
let publishing: Publishing | undefined;

const count = (_fields: hawser.LogFields, line: string): void => void log.set(line, (log.get(line) ?? 0) + 1);
const logger: hawser.Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: count,
  error: count,
};

/** Sends every message back, and stops reading from a client while the client does not read its answers. */
const serveEcho = (server: hawser.WebSocketServer): void =>
  void server.on('message', (connection, message) =>
    connection.send(message) || connection.state !== 'open'
      ? undefined
      : connection.drained().catch(() => undefined),
  );

/** Sends every message to all other connections. */
const serveRelay = (server: hawser.WebSocketServer): void =>
  void server.on('message', (connection, message) => void server.broadcast(message, { except: connection }));

const ROLES: Readonly<
  Record<
    Role,
    { readonly options: hawser.ServerOptions; readonly serve: (server: hawser.WebSocketServer) => void }
  >
> = {
  echo: { options: {}, serve: serveEcho },
  idle: { options: {}, serve: () => undefined },
  http2: { options: {}, serve: () => undefined },
  relay: { options: {}, serve: serveRelay },
  deflate: { options: { perMessageDeflate: true }, serve: serveEcho },
  topics: {
    options: {
      protocols: ['hawser.v1'],
      history: { match: 'room:*', maxMessages: 1_000 },
      authorizeSubscribe: () => true,
    },
    serve: () => undefined,
  },
};

/** Clients of this path have the priority `critical`: load control sheds others first. */
const INSIDE = '/inside';

const LOAD_CONTROL: hawser.ServerOptions = {
  loadControl: true,
  upgrade: ({ request }) => (request.url.pathname === INSIDE ? { priority: 'critical' } : undefined),
};

/** Serves WebSockets over HTTP/2 without TLS. */
async function listenHttp2(server: hawser.WebSocketServer, host: string): Promise<number> {
  const web = createServer({
    settings: { enableConnectProtocol: true, maxConcurrentStreams: 2 ** 20 },
    maxSessionMemory: SESSION_MEMORY,
  });
  server.attach(web);
  web.listen(0, host);
  await once(web, 'listening');
  return (web.address() as AddressInfo).port;
}

async function start(settings: ServerSettings): Promise<Partial<Record<Role, number>>> {
  const {
    library = 'hawser',
    roles,
    options = {},
    ports = {},
    host = '127.0.0.1',
    budgetBytes,
    hasLoadControl = false,
  } = settings;
  const { MemoryBudget, WebSocketServer } = (await import(library)) as typeof hawser;
  const found: Partial<Record<Role, number>> = {};
  const shared =
    budgetBytes === undefined ? {} : { memoryBudget: new MemoryBudget({ maxBytes: budgetBytes }) };
  for (const role of roles) {
    const server = new WebSocketServer({
      logger,
      ...ROLES[role].options,
      ...(hasLoadControl ? LOAD_CONTROL : {}),
      ...shared,
      ...options,
    });
    ROLES[role].serve(server);
    server.on('error', () => undefined);
    servers.push(server);
    found[role] =
      role === 'http2' ? await listenHttp2(server, host) : (await server.listen(ports[role] ?? 0, host)).port;
  }
  return found;
}

const sum = (of: (stats: hawser.ServerStats) => number): number =>
  servers.reduce((total, server) => total + of(server.stats()), 0);

/** Adds counts of all servers by name. */
function merged(of: (stats: hawser.ServerStats) => Readonly<Record<string, number>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const server of servers)
    for (const [name, value] of Object.entries(of(server.stats()))) found[name] = (found[name] ?? 0) + value;
  return found;
}

const LEVELS = ['normal', 'elevated', 'critical'];
/** The level of load control; `undefined` without it. */
const levelOf = (server: hawser.WebSocketServer): string | undefined => server.stats().load?.level;

function sample(): ServerSample {
  const { rss, heapUsed, external } = process.memoryUsage();
  const loopP99Ms = delay.percentile(99) / 1e6;
  delay.reset();
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    loopP99Ms,
    connections: sum(({ connections }) => connections.now),
    opened: sum(({ connections }) => connections.opened),
    bufferedBytes: sum(({ bytes }) => bytes.buffered),
    refusedByCode: merged(({ handshakes }) => handshakes.refusedByCode),
    closesByCause: merged(({ closes }) => closes.byCause),
    acceptFailures: sum(({ acceptFailures }) => acceptFailures),
    level: LEVELS.findLast((level) => servers.some((server) => levelOf(server) === level)),
  };
}

/** Heap and external memory after full collections, in bytes. */
async function live(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    await eventLoopTurns(2);
    (globalThis as { gc?: () => void }).gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Pings every connection. Resolves when all pongs are there, with the time that it took, in ms. */
async function pingAll(): Promise<number> {
  const pongs = (): number => sum(({ heartbeat }) => heartbeat.pongsReceived);
  const startMs = performance.now();
  let due = pongs();
  for (const server of servers) for (const connection of server.connections) if (connection.ping()) due++;
  while (pongs() < due) await eventLoopTurns(1);
  return performance.now() - startMs;
}

answerCalls({
  start,
  sample,
  live,
  log: () => Object.fromEntries(log),
  publish: (plan: PublishingPlan) => {
    publishing = new Publishing(servers[0]!, plan);
  },
  /** Ends publishing. Answers the number of messages of each topic. */
  published: () => publishing?.end(),
  /** Sends a message to every connection. Answers how long the call took, in ms. */
  tellAll: (bytes: number) => {
    const startMs = performance.now();
    for (const server of servers) server.broadcast(Buffer.alloc(bytes, 'x'));
    return performance.now() - startMs;
  },
  pingAll,
  /** Ends every connection without a closing handshake. */
  cut: () => {
    for (const server of servers) for (const connection of server.connections) connection.terminate();
  },
});
