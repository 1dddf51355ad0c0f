import type { TestContext } from 'node:test';
import * as guides from './guide-runs.ts';
import * as readme from './readme-runs.ts';
import * as start from './start-runs.ts';
import * as topics from './topic-runs.ts';

/** How a test proves the code of a guide. */
export type Treatment =
  /** Its lines are part of a file of the project, which is compiled and run by another test. */
  | { readonly in: string }
  /** Compiled as a separate module and run. */
  | {
      /** Code that the fragment assumes; inserted before it. */
      readonly given?: string;
      /** Code inserted after it. */
      readonly after?: string;
      /** Runs the compiled program `file`. @throws If it does not do what the guide states. */
      readonly run: (t: TestContext, file: string) => Promise<void>;
    };

const USER_OF = `
  const userOf = async (cookie: string | undefined, signal: AbortSignal): Promise<string | undefined> =>
    signal.aborted ? undefined : /user=(\\w+)/.exec(cookie ?? '')?.[1];`;
const PAIR = `
  import { pair } from 'hawser/testing';
  const { server: connection, webSocketServer: server, client } = await pair();`;
const FRESH_TOKEN = `
  let tokens = 0;
  const freshToken = async (): Promise<string> => \`token-\${++tokens}\`;`;
/** Node 20 has no global `WebSocket`. */
const BROWSER = `
  import { WebSocket } from 'hawser/ws';
  Object.assign(globalThis, { WebSocket });`;
/** A price service on a port of its own, under the name of the guide. It fails for `broken`. */
const PRICES = `
  import { once } from 'node:events';
  import { createServer } from 'node:http';
  import type { AddressInfo } from 'node:net';
  const service = createServer((request, response) => {
    response.statusCode = request.url === '/broken' ? 500 : 200;
    response.end('42');
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const { port: servicePort } = service.address() as AddressInfo;
  const { fetch: fetchByAddress } = globalThis;
  globalThis.fetch = (input, init) =>
    fetchByAddress(String(input).replace('prices.internal', \`127.0.0.1:\${servicePort}\`), init);`;
const GUIDE_TO_CLIENT = { in: 'examples/client-guide.ts' };
const GUIDE_TO_DEBUGGING = { in: 'examples/slow-consumer.ts' };
const HTTP2_EXAMPLE = { in: 'examples/http2.ts' };
const CLUSTER_EXAMPLE = { in: 'examples/cluster/node.js' };
const TRACING_EXAMPLE = { in: 'examples/tracing/server.js' };
const GUIDE_TO_STREAMS = { in: 'examples/upload.ts' };
const GUIDE_TO_CHANNELS = { in: 'examples/channels.ts' };
const GUIDE_TO_TESTING = { in: 'examples/testing/chat.test.ts' };

/** Every TypeScript and JavaScript block of every page. A test checks that the table is complete and has no other rows. */
export const TREATMENTS: Readonly<Record<string, Treatment>> = {
  'docs/http2.md: WebSocket over HTTP/2': HTTP2_EXAMPLE,
  'docs/debugging.md: Symptom: memory grows (2)': GUIDE_TO_DEBUGGING,
  'docs/debugging.md: Record it': GUIDE_TO_DEBUGGING,
  'docs/topics-server.md: A push server without code (4)': { run: guides.pushClient },
  'docs/getting-started.md: A server': { run: start.server },
  'docs/getting-started.md: A client': { run: start.client },
  'docs/getting-started.md: A page': { run: start.page },
  'README.md: A server in ten lines': { run: readme.server },
  'docs/server.md: The server': { run: readme.echo },
  'README.md: A client in ten lines': { run: readme.client },
  'docs/server.md: Receiving': {
    given: `${PAIR}
      const stored: unknown[] = [];
      const store = async (message: unknown): Promise<unknown> => stored.push(message);
      const count = (id: string, message: unknown): unknown => stored.push([id === connection.id, message]);
      client.send('one');
      client.send('two');
      client.close();`,
    after: 'console.log(JSON.stringify(stored));',
    run: readme.receiving,
  },
  'docs/server.md: Sending': {
    given: `${PAIR}
      connection.subscribe('news');
      client.on('message', (message) => console.log(message));`,
    after: 'connection.close(); await client.closed;',
    run: readme.sending,
  },
  'docs/server.md: Admission': {
    given: `import { refuse, WebSocketServer } from 'hawser'; ${USER_OF}`,
    after: `
      server.on('connection', (connection) => void connection.send(connection.data.user));
      await server.listen(8080);`,
    run: readme.admission,
  },
  'docs/load-control.md: Switch it on': {
    after: "server.on('connection', (connection) => void connection.send(connection.priority));",
    run: guides.loadControl,
  },
  'docs/load-control.md: Tune it': {
    after: `server.on('connection', (connection) => void connection.send(server.stats().load!.level));`,
    run: guides.tunedLoadControl,
  },
  'docs/load-control.md: A signal of your own': {
    after: `server.on('connection', (connection) => void connection.send(String(server.stats().load!.signals.cpuRatio)));`,
    run: guides.ownSignal,
  },
  'docs/load-control.md: Test your program under load': { run: guides.testedLoad },
  'docs/admin.md: Endpoints on the own port': { run: guides.endpoints },
  'docs/admin.md: Attached to your own HTTP server': { run: guides.attachedHealth },
  'docs/admin.md: The admin port': { run: guides.adminPort },
  'docs/authentication.md: Authentication': {
    given: USER_OF,
    after: 'await server.listen(8080);',
    run: guides.authentication,
  },
  'docs/authentication.md: Credential expiry': {
    given: `const endOf = (token: string): Date | undefined =>
      token === 'short' ? new Date(Date.now() + 2_000) : undefined;`,
    after: 'await server.listen(8080);',
    run: guides.credentialsEnd,
  },
  'docs/authentication.md: Each message: authorization': {
    after: `
      server.on('connection', (connection) => {
        connection.data = { name: 'ann', rooms: new Set(['harbour']) };
        connection.subscribe('room/harbour');
      });
      await server.listen(8080);`,
    run: guides.eachMessage,
  },
  'docs/channels.md: Channels': GUIDE_TO_CHANNELS,
  'docs/channels.md: Channels (2)': GUIDE_TO_CHANNELS,
  'docs/streams.md: Node streams': GUIDE_TO_STREAMS,
  'docs/streams.md: Node streams (2)': GUIDE_TO_STREAMS,
  'docs/streams.md: One message from a stream': GUIDE_TO_STREAMS,
  'docs/streams.md: Receiving a message as a stream': GUIDE_TO_STREAMS,
  'docs/client.md: The client': GUIDE_TO_CLIENT,
  'docs/client.md: When connecting fails': GUIDE_TO_CLIENT,
  'docs/client.md: Timeouts': GUIDE_TO_CLIENT,
  'docs/client.md: Headers': GUIDE_TO_CLIENT,
  'docs/client.md: Headers (2)': GUIDE_TO_CLIENT,
  'docs/client.md: Proxies': GUIDE_TO_CLIENT,
  'docs/client.md: Proxies (2)': GUIDE_TO_CLIENT,
  'docs/client.md: Sending many messages': GUIDE_TO_CLIENT,
  "docs/client.md: The browser's WebSocket": GUIDE_TO_CLIENT,
  'docs/compression.md: Compression': {
    given: `const secret = 'a secret '.repeat(200);
      const state = { news: 'the same again '.repeat(200) };`,
    run: guides.compression,
  },
  'docs/compression.md: Clients whose compression is broken': { run: guides.brokenCompression },
  'docs/circuit-breaker.md: Circuit breaker': { given: PRICES, run: guides.circuitBreaker },
  'docs/limits.md: A strict profile': { run: guides.limits },
  'docs/deploying.md: The server drains': CLUSTER_EXAMPLE,
  'docs/deploying.md: The server drains (2)': CLUSTER_EXAMPLE,
  'docs/cluster.md: Setup': {
    given: `
      import { createRequire } from 'node:module';
      import { WebSocketServer } from 'hawser';
      import { redisEngine, type RedisClient } from 'hawser/cluster';
      const packages = createRequire(new URL('../../../../test/cluster/package.json', import.meta.url));
      const { Redis } = packages('ioredis') as { readonly Redis: new (url: string) => RedisClient };`,
    after: `
      const { relayed } = server.publish('room:7', 'The shop is open.');
      console.log(JSON.stringify(await relayed));`,
    run: topics.throughRedis,
  },
  'docs/cluster.md: NATS': {
    given: `
      import { createRequire } from 'node:module';
      import { WebSocketServer } from 'hawser';
      import { natsEngine, type NatsConnection } from 'hawser/cluster';
      const packages = createRequire(new URL('../../../../test/cluster/package.json', import.meta.url));
      const { connect } = packages('@nats-io/transport-node') as {
        readonly connect: (options: object) => Promise<NatsConnection>;
      };`,
    after: `
      const { relayed } = server.publish('room:7', 'The shop is open.');
      console.log(JSON.stringify(await relayed));`,
    run: topics.throughNats,
  },
  'docs/cluster.md: Calls to all servers': {
    given: `
      import { WebSocketServer } from 'hawser';
      const server = new WebSocketServer();`,
    after: `console.log(JSON.stringify(await server.cluster.stats()));`,
    run: topics.callsToAll,
  },
  'docs/topics.md: A server for clients that come back': { run: topics.returning },
  'docs/topics.md: Protocols of your own': {
    given: `
      import { pair } from 'hawser/testing';
      const { server: connection, webSocketServer: server, client } = await pair({ server: { history: { match: 'room:*' } } });
      await server.publish('room:7', 'missed').relayed;
      const { epoch } = await server.position('room:7');
      let seen = 0;
      client.on('message', (message) => console.log(message, ++seen === 3 ? client.close() ?? '' : ''));`,
    after: `
      client.send(JSON.stringify({ since: { epoch, offset: 0 } }));
      while (server.topics.size === 0) await new Promise((resolve) => setImmediate(resolve));
      await server.publish('room:7', 'live').relayed;
      await client.closed;
      await server.shutdown();`,
    run: topics.ownProtocol,
  },
  'docs/topics.md: Presence': {
    given: `import { WebSocketServer } from 'hawser';`,
    after: 'await server.listen(8080);',
    run: topics.presence,
  },
  'docs/topics.md: Requests': {
    given: `import { WebSocketServer } from 'hawser';
      const server = new WebSocketServer({ protocols: ['hawser.v1'] });`,
    after: 'await server.listen(8080);',
    run: topics.requests,
  },
  'docs/metrics.md: From nothing to a board in five minutes': { run: guides.metricsOfOwnPort },
  'docs/metrics.md: On the port of Express, Fastify or Node': { in: 'examples/express/server.js' },
  'docs/metrics.md: On the port of Express, Fastify or Node (2)': { in: 'examples/fastify/server.js' },
  'docs/metrics.md: On the port of Express, Fastify or Node (3)': { run: guides.metricsOfNode },
  'docs/metrics.md: In a registry of prom-client': { in: 'test/interop/prometheus.test.ts' },
  'docs/metrics.md: Several servers in one process': { run: guides.metricsOfSeveral },
  'docs/operations.md: Attached to an HTTP server': { run: guides.attached },
  'docs/windows-macos.md: Unix sockets and named pipes': {
    after: `
      import { connect } from 'hawser/client';
      const client = await connect(\`ws+unix:\${path}:/chat\`);
      console.log(client.state);
      await server.shutdown({ timeoutMs: 1 });`,
    run: guides.localSocket,
  },
  'docs/operations.md: Deploys and shutdown': { run: guides.shutdown },
  'docs/protocol.md: Extensions': {
    after: `
      client.text('again');
      const wire = Buffer.concat(client.take());
      wire[wire.length - 1]! ^= 1;
      server.receive(wire);
      console.log(server.next() === FACT.FAILURE, String(server.failure?.cause));`,
    run: guides.extensions,
  },
  'docs/proxies.md: Server configuration': { run: guides.behindProxy },
  'docs/proxies.md: PROXY protocol': { run: guides.proxyHeader },
  'docs/reconnecting.md: The reconnecting client': { given: FRESH_TOKEN, run: guides.reconnecting },
  'docs/reconnecting.md: Topics and requests': {
    given: `import { ReconnectingClient } from 'hawser/client';
      const url = 'wss://app.example/';`,
    after: 'client.close();',
    run: guides.topicsOfClient,
  },
  'docs/browser.md: In browsers': { given: BROWSER, run: guides.browserTopic },
  'docs/browser.md: Topics': {
    given: `import { ReconnectingClient } from 'hawser/browser'; ${BROWSER}
      const stored = new Map();
      const sessionStorage = { getItem: stored.get.bind(stored), setItem: stored.set.bind(stored) };
      const render = console.log;
      const client = new ReconnectingClient('wss://app.example/', { protocols: ['hawser.v1'] });
      client.on('close', () => console.log(JSON.parse(stored.get('position')).offset));`,
    run: guides.browserPosition,
  },
  'docs/reconnecting.md: When the client reconnects': {
    given: `import { ReconnectingClient } from 'hawser/client';
      const url = 'wss://feed.example/';`,
    after: `client.on('message', (message) => console.log(message));`,
    run: guides.ownCode,
  },
  'docs/recipes.md: Express, or any HTTP server of Node': { in: 'test/ws/frameworks/express.mjs' },
  'docs/recipes.md: Hono': { in: 'test/ws/frameworks/hono.mjs' },
  'docs/recipes.md: Nest': { in: 'test/ws/frameworks/nest.mjs' },
  'docs/recipes.md: crossws': { in: 'test/ws/frameworks/crossws.mjs' },
  'docs/recipes.md: y-websocket': { in: 'test/ws/frameworks/y-websocket.mjs' },
  'docs/recipes.md: Next.js, with a custom server': { in: 'test/ws/nextjs/nextjs.mjs' },
  'docs/ws.md: Your own code': { run: guides.movedFromWs },
  'docs/configuration.md: Changing options while the server runs': {
    given: `import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      import { join } from 'node:path';
      const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
      process.chdir(folder);
      const write = (maxConnections: number): void => writeFileSync('limits.json', JSON.stringify({ maxConnections }));
      write(10);`,
    after: `for (const places of [20, 0]) {
        write(places);
        process.emit('SIGHUP', 'SIGHUP');
      }
      await server.shutdown();
      process.removeAllListeners('SIGHUP');
      process.chdir(tmpdir());
      rmSync(folder, { recursive: true });`,
    run: guides.configured,
  },
  'docs/configuration.md: Certificates from files': {
    given: `import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      import { join } from 'node:path';
      import process from 'node:process';
      import { selfSigned } from 'hawser/testing';
      const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
      process.chdir(folder);
      const write = (): void => {
        const { cert, key } = selfSigned(['127.0.0.1'], Date.now());
        writeFileSync('tls.crt', cert);
        writeFileSync('tls.key', key);
      };
      write();`,
    after: `server.on('error', (error) => console.log(error.message.split(':', 1)[0]));
      writeFileSync('tls.crt', 'broken');
      await new Promise((resolve) => server.once('error', resolve));
      await server.shutdown();
      process.chdir(tmpdir());
      rmSync(folder, { recursive: true });`,
    run: guides.certificateFiles,
  },
  'docs/security.md: DNS rebinding': { run: guides.allowedHosts },
  'docs/conformance/README.md: From a program': { run: guides.suiteFromProgram },
  'docs/conformance/README.md: A client': { run: guides.browserLoop },
  'docs/conformance/README.md: Adding a case': { in: 'src/conform/cases/control.ts' },
  'docs/testing.md: Testing with `hawser/testing`': GUIDE_TO_TESTING,
  'docs/testing.md: Testing with `hawser/testing` (2)': GUIDE_TO_TESTING,
  'docs/testing.md: Time': GUIDE_TO_TESTING,
  'docs/tracing.md: Traces in Jaeger or Tempo (2)': TRACING_EXAMPLE,
  'docs/tracing.md: Traces in Jaeger or Tempo (4)': TRACING_EXAMPLE,
  'docs/tracing.md: The context in your code': TRACING_EXAMPLE,
  'docs/tracing.md: Clients': {
    given: `
      import { propagation as ofTheSdk } from '@opentelemetry/api';
      ofTheSdk.setGlobalPropagator({
        inject: (_, carrier, setter) => setter.set(carrier, 'traceparent', 'of the caller'),
        extract: (from) => from,
        fields: () => ['traceparent'],
      });`,
    after: 'connection.close(); await connection.closed;',
    run: guides.tracedClient,
  },
  'docs/workers.md: Processes': { in: 'examples/workers/processes.ts' },
  'docs/workers.md: Processes (2)': { in: 'examples/workers/server.ts' },
  'docs/workers.md: The admin port of all workers': { in: 'examples/workers/processes.ts' },
  'docs/workers.md: Threads': { in: 'examples/workers/threads.ts' },
  'docs/tracing.md: Channels for other tools': { run: guides.channels },
};
