import { readFileSync } from 'node:fs';
import process from 'node:process';
import { refuse, WebSocketServer } from 'hawser';
import { redisEngine } from 'hawser/cluster';
import { createClient } from 'redis';
import { signIn, userOf } from './session.js';

const page = readFileSync(new URL('page.html', import.meta.url));
const signInPage = readFileSync(new URL('sign-in.html', import.meta.url));
const client = readFileSync(new URL(import.meta.resolve('hawser/browser')));
const redis = createClient({ url: process.env.REDIS_URL ?? 'redis://localhost:6379' });

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  cluster: redisEngine({ client: redis }),
  history: { match: 'room' },
  presence: { match: 'room', graceMs: 1_000 },
  maxMessageBytes: 4_096,
  maxConnectionsPerIp: 20,
  rateLimit: { messagesPerSecond: 10 },
  upgrade: ({ request }) => {
    const user = userOf(request.headers.cookie);
    if (user === undefined) return refuse(401);
    return { data: { name: user.name }, expiresAt: user.expiresAt };
  },
  authorizeSubscribe: ({ data }, topic) => topic === 'room' && { presence: { key: data.name } },
  request: async ({ method, url, headers, body }) => {
    if (method === 'POST' && url.pathname === '/sign-in') {
      const form = new URLSearchParams(body.toString());
      const cookie = await signIn(form.get('name') ?? '', form.get('password') ?? '');
      if (cookie === undefined) return new Response('Wrong name or password.', { status: 401 });
      return new Response(null, { status: 303, headers: { location: '/', 'set-cookie': cookie } });
    }
    if (url.pathname === '/hawser.js')
      return new Response(client, { headers: { 'content-type': 'text/javascript' } });
    const shown = userOf(headers.get('cookie')) === undefined ? signInPage : page;
    return new Response(shown, { headers: { 'content-type': 'text/html; charset=utf-8' } });
  },
});

/** Accepts a text of 1 to 500 characters. A schema of Zod, Valibot or ArkType has the same interface. */
const Text = {
  '~standard': {
    version: 1,
    vendor: 'chat',
    validate: (value) =>
      typeof value === 'string' && value.length >= 1 && value.length <= 500
        ? { value }
        : { issues: [{ message: 'a message has 1 to 500 characters' }] },
  },
};

server.handle(
  'say',
  async (connection, text) => {
    const message = JSON.stringify({ from: connection.data.name, text });
    const result = await server.publish('room', message).relayed;
    if (!result.ok) throw result.error;
  },
  { schema: Text },
);

server.on('engineDown', ({ message }) => console.log(`Redis is away: ${message}`));
server.on('engineUp', () => console.log('Redis is back.'));
process.once('SIGINT', () => void server.shutdown());

const [port = '8080'] = process.argv.slice(2);
await server.listen(Number(port));
console.log(`Open http://localhost:${port}/`);
