import type { AddressInfo } from 'node:net';
import { jsonLine } from './json.ts';
import {
  DEFAULT_SERVER_OPTIONS,
  type Logger,
  MisuseError,
  type ServerOptions,
  type WebSocketServer,
} from '../index.ts';
import { type Command, CommandError, type CommandIo, EXIT } from './command.ts';
import { type Broker, brokerAddressOf, brokerAt, checkClient } from './broker-flags.ts';
import { Reload } from './config/reload.ts';
import { printedConfig, readServeOptions, type ServeOptions } from './config/serve-config.ts';
import { type FlagValues, parseFlags, textOf, wholeNumberOf } from './flags.ts';
import { FLAGS, help } from './serve-help.ts';
import { credentialsOf, renew } from './serve-tls.ts';
import { printEvents } from './serve-events.ts';
import { type Mode, modeOf, serverFor } from './serve-modes.ts';
import { logClients, withoutCloses } from './serve-verbose.ts';
import { terminalLog } from './terminal-log.ts';
import { serveWorkers } from './workers/serve-workers.ts';
import { ServeWorker } from './workers/serve-worker.ts';
import { refuseForWorkers, workerCountOf } from './workers/worker-flags.ts';
import { refuseTopicFlags, topicSettingsOf } from './topics/topic-flags.ts';

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
  const workers = worker === undefined ? workerCountOf(flags) : undefined;
  if (flags.has('print-config')) {
    const config = readServeOptions(flags, mode, io);
    if (workers !== undefined) refuseForWorkers(config.settings);
    io.out(printedConfig(config));
    return EXIT.DONE;
  }
  const logger = loggerFor(io, flags);
  const address = brokerAddressOf(flags, mode);
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
  const read = (): ServeOptions => readServeOptions(flags, mode, io);
  const config = read();
  const { port, host } = config;
  if (workers !== undefined) refuseForWorkers(config.settings);
  const timeoutMs = wholeNumberOf(flags, 'shutdown-timeout-ms', 10_000, 1, 2 ** 31 - 1);
  const credentials = credentialsOf(flags, host);
  const topics = mode === 'topics' ? topicSettingsOf(flags, (name) => io.variable(name)) : undefined;
  if (topics === undefined) refuseTopicFlags(flags);
  const options: ServerOptions = {
    ...config.options,
    ...(credentials === undefined ? {} : { tls: credentials }),
    ...(broker === undefined ? {} : { cluster: broker.engine }),
    logger,
  };
  const log = flags.has('verbose') ? logger : undefined;
  // With workers it only checks the options; each worker has its own.
  const server = serverOf(() => serverFor(mode, worker?.optionsOf(options) ?? options, topics, log));
  const announce = (address: AddressInfo, adminUrl: string | undefined, more: object): void => {
    const authority = `${urlHost(address)}:${address.port}`;
    const s = options.tls === undefined ? '' : 's';
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
  worker?.record(server, options);
  // The logger reports errors; without a listener the event would be unhandled.
  server.on('error', () => undefined);
  if (flags.has('json')) printEvents(server, io);
  if (flags.has('verbose')) logClients(server, logger, DEFAULT_SERVER_OPTIONS.clock);

  // Installed before the URL is printed and until the server has closed: without a listener SIGHUP ends the process.
  const file = textOf(flags, 'config');
  const reload = file === undefined ? undefined : new Reload(file, mode, logger, config, read);
  const stopRenewing = io.onHangUp(() => {
    renew(server, flags, host, config.options, logger);
    reload?.apply(server);
  });
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
