import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readFrames, waitUntil } from '../../src/testing/index.ts';
import { type Client, type Door, hawser, listening, real, skip } from './both.ts';

type SenderLike = { sendFrame(list: readonly unknown[], done?: (error?: Error | null) => void): void };
const senderOf = (socket: Client): SenderLike => (socket as unknown as { _sender: SenderLike })._sender;
const socketOf = (socket: Client) => (socket as unknown as { _socket: Socket })._socket;

async function connected(t: TestContext, options: object = {}, door: Door = hawser) {
  const { server, url } = await listening(door, options);
  const joined = once(server, 'connection') as Promise<[Client]>;
  const client = new hawser(url);
  await once(client, 'open');
  const [peer] = await joined;
  t.after(() => {
    client.terminate();
    peer.terminate();
    server.close();
  });
  return { server, client, peer };
}

const FRAMES: readonly [string | Buffer, object][] = [
  ['text', { opcode: 1, fin: true }],
  ['Grüße', { opcode: 1, fin: true, readOnly: false, rsv1: false, mask: false }],
  [Buffer.alloc(126, 'x'), { opcode: 2, fin: false }],
  [Buffer.alloc(70_000, 'y'), { opcode: 2, fin: true, rsv1: true }],
  [Buffer.alloc(0), { opcode: 0, fin: true }],
  [
    Buffer.from('masked'),
    { opcode: 2, fin: true, mask: true, readOnly: true, generateMask: (mask: Buffer) => mask.fill(7) },
  ],
];

test('CD-01: Sender.frame builds the frames that ws builds', { skip }, () => {
  for (const [data, options] of FRAMES) {
    const joined = (door: Door): Buffer =>
      Buffer.concat(
        (door.Sender.frame(data, options as never) as (Buffer | string)[]).map((part) =>
          Buffer.from(part as Buffer),
        ),
      );
    assert.deepEqual(joined(hawser), joined(real));
  }
  const [masked] = hawser.Sender.frame('abc', { opcode: 1, fin: true, mask: true });
  assert.equal(readFrames(masked!)[0]!.payload.toString(), 'abc');
});

test('CD-01: sendFrame sends one frame to many, in order with messages, and calls back', async (t) => {
  const { client, peer } = await connected(t);
  const seen: string[] = [];
  client.on('message', (data) => void seen.push((data as Buffer).toString()));
  const frame = hawser.Sender.frame('framed', { opcode: 1, fin: true });
  const errors: unknown[] = [];
  peer.send('before');
  senderOf(peer).sendFrame(frame, (error) => errors.push(error));
  senderOf(peer).sendFrame([frame[0]!.subarray(0, 2), 'framed']);
  peer.send('after');
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, ['before', 'framed', 'framed', 'after']);
  assert.equal(errors.length, 1);
  assert.equal(errors[0], null);
  peer.terminate();
  senderOf(peer).sendFrame(frame, (error) => errors.push((error as Error).message));
  await waitUntil(() => errors.length === 2);
  assert.match(String(errors[1]), /^WebSocket is not open: readyState 2/);
});

test('CD-01: a Sender cannot be made of a socket', () => {
  assert.throws(() => new hawser.Sender({} as never), { code: 'ERR_ARGUMENT' });
});

test('CD-01: _socket has the address, ends with destroy, and carries bytes that are written to it in order', async (t) => {
  const { client, peer } = await connected(t);
  // The second connection of a process bypasses streams; this one may not yet.
  const { client: other, peer: driven } = await connected(t);
  for (const [socket, from] of [
    [client, peer],
    [other, driven],
  ] as const) {
    assert.equal(socketOf(from).remoteAddress, '127.0.0.1');
    const seen: string[] = [];
    socket.on('message', (data) => void seen.push((data as Buffer).toString()));
    from.send('one');
    await new Promise<void>((resolve) => {
      socketOf(from).write(hawser.Sender.frame('two', { opcode: 1, fin: true })[0]!, () => resolve());
    });
    from.send('three');
    await waitUntil(() => seen.length === 3);
    assert.deepEqual(seen, ['one', 'two', 'three']);
    const closed = once(from, 'close');
    socketOf(from).destroy();
    assert.equal((await closed)[0], 1006);
  }
});

test('CD-01: _socket.end sends its bytes after earlier messages, and ends the connection without a Close', async (t) => {
  // The second connection of a process bypasses streams; the first may not yet.
  for (let i = 0; i < 2; i++) {
    const { client, peer } = await connected(t);
    const seen: string[] = [];
    client.on('message', (data) => void seen.push((data as Buffer).toString()));
    peer.send('one');
    socketOf(peer).end(hawser.Sender.frame('two', { opcode: 1, fin: true })[0]!);
    const [code] = (await once(client, 'close')) as [number];
    assert.deepEqual([seen, code], [['one', 'two'], 1006]);
  }
});

test('CD-01: a loop that watches bufferedAmount ends, and drain is emitted on _socket', async (t) => {
  const { client, peer } = await connected(t, { perMessageDeflate: false });
  let received = 0;
  client.on('message', (data) => (received += (data as Buffer).length));
  assert.equal(peer.bufferedAmount, 0);
  client.pause();
  let sent = 0;
  const chunk = Buffer.alloc(65_536, 'z');
  while (peer.bufferedAmount < 1_048_576) {
    peer.send(chunk);
    sent += chunk.length;
    assert.ok(sent < 200_000_000, 'the loop does not end');
  }
  const drained = once(socketOf(peer), 'drain');
  client.resume();
  await drained;
  await waitUntil(() => received === sent);
  await waitUntil(() => peer.bufferedAmount === 0);
});

test('CD-01: callbacks of messages that are never sent get an error', async (t) => {
  const { client, peer } = await connected(t);
  client.pause();
  const results: unknown[] = [];
  for (let i = 0; i < 200; i++) peer.send(Buffer.alloc(65_536), (error) => results.push(error));
  peer.terminate();
  await once(peer, 'close');
  await waitUntil(() => results.length === 200);
  const failed = results.filter((error) => error instanceof Error);
  assert.ok(failed.length > 0);
  assert.equal((failed[0] as { code?: string }).code, 'ERR_STREAM_DESTROYED');
});

test('CD-01: generateMask gives the keys of the frames of a client', async (t) => {
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  let calls = 0;
  const generateMask = (mask: Buffer): void => {
    calls++;
    mask.fill(9);
  };
  const seen: string[] = [];
  server.on('connection', (socket) =>
    socket.on('message', (data) => void seen.push((data as Buffer).toString())),
  );
  const client = new hawser(url, { generateMask });
  await once(client, 'open');
  client.send('masked');
  client.close();
  await once(client, 'close');
  assert.deepEqual([seen, calls], [['masked'], 2]);
});
