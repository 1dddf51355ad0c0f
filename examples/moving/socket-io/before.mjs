// A chat on Socket.IO: a name from the handshake, rooms, and an acknowledged message.
import { createServer } from 'node:http';
import process from 'node:process';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { maxHttpBufferSize: 4_096 });

io.use((socket, next) => {
  const { name } = socket.handshake.auth;
  if (typeof name !== 'string') next(new Error('unauthorized'));
  else {
    socket.data.name = name;
    next();
  }
});
io.on('connection', (socket) => {
  const { name } = socket.data;
  socket.on('join', (room, done) => {
    socket.data.room = room;
    void socket.join(room);
    socket.to(room).emit('came', name);
    done(room);
  });
  socket.on('say', (text, done) => {
    const { room } = socket.data;
    if (room === undefined) done('join a room first');
    else {
      socket.to(room).emit('said', name, text);
      done(null);
    }
  });
  socket.on('disconnect', () => {
    if (socket.data.room !== undefined) io.to(socket.data.room).emit('left', name);
  });
});
process.on('SIGTERM', () => void io.close());
http.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${http.address().port}`);
});
