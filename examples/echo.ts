// Sends every message back.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const server = new WebSocketServer();
server.on('message', (connection, message) => {
  connection.send(message);
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
