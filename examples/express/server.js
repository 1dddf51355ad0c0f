// Hawser and Express on one port: Express answers requests, Hawser accepts upgrades to /live.
//   npm ci --prefix examples/express && node examples/express/server.js
import process from 'node:process';
import express from 'express';
import { WebSocketServer } from 'hawser';

const app = express();
app.get('/', (_request, response) => response.send(`${sockets.connections.size} connected`));
app.post('/news', express.text(), (request, response) => response.json(sockets.broadcast(request.body)));

const http = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${http.address().port}`);
});
http.headersTimeout = 10_000; // a slow client occupies a connection, and Node's default is a minute

const sockets = new WebSocketServer({ path: '/live' }).attach(http);
sockets.on('message', (connection, message) => {
  connection.send(message);
});

process.once('SIGTERM', async () => {
  await sockets.shutdown(); // closes the WebSocket connections; close the HTTP server yourself
  http.close();
});
