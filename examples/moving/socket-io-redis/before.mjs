// Rooms on several servers with Socket.IO and @socket.io/redis-adapter: REDIS_URL=redis://… node before.mjs
import { createServer } from 'node:http';
import process from 'node:process';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const pubClient = createClient({ url: process.env.REDIS_URL });
const subClient = pubClient.duplicate();
await Promise.all([pubClient.connect(), subClient.connect()]);
const http = createServer();
const io = new Server(http, { adapter: createAdapter(pubClient, subClient) });

io.on('connection', (socket) => {
  socket.on('join', async (room, done) => {
    await socket.join(room);
    done();
  });
  socket.on('say', (room, text, done) => {
    socket.to(room).emit('said', text);
    done();
  });
  socket.on('count', async (room, done) => done((await io.in(room).fetchSockets()).length));
});

async function stop() {
  await io.close();
  await Promise.all([pubClient.close(), subClient.close()]);
}
process.on('SIGTERM', () => void stop());
http.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${http.address().port}`);
});
