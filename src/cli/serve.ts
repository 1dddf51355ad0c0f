import type { AddressInfo } from 'node:net';
import { jsonLine } from './json.ts';
import {
  DEFAULT_SERVER_OPTIONS,
  type Logger,
  MisuseError,
  type ServerOptions,
  type TlsCredentials,
  type WebSocketServer,
} from '../index.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { BROKER_FLAGS, type Broker, brokerAddressOf, brokerAt, checkClient } from './broker-flags.ts';
import { textOfFile } from './files.ts';
import { type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from './flags.ts';
import { helpText } from './help.ts';
import { selfSigned } from '../testing/index.ts';
import { printEvents } from './serve-events.ts';
import { MODE_FLAGS, type Mode, modeOf, serverFor } from './serve-modes.ts';
import { logClients, withoutCloses } from './serve-verbose.ts';
import { SERVER_FLAGS, serverOptionsOf, WATCH_FLAGS } from './server-flags.ts';
import { terminalLog } from './terminal-log.ts';
import { serveWorkers } from './workers/serve-workers.ts';
import { ServeWorker } from './workers/serve-worker.ts';
import { WORKER_FLAGS, workerCountOf } from './workers/worker-flags.ts';
import { refuseTopicFlags, TOPIC_FLAGS, topicSettingsOf } from './topics/topic-flags.ts';

const WHERE_FLAGS: readonly Flag[] = [
  { name: 'port', short: 'p', value: '<n>', says: 'port to listen on; 0 takes a free port', default: '8080' },
  {
    name: 'host',
    value: '<address>',
    says: 'address to listen on; 0.0.0.0 or :: accepts connections from other machines',
    default: '127.0.0.1',
  },
];
const TLS_FLAGS: readonly Flag[] = [
  {
    name: 'tls-cert',
    value: '<file>',
    says: 'PEM file of the certificate chain; SIGHUP reads both files again',
  },
  { name: 'tls-key', value: '<file>', says: 'PEM file of its private key' },
  {
    name: 'tls-self-signed',
    says: 'generate a certificate for this machine at the start; clients must trust it explicitly',
  },
];
const OTHER_FLAGS: readonly Flag[] = [
  {
    name: 'shutdown-timeout-ms',
    value: '<ms>',
    says: 'time limit for clients to close after the first SIGINT or SIGTERM',
    default: '10,000',
  },
  { name: 'json', says: 'print every event as a line of JSON' },
  {
    name: 'verbose',
    short: 'v',
    says: 'log each client that connects, subscribes and leaves, with the reason',
  },
  { name: 'debug', says: 'also log ordinary closes, refused plain requests and error stacks' },
  { name: 'help', short: 'h', says: 'print this help' },
];
const FLAGS: readonly Flag[] = [
  ...MODE_FLAGS,
  ...TOPIC_FLAGS,
  ...BROKER_FLAGS,
  ...WHERE_FLAGS,
  ...WORKER_FLAGS,
  ...TLS_FLAGS,
  ...WATCH_FLAGS,
  ...SERVER_FLAGS,
  ...OTHER_FLAGS,
];

/** Addresses that only this machine can reach, and their names in a Host header. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

const help = (): string =>
  helpText(
    'hawser serve [--echo | --relay | --chat | --topics] [flags]',
    [
      'Runs a WebSocket server. When it is ready it prints one line with its URL. SIGINT or SIGTERM closes',
      'every connection with a closing handshake; a second signal ends the process at once. Log lines go',
      'to standard error: as text on a terminal, as JSON otherwise.',
    ],
    [
      { title: 'Mode', flags: MODE_FLAGS },
      { title: 'Topics (with --topics; what is not allowed is refused)', flags: TOPIC_FLAGS },
      { title: 'Several servers (with --topics or --chat)', flags: BROKER_FLAGS },
      { title: 'Address', flags: WHERE_FLAGS },
      { title: 'Processes', flags: WORKER_FLAGS },
      { title: 'TLS', flags: TLS_FLAGS },
      { title: 'Monitoring', flags: WATCH_FLAGS },
      { title: 'Server options', flags: SERVER_FLAGS },
      { title: 'Other', flags: OTHER_FLAGS },
    ],
    [
      { command: 'hawser serve', says: 'echo on ws://127.0.0.1:8080/, with a playground at http://…' },
      {
        command: 'hawser serve --relay --verbose',
        says: 'log each client that connects, and why it disconnects',
      },
      { command: 'hawser serve --chat --port 3000', says: 'chat on http://127.0.0.1:3000/' },
      { command: 'hawser serve --relay --host 0.0.0.0', says: 'a relay that other machines can reach' },
      {
        command: 'hawser serve --allowed-origin https://a.example --allowed-origin https://b.example',
        says: 'accept pages of two sites',
      },
      {
        command: 'hawser serve --metrics',
        says: 'with /metrics, /healthz and /readyz for Prometheus and Kubernetes',
      },
      { command: 'hawser serve --admin-port 9090', says: 'with a live page on http://127.0.0.1:9090/' },
      { command: 'hawser serve --chat --tls-self-signed', says: 'chat on https://127.0.0.1:8080/' },
      {
        command: 'hawser serve --rate-limit 100 --max-connections 500',
        says: 'limit the message rate and the connections',
      },
      {
        command: "hawser serve --topics --allow-subscribe 'news:*' --history 'news:*' --publish-token s3cret",
        says: 'a push server: curl publishes, browsers subscribe, and nothing is lost between',
      },
      {
        command:
          "hawser serve --topics --allow-subscribe 'room:*' --allow-publish 'room:*' --presence 'room:*'",
        says: 'clients publish themselves, and see who is there',
      },
      {
        command: "hawser serve --topics --allow-subscribe 'news:*' --workers 4",
        says: 'a push server on four cores, in processes that share topics',
      },
      {
        command: 'hawser serve --chat --redis redis://127.0.0.1:6379',
        says: 'a chat of several servers that loses nothing when one is restarted (npm install ioredis)',
      },
      {
        command: 'hawser serve --chat --allowed-host chat.example --allowed-origin https://chat.example',
        says: 'behind a proxy that forwards the Host header',
      },
    ],
  );

/** The address as the host of a URL; `localhost` for 0.0.0.0 and ::. */
function urlHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return family === 'IPv6' ? `[${address}]` : address;
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; choose another with --port, or a free one with --port 0',
  EACCES: 'this process may not use the port; choose a port from 1024 up with --port',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  ENOTFOUND: 'the host name cannot be resolved',
};

/** The flags are already checked. A certificate that does not match its key fails here. */
function serverOf(make: () => WebSocketServer): WebSocketServer {
  try {
    return make();
  } catch (error) {
    if (error instanceof MisuseError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** @returns The URL of the admin page, without the token; `undefined` without the flag. */
async function openAdmin(
  open: () => Promise<AddressInfo>,
  { admin }: ServerOptions,
): Promise<string | undefined> {
  if (admin === undefined || admin === false) return undefined;
  try {
    const address = await open();
    return `http://${urlHost(address)}:${address.port}/`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = LISTEN_ERRORS[code]?.replaceAll('--port', '--admin-port') ?? String(error);
    throw new CommandError(`cannot open the admin port ${admin.port}: ${why}`, { cause: error });
  }
}

async function listen(server: WebSocketServer, port: number, host: string): Promise<AddressInfo> {
  try {
    return await server.listen({ port, host });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = LISTEN_ERRORS[code] ?? (error instanceof Error ? error.message : String(error));
    throw new CommandError(`cannot listen on ${host} port ${port}: ${why}`, { cause: error });
  }
}

async function run(args: readonly string[], givenIo: CommandIo): Promise<number> {
  const worker = await ServeWorker.of(givenIo);
  try {
    return await runIn(worker, args, worker?.io ?? givenIo);
  } catch (error) {
    // It would stay alive.
    worker?.leave();
    throw error;
  }
}

async function runIn(
  worker: ServeWorker | undefined,
  args: readonly string[],
  io: CommandIo,
): Promise<number> {
  const { flags } = parseFlags(args, FLAGS, 0);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const mode = modeOf(flags);
  const logger = loggerFor(io, flags);
  const address = brokerAddressOf(flags, mode);
  const workers = worker === undefined ? workerCountOf(flags) : undefined;
  // Each worker connects by itself, the primary does not.
  if (address !== undefined && workers !== undefined) checkClient(address, io);
  let broker: Broker | undefined;
  try {
    if (address !== undefined && workers === undefined) broker = await brokerAt(address, io, logger);
    await runServer({ args, flags, mode, io, logger, broker, worker, workers });
  } finally {
    await broker?.close();
  }
  return EXIT.DONE;
}

/** What {@link runIn} has found out before a server is made. */
interface Serving {
  readonly args: readonly string[];
  readonly flags: FlagValues;
  readonly mode: Mode;
  readonly io: CommandIo;
  readonly logger: Logger;
  readonly broker: Broker | undefined;
  /** `undefined` if this process is no worker. */
  readonly worker: ServeWorker | undefined;
  /** Number of workers that this process starts. */
  readonly workers: number | undefined;
}

async function runServer(serving: Serving): Promise<void> {
  const { args, flags, mode, io, logger, broker, worker, workers } = serving;
  const port = wholeNumberOf(flags, 'port', 8080, 0, 65_535);
  const timeoutMs = wholeNumberOf(flags, 'shutdown-timeout-ms', 10_000, 1, 2 ** 31 - 1);
  const host = textOf(flags, 'host') ?? '127.0.0.1';
  const credentials = credentialsOf(flags, host);
  const topics = mode === 'topics' ? topicSettingsOf(flags, (name) => io.variable(name)) : undefined;
  if (topics === undefined) refuseTopicFlags(flags);
  const options: ServerOptions = {
    ...(LOOPBACK.has(host) ? { allowedHosts: [...LOOPBACK_HOSTS] } : {}),
    ...serverOptionsOf(flags),
    ...(credentials === undefined ? {} : { tls: credentials }),
    ...(broker === undefined ? {} : { cluster: broker.engine }),
    logger,
  };
  const log = flags.has('verbose') ? logger : undefined;
  // With workers it only checks the options; each worker has its own.
  const server = serverOf(() => serverFor(mode, worker?.optionsOf(options) ?? options, topics, log));
  const announce = (address: AddressInfo, adminUrl: string | undefined, more: object): void => {
    const authority = `${urlHost(address)}:${address.port}`;
    const s = credentials === undefined ? '' : 's';
    const pageUrl = `http${s}://${authority}/`;
    const url = mode === 'chat' ? pageUrl : `ws${s}://${authority}${socketPath}`;
    if (flags.has('json')) {
      const admin = adminUrl === undefined ? {} : { adminUrl };
      io.out(jsonLine({ event: 'listening', time: new Date().toISOString(), mode, url, ...admin, ...more }));
    } else if (mode === 'chat') io.out(`Hawser chat is listening on ${url}`);
    else if (mode === 'topics')
      io.out(
        `Hawser topics is listening on ${url} and takes POST ${pageUrl}topics/<topic>, with a playground at ${pageUrl}`,
      );
    else io.out(`Hawser ${mode} is listening on ${url} with a playground at ${pageUrl}`);
  };
  const socketPath = typeof options.path === 'string' ? options.path : '/';
  if (workers !== undefined) {
    await serveWorkers(io, {
      count: workers,
      args,
      options,
      timeoutMs,
      isJson: flags.has('json'),
      logger,
      announce: (address, adminUrl) => announce(address, adminUrl, { workers }),
      openAdmin: (open) => openAdmin(open, options),
    });
    return;
  }
  if (broker !== undefined) worker?.report(server);
  // The logger reports errors; without a listener the event would be unhandled.
  server.on('error', () => undefined);
  if (flags.has('json')) printEvents(server, io);
  if (flags.has('verbose')) logClients(server, logger, DEFAULT_SERVER_OPTIONS.clock);

  // Installed before the URL is printed and until the server has closed: without a listener SIGHUP ends the process.
  const stopRenewing = io.onHangUp(() => renew(server, flags, host, logger));
  let adminUrl: string | undefined;
  try {
    if (worker === undefined) adminUrl = await openAdmin(() => server.listenAdmin(), options);
    const address = await listen(server, port, host);
    if (worker === undefined) announce(address, adminUrl, {});
  } catch (error) {
    // Connections of its engine would keep the process alive.
    if (broker !== undefined) await server.shutdown({ timeoutMs });
    throw error;
  }
  if (adminUrl !== undefined && !flags.has('json')) io.out(`The admin page is on ${adminUrl}`);

  await interruption(io.interrupted, server);
  // Clear the line: the terminal has just echoed ^C there.
  io.status('');
  if (!flags.has('json')) sayProgress(server, io);
  const report = await server.shutdown({ timeoutMs });
  stopRenewing();
  if (flags.has('json')) io.out(jsonLine({ event: 'shutdown', time: new Date().toISOString(), ...report }));
  if (io.interrupted.aborted) worker?.leave();
}

/** @throws UsageError for flags that contradict each other; CommandError for files that cannot be read. */
function credentialsOf(flags: FlagValues, host: string): TlsCredentials | undefined {
  const [certFile, keyFile] = [textOf(flags, 'tls-cert'), textOf(flags, 'tls-key')];
  if (certFile !== undefined && keyFile !== undefined) {
    if (flags.has('tls-self-signed'))
      throw new UsageError('--tls-self-signed and --tls-cert exclude each other: give one of them');
    return { cert: textOfFile('--tls-cert', certFile), key: textOfFile('--tls-key', keyFile) };
  }
  if (certFile !== undefined || keyFile !== undefined) {
    throw new UsageError('--tls-cert and --tls-key go together: one of them is missing');
  }
  if (!flags.has('tls-self-signed')) return undefined;
  const names = new Set([
    'localhost',
    '127.0.0.1',
    '::1',
    ...(/^(?:0\.0\.0\.0|::)$/.test(host) ? [] : [host]),
  ]);
  return selfSigned([...names]);
}

/** Reads the certificate files again. Keeps the old certificate if the new one is invalid. */
function renew(server: WebSocketServer, flags: FlagValues, host: string, logger: Logger): void {
  try {
    const credentials = credentialsOf(flags, host);
    if (credentials === undefined) return;
    server.reloadTls(credentials);
    logger.info({}, 'certificate renewed');
  } catch (error) {
    logger.error({ err: error }, 'certificate not renewed, the server keeps the old one');
  }
}

function loggerFor(io: CommandIo, flags: FlagValues): Logger {
  const all = terminalLog(io, DEFAULT_SERVER_OPTIONS.clock, flags.has('debug'));
  const log = flags.has('verbose') ? withoutCloses(all) : all;
  if (!io.errIsTerminal) return log;
  return {
    ...log,
    info: (fields, text) => {
      // At a terminal the line with the URL already says this.
      if (text !== 'listening') log.info(fields, text);
    },
  };
}

/** Reports the progress of a shutdown on a terminal. */
function sayProgress(server: WebSocketServer, io: CommandIo): void {
  if (!io.errIsTerminal) return;
  server.on('shutdownProgress', ({ open, closed, forced }) => {
    if (open > 0) io.err(`closing: ${open} of ${open + closed} connections left`);
    else if (forced > 0) io.err(`aborted ${forced} connections that did not close`);
    else io.err(`connections closed: ${closed}`);
  });
}

/** Until a signal comes, or the primary has shut the server of a worker down. */
function interruption(signal: AbortSignal, server: WebSocketServer): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
    server.once('closed', () => resolve());
  });
}

export const serve: Command = Object.freeze({
  name: 'serve',
  summary: 'run a server: echo, relay, topics, or chat with a page',
  help,
  run,
});
