// The chat of ws/before.mjs, uwebsockets/before.mjs and bun/before.mjs on Hawser. Its clients see no difference.
import process from 'node:process';
import { refuse, WebSocketServer } from 'hawser';

const server = new WebSocketServer({
  path: '/chat',
  maxMessageBytes: 4_096,
  maxBufferedBytes: 1_000_000, // a slower client is closed with 1013
  endpoints: { health: '/health' },
  upgrade: ({ request }) => {
    const name = request.url.searchParams.get('name');
    return name === null ? refuse(401) : { data: { name } };
  },
});

server.on('message', (connection, data, isText) => {
  let message;
  try {
    if (!isText) throw new Error('text only');
    message = JSON.parse(data);
  } catch {
    connection.close(1008, 'not JSON');
    return;
  }
  const user = connection.data;
  if (typeof message.join === 'string') {
    user.room = `room:${message.join}`;
    connection.subscribe(user.room);
    connection.send(JSON.stringify({ joined: message.join }));
    connection.publish(user.room, JSON.stringify({ came: user.name }));
  } else if (typeof message.say === 'string' && user.room !== undefined) {
    connection.publish(user.room, JSON.stringify({ from: user.name, text: message.say }));
  }
});
server.on('close', ({ data: { name, room } }) => {
  if (room !== undefined) server.publish(room, JSON.stringify({ left: name }));
});

process.on('SIGTERM', () => void server.shutdown());
const { port } = await server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
console.log(`http://127.0.0.1:${port}`);
