// Sends every message to all clients except its sender.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const server = new WebSocketServer();
server.on('message', (connection, message) => {
  server.broadcast(message, { except: connection });
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
