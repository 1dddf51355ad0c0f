// A chat whose rooms keep their last messages: reload the page, or cut the network for a while, and nothing is missing.
// Rooms are topics with history and presence, and the page talks to them with `hawser/browser`.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'hawser';

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Chat with history</title>
<link rel="icon" href="data:,">
<p id="status">connecting</p>
<form><input name="text" placeholder="Say something" autofocus autocomplete="off"><button>Send</button></form>
<ul></ul>
<script type="module">
  import { ReconnectingClient } from './hawser.js';

  const show = (text) => {
    const line = document.createElement('li');
    line.textContent = text; // never innerHTML: other users wrote it
    document.querySelector('ul').append(line);
  };
  const status = document.querySelector('#status');
  const client = new ReconnectingClient(location.href.replace(/^http/, 'ws'), { protocols: ['hawser.v1'] });
  // No history has this epoch, so the server sends all that it has. Later the client continues by itself.
  const room = client.topic('room:harbour', { since: { epoch: 'none', offset: 0 }, presence: true });
  const count = async () => { status.textContent = (await room.presence()).count + ' here'; };
  room.on('message', show);
  room.on('lost', count);
  room.on('recovered', count);
  room.on('join', count);
  room.on('leave', count);
  client.on('down', () => { status.textContent = 'connecting'; });
  document.forms[0].onsubmit = async (event) => {
    event.preventDefault();
    const { text } = event.target.elements;
    const said = text.value;
    text.value = '';
    await room.publish(said); // resolves when the message is in the history
    show(said); // the server does not send it back
  };
</script>`;

const files = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: PAGE }],
  [
    '/hawser.js',
    {
      type: 'text/javascript',
      body: readFileSync(fileURLToPath(import.meta.resolve('hawser/browser')), 'utf8'),
    },
  ],
]);
const isRoom = (topic: string): boolean => /^room:\w{1,32}$/.test(topic);

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  history: { match: 'room:*', maxMessages: 50, ttlMs: 3_600_000 },
  presence: { match: 'room:*' },
  authorizeSubscribe: (_connection, topic) => isRoom(topic) && { presence: {} },
  authorizePublish: (_connection, topic, message) =>
    isRoom(topic) && typeof message === 'string' && message.length <= 500,
  rateLimit: { messagesPerSecond: 5, action: 'throttle' },
  request: ({ url }) => {
    const file = files.get(url.pathname);
    if (file === undefined) return new Response(null, { status: 404 });
    return new Response(file.body, { headers: { 'content-type': file.type } });
  },
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`http://127.0.0.1:${port}/`);
