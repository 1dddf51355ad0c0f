// Publishes quotes to three clients. One client stops reading. The program finds this client, records its frames, and shows how the
// server closes it.
// docs/debugging.md explains the output.
import { createWriteStream } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, WebSocketServer } from 'hawser';
import { capture, compareMemoryReports, trail } from 'hawser/observe';

const file = process.env['CAPTURE'] ?? 'slow-consumer.jsonl';
const server = new WebSocketServer({
  maxBufferedBytes: 16_777_216,
  closeTimeoutMs: 1_000,
  admin: { port: Number(process.env['ADMIN_PORT'] ?? 9090) },
});
server.on('connection', (connection) => void connection.subscribe('quotes'));
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);

// 100 KB fifty times a second: 5 MB a second for each client.
const quote = 'price '.repeat(17_000);
const feed = setInterval(() => server.publish('quotes', quote), 20);

const clients = await Promise.all([1, 2, 3].map(() => connect(`ws://127.0.0.1:${port}`)));
for (const client of clients) client.on('message', () => undefined);
const before = server.memoryReport();
clients[1]!.pause();
await sleep(3_000);

// 1. Which connection grows?
const { elapsedMs, changes } = compareMemoryReports(before, server.memoryReport());
const [worst] = changes;
if (worst === undefined) throw new Error('no connection grows: this machine buffers more than expected');
console.log(
  `in ${Math.round(elapsedMs / 1_000)} s, ${worst.id} grew by ${Math.round(worst.growthBytes / 1_000)} KB`,
);

// 2. What happens on it, compared with a healthy one?
const slow = server.connections.get(worst.id)!;
const [healthy] = [...server.connections].filter(({ id }) => id !== slow.id);
const steps = trail(slow);
const recording = capture(({ id }) => id === slow.id || id === healthy!.id, createWriteStream(file));
await sleep(500);
console.log(
  `after 500 ms: ${slow.id} has ${Math.round(slow.bufferedBytes / 1_000)} KB buffered, ${healthy!.id} has none`,
);

// 3. How does it end?
const { code, sentCode, cause } = await slow.closed;
console.log(`closed: code ${code}, sent ${sentCode}, cause ${cause}`);
console.log(steps.dump());
const { records } = await recording.stop();
console.log(`${records} frames in ${file}`);

clearInterval(feed);
for (const client of clients) client.terminate();
await server.shutdown();
