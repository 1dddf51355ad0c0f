// The `ws` package in its own process, used as its documentation shows. Compression is on only for compressed endpoints.
// WS_NO_BUFFER_UTIL decides whether it uses bufferutil. With `--text` the handler decodes text. With `--hawser` the same
// program runs on `hawser/ws`, loaded from the bundled package.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { selfSigned } from '../../src/testing/index.ts';
import { BENCH, versionOf } from '../sides.ts';
import { announce } from './announce.ts';

/** The members of `ws` that are used here. */
interface WsSocket {
  send(data: Buffer | string, options: { readonly binary: boolean }): void;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: 'error', listener: () => void): void;
}
interface WsServer {
  readonly clients: ReadonlySet<WsSocket>;
  on(event: 'connection', listener: (socket: WsSocket) => void): void;
}
interface WsPackage {
  readonly WebSocketServer: new (options: {
    readonly server: ReturnType<typeof createServer>;
    readonly perMessageDeflate: false | typeof DEFLATE;
  }) => WsServer;
}

const isHawser = process.argv.includes('--hawser');
// A variable, so that the compiler does not resolve the name: it would look for the package in bench/, where it is not.
const name: string = 'hawser/ws';
const { WebSocketServer } = (
  isHawser ? await import(name) : createRequire(join(BENCH, 'package.json'))('ws')
) as WsPackage;

type Serve = (socket: WsSocket, clients: ReadonlySet<WsSocket>) => void;

const echo: Serve = process.argv.includes('--text')
  ? (socket) =>
      socket.on('message', (data, binary) => socket.send(binary ? data : data.toString(), { binary }))
  : (socket) => socket.on('message', (data, binary) => socket.send(data, { binary }));
const relay: Serve = (socket, clients) =>
  socket.on('message', (data, binary) => {
    for (const client of clients) if (client !== socket) client.send(data, { binary });
  });

/** The defaults of Hawser: no context takeover, the same level, the same threshold. */
const DEFLATE = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  zlibDeflateOptions: { level: 3, memLevel: 8 },
  threshold: 1_024,
};

async function listening(serve: Serve, http = createServer(), deflate = false): Promise<number> {
  const server = new WebSocketServer({ server: http, perMessageDeflate: deflate && DEFLATE });
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    serve(socket, server.clients);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}

announce({
  version: versionOf(isHawser ? join(BENCH, '..') : join(BENCH, 'node_modules', 'ws')),
  ports: {
    echo: await listening(echo),
    relay: await listening(relay),
    deflateEcho: await listening(echo, createServer(), true),
    deflateRelay: await listening(relay, createServer(), true),
    tls: await listening(echo, createTlsServer(selfSigned(['127.0.0.1']))),
  },
});
