import type { WebSocketServer } from '../server/websocket-server.ts';

/** Sends every message back to where it came from. Who does not take the answers is not read any further. */
export function serveEcho(server: WebSocketServer): void {
  // `drained` rejects when the connection ends first: then there is nobody to wait for.
  server.on('message', (connection, message) =>
    connection.send(message) || connection.state !== 'open'
      ? undefined
      : connection.drained().catch(() => undefined),
  );
}

/** Sends every message to all other connections. */
export function serveRelay(server: WebSocketServer): void {
  server.on('message', (connection, message) => {
    server.broadcast(message, { except: connection });
  });
}
