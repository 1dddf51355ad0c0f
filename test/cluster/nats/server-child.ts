import process from 'node:process';
import { natsEngine } from '../../../src/cluster/index.ts';
import { connect, WebSocketServer } from '../../../src/index.ts';
import { CLIENTS } from './clients.ts';

// A server with one member of `room`, until it is killed. Prints its node id.
const server = new WebSocketServer({
  presence: { match: 'room' },
  cluster: natsEngine({ connection: CLIENTS[0]!.connect(process.argv[2]!) }),
});
server.on('connection', (connection) => void connection.enter('room', { key: 'of the child' }));
const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
await connect(`ws://127.0.0.1:${port}/`);
process.stdout.write(`${server.cluster.nodeId}\n`);
