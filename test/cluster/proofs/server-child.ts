import process from 'node:process';
import { redisEngine } from '../../../src/cluster/index.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { CLIENTS } from '../redis/clients.ts';
import type { ChildAnswer, ChildSettings } from './node-process.ts';

// One node: a server of hawser.v1 in a process of its own, until it is killed or its parent is gone.
const settings = JSON.parse(process.argv[2]!) as ChildSettings;
const say = (answer: ChildAnswer): void => void process.send!(answer);

const engine = redisEngine({
  client: CLIENTS[settings.client]!.client(settings.redisPort),
  ...settings.engine,
});
let reads = 0;
const read = engine.read.bind(engine);
engine.read = (...call) => {
  reads++;
  return read(...call);
};
const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  history: { match: '*', maxMessages: 10_000, ...settings.history },
  cluster: engine,
  authorizeSubscribe: () => true,
  authorizePublish: () => true,
});
let downs = 0;
let isUp = false;
const report = (): void => say({ reads, downs, isUp });
server.on('engineDown', () => {
  downs++;
  isUp = false;
  report();
});
server.on('engineUp', () => {
  isUp = true;
  report();
});
process.on('message', report);
process.on('disconnect', () => process.exit());
const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
say({ port });
