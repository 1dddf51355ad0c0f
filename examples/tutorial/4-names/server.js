import { readFileSync } from 'node:fs';
import { WebSocketServer } from 'hawser';

const page = readFileSync(new URL('page.html', import.meta.url));
let guests = 0;

const server = new WebSocketServer({
  presence: { match: 'room', graceMs: 1_000 },
  upgrade: ({ request }) => {
    const name = request.url.searchParams.get('name')?.slice(0, 20) || `guest ${++guests}`;
    return { data: { name } };
  },
  request: () => new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } }),
});

async function tellWhoIsHere() {
  const { members = [] } = await server.presence('room');
  server.publish('room', JSON.stringify({ here: members.map(({ key }) => key) }));
}

server.on('connection', async (connection) => {
  connection.subscribe('room');
  connection.enter('room', { key: connection.data.name });
  await tellWhoIsHere();
});

server.watch('room');
server.on('join', tellWhoIsHere);
server.on('leave', tellWhoIsHere);

server.on('message', (connection, message) => {
  server.publish('room', JSON.stringify({ from: connection.data.name, text: String(message) }));
});

await server.listen(8080);
console.log('Open http://localhost:8080/?name=ann');
