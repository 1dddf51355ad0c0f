// Signs in over HTTP and recognises the cookie in the handshake:
//   curl -i -d 'user=ann&password=tide' http://127.0.0.1:8080/login
// Browsers send cookies with requests from any page, and CORS does not apply to WebSocket. The Origin check, on by default,
// keeps other pages from acting as Ann; SameSite helps.
import process from 'node:process';
import { refuse, timingSafeEqualText, WebSocketServer } from 'hawser';
import { sign, verify } from './signed-token.ts';

const SESSION_MS = 3_600_000;
/** A real service stores slow, salted hashes instead (scrypt). */
const PASSWORDS = new Map([['ann', 'tide']]);

const server = new WebSocketServer<{ user: string }>({
  request: ({ method, url, body }) => {
    if (method !== 'POST' || url.pathname !== '/login') return new Response(null, { status: 404 });
    const form = new URLSearchParams(body.toString());
    const user = form.get('user') ?? '';
    // Compare for unknown users, too, so that the time does not reveal which users exist.
    const right = timingSafeEqualText(form.get('password') ?? '', PASSWORDS.get(user) ?? '');
    if (!right || !PASSWORDS.has(user)) return new Response(null, { status: 401 });
    const cookie = `session=${sign(user, SESSION_MS)}; HttpOnly; SameSite=Lax; Path=/; Max-Age=${SESSION_MS / 1_000}`;
    return new Response(null, { status: 204, headers: { 'set-cookie': cookie } }); // over TLS, add Secure
  },
  upgrade: ({ request }) => {
    const session = verify(cookieNamed('session', request.headers['cookie']));
    if (session === undefined) return refuse(401);
    // When the session expires the server closes the connection with 1008, unless `expiresAt` was extended.
    return { data: { user: session.user }, expiresAt: session.expiresAt };
  },
});

function cookieNamed(name: string, field = ''): string {
  const found = field.split(';').find((pair) => pair.trim().startsWith(`${name}=`));
  return found?.trim().slice(name.length + 1) ?? '';
}

server.on('connection', (connection) => {
  connection.send(`Hello, ${connection.data.user}.`);
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
