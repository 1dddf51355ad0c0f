// A chat on the package ws: rooms, a heartbeat, a limit for slow clients and a shutdown, all by hand.
import { createServer } from 'node:http';
import process from 'node:process';
import { WebSocket, WebSocketServer } from 'ws';

const rooms = new Map();
const http = createServer((request, response) => {
  response.writeHead(request.url === '/health' ? 200 : 404).end();
});
const server = new WebSocketServer({ noServer: true, maxPayload: 4_096 });

http.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://localhost');
  const name = url.searchParams.get('name');
  const { origin, host } = request.headers;
  if (origin !== undefined && new URL(origin).host !== host) {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  } else if (url.pathname !== '/chat' || name === null) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  } else {
    server.handleUpgrade(request, socket, head, (client) => {
      client.name = name;
      server.emit('connection', client, request);
    });
  }
});

function tell(client, message) {
  const text = JSON.stringify(message);
  for (const other of rooms.get(client.room) ?? []) {
    if (other === client || other.readyState !== WebSocket.OPEN) continue;
    if (other.bufferedAmount > 1_000_000) other.terminate();
    else other.send(text);
  }
}

server.on('connection', (client) => {
  client.isAlive = true;
  client.on('pong', () => (client.isAlive = true));
  client.on('error', () => {}); // without a listener, a bad frame ends the process
  client.on('message', (data, isBinary) => {
    let message;
    try {
      if (isBinary) throw new Error('text only');
      message = JSON.parse(data.toString());
    } catch {
      client.close(1008, 'not JSON');
      return;
    }
    if (typeof message.join === 'string') {
      client.room = message.join;
      if (!rooms.has(client.room)) rooms.set(client.room, new Set());
      rooms.get(client.room).add(client);
      client.send(JSON.stringify({ joined: client.room }));
      tell(client, { came: client.name });
    } else if (typeof message.say === 'string') tell(client, { from: client.name, text: message.say });
  });
  client.on('close', () => {
    const room = rooms.get(client.room);
    room?.delete(client);
    if (room?.size === 0) rooms.delete(client.room);
    tell(client, { left: client.name });
  });
});

const heartbeat = setInterval(() => {
  for (const client of server.clients) {
    if (!client.isAlive) client.terminate();
    client.isAlive = false;
    client.ping();
  }
}, 30_000);

process.on('SIGTERM', () => {
  clearInterval(heartbeat);
  http.close();
  for (const client of server.clients) client.close(1001);
  setTimeout(() => {
    for (const client of server.clients) client.terminate();
  }, 10_000).unref();
});
http.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${http.address().port}`);
});
