// One of the compared servers, as a process of its own: `node server.js <hawser|ws>`. `/echo` sends every message back,
// `/fan-out` to everybody else; the runner asks for CPU time over IPC.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { WebSocketServer } from '../src/index.ts';
import type { ServerMessage } from './protocol.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const versionOf = (path: string): string =>
  (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version;
const tell = (message: ServerMessage): void => void process.send!(message);

async function hawser(): Promise<void> {
  const server = new WebSocketServer();
  const fanOut = new WeakSet<object>();
  server.on('connection', (connection, request) => {
    if (request.url.pathname === '/fan-out') fanOut.add(connection);
  });
  server.on('message', (connection, message) => {
    if (fanOut.has(connection)) server.broadcast(message, { except: connection });
    else connection.send(message);
  });
  const { port } = await server.listen(0, '127.0.0.1');
  tell({ type: 'listening', port, version: versionOf(join(BENCH, '..', 'package.json')) });
}

/** What is used of `ws`. */
interface WsSocket {
  send(data: Buffer, options: { readonly binary: boolean }): void;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: 'error', listener: () => void): void;
}
interface WsServer {
  readonly clients: ReadonlySet<WsSocket>;
  on(event: 'connection', listener: (socket: WsSocket, request: IncomingMessage) => void): void;
  on(event: 'listening', listener: () => void): void;
  address(): AddressInfo;
}
interface WsPackage {
  readonly WebSocketServer: new (options: {
    readonly port: number;
    readonly host: string;
    readonly perMessageDeflate: boolean;
  }) => WsServer;
}

function ws(): void {
  const load = createRequire(join(BENCH, 'package.json'));
  const { WebSocketServer: Server } = load('ws') as WsPackage;
  const server = new Server({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false,
  });
  server.on('connection', (socket, request) => {
    socket.on('error', () => undefined);
    if (request.url !== '/fan-out') {
      socket.on('message', (data, binary) => socket.send(data, { binary }));
      return;
    }
    socket.on('message', (data, binary) => {
      for (const client of server.clients) if (client !== socket) client.send(data, { binary });
    });
  });
  server.on('listening', () => {
    const version = versionOf(join(BENCH, 'node_modules', 'ws', 'package.json'));
    tell({ type: 'listening', port: server.address().port, version });
  });
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  tell({ type: 'usage', cpuMicros: user + system, rssBytes: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit());
if (process.argv[2] === 'ws') ws();
else await hawser();
