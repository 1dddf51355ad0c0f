// A small chat: it announces guests who come or leave, and sends lines to all other guests.
import { type ServerOptions, WebSocketServer } from 'hawser';

export interface Guest {
  readonly name: string;
}

/** @param options Options that a test overrides, such as the clock. */
export function chatServer(options?: ServerOptions<Guest>): WebSocketServer<Guest> {
  const server = new WebSocketServer<Guest>({
    upgrade: ({ request }) => ({ data: { name: request.url.searchParams.get('name') ?? 'somebody' } }),
    ...options,
  });
  server.on('connection', (connection) => {
    connection.publish('chat', `${connection.data.name} came`);
    connection.subscribe('chat');
  });
  server.on('message', (connection, line) => {
    connection.publish('chat', `${connection.data.name}: ${String(line)}`);
  });
  server.on('close', ({ data }, { cause }) => {
    server.publish('chat', cause === 'ping-timeout' ? `${data.name} is lost` : `${data.name} left`);
  });
  return server;
}
