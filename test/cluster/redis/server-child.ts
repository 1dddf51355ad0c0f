import process from 'node:process';
import { redisEngine } from '../../../src/cluster/index.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { CLIENTS } from './clients.ts';

// A server of a cluster in a process of its own. Prints its node id once it is up.
const server = new WebSocketServer({
  name: 'child',
  cluster: redisEngine({ client: CLIENTS[0]!.client(Number(process.argv[2])) }),
});
server.on('engineUp', () => undefined);
await server.listen(0, '127.0.0.1');
process.stdout.write(`${server.cluster.nodeId}\n`);
