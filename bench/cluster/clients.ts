// The subscribers of one server, in their own process: node clients.js '{"protocol":"hawser.v1","port":1,"topics":[…]}'. It follows each
// topic with one connection, prints a line when all are subscribed, and answers each line with the number of messages received.
import process from 'node:process';
import { createInterface } from 'node:readline';
import { connect } from '../../src/index.ts';
import { socketIoClient } from './libraries.ts';

export interface ClientsSettings {
  readonly protocol: 'hawser.v1' | 'socket.io';
  readonly port: number;
  readonly topics: readonly string[];
}

const { protocol, port, topics } = JSON.parse(process.argv[2]!) as ClientsSettings;
let received = 0;

async function follow(topic: string): Promise<void> {
  if (protocol === 'socket.io') {
    const client = socketIoClient()(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
    });
    client.on('message', () => received++);
    await client.emitWithAck('join', topic);
    return;
  }
  const connection = await connect(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
  connection.on('close', ({ code }) => {
    throw new Error(`the server closed a connection with ${code}`);
  });
  await new Promise<void>((resolve) => {
    connection.on('message', (message) => {
      const frame = JSON.parse(String(message)) as { readonly op: string };
      if (frame.op === 'message') received++;
      else if (frame.op === 'ok') resolve();
      else if (frame.op !== 'hello') throw new Error(`a client got ${String(message)}`);
    });
    connection.send(JSON.stringify({ op: 'subscribe', id: 1, topic }));
  });
}

await Promise.all(topics.map(follow));
const lines = createInterface({ input: process.stdin });
lines.on('line', () => void process.stdout.write(`${JSON.stringify({ received })}\n`));
lines.on('close', () => process.exit());
process.stdout.write('{"ready":true}\n');
