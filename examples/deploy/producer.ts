// Places orders until SIGTERM and loses none, whatever server goes away: node producer.js <name> http://… http://…
// An order is kept until it is confirmed, and sent again on the next connection until then. Nothing else is certain: what
// was handed to a connection that died may have arrived or not.
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReconnectingClient } from 'hawser/client';

const [name = 'orders', ...servers] = process.argv.slice(2);
const MOST_UNCONFIRMED = 500;
const unconfirmed = new Map<string, string>();

/** What a balancer does: the first server that says it is ready. */
async function readyServer({ signal }: { signal: AbortSignal }): Promise<string> {
  for (const server of servers) {
    const answer = await fetch(new URL('/ready', server), { signal }).catch(() => undefined);
    if (answer?.status === 200) return server;
  }
  throw new Error('no server is ready'); // asked again after a while
}

const client = new ReconnectingClient(readyServer, {
  offlineQueue: false, // `unconfirmed` is the queue
  maxFirstDelayMs: Number(process.env['SPREAD_MS'] ?? 5_000),
});
let connections = 0;
client.on('open', async (connection) => {
  connections++;
  const again = [...unconfirmed.values()]; // not those that are placed meanwhile
  for (const order of again) {
    if (!connection.send(order)) await connection.drained().catch(() => undefined); // ended: the next one goes on
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
  // Without a connection `send` says false, and `drained` waits for the next one.
  if (!client.send(order)) await client.drained();
  while (unconfirmed.size >= MOST_UNCONFIRMED) await once(client, 'message');
  if (placed % 5 === 0) await sleep(1);
}
while (unconfirmed.size > 0) await once(client, 'message');
client.close();
await client.closed;
console.log(`${placed} orders confirmed, ${connections} connections`);
