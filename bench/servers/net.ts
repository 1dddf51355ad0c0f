// A limit, not a server: the handshake, and then every byte goes back as it came. What Node's own sockets cost, nothing is
// left out that a WebSocket server could leave out.
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
