// One of several nodes of a service: topics with history that all nodes share through Redis. Nodes are replaced one after the
// other, and clients miss no message. SIGTERM drains a node: /readyz answers 503, so the balancer sends no new clients; then the
// node closes its connections in waves with 1012; then the process exits. Compose, Kubernetes and a test run this program.
import process from 'node:process';
import { createClient } from 'redis';
import { WebSocketServer } from 'hawser';
import { redisEngine } from 'hawser/cluster';

const {
  HOST = '127.0.0.1',
  PORT = '8080',
  REDIS_URL = 'redis://127.0.0.1:6379',
  TRUST_PROXY = '127.0.0.1', // addresses or ranges of the balancer, separated by commas
  READY_DELAY_MS = '5000', // longer than the balancer needs to notice
  DRAIN_MS = '20000',
} = process.env;
const isRoom = (topic) => /^room:\w{1,32}$/.test(topic);

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  endpoints: { health: '/healthz', ready: '/readyz', metrics: '/metrics' },
  trustProxy: TRUST_PROXY.split(','),
  cluster: redisEngine({ client: createClient({ url: REDIS_URL }) }),
  requireEngine: true, // without Redis this node is not ready
  // Longer than a deploy keeps a client away, at the busiest rate of a room.
  history: { match: 'room:*', maxMessages: 5_000, ttlMs: 600_000 },
  authorizeSubscribe: (_connection, topic) => isRoom(topic),
  authorizePublish: (_connection, topic, message) => isRoom(topic) && message.length <= 500,
});
server.on('engineDown', (error) => console.error(`Redis is away: ${error.message}`));
server.on('engineUp', ({ downMs }) => console.error(`Redis is back after ${downMs} ms`));
server.on('error', (error) => console.error(error.message));

async function drain() {
  const { closed, forced } = await server.shutdown({
    code: 1012,
    reason: 'deploy',
    readyDelayMs: Number(READY_DELAY_MS),
    timeoutMs: Number(DRAIN_MS),
  });
  console.log(`drained: ${closed} closed, ${forced} cut`);
}
process.once('SIGTERM', () => void drain());
const { port } = await server.listen(Number(PORT), HOST);
console.log(`ws://127.0.0.1:${port}`);
