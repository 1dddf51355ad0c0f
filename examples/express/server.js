// Hawser and Express on one port: Express answers requests, /metrics and /readyz among them, and Hawser accepts upgrades to /live.
//   npm ci --prefix examples/express && node examples/express/server.js
import process from 'node:process';
import express from 'express';
import { WebSocketServer } from 'hawser';
import { METRICS_TYPE, metricsText } from 'hawser/observe';

const app = express();
app.get('/', (_request, response) => response.send(`${sockets.connections.size} connected`));
app.get('/metrics', (_request, response) => response.type(METRICS_TYPE).send(metricsText(sockets)));
app.get('/readyz', (_request, response) => {
  const readiness = sockets.readiness(); // not ready while it is full or shuts down
  response.status(readiness.ready ? 200 : 503).json(readiness);
});
app.post('/news', express.text(), (request, response) => response.json(sockets.broadcast(request.body)));

const http = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${http.address().port}`);
});
http.headersTimeout = 10_000; // a slow client occupies a connection, and Node's default is a minute

const sockets = new WebSocketServer({ path: '/live', metrics: true }).attach(http);
sockets.on('message', (connection, message) => {
  connection.send(message);
});

const stop = async () => {
  await sockets.shutdown(); // closes the WebSocket connections; close the HTTP server yourself
  http.close();
};
process.once('SIGTERM', () => void stop());
