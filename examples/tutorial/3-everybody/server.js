import { readFileSync } from 'node:fs';
import { WebSocketServer } from 'hawser';

const page = readFileSync(new URL('page.html', import.meta.url));

const server = new WebSocketServer({
  request: () => new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } }),
});

server.on('connection', (connection) => {
  connection.subscribe('room');
});

server.on('message', (_connection, message) => {
  server.publish('room', message);
});

await server.listen(8080);
console.log('Open http://localhost:8080/');
