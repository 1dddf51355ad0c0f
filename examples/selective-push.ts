// Sends to selected clients: `{"user":"ann","text":"hi"}` to all of Ann's connections, `{"city":"Bergen","text":"rain"}` to all
// clients in Bergen. The query names the user, `/?user=ann&city=Bergen`; a real service authenticates (see auth-*.ts).
import process from 'node:process';
import { refuse, WebSocketServer } from 'hawser';

interface Person {
  readonly user: string;
  readonly city: string | undefined;
}
const NAME = /^[a-z]{1,32}$/i;

const server = new WebSocketServer<Person>({
  upgrade: ({ request }) => {
    const { searchParams } = request.url;
    const user = searchParams.get('user') ?? '';
    return NAME.test(user) ? { data: { user, city: searchParams.get('city') ?? undefined } } : refuse(400);
  },
});
// A topic reaches its subscribers without checking every connection: use one for frequent targets.
server.on('connection', (connection) => {
  connection.subscribe(`user:${connection.data.user}`);
});
server.on('message', (connection, message) => {
  const wanted = JSON.parse(String(message)) as { user?: unknown; city?: unknown; text?: unknown };
  const text = `${connection.data.user}: ${String(wanted.text)}`;
  if (typeof wanted.user === 'string' && NAME.test(wanted.user)) server.publish(`user:${wanted.user}`, text);
  else server.broadcast(text, { where: ({ data }) => data.city !== undefined && data.city === wanted.city });
});
server.on('error', (error) => console.error(error.message)); // such as invalid JSON: the sender is closed with 1011
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
