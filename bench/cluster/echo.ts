// An echo server, with `cluster` if a port of Redis is given, and with no topic in use: node echo.js [port]
import process from 'node:process';
import type * as clusterModule from '../../src/cluster/index.ts';
import type * as hawserModule from '../../src/index.ts';
import { announce } from '../servers/announce.ts';
import { Redis } from './libraries.ts';

const [name, engines] = ['hawser', 'hawser/cluster'];
const { WebSocketServer } = (await import(name)) as typeof hawserModule;
const redisPort = process.argv[2];
let options: hawserModule.ServerOptions = {};
if (redisPort !== undefined) {
  const { redisEngine } = (await import(engines)) as typeof clusterModule;
  const client = new (Redis())({ port: Number(redisPort), host: '127.0.0.1', lazyConnect: true });
  options = { cluster: redisEngine({ client: client as never }) };
}
const server = new WebSocketServer(options);
server.on('message', (connection, message) => void connection.send(message));
const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
announce({ version: '', ports: { echo: port } });
