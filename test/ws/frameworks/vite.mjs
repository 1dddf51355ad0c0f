// Vite bundles ws for its own messages. Its proxy passes upgrades to a server of ours.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'vite';
import { WebSocket, WebSocketServer } from 'ws';

const backend = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(backend, 'listening');
backend.on('connection', (socket, request) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.send(request.url);
});
const vite = await createServer({
  configFile: false,
  logLevel: 'silent',
  root: import.meta.dirname,
  optimizeDeps: { noDiscovery: true },
  server: {
    host: '127.0.0.1',
    port: 0,
    watch: null,
    proxy: { '/live': { target: `ws://127.0.0.1:${backend.address().port}`, ws: true } },
  },
});
await vite.listen();
const client = new WebSocket(`ws://127.0.0.1:${vite.httpServer.address().port}/live?a=b`);
const [greeting] = await once(client, 'message');
assert.equal(greeting.toString(), '/live?a=b');
const large = Buffer.alloc(200_000, 'proxied');
client.send(large);
const [data, isBinary] = await once(client, 'message');
assert.ok(isBinary && large.equals(data));
client.close(4001, 'done');
const [code] = await once(client, 'close');
assert.equal(code, 4001);
await vite.close();
backend.close();
console.log('ok');
process.exit();
