// y-websocket: two documents in one room of @y/websocket-server, one over ws, one over the browser's class of hawser/client.
/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions -- text arrives as a Buffer */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { setupWSConnection } from '@y/websocket-server/utils';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { WebSocket as BrowserWebSocket } from '../../../build/package/client.js';

const http = createServer();
const wss = new WebSocketServer({ server: http });
wss.on('connection', (socket, request) => setupWSConnection(socket, request));
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const url = `ws://127.0.0.1:${http.address().port}`;
const providers = [WebSocket, BrowserWebSocket].map(
  (WebSocketPolyfill) =>
    new WebsocketProvider(url, 'room', new Y.Doc(), { WebSocketPolyfill, disableBc: true }),
);
await Promise.all(providers.map((provider) => new Promise((resolve) => provider.once('sync', resolve))));
const [one, other] = providers.map(({ doc }) => doc.getText('t'));
one.insert(0, 'hello');
while (other.toString() !== 'hello') await new Promise(setImmediate);
other.insert(5, ' back');
while (one.toString() !== 'hello back') await new Promise(setImmediate);
assert.equal(wss.clients.size, 2);
for (const provider of providers) provider.destroy();
for (const socket of wss.clients) await once(socket, 'close');
http.close();
console.log('ok');
process.exit();
