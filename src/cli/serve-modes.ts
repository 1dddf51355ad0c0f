import type { WebSocketServer } from '../index.ts';

/** Sends every message back to its sender. Stops reading from a client while the client does not read its answers. */
export function serveEcho(server: WebSocketServer): void {
  // `drained` rejects if the connection ends first: no more data can be sent.
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
