import type { TestContext } from 'node:test';
import type { WebSocket } from '../../../src/client/index.ts';
import { type Connection, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { atEnd } from '../live.ts';

export interface Served {
  readonly url: string;
  readonly server: WebSocketServer;
  /** The server's end of the connection that was made last. */
  readonly peer: () => Connection;
}

/** An echo server. */
export async function serving(t: TestContext, options: ServerOptions = {}): Promise<Served> {
  const server = new WebSocketServer({ protocols: ['b', 'a'], ...options });
  let last: Connection | undefined;
  server.on('connection', (connection) => void (last = connection));
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  const scheme = options.tls === undefined ? 'ws' : 'wss';
  return { server, url: `${scheme}://127.0.0.1:${port}/chat?a=b`, peer: () => last! };
}

type Log = unknown[][];

/** Logs the events of a socket as an application can see them. */
export function logged(socket: WebSocket): Log {
  const log: Log = [];
  socket.addEventListener('open', () => log.push(['open', socket.readyState]));
  socket.addEventListener('message', ({ data, origin }) => {
    const shown = typeof data === 'string' ? data : data.constructor.name;
    log.push(['message', socket.readyState, shown, origin === new URL(socket.url).origin]);
  });
  socket.addEventListener('error', ({ type, target }) =>
    log.push(['error', socket.readyState, type, target === socket]),
  );
  socket.addEventListener('close', ({ code, reason, wasClean }) =>
    log.push(['close', socket.readyState, code, reason, wasClean]),
  );
  return log;
}

export const ended = (socket: WebSocket): Promise<unknown> => waitUntil(() => socket.readyState === 3);
