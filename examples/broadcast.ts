// Sends the body of each HTTP POST to all clients, and answers with the result:
//   curl -d 'The ferry leaves at noon.' -H 'authorization: Bearer secret' http://127.0.0.1:8080/
import process from 'node:process';
import { timingSafeEqualText, WebSocketServer } from 'hawser';

const password = process.env['PUBLISH_TOKEN'] ?? 'secret';

const server = new WebSocketServer({
  request: ({ method, headers, body }): Response => {
    if (method !== 'POST') return new Response(null, { status: 405, headers: { allow: 'POST' } });
    // Compare in constant time: === leaks a secret character by character through its timing.
    if (!timingSafeEqualText(headers.get('authorization') ?? '', `Bearer ${password}`)) {
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
    }
    // Encoded once for all clients; a slow client does not delay the others.
    return Response.json(server.broadcast(body.toString()));
  },
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
