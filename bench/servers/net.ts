// An upper bound, not a WebSocket server: after the handshake it echoes every byte unchanged. It costs only what Node's sockets
// cost, and no WebSocket server can do less.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import process from 'node:process';
import { renderUpgrade } from '../../src/protocol/index.ts';
import { announce } from './announce.ts';

const KEY = /^Sec-WebSocket-Key: (\S+)\r$/m;

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.once('data', (head: Buffer) => {
    const key = KEY.exec(head.toString('latin1'))?.[1] ?? '';
    socket.write(renderUpgrade({ key, protocol: '', extensions: '' }), 'latin1');
    socket.on('data', (chunk: Buffer) => void socket.write(chunk));
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
announce({ version: process.versions.node, ports: { echo: (server.address() as AddressInfo).port } });
