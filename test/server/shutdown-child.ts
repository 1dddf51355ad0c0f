import { Buffer } from 'node:buffer';
import process from 'node:process';
import { WebSocketServer } from '../../src/index.ts';
import { duplexPair } from '../../src/testing/index.ts';
import { upgradeRequest } from './live.ts';

// A process that has nothing but a shutdown, on the real clock: its one connection runs through memory, and its peer is silent.
const server = new WebSocketServer();
await server.handleUpgrade(upgradeRequest(), duplexPair().server, Buffer.alloc(0));
const { closed, forced } = await server.shutdown(
  JSON.parse(process.argv[2] ?? '{}') as Record<string, number>,
);
process.stdout.write(`${closed} closed, ${forced} forced`);
