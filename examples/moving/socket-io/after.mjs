// The chat of before.mjs on Hawser. A message is JSON: { event, args, id? }; the answer to an id is { reply: id, args }.
import process from 'node:process';
import { refuse, WebSocketServer } from 'hawser';

const server = new WebSocketServer({
  maxMessageBytes: 4_096,
  upgrade: ({ request }) => {
    const name = request.headers['x-name'] ?? request.url.searchParams.get('name');
    return name === null ? refuse(401) : { data: { name } };
  },
});
const message = (event, ...args) => JSON.stringify({ event, args });

const events = {
  join: (connection, room) => {
    const { data } = connection;
    data.room = `room:${room}`;
    connection.subscribe(data.room);
    connection.publish(data.room, message('came', data.name));
    return room;
  },
  say: (connection, text) => {
    const { name, room } = connection.data;
    if (room === undefined) return 'join a room first';
    connection.publish(room, message('said', name, text));
    return null;
  },
};

server.on('message', (connection, text) => {
  let call;
  try {
    call = JSON.parse(text);
  } catch {
    connection.close(1008, 'not JSON');
    return;
  }
  const { event, args, id } = call;
  if (!Object.hasOwn(events, event) || !Array.isArray(args)) connection.close(1008, 'unknown event');
  else connection.send(JSON.stringify({ reply: id, args: [events[event](connection, ...args)] }));
});
server.on('close', ({ data: { name, room } }) => {
  if (room !== undefined) server.publish(room, message('left', name));
});

process.on('SIGTERM', () => void server.shutdown());
const { port } = await server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
console.log(`http://127.0.0.1:${port}`);
