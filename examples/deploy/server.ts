// One of several servers of a service. A deploy loses no order. SIGTERM drains the server in three steps: /ready answers 503, so
// the balancer sends no new clients. Then the server closes its connections with 1012. Then the process exits.
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
  console.log(`order ${id}`); // do the work here, and detect an order whose id was already processed
  connection.send(JSON.stringify({ done: id })); // confirm only after the work is done
});
server.on('error', (error) => console.error(error.message));

async function drain(): Promise<void> {
  const { closed, forced } = await server.shutdown({ code: 1012, reason: 'deploy', readyDelayMs });
  console.log(`drained: ${closed} closed, ${forced} cut`);
}
process.once('SIGTERM', () => void drain());
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
