// Socket.IO: acknowledgements, rooms, binary data, and broadcasts, which are frames that Sender.frame builds once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io as connect } from 'socket.io-client';

for (const perMessageDeflate of [false, { threshold: 100 }]) {
  const http = createServer();
  const server = new Server(http, { transports: ['websocket'], perMessageDeflate });
  server.on('connection', (socket) => {
    void socket.join('room');
    socket.on('double', (value, answer) => answer(value * 2));
    socket.on('bytes', (bytes, answer) => answer(Buffer.concat([bytes, bytes])));
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${http.address().port}`;
  const clients = Array.from({ length: 3 }, () =>
    connect(url, { transports: ['websocket'], forceNew: true }),
  );
  await Promise.all(clients.map((client) => once(client, 'connect')));
  assert.equal(await clients[0].timeout(5_000).emitWithAck('double', 21), 42);
  const bytes = await clients[1].timeout(5_000).emitWithAck('bytes', Buffer.from('ab'));
  assert.equal(Buffer.from(bytes).toString(), 'abab');
  for (const message of ['short', 'long '.repeat(100_000), Buffer.from('binary')]) {
    const heard = clients.map((client) => once(client, 'news'));
    server.to('room').emit('news', message);
    for (const [got] of await Promise.all(heard))
      assert.equal(
        String(Buffer.isBuffer(got) || typeof got === 'string' ? got : Buffer.from(got)),
        String(message),
      );
  }
  const left = once(clients[0], 'disconnect');
  server.disconnectSockets(true);
  await left;
  for (const client of clients) client.close();
  await server.close();
}
console.log('ok');
