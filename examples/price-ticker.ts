// Publishes order books many times a second. A client that reads too slowly misses old books, and gets the newest of each share.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const server = new WebSocketServer({ onOverflow: 'conflate' });
server.on('connection', (connection) => {
  connection.subscribe('books');
  connection.once('dropped', ({ policy }) => console.log(`${policy}: ${connection.id} reads slowly`));
});

let version = 0;
setInterval(
  () => {
    version++;
    for (const share of ['ACME', 'BOLT', 'COGS']) {
      const levels = Array.from({ length: 1_000 }, (_, i) => [
        100 + i / 100,
        Math.ceil(Math.random() * 1_000),
      ]);
      // While a book is queued for a slow client, the next one with the same key replaces it.
      server.publish('books', JSON.stringify({ share, version, levels }), { key: share });
    }
  },
  Number(process.env['EVERY_MS'] ?? 50),
);

const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
