import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Door, hawser, listening, real, shown, skip } from './both.ts';

/** Events and chunks of a stream on each side of a connection. */
async function streamLog(door: Door) {
  const { server, url } = await listening(door);
  const log: unknown[][] = [];
  const ends = new Set<string>();
  const watch = (name: string, stream: ReturnType<Door['createWebSocketStream']>): void => {
    for (const event of ['finish', 'end', 'close', 'error'])
      stream.on(event, (...args: unknown[]) => void log.push([name, event, ...args.map(shown)]));
    stream.on('data', (chunk: unknown) => void log.push([name, shown(chunk)]));
    stream.on('close', () => ends.add(name));
    stream.on('end', () => stream.end());
  };
  const connected = once(server, 'connection') as Promise<[InstanceType<Door>]>;
  const client = new door(url);
  const stream = door.createWebSocketStream(client);
  watch('client', stream);
  // Written while connecting.
  stream.write('first');
  const [peer] = await connected;
  const peerStream = door.createWebSocketStream(peer);
  watch('server', peerStream);
  await waitUntil(() => log.length === 1);
  stream.end('last');
  await waitUntil(() => ends.size === 2);
  server.close();
  return {
    client: log.filter(([name]) => name === 'client'),
    server: log.filter(([name]) => name === 'server'),
  };
}

test('CD-01: streams of createWebSocketStream emit what those of ws emit', { skip }, async () => {
  assert.deepEqual(await streamLog(hawser), await streamLog(real));
});

test('CD-01: a stream carries a megabyte both ways with back-pressure', async (t) => {
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  server.on('connection', (socket) => {
    const stream = hawser.createWebSocketStream(socket, { highWaterMark: 1_024 });
    stream.pipe(stream);
  });
  const stream = hawser.createWebSocketStream(new hawser(url), { highWaterMark: 1_024 });
  const sent = Buffer.alloc(1_048_576, 'a stream ');
  stream.end(sent);
  const received: Buffer[] = [];
  for await (const chunk of stream) received.push(chunk as Buffer);
  assert.equal(Buffer.compare(Buffer.concat(received), sent), 0);
});

test('CD-01: an error of the handshake destroys the stream with it', async () => {
  const stream = hawser.createWebSocketStream(new hawser('ws://127.0.0.1:1'));
  const [error] = (await once(stream, 'error')) as [{ code: string }];
  assert.equal(error.code, 'ECONNREFUSED');
  assert.equal(stream.destroyed, true);
});

test('CD-01: with readableObjectMode text arrives as strings', async (t) => {
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  server.on('connection', (socket) => {
    socket.send('text');
    socket.send(Buffer.from('bytes'));
    socket.close();
  });
  const stream = hawser.createWebSocketStream(new hawser(url), { readableObjectMode: true });
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks, ['text', Buffer.from('bytes')]);
});
