// The rooms of before.mjs on Hawser: REDIS_URL=redis://… node after.mjs
import process from 'node:process';
import { createClient } from 'redis';
import { WebSocketServer } from 'hawser';
import { redisEngine } from 'hawser/cluster';

const isRoom = (topic) => topic.startsWith('room:');
const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  cluster: redisEngine({ client: createClient({ url: process.env.REDIS_URL }) }),
  history: { match: 'room:*' },
  presence: { match: 'room:*' },
  authorizeSubscribe: (_connection, topic) => isRoom(topic) && { presence: {} },
  authorizePublish: (_connection, topic) => isRoom(topic),
});
process.on('SIGTERM', () => void server.shutdown());
const { port } = await server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
