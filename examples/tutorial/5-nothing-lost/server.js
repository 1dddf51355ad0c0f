import { readFileSync } from 'node:fs';
import { WebSocketServer } from 'hawser';

const page = readFileSync(new URL('page.html', import.meta.url));
const client = readFileSync(new URL(import.meta.resolve('hawser/browser')));
let guests = 0;

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  history: { match: 'room' },
  presence: { match: 'room', graceMs: 1_000 },
  upgrade: ({ request }) => {
    const name = request.url.searchParams.get('name')?.slice(0, 20) || `guest ${++guests}`;
    return { data: { name } };
  },
  authorizeSubscribe: ({ data }, topic) => topic === 'room' && { presence: { key: data.name } },
  request: ({ url }) =>
    url.pathname === '/hawser.js'
      ? new Response(client, { headers: { 'content-type': 'text/javascript' } })
      : new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } }),
});

server.handle('say', async (connection, text) => {
  const message = JSON.stringify({ from: connection.data.name, text: String(text) });
  const result = await server.publish('room', message).relayed;
  if (!result.ok) throw result.error;
});

await server.listen(8080);
console.log('Open http://localhost:8080/?name=ann');
