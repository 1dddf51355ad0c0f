// Next.js in development behind a custom server: one path belongs to a server of ws, other upgrades to Next.js.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';
import next from 'next';
import { WebSocket, WebSocketServer } from 'ws';

process.env.NEXT_TELEMETRY_DISABLED = '1';
// Next.js reports what it compiles.
process.stdout.write = () => true;
const app = next({ dev: true, dir: import.meta.dirname });
const handle = app.getRequestHandler();
await app.prepare();
const handleUpgrade = app.getUpgradeHandler();
const wss = new WebSocketServer({ noServer: true });
const http = createServer((request, response) => void handle(request, response));
http.on('upgrade', (request, socket, head) => {
  if (request.url === '/chat')
    wss.handleUpgrade(request, socket, head, (webSocket) => wss.emit('connection', webSocket, request));
  else void handleUpgrade(request, socket, head);
});
wss.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const address = `127.0.0.1:${http.address().port}`;
assert.match(await (await fetch(`http://${address}/`)).text(), /a page of Next\.js/);
const client = new WebSocket(`ws://${address}/chat`);
await once(client, 'open');
client.send('hello');
assert.equal(String((await once(client, 'message'))[0]), 'echo hello');
// Pages reload through this one. It is Next.js's own, and has to be left alone.
const reloads = new WebSocket(`ws://${address}/_next/hmr?id=test`, { origin: `http://${address}` });
assert.ok(JSON.parse(String((await once(reloads, 'message'))[0])).type);
assert.equal(wss.clients.size, 1);
writeSync(1, 'ok\n');
// The compiler of Next.js goes on after `app.close()`.
process.exit();
