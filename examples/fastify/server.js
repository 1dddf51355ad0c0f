// Hawser and Fastify on one port: Fastify answers requests, /metrics and /readyz among them, and Hawser accepts upgrades to /live.
//   npm ci --prefix examples/fastify && node examples/fastify/server.js
import process from 'node:process';
import fastify from 'fastify';
import { WebSocketServer } from 'hawser';
import { METRICS_TYPE, metricsText } from 'hawser/observe';

const app = fastify();
const sockets = new WebSocketServer({ path: '/live', metrics: true }).attach(app.server);
sockets.on('message', (connection, message) => {
  connection.send(message);
});

app.get('/metrics', (_request, reply) => reply.type(METRICS_TYPE).send(metricsText(sockets)));
app.get('/readyz', (_request, reply) => {
  const readiness = sockets.readiness(); // not ready while it is full or shuts down
  return reply.code(readiness.ready ? 200 : 503).send(readiness);
});
app.get('/', () => `${sockets.connections.size} connected`);

console.log(await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' }));

const stop = async () => {
  await sockets.shutdown(); // closes the WebSocket connections; close Fastify yourself
  await app.close();
};
process.once('SIGTERM', () => void stop());
