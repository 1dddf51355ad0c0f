import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { Engine } from '../../src/engine/engine.ts';
import { continuation, duplexPair, ping, readFrames, text, waitUntil } from '../../src/testing/index.ts';
import * as door from '../../src/ws/index.ts';
import { WsShared } from '../../src/ws/settings.ts';
import { LINK_DEFAULTS } from '../../src/ws/settings-options.ts';
import { DRIVER } from '../../src/ws/websocket.ts';
import { type Client, hawser, listening } from './both.ts';

const REQUEST =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/**
 * A server with one connection of a plain socket, and the bytes that the socket gets after the 101.
 * @param fields Further fields of the request, each with CRLF.
 */
async function bare(t: TestContext, options: object = {}, fields = '') {
  const { server, url } = await listening(hawser, options);
  const joined = once(server, 'connection') as Promise<[Client]>;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  const chunks: Buffer[] = [];
  socket.write(`${REQUEST}${fields}\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 101/);
  socket.on('data', (data) => chunks.push(data));
  const [peer] = await joined;
  return { server, socket, peer, chunks };
}

const framesOf = (chunks: readonly Buffer[]) => readFrames(Buffer.concat(chunks));
const rawSocketOf = (socket: Client): Socket => (socket as unknown as { _socket: Socket })._socket;

test('CD-03: mask has no effect: the role decides', async (t) => {
  const { peer, chunks } = await bare(t);
  peer.send('text', { mask: true });
  peer.ping('p', true);
  await waitUntil(() => framesOf(chunks).length === 2);
  assert.deepEqual(
    framesOf(chunks).map(({ mask, payload }) => [mask, payload.toString()]),
    [
      [false, 'text'],
      [false, 'p'],
    ],
  );
});

test('CD-03: text is checked with skipUTF8Validation, too', async (t) => {
  const { peer, socket } = await bare(t, { skipUTF8Validation: true });
  peer.on('message', () => assert.fail('delivered'));
  const failed = once(peer, 'error');
  socket.write(text(Buffer.of(0xff)));
  assert.equal(((await failed)[0] as { code: string }).code, 'WS_ERR_INVALID_UTF8');
});

test('CD-03: all connections share one memory budget of 1 GiB, and over it one closes with 1013', async (t) => {
  const shared = new WsShared(new Engine());
  const one = shared.contextOf({ ...LINK_DEFAULTS, maxPayload: 1 }, undefined);
  const other = shared.contextOf({ ...LINK_DEFAULTS, maxPayload: 2 }, undefined);
  assert.notEqual(one, other);
  assert.equal(one, shared.contextOf({ ...LINK_DEFAULTS, maxPayload: 1 }, undefined));
  assert.equal(one.settings.memoryBudget, other.settings.memoryBudget);
  assert.equal(one.settings.memoryBudget.maxBytes, 1_073_741_824);
  const { peer, chunks } = await bare(t);
  const failed = once(peer, 'error');
  peer[DRIVER].outOfMemory();
  assert.equal(((await failed)[0] as { code: string }).code, 'ERR_MEMORY_CAP');
  await waitUntil(() => framesOf(chunks).length === 1);
  assert.equal(framesOf(chunks)[0]!.payload.readUInt16BE(0), 1013);
});

test('CD-03: limits of 0 are the largest possible ones', () => {
  const shared = new WsShared(new Engine());
  const { settings } = shared.contextOf(
    { maxPayload: 0, maxFragments: 0, maxPendingAutoPongs: 0 },
    undefined,
  );
  assert.equal(settings.maxMessageBytes, 536_870_888);
  assert.equal(settings.maxFragments, 16_777_216);
  assert.equal(settings.maxPendingPongs, 65_536);
  for (let i = 1; i < 200; i++) shared.contextOf({ maxPayload: i }, undefined);
  assert.equal(shared.contextOf({ maxPayload: 7 }, undefined).settings.maxMessageBytes, 7);
});

test('CD-03: an upgrade request with a body is refused', async (t) => {
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(`${REQUEST}Content-Length: 1\r\n\r\nx`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 400 [^]*Upgrade request with a body$/);
});

test('CD-03: Receiver and PerMessageDeflate are not exported', () => {
  assert.deepEqual(Object.keys(door).sort(), [
    'Sender',
    'WebSocket',
    'WebSocketServer',
    'createWebSocketStream',
    'default',
    'extension',
    'module.exports',
    'subprotocol',
  ]);
  assert.equal('_receiver' in hawser.prototype, false);
});

test("CD-03: _socket emits no data, and 'fragments' gives one buffer", async (t) => {
  // The second connection of a process bypasses streams.
  await bare(t);
  const { peer, socket } = await bare(t);
  const data: unknown[] = [];
  rawSocketOf(peer).on('data', (chunk) => data.push(chunk));
  peer.binaryType = 'fragments';
  const messages: unknown[] = [];
  peer.on('message', (message) => messages.push(message));
  socket.write(
    Buffer.concat([Buffer.of(0x02, 0x81, 0, 0, 0, 0, 0x61), Buffer.of(0x80, 0x81, 0, 0, 0, 0, 0x62)]),
  );
  await waitUntil(() => messages.length === 1);
  assert.deepEqual([messages, data], [[[Buffer.from('ab')]], []]);
});

test('CD-03: messages of one turn leave in one write', async (t) => {
  const { peer, chunks } = await bare(t);
  for (let i = 0; i < 10; i++) peer.send(`message ${i}`);
  await waitUntil(() => framesOf(chunks).length === 10);
  assert.equal(chunks.length, 1);
});

test('CD-03: over maxPendingAutoPongs the oldest pings stay unanswered, and the connection stays open', async (t) => {
  const { peer, socket, chunks } = await bare(t, { maxPendingAutoPongs: 2 });
  let pings = 0;
  peer.on('ping', () => pings++);
  socket.pause();
  // More than the kernel takes while the client does not read.
  const large = Buffer.alloc(16 * 1024 * 1024);
  peer.send(large);
  await waitUntil(() => peer.bufferedAmount > 0);
  socket.write(Buffer.concat(['1', '2', '3', '4', '5'].map((payload) => ping(payload))));
  await waitUntil(() => pings === 5);
  socket.resume();
  peer.send('last');
  await waitUntil(() => framesOf(chunks).at(-1)?.payload.toString() === 'last');
  assert.deepEqual(
    framesOf(chunks)
      .filter(({ opcode }) => opcode === 0xa)
      .map(({ payload }) => payload.toString()),
    ['4', '5'],
  );
  assert.equal(peer.readyState, 1);
});

const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n';
const DATA = Array.from({ length: 2_000 }, (_, i) => `${(i * 7_919) % 613} `).join('');

for (const { what, options, zlib } of [
  { what: 'level 3 by default', options: {}, zlib: { level: 3 } },
  { what: 'the given level', options: { level: 9 }, zlib: { level: 9 } },
  { what: 'the given memLevel', options: { memLevel: 1 }, zlib: { level: 3, memLevel: 1 } },
] as const) {
  test(`CD-03: messages are compressed at ${what}`, async (t) => {
    const { peer, chunks } = await bare(t, { perMessageDeflate: { zlibDeflateOptions: options } }, DEFLATE);
    peer.send(DATA);
    await waitUntil(() => framesOf(chunks).length === 1);
    const [{ rsv1, payload }] = framesOf(chunks) as [ReturnType<typeof framesOf>[number]];
    const same = deflateRawSync(DATA, { ...zlib, finishFlush: constants.Z_SYNC_FLUSH });
    assert.deepEqual([rsv1, payload.length], [true, same.length - 4]);
  });
}

test('CD-03: maxBufferedChunks has no effect: a message may arrive in any number of chunks', async () => {
  const { client, server: stream, toServer } = duplexPair();
  const socket = new hawser(null, undefined, {});
  const seen: string[] = [];
  socket.on('message', (data) => seen.push((data as Buffer).toString()));
  const internal = socket as unknown as {
    setSocket(socket: unknown, head: Buffer, options: object): void;
  };
  internal.setSocket(stream, Buffer.alloc(0), { maxBufferedChunks: 2, maxPayload: 100 });
  toServer.cutInto(1);
  client.write(Buffer.concat([text('in many ', { fin: false }), continuation('chunks')]));
  await waitUntil(() => seen.length === 1);
  assert.deepEqual(seen, ['in many chunks']);
  socket.terminate();
});
