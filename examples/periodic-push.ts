// Sends the time to all clients once a second. A slow client misses old times and gets the newest.
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const server = new WebSocketServer({
  onOverflow: 'drop-oldest',
  maxBufferedBytes: 4_096,
  highWaterMarkBytes: 1_024,
});
const everyMs = Number(process.env['EVERY_MS'] ?? 1_000);
setInterval(() => {
  if (server.connections.size > 0) server.broadcast(JSON.stringify({ now: new Date().toISOString() }));
}, everyMs);
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
