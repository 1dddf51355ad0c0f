// Express and a server of ws on one port: the session of a request decides over the upgrade.
/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions -- text arrives as a Buffer */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import express from 'express';
import { WebSocket, WebSocketServer } from 'ws';

const app = express();
app.get('/', (_request, response) => response.send(`${wss.clients.size} connected`));
const http = app.listen(0, '127.0.0.1');
await once(http, 'listening');
const wss = new WebSocketServer({ noServer: true });
http.on('upgrade', (request, socket, head) => {
  if (request.headers.cookie !== 'user=ada') {
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    return;
  }
  wss.handleUpgrade(request, socket, head, (webSocket) => wss.emit('connection', webSocket, request));
});
wss.on('connection', (socket) =>
  socket.on('message', (data) => socket.send(`ada: ${data.toString('utf8')}`)),
);
const address = `127.0.0.1:${http.address().port}`;
const refused = new WebSocket(`ws://${address}`);
const [error] = await once(refused, 'error');
assert.match(error.message, /401/);
const client = new WebSocket(`ws://${address}`, { headers: { cookie: 'user=ada' } });
await once(client, 'open');
client.send('hello');
assert.equal((await once(client, 'message'))[0].toString(), 'ada: hello');
assert.equal(await (await fetch(`http://${address}/`)).text(), '1 connected');
client.close();
await once(client, 'close');
http.close();
http.closeAllConnections();
console.log('ok');
