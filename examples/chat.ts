// A chat with rooms and a web page: open it in two tabs. Rooms are topics; a message goes to all others in its room.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Tiny chat</title>
<form><input name="text" placeholder="Say something" autofocus autocomplete="off"><button>Send</button></form>
<ul></ul>
<script>
  const show = (text) => {
    const line = document.createElement('li');
    line.textContent = text; // never innerHTML: other users wrote it
    document.querySelector('ul').append(line);
  };
  const socket = new WebSocket(location.href.replace(/^http/, 'ws'));
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = ({ code }) => show('closed: ' + code);
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    const { text } = event.target.elements;
    socket.send(text.value);
    show('me: ' + text.value);
    text.value = '';
  };
</script>`;

let guests = 0;
const server = new WebSocketServer<{ name: string; room: string }>({
  maxMessageBytes: 2_000,
  rateLimit: { messagesPerSecond: 5, action: 'throttle' },
  upgrade: ({ request }) => ({
    data: { name: `guest ${++guests}`, room: `room:${request.url.pathname.slice(0, 64)}` },
  }),
  request: () =>
    new Response(PAGE, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        // In Firefox 'self' does not include the page's own WebSocket
        'content-security-policy':
          "default-src 'none'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:; form-action 'none'",
      },
    }),
});
server.on('connection', (connection) => {
  const { name, room } = connection.data;
  connection.subscribe(room);
  connection.send(`You are ${name} in ${room}.`);
  connection.publish(room, `${name} came.`);
  connection.on('close', () => server.publish(room, `${name} left.`));
});
server.on('message', (connection, message) => {
  const { name, room } = connection.data;
  if (typeof message === 'string') connection.publish(room, `${name}: ${message}`);
  else connection.close(1003, 'text only');
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`http://127.0.0.1:${port}/harbour`);
