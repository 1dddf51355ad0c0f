// Three ways to send a token. Programs send a header. Browsers cannot: they fetch a ticket, valid for one handshake, and
// put it into the query, or they offer the token as a subprotocol:
//   new WebSocket(url, ['chat.v1', `bearer.${token}`])
import { createHash, randomBytes } from 'node:crypto';
import process from 'node:process';
import { refuse, type UpgradeContext, WebSocketServer } from 'hawser';
import { sign, verify } from './signed-token.ts';

const TICKET_MS = 30_000;
/**
 * Tickets by digest. Each is valid once, because queries end up in logs. The lookup uses the digest, so that its timing
 * reveals nothing about the ticket.
 */
const tickets = new Map<string, { user: string; expiresAt: number }>();
const digest = (ticket: string): string => createHash('sha256').update(ticket).digest('base64');

function newTicket(user: string): string {
  for (const [key, { expiresAt }] of tickets) if (expiresAt <= Date.now()) tickets.delete(key);
  const ticket = randomBytes(32).toString('base64url');
  tickets.set(digest(ticket), { user, expiresAt: Date.now() + TICKET_MS });
  return ticket;
}

function redeemed(ticket: string): { user: string } | undefined {
  const key = digest(ticket);
  const found = tickets.get(key);
  tickets.delete(key);
  return found !== undefined && found.expiresAt > Date.now() ? found : undefined;
}

const bearer = (field: string | null | undefined) => verify(/^bearer (.*)$/i.exec(field ?? '')?.[1] ?? '');

function whoIs({ request, protocols }: UpgradeContext): { user: string; expiresAt?: number } | undefined {
  const ticket = request.url.searchParams.get('ticket');
  if (ticket !== null) return redeemed(ticket);
  const offered = [...protocols].find((name) => name.startsWith('bearer.'));
  return offered === undefined
    ? bearer(request.headers['authorization'])
    : verify(offered.slice('bearer.'.length));
}

const server = new WebSocketServer<{ user: string }>({
  protocols: ['chat.v1'], // chosen if offered; the server never echoes the token offered with it
  request: ({ method, url, headers }) => {
    const who = bearer(headers.get('authorization'));
    if (method !== 'POST' || url.pathname !== '/ticket') return new Response(null, { status: 404 });
    return who === undefined ? new Response(null, { status: 401 }) : new Response(newTicket(who.user));
  },
  upgrade: (context) => {
    const who = whoIs(context);
    if (who === undefined) return refuse(401, { headers: { 'www-authenticate': 'Bearer' } });
    const { user, expiresAt } = who;
    return expiresAt === undefined ? { data: { user } } : { data: { user }, expiresAt };
  },
});
server.on('connection', (connection) => {
  connection.send(`Hello, ${connection.data.user}.`);
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
console.log(`token for ann: ${sign('ann', 3_600_000)}`); // a real service issues it at sign-in
