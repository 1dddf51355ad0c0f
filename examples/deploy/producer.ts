// Places orders until SIGTERM and loses none when a server goes away: node producer.js <name> http://… http://…
// It keeps each order until the server confirms it, and sends it again on the next connection. That is necessary: an order
// sent on a connection that died may or may not have arrived.
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReconnectingClient } from 'hawser/client';

const [name = 'orders', ...servers] = process.argv.slice(2);
const MOST_UNCONFIRMED = 500;
const unconfirmed = new Map<string, string>();

/** Acts as a balancer: returns the first server that is ready. */
async function readyServer({ signal }: { signal: AbortSignal }): Promise<string> {
  for (const server of servers) {
    const answer = await fetch(new URL('/ready', server), { signal }).catch(() => undefined);
    if (answer?.status === 200) return server;
  }
  throw new Error('no server is ready'); // the client retries after a delay
}

const client = new ReconnectingClient(readyServer, {
  offlineQueue: false, // `unconfirmed` is the queue
  maxFirstDelayMs: Number(process.env['SPREAD_MS'] ?? 5_000),
});
let connections = 0;
client.on('open', async (connection) => {
  connections++;
  const again = [...unconfirmed.values()]; // a copy: without orders placed in the meantime
  for (const order of again) {
    if (!connection.send(order)) await connection.drained().catch(() => undefined); // ended: the next connection continues
  }
});
client.on('message', (message) => {
  const { done } = JSON.parse(String(message)) as { done: string };
  unconfirmed.delete(done);
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
let placed = 0;
while (!stop.signal.aborted) {
  const id = `${name}-${++placed}`;
  const order = JSON.stringify({ id });
  unconfirmed.set(id, order);
  // Without a connection `send` returns false, and `drained` waits for the next connection.
  if (!client.send(order)) await client.drained();
  while (unconfirmed.size >= MOST_UNCONFIRMED) await once(client, 'message');
  if (placed % 5 === 0) await sleep(1);
}
while (unconfirmed.size > 0) await once(client, 'message');
client.close();
await client.closed;
console.log(`${placed} orders confirmed, ${connections} connections`);
