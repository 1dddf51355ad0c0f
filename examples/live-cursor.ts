// Live cursors with presence: every page shows the cursors of the others, and who is there. The server names each user, checks
// each position, and publishes it with the name, so no user can move the cursor of another one. Open the URL in two windows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(ROOT, 'examples', 'live-cursor.html'));
/** `hawser/browser` is one file without imports. */
const CLIENT = readFileSync(join(ROOT, 'build', 'package', 'browser.js'));

let users = 0;
const server = new WebSocketServer<{ readonly name: string }>({
  protocols: ['hawser.v1'],
  presence: { match: 'board' },
  upgrade: () => ({ data: { name: `user ${++users}` } }), // a real service authenticates: see auth-*.ts
  // The server decides who is a member, and under which key.
  authorizeSubscribe: (connection, topic) => topic === 'board' && { presence: { key: connection.data.name } },
  request: ({ url }) => {
    if (url.pathname === '/') return new Response(PAGE, { headers: { 'content-type': 'text/html' } });
    if (url.pathname === '/hawser.js')
      return new Response(CLIENT, { headers: { 'content-type': 'text/javascript' } });
    return new Response('', { status: 404 });
  },
});
server.handle('move', (connection, move) => {
  const { x, y } = { ...(move as { readonly x?: unknown; readonly y?: unknown } | null) };
  if (!Number.isFinite(x) || !Number.isFinite(y)) throw new TypeError('expected { x, y }');
  server.publish('board', JSON.stringify({ key: connection.data.name, x, y }), { except: connection });
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`http://127.0.0.1:${port}`);
