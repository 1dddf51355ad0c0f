// An echo server with a library for Node: `hawser`, `ws`, `faye-websocket` or `websocket`. Prints its port.
import { createServer } from 'node:http';
import process from 'node:process';

const [name] = process.argv.slice(2);
const shown = (/** @type {any} */ address) => process.stdout.write(`${address.port}\n`);

if (name === 'hawser') {
  const { WebSocketServer } = await import('../../build/src/index.js');
  const server = new WebSocketServer({ allowedOrigins: '*', perMessageDeflate: true });
  server.on('message', (connection, message) => connection.send(message));
  shown(await server.listen(0, '127.0.0.1'));
} else {
  const http = createServer((_, response) => response.writeHead(404).end());
  if (name === 'ws') {
    const { WebSocketServer } = await import('ws');
    const server = new WebSocketServer({ server: http, perMessageDeflate: true });
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
  } else if (name === 'faye-websocket') {
    const { default: WebSocket } = await import('faye-websocket');
    http.on('upgrade', (request, socket, head) => {
      if (!WebSocket.isWebSocket(request)) return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      const peer = new WebSocket(request, socket, head);
      peer.on('message', ({ data }) => peer.send(data));
      return undefined;
    });
  } else if (name === 'websocket') {
    const { default: websocket } = await import('websocket');
    const server = new websocket.server({ httpServer: http, autoAcceptConnections: false });
    server.on('request', (request) => {
      const peer = request.accept(null, request.origin);
      peer.on('message', (message) => {
        if (message.type === 'utf8') peer.sendUTF(message.utf8Data);
        else peer.sendBytes(message.binaryData);
      });
    });
  } else throw new Error(`unknown server '${name}'`);
  http.listen(0, '127.0.0.1', () => shown(http.address()));
}
