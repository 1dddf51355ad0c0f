// Hono on Node: upgradeWebSocket, with a middleware that sees the request.
/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions -- text arrives as a Buffer */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { serve, upgradeWebSocket } from '@hono/node-server';
import { Hono } from 'hono';
import { WebSocket, WebSocketServer } from 'ws';

const app = new Hono();
app.get(
  '/live/:room',
  upgradeWebSocket((context) => ({
    onMessage: (event, socket) => socket.send(`${context.req.param('room')}: ${event.data}`),
  })),
);
const wss = new WebSocketServer({ noServer: true });
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', websocket: { server: wss } });
if (!server.listening) await once(server, 'listening');
const client = new WebSocket(`ws://127.0.0.1:${server.address().port}/live/7`);
await once(client, 'open');
client.send('hello');
const [data] = await once(client, 'message');
assert.equal(data.toString(), '7: hello');
client.close(4000);
const [code] = await once(client, 'close');
assert.equal(code, 4000);
server.close();
console.log('ok');
