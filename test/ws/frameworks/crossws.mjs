// crossws: its adapter for Node with this server, a different permessage-deflate per request, and drain.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import crossws from 'crossws/adapters/node';
import { WebSocket, WebSocketServer } from 'ws';

const wss = new WebSocketServer({ noServer: true });
const adapter = crossws({
  wss,
  hooks: {
    upgrade: () => ({ headers: { 'x-answer': 'crossws' } }),
    open: (peer) => peer.subscribe('room'),
    message: (peer, message) => {
      peer.send(`echo ${message.text()}`);
      peer.publish('room', 'told');
    },
  },
});
const http = createServer();
http.on('upgrade', (request, socket, head) => void adapter.handleUpgrade(request, socket, head));
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const url = `ws://127.0.0.1:${http.address().port}`;
const listener = new WebSocket(url);
await once(listener, 'open');
const client = new WebSocket(url);
const [[response]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')]);
assert.equal(response.headers['x-answer'], 'crossws');
const told = once(listener, 'message');
const answered = once(client, 'message');
client.send('hello');
assert.equal((await answered)[0].toString(), 'echo hello');
assert.equal((await told)[0].toString(), 'told');
for (const socket of [listener, client]) {
  socket.close();
  await once(socket, 'close');
}
http.close();
console.log('ok');
