// The server of each worker. All workers share the history of a room, so a client may reconnect to any worker.
import cluster from 'node:cluster';
import process from 'node:process';
import { WebSocketServer } from 'hawser';
import { workerEngine } from 'hawser/cluster';

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  cluster: workerEngine(),
  history: { match: 'room:*' },
  presence: { match: 'room:*' },
  authorizeSubscribe: (_connection, topic) => topic.startsWith('room:') && { presence: {} },
  authorizePublish: (_connection, topic) => topic.startsWith('room:'),
});

const number = Number(process.env['HAWSER_WORKER']);
server.handle('worker', () => number);

// Processes share one port. Threads cannot, so each has one of its own: PORT + 1, PORT + 2 and so on.
const base = Number(process.env['PORT'] ?? 8080);
const { port } = await server.listen(cluster.isWorker || base === 0 ? base : base + number, '127.0.0.1');
console.log(`ws://127.0.0.1:${port}  worker ${number}`);
