import process from 'node:process';
import { reportToHub, workerEngine } from '../../../src/cluster/index.ts';
import { WebSocketServer } from '../../../src/index.ts';

// A server in a worker. `fail` as its argument: the script fails at its start.
if (process.argv[2] === 'fail') throw new Error('the script says so');
const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  // With `report`, the server is on its own, as one with another engine.
  ...(process.argv[2] === 'report' ? {} : { cluster: workerEngine() }),
  history: { match: '*', maxMessages: 5_000 },
  presence: { match: '*' },
  authorizeSubscribe: () => ({ presence: {} }),
  authorizePublish: () => true,
});
server.handle('who', () => process.env['HAWSER_WORKER']!);
if (process.argv[2] === 'report') reportToHub(server);
await server.listen({ port: 0, host: '127.0.0.1' });
