import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '../cluster/index.ts';
import type { Logger } from '../index.ts';
import { type CommandIo, UsageError } from './command.ts';
import { type Flag, type FlagValues, textOf } from './flags.ts';
import { installedOf, projectPackage } from './project-packages.ts';

/** Flags of `serve --topics` and `serve --chat` that join several servers. */
export const BROKER_FLAGS: readonly Flag[] = [
  {
    name: 'redis',
    value: '<url>',
    says: 'join all servers that name this Redis; histories are stored there, and survive a restart of the server',
  },
  {
    name: 'nats',
    value: '<url>',
    says: 'join all servers that name this NATS; it stores no messages, so --history and --chat need --redis',
  },
];

/** Client packages that would do, the first one first. */
const PACKAGES = {
  redis: ['ioredis', 'redis'],
  nats: ['@nats-io/transport-node', 'nats'],
} as const;

/** Delay between attempts to reach NATS for the first time. */
const CONNECT_AGAIN_MS = 1_000;

/** The engine of a command, and what ends its connection. */
export interface Broker {
  readonly engine: Engine;
  /** Call it after the server has shut down. Never rejects. */
  close(): Promise<void>;
}

/** Which broker a command was given. */
export interface BrokerAddress {
  readonly flag: 'redis' | 'nats';
  readonly url: URL;
}

/**
 * The address that `--redis` or `--nats` gives.
 * @throws UsageError for a wrong URL, or a flag that does not go with the others.
 */
export function brokerAddressOf(flags: FlagValues, mode: string): BrokerAddress | undefined {
  const [redis, nats] = [textOf(flags, 'redis'), textOf(flags, 'nats')];
  if (redis === undefined && nats === undefined) return undefined;
  if (redis !== undefined && nats !== undefined)
    throw new UsageError('--redis and --nats exclude each other: give one of them');
  const flag = redis === undefined ? 'nats' : 'redis';
  if (mode !== 'topics' && mode !== 'chat') throw new UsageError(`--${flag} needs --topics or --chat`);
  if (redis !== undefined) return { flag, url: urlOf(flag, redis, ['redis:', 'rediss:'], 6_379) };
  if (mode === 'chat' || flags.has('history'))
    throw new UsageError(
      `--nats does not go with --${mode === 'chat' ? 'chat' : 'history'}: NATS stores no messages; use --redis`,
    );
  const url = urlOf(flag, nats!, ['nats:', 'tls:'], 4_222);
  // It would be ignored; in a list of URLs, all but the first are a path.
  if (!/^\/?$/.test(url.pathname + url.search + url.hash))
    throw new UsageError('--nats must be the URL of one server, without a path: nats://127.0.0.1:4222');
  return { flag, url };
}

/**
 * The engine for a broker. Its client package is loaded from the project in the working directory.
 * @param logger Gets one line if NATS cannot be reached yet.
 * @throws CommandError for a missing package.
 */
export const brokerAt = (
  { flag, url }: BrokerAddress,
  { workingFolder: folder }: CommandIo,
  logger: Logger,
): Promise<Broker> => (flag === 'redis' ? redisBroker(url, folder) : natsBroker(url, folder, logger));

/**
 * Checks before workers start that they will find a client package. Loads nothing.
 * @throws CommandError for a missing package.
 */
export function checkClient({ flag }: BrokerAddress, { workingFolder }: CommandIo): void {
  installedOf(flag, workingFolder, PACKAGES[flag]);
}

/** @throws UsageError naming the flag, and a URL that is right. It does not repeat the URL, which may have a password. */
function urlOf(flag: string, given: string, schemes: readonly string[], port: number): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url !== undefined && schemes.includes(url.protocol) && url.hostname !== '') return url;
  throw new UsageError(
    `--${flag} must be a URL such as ${schemes[0]}//127.0.0.1:${port}, or one that begins with ${schemes[1]}`,
  );
}

interface RedisModule {
  createClient(options: object): object;
}

async function redisBroker({ href: url }: URL, folder: string): Promise<Broker> {
  const { name, module } = projectPackage('redis', folder, PACKAGES.redis);
  const { redisEngine } = await import('../cluster/index.ts');
  // Never connected: the engine opens connections of its own.
  const client =
    name === 'ioredis'
      ? new (module as new (url: string, options: object) => object)(url, { lazyConnect: true })
      : (module as RedisModule).createClient({ url });
  return { engine: redisEngine({ client: client as never }), close: () => Promise.resolve() };
}

interface NatsConnection {
  close(): Promise<void>;
}
interface NatsModule {
  connect(options: object): Promise<NatsConnection>;
}

async function natsBroker(url: URL, folder: string, logger: Logger): Promise<Broker> {
  const { module } = projectPackage('nats', folder, PACKAGES.nats);
  const { natsEngine } = await import('../cluster/index.ts');
  const ended = new AbortController();
  const connection = connected(module as NatsModule, natsOptions(url), logger, ended.signal);
  let open: NatsConnection | undefined;
  connection.then(
    (found) => {
      open = found;
    },
    () => undefined,
  );
  return {
    engine: natsEngine({ connection: connection as never }),
    close: async () => {
      ended.abort();
      await open?.close().catch(() => undefined);
    },
  };
}

function natsOptions({ protocol, host, hostname, port, username, password }: URL): object {
  const user = decodeURIComponent(username);
  return {
    name: 'hawser serve',
    servers: port === '' ? `${hostname}:4222` : host,
    // A name without a password is a token.
    ...(user === '' ? {} : password === '' ? { token: user } : { user, pass: decodeURIComponent(password) }),
    ...(protocol === 'tls:' ? { tls: {} } : {}),
    maxReconnectAttempts: -1,
  };
}

/** Connects, as often as needed. The packages can wait for the first connection, too, but cannot be told to stop. */
async function connected(
  nats: NatsModule,
  options: object,
  logger: Logger,
  ended: AbortSignal,
): Promise<NatsConnection> {
  for (let attempt = 0; ; attempt++) {
    try {
      const connection = await nats.connect(options);
      if (!ended.aborted) return connection;
      await connection.close();
    } catch (error) {
      if (attempt === 0 && !ended.aborted)
        logger.warn({ err: error }, 'NATS cannot be reached; the server runs without it and tries again');
    }
    await delay(CONNECT_AGAIN_MS, undefined, { signal: ended, ref: false });
  }
}
