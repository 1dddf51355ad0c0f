// @fastify/websocket: routes, a client of the package, injectWS without a socket, and close.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import websocket from '@fastify/websocket';
import Fastify from 'fastify';
import { WebSocket } from 'ws';

const app = Fastify();
await app.register(websocket);
app.get('/echo', { websocket: true }, (socket, request) => {
  socket.on('message', (data) => socket.send(Buffer.concat([Buffer.from(`${request.query.name}: `), data])));
});
app.get('/plain', () => 'page');
await app.ready();
const injected = await app.injectWS('/echo?name=injected');
injected.send('hello');
assert.equal(String((await once(injected, 'message'))[0]), 'injected: hello');
injected.terminate();
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address();
const client = new WebSocket(`ws://127.0.0.1:${port}/echo?name=client`);
await once(client, 'open');
client.send('hello');
assert.equal(String((await once(client, 'message'))[0]), 'client: hello');
assert.equal(await (await fetch(`http://127.0.0.1:${port}/plain`)).text(), 'page');
const closed = once(client, 'close');
await app.close();
assert.equal((await closed)[0], 1005);
console.log('ok');
