// The same chat on Bun.serve.
import process from 'node:process';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT ?? 8080),
  fetch: (request, self) => {
    const url = new URL(request.url);
    if (url.pathname === '/health') return new Response();
    const name = url.searchParams.get('name');
    const origin = request.headers.get('origin');
    if (origin !== null && new URL(origin).host !== url.host) return new Response(null, { status: 403 });
    if (url.pathname !== '/chat' || name === null) return new Response(null, { status: 401 });
    return self.upgrade(request, { data: { name } }) ? undefined : new Response(null, { status: 400 });
  },
  websocket: {
    maxPayloadLength: 4_096,
    backpressureLimit: 1_000_000,
    closeOnBackpressureLimit: true,
    idleTimeout: 60,
    sendPings: true,
    message: (ws, data) => {
      let message;
      try {
        message = JSON.parse(typeof data === 'string' ? data : '');
      } catch {
        ws.close(1008, 'not JSON');
        return;
      }
      const user = ws.data;
      if (typeof message.join === 'string') {
        user.room = message.join;
        ws.subscribe(`room:${user.room}`);
        ws.send(JSON.stringify({ joined: user.room }));
        ws.publish(`room:${user.room}`, JSON.stringify({ came: user.name }));
      } else if (typeof message.say === 'string' && user.room !== undefined) {
        ws.publish(`room:${user.room}`, JSON.stringify({ from: user.name, text: message.say }));
      }
    },
    close: ({ data: { name, room } }) => {
      if (room !== undefined) server.publish(`room:${room}`, JSON.stringify({ left: name }));
    },
  },
});
console.log(`http://127.0.0.1:${server.port}`);
process.on('SIGTERM', () => void server.stop(true));
