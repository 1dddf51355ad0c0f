import process from 'node:process';
import { WebSocketServer } from '../../../src/index.ts';

// Listens on the Unix socket that it is told, until it is killed.
await new WebSocketServer().listen({ path: process.argv[2]! });
process.send?.('listening');
