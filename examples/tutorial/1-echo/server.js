import { WebSocketServer } from 'hawser';

const server = new WebSocketServer();

server.on('message', (connection, message) => {
  connection.send(message);
});

await server.listen(8080);
console.log('Listening on ws://localhost:8080');
