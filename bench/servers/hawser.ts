// Hawser in its own process, loaded from the bundled package. `--everything` switches on features that most servers use and
// benchmarks usually leave out. `--stream` uses Node's streams instead of handles,
// `--bytes` takes text as bytes. `--library=<file>` loads another build.
import { join } from 'node:path';
import process from 'node:process';
import { selfSigned } from '../../src/testing/index.ts';
import type * as hawser from '../../src/index.ts';
import { BENCH, versionOf } from '../sides.ts';
import { announce } from './announce.ts';

const LIBRARY = '--library=';
// A variable, so that the compiler does not resolve the name: it would look for the package in bench/, where it is not.
const name = process.argv.find((argument) => argument.startsWith(LIBRARY))?.slice(LIBRARY.length) ?? 'hawser';
const { WebSocketServer } = (await import(name)) as typeof hawser;

const everything = process.argv.includes('--everything');
const bytes = process.argv.includes('--bytes');
const TEXT: hawser.SendOptions = { binary: false };
const silent = (): void => undefined;
const EVERYTHING: hawser.ServerOptions = {
  rateLimit: { messagesPerSecond: 100_000_000, bytesPerSecond: 1_000_000_000, action: 'throttle' },
  idleTimeoutMs: 60_000,
  pingIntervalMs: 1_000,
  pongTimeoutMs: 900,
  maxConnectionsPerIp: 20_000,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
};
const options: hawser.ServerOptions = {
  maxConnections: 20_000,
  transport: process.argv.includes('--stream') ? 'stream' : 'auto',
  ...(bytes ? { textAs: 'buffer' } : {}),
  ...(everything ? EVERYTHING : {}),
};

/** Sends every message back, and stops reading from a client while the client does not read its answers. */
const serveEcho = (server: hawser.WebSocketServer): void =>
  void server.on('message', (connection, message, isText) =>
    connection.send(message, bytes && isText ? TEXT : undefined) || connection.state !== 'open'
      ? undefined
      : connection.drained().catch(() => undefined),
  );

/** Sends every message to all other connections. */
const serveRelay = (server: hawser.WebSocketServer): void =>
  void server.on('message', (connection, message) => {
    server.broadcast(message, { except: connection });
  });

async function listening(
  serve: (server: hawser.WebSocketServer) => void,
  more: hawser.ServerOptions = {},
): Promise<number> {
  const server = new WebSocketServer({ ...options, ...more });
  serve(server);
  server.on('error', silent);
  if (everything)
    server.on('connection', (connection) =>
      ['all', connection.id, 'news'].forEach((topic) => connection.subscribe(topic)),
    );
  return (await server.listen(0, '127.0.0.1')).port;
}

announce({
  version: versionOf(join(BENCH, '..')),
  ports: {
    echo: await listening(serveEcho),
    relay: await listening(serveRelay),
    deflateEcho: await listening(serveEcho, { perMessageDeflate: true }),
    deflateRelay: await listening(serveRelay, { perMessageDeflate: true }),
    tls: await listening(serveEcho, { tls: selfSigned(['127.0.0.1']) }),
  },
});
