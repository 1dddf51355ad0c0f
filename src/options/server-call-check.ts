import { Buffer } from 'node:buffer';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  refuseArgument,
  refuseSurplus,
  SIGNAL,
  type ValueRule,
  wholeNumber,
} from './call-check.ts';
import { AUDIENCE_RULES, MEMBERS } from './call-options.ts';
import { MisuseError } from '../protocol/errors.ts';

/** Where to listen. */
export interface ListenOptions {
  /** 0 chooses a free port. A string of digits is accepted, since environment variables are strings. Default 8080. */
  readonly port?: number | string | undefined;
  /** Default: all addresses of the machine. */
  readonly host?: string | undefined;
  /**
   * A Unix socket, or a named pipe on Windows, instead of `port` and `host`. `listen` replaces a socket file of a
   * killed process, which refuses connections.
   */
  readonly path?: string | undefined;
  /** Number of connections that the system queues until the server accepts them. Default: the server's option `backlog`. */
  readonly backlog?: number | undefined;
  /** Aborting stops listening; connections stay open. If it is aborted before the server listens, `listen` rejects. */
  readonly signal?: AbortSignal | undefined;
}

const MAX_MS = 2 ** 31 - 1;

const TEXT: ValueRule = { fits: (value) => typeof value === 'string', allowed: 'a string' };
const PATH: ValueRule = {
  fits: (value) => typeof value === 'string' && /^\/[^?#\s]*$/.test(value),
  allowed: "a path that begins with '/' and has no query",
};
const HOST: ValueRule = {
  fits: (value) => typeof value === 'string' && value !== '' && !/[\s\0/]/.test(value),
  allowed: "a host such as '127.0.0.1' or 'localhost'",
};
const SOCKET_PATH: ValueRule = {
  fits: (value) => typeof value === 'string' && value !== '',
  allowed: 'the path of a Unix socket',
};
const PORT: ValueRule = {
  fits: (value) => portOf(value) !== undefined,
  allowed: 'a whole number from 0 to 65535',
};
const LISTEN_OPTIONS = callOptions({
  port: PORT,
  host: HOST,
  path: SOCKET_PATH,
  backlog: wholeNumber(1, 65_535),
  signal: SIGNAL,
});
const ATTACH_OPTIONS = callOptions({ path: PATH });
const BROADCAST_OPTIONS = callOptions({ to: MEMBERS, ...AUDIENCE_RULES });
const SHUTDOWN_OPTIONS = callOptions({
  timeoutMs: wholeNumber(1, MAX_MS),
  code: { fits: (value) => typeof value === 'number', allowed: 'a close code such as 1001 or 1012' },
  reason: TEXT,
  readyDelayMs: wholeNumber(0, MAX_MS),
  batchSize: wholeNumber(1, MAX_MS),
  batchIntervalMs: wholeNumber(0, MAX_MS),
  signal: SIGNAL,
});
const CREDENTIALS = callOptions(
  Object.fromEntries(
    ['key', 'cert', 'ca', 'pfx', 'passphrase', 'crl'].map((name) => [
      name,
      { fits: () => true, allowed: '' },
    ]),
  ),
);

const NO_RECEIPT = 'connection.drained() says when a connection has room again';

/** A port as a number; environment variables hold it as text. `undefined` for anything that is no port. */
function portOf(value: unknown): number | undefined {
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535
    ? (port as number)
    : undefined;
}

/**
 * Reads the arguments of `listen`.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function readListenArguments(given: ArrayLike<unknown>): ListenOptions {
  const call = 'server.listen';
  const [where, host] = [given[0], given[1]];
  if (typeof where === 'object') {
    checkCount(call, given, 1, 'host is an option, too: listen({ port, host })');
    checkCallOptions(call, where, LISTEN_OPTIONS);
    const options = (where ?? refuseArgument(call, 'port', where, PORT.allowed)) as ListenOptions;
    if (options.path !== undefined && (options.port !== undefined || options.host !== undefined)) {
      throw new MisuseError(
        'ERR_OPTION',
        `${call} takes path, or port and host, not both (path is '${options.path}')`,
      );
    }
    return options.port === undefined ? options : { ...options, port: portOf(options.port) };
  }
  const instead = 'await server.listen(port)';
  for (const each of [where, host]) if (typeof each === 'function') refuseSurplus(call, each, instead);
  checkCount(call, given, 2, instead);
  if (typeof where === 'string' && where.includes('/'))
    refuseArgument(
      call,
      'port',
      where,
      `${PORT.allowed}; a Unix socket is listen({ path: '/run/app.sock' })`,
    );
  if (where !== undefined) checkArgument(call, 'port', where, PORT);
  if (host !== undefined) checkArgument(call, 'host', host, HOST);
  return { port: portOf(where), host: host as string | undefined };
}

/**
 * Checks the arguments of `attach`.
 * @throws MisuseError `ERR_ARGUMENT` for anything except an HTTP server. An application of a framework is not an HTTP
 *   server.
 */
export function checkAttachArguments(given: ArrayLike<unknown>): void {
  const call = 'server.attach';
  const [server, options] = [given[0], given[1]];
  checkHttpServer(call, server);
  checkCount(call, given, 2);
  if (typeof options === 'string')
    refuseArgument(
      call,
      'options',
      options,
      `an object: attach(server, { path: ${JSON.stringify(options)} })`,
    );
  checkCallOptions(call, options, ATTACH_OPTIONS, 'it is done when attach returns');
}

/** @throws MisuseError `ERR_ARGUMENT` for anything except an HTTP server. */
function checkHttpServer(call: string, server: unknown): asserts server is HttpServer {
  const has = (name: string): boolean => {
    const holds = (typeof server === 'object' && server !== null) || typeof server === 'function';
    return holds && name in server;
  };
  if (typeof server === 'object' && ['on', 'off', 'listeners', 'address', 'close'].every(has)) return;
  const fix = has('getHttpServer')
    ? 'app.getHttpServer()'
    : has('callback')
      ? 'createServer(app.callback())'
      : typeof server === 'object' && has('server')
        ? 'app.server'
        : 'createServer(app)';
  refuseArgument(call, 'server', server, `an HTTP server of Node: ${call}(${fix})`);
}

/** @throws MisuseError `ERR_ARGUMENT` for anything except an HTTP server. */
export function checkDetachArguments(given: ArrayLike<unknown>): void {
  checkHttpServer('server.detach', given[0]);
  checkCount('server.detach', given, 1);
}

/** @throws MisuseError `ERR_ARGUMENT`. */
export function checkUpgradeArguments(given: ArrayLike<unknown>): void {
  const call = 'server.handleUpgrade';
  const [request, socket, head] = [given[0] as IncomingMessage | undefined, given[1], given[2]];
  if (typeof request !== 'object' || request === null || !Array.isArray(request.rawHeaders))
    refuseArgument(call, 'request', request, "the request of an 'upgrade' event");
  const isStream =
    typeof socket === 'object' &&
    socket !== null &&
    ['write', 'pause', 'resume', 'destroy', 'on'].every(
      (name) => typeof Reflect.get(socket, name) === 'function',
    );
  if (!isStream) refuseArgument(call, 'socket', socket, "the socket of an 'upgrade' event");
  if (!Buffer.isBuffer(head)) refuseArgument(call, 'head', head, "the Buffer of an 'upgrade' event");
  checkCount(call, given, 3, 'await server.handleUpgrade(request, socket, head), which gives the connection');
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkShutdownArguments(given: ArrayLike<unknown>): void {
  const instead = 'await server.shutdown()';
  checkCount('server.shutdown', given, 1, instead);
  checkCallOptions('server.shutdown', given[0], SHUTDOWN_OPTIONS, instead);
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkCredentials(given: ArrayLike<unknown>): void {
  checkCount('server.reloadTls', given, 1);
  if (given[0] === undefined)
    refuseArgument('server.reloadTls', 'credentials', undefined, 'an object with key and cert');
  checkCallOptions('server.reloadTls', given[0], CREDENTIALS);
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function checkBroadcastOptions(options: unknown, surplus: unknown): void {
  if (surplus !== undefined) refuseSurplus('server.broadcast', surplus, NO_RECEIPT);
  checkCallOptions('server.broadcast', options, BROADCAST_OPTIONS, NO_RECEIPT);
}
