// The same chat on uWebSockets.js.
import process from 'node:process';
import uWS from 'uWebSockets.js';

const app = uWS.App();
const clients = new Set();
let listening;

app.ws('/chat', {
  maxPayloadLength: 4_096,
  maxBackpressure: 1_000_000,
  closeOnBackpressureLimit: true,
  idleTimeout: 60,
  sendPingsAutomatically: true,
  upgrade: (response, request, context) => {
    const name = request.getQuery('name');
    const origin = request.getHeader('origin');
    if (origin !== '' && new URL(origin).host !== request.getHeader('host')) {
      response.writeStatus('403 Forbidden').end();
    } else if (!name) response.writeStatus('401 Unauthorized').end();
    else {
      response.upgrade(
        { name },
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    }
  },
  open: (ws) => void clients.add(ws),
  message: (ws, data, isBinary) => {
    let message;
    try {
      if (isBinary) throw new Error('text only');
      message = JSON.parse(Buffer.from(data).toString());
    } catch {
      ws.end(1008, 'not JSON');
      return;
    }
    const user = ws.getUserData();
    if (typeof message.join === 'string') {
      user.room = message.join;
      ws.subscribe(`room:${user.room}`);
      ws.send(JSON.stringify({ joined: user.room }));
      ws.publish(`room:${user.room}`, JSON.stringify({ came: user.name }));
    } else if (typeof message.say === 'string' && user.room !== undefined) {
      ws.publish(`room:${user.room}`, JSON.stringify({ from: user.name, text: message.say }));
    }
  },
  close: (ws) => {
    clients.delete(ws);
    const { name, room } = ws.getUserData();
    if (room !== undefined) app.publish(`room:${room}`, JSON.stringify({ left: name }));
  },
});
app.get('/health', (response) => void response.end());
app.listen('127.0.0.1', Number(process.env.PORT ?? 8080), (socket) => {
  listening = socket;
  console.log(`http://127.0.0.1:${uWS.us_socket_local_port(socket)}`);
});
process.on('SIGTERM', () => {
  uWS.us_listen_socket_close(listening);
  for (const ws of clients) ws.end(1001);
});
