// A small chat: whoever comes or leaves is announced, lines go to all others.
import { type ServerOptions, WebSocketServer } from 'hawser';

export interface Guest {
  readonly name: string;
}

/** @param options What a test wants otherwise: its clock, for example. */
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
