// One of several servers of a service that is deployed without losing anything. SIGTERM drains it: /ready says 503, so that
// nobody is sent here any more; then clients are told to go (1012); then the process ends by itself.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const readyDelayMs = Number(process.env['READY_DELAY_MS'] ?? 2_000); // longer than the balancer's interval

const server = new WebSocketServer({
  request: ({ url }): Response => {
    const status = url.pathname !== '/ready' ? 404 : server.ready() ? 200 : 503;
    return new Response(null, { status });
  },
});
server.on('message', (connection, message) => {
  const { id } = JSON.parse(String(message)) as { id: string };
  console.log(`order ${id}`); // here the work is done; a second order of the same id would be found out
  connection.send(JSON.stringify({ done: id })); // and only then it is confirmed
});
server.on('error', (error) => console.error(error.message));

async function drain(): Promise<void> {
  const { closed, forced } = await server.shutdown({ code: 1012, reason: 'deploy', readyDelayMs });
  console.log(`drained: ${closed} closed, ${forced} cut`);
}
process.once('SIGTERM', () => void drain());
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
