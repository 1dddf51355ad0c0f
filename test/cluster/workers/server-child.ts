import process from 'node:process';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { reportToHub, workerEngine } from '../../../src/cluster/index.ts';
import { WebSocketServer } from '../../../src/index.ts';

/** A method of `server.cluster` that a client asks for. */
interface Call {
  readonly call: 'subscriberCount' | 'disconnect' | 'broadcast' | 'stats' | 'nodes';
  readonly args: unknown[];
}

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
server.handle('self', ({ id }) => ({
  worker: process.env['HAWSER_WORKER'],
  node: server.cluster.nodeId,
  id,
}));
server.handle('call', async (_connection, { call, args }: Call) => {
  const method = server.cluster[call] as (...args: unknown[]) => Promise<unknown>;
  return method.apply(server.cluster, args);
});
// The event loop stands still.
server.handle('block', () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
if (!isMainThread) {
  // Threads share no port.
  const channel = new BroadcastChannel('ports of threads');
  channel.unref();
  // oxlint-disable-next-line require-post-message-target-origin -- A channel has no origin.
  channel.postMessage(port);
}
