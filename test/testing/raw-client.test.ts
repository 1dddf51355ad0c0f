import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { close, hex, ping, text } from '../../src/testing/frames.ts';
import { duplexPair } from '../../src/testing/memory-duplex.ts';
import { RawClient } from '../../src/testing/raw-client.ts';
import { eventLoopTurns, waitForEvent, waitUntil } from '../../src/testing/wait-for.ts';

const SERVER = { mask: false } as const;
const HEAD = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';

/** A raw client in memory, and the other end of its connection. */
function joined() {
  const pair = duplexPair();
  const sent = { text: '' };
  pair.server.on('data', (chunk: Buffer) => (sent.text += chunk.toString('latin1')));
  pair.server.on('error', () => {});
  return { client: RawClient.over(pair.client), server: pair.server, pair, sent };
}

/** Runs `body` with a raw client over TCP and the socket at its other end; closes everything afterwards. */
async function overTcp(body: (client: RawClient, socket: Socket) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening');
  const accepted = waitForEvent<[Socket]>(server, 'connection');
  const client = await RawClient.connect({ port: (server.address() as AddressInfo).port });
  const [socket] = await accepted;
  socket.on('error', () => {});
  try {
    await body(client, socket);
  } finally {
    client.stream.destroy();
    socket.destroy();
    server.close();
    await waitForEvent(server, 'close');
  }
}

test('TK-01 §4.1 upgrade sends a complete request by default, and takes only the head of the response', async () => {
  const { client, server, sent } = joined();
  server.write(Buffer.concat([Buffer.from(HEAD), text('hi', SERVER)]));
  const head = await client.upgrade();
  assert.equal(head.status, 101);
  assert.equal(head.fields.get('upgrade'), 'websocket');
  assert.equal((await client.nextFrame()).payload.toString(), 'hi');
  await waitUntil(() => sent.text.endsWith('\r\n\r\n'));
  assert.equal(
    sent.text,
    'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
});

test('TK-01 §4.1 upgrade: fields can be replaced, repeated, removed, and invalid', async () => {
  const { client, server, sent } = joined();
  server.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
  const head = await client.upgrade({
    path: '/chat?x=1',
    key: 'short',
    protocols: ['a', 'b'],
    headers: { HOST: ['one', 'two'], 'sec-websocket-version': undefined, Origin: 'https://app.example' },
  });
  assert.equal(head.status, 400);
  assert.equal(client.received.toString(), 'no');
  await waitUntil(() => sent.text.endsWith('\r\n\r\n'));
  assert.equal(
    sent.text,
    'GET /chat?x=1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\n' +
      'Sec-WebSocket-Protocol: a, b\r\nHOST: one\r\nHOST: two\r\nOrigin: https://app.example\r\n\r\n',
  );
});

test('TK-01 nextFrame takes frames one by one, at every cut', async () => {
  const { client, server, pair } = joined();
  pair.toClient.cutInto(1);
  server.write(Buffer.concat([text('Hello', SERVER), ping('', SERVER), close(1000, '', SERVER)]));
  const frames = [await client.nextFrame(), await client.nextFrame(), await client.nextFrame()];
  assert.deepEqual(
    frames.map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`),
    ['1 48656c6c6f', '9 ', '8 03e8'],
  );
  assert.equal(client.received.length, 0);
});

test('TK-01 waits are queued: two calls take the first frame and the second', async () => {
  const { client, server } = joined();
  const both = Promise.all([client.nextFrame(), client.nextFrame()]);
  server.write(Buffer.concat([text('1', SERVER), text('2', SERVER)]));
  assert.deepEqual(
    (await both).map(({ payload }) => payload.toString()),
    ['1', '2'],
  );
});

const failures: [string, (client: RawClient) => Promise<unknown>, (server: Duplex) => unknown, RegExp][] = [
  [
    'nothing comes',
    (client) => client.nextFrame({ deadlineMs: 1 }),
    () => {},
    /^waited for a frame, but 1 ms passed; no further bytes had arrived$/,
  ],
  [
    'the peer ends inside a frame',
    (client) => client.nextFrame(),
    (server) => server.end(hex('81 05 48 65')),
    /^waited for a frame, but the peer ended its half; 4 bytes had arrived: 81054865 \("\x81\\u0005He"\)$/,
  ],
  [
    'a frame arrives instead of a head',
    (client) => client.upgrade(),
    (server) => server.end(Buffer.concat([text('Hello', SERVER), Buffer.from('\r\n\r\n')])),
    /^waited for a response head, but not a status line: /,
  ],
  [
    'the connection is reset',
    (client) => client.nextFrame(),
    (server) => (server as Socket).resetAndDestroy(),
    /^waited for a frame, but the connection broke \(.*ECONNRESET\); no further bytes/,
  ],
  [
    'the connection is reset instead of ended',
    (client) => client.receivedUntilEnd(),
    (server) => (server as Socket).resetAndDestroy(),
    /^waited for the end of the peer's half, but the connection broke /,
  ],
  [
    'no EOF arrives',
    (client) => client.receivedUntilEnd({ deadlineMs: 1_000 }),
    (server) => server.write('x'.repeat(100)),
    /^waited for the end of the peer's half, but 1000 ms passed; 100 bytes had arrived: (78){64}… \("x{64}"\)$/,
  ],
  [
    'the client was disposed',
    (client) => {
      client.stream.destroy();
      return client.nextFrame();
    },
    () => {},
    /^waited for a frame, but the connection was closed; /,
  ],
  [
    'the connection stays open',
    (client) => client.waitForClose({ deadlineMs: 1 }),
    () => {},
    /^waited for the connection to close, but 1 ms passed; /,
  ],
];
for (const [what, wait, act, message] of failures) {
  test(`TK-01 raw client: ${what}: the error names what was awaited and what had arrived`, async () => {
    const { client, server } = joined();
    const waiting = wait(client);
    act(server);
    await assert.rejects(waiting, { name: 'WaitError', message });
    client.stream.destroy();
  });
}

test('TK-01 a failed wait takes nothing: the received bytes remain', async () => {
  const { client, server } = joined();
  server.write(hex('81 05 48'));
  await waitUntil(() => client.received.length === 3);
  await assert.rejects(client.nextFrame({ deadlineMs: 1 }));
  server.write('ello');
  assert.equal((await client.nextFrame()).payload.toString(), 'Hello');
});

test('TK-01 waitForClose ends the writable half after the EOF of the peer, and not before', async () => {
  const { client, server } = joined();
  const closed = client.waitForClose();
  client.send('still open');
  await waitForEvent(server, 'data');
  assert.equal(server.readableEnded, false);
  server.end('bye');
  assert.equal(await closed, undefined);
  assert.equal(client.received.toString(), 'bye');
  await waitForEvent(server, 'close');
  assert.equal(server.readableEnded, true);
});

test('TK-01 leaving the scope of `using` closes the connection', async () => {
  const { client, server } = joined();
  {
    using inScope = client;
    inScope.send('x');
  }
  server.end();
  await waitForEvent(server, 'close');
  assert.ok(client.stream.destroyed);
});

test('TK-02 reset destroys a stream without resetAndDestroy, or whose resetAndDestroy throws', async () => {
  for (const resetAndDestroy of [undefined, () => assert.fail('not a TCP handle')]) {
    const client = RawClient.over(Object.assign(new PassThrough(), { resetAndDestroy }));
    client.reset();
    assert.equal(await client.waitForClose(), undefined);
  }
});

test('TK-01 over TCP: bytes both ways, half-close, and a regular end', () =>
  overTcp(async (client, socket) => {
    client.send('ping');
    client.send(hex('00 ff'));
    const [first] = await waitForEvent<[Buffer]>(socket, 'data');
    assert.ok(Buffer.from('ping\0\xff', 'latin1').subarray(0, first.length).equals(first));
    client.end();
    await waitForEvent(socket, 'end');
    socket.end('after your end');
    assert.equal((await client.receivedUntilEnd()).toString(), 'after your end');
    assert.equal(await client.waitForClose(), undefined);
  }));

test('TK-02 over TCP: reset reaches the server as ECONNRESET', () =>
  overTcp(async (client, socket) => {
    socket.resume();
    const failed = waitForEvent<[NodeJS.ErrnoException]>(socket, 'error');
    client.reset();
    assert.equal((await failed)[0].code, 'ECONNRESET');
    assert.equal(await client.waitForClose(), undefined);
  }));

test('TK-02 over TCP: the error of a connection that the server resets comes from waitForClose', () =>
  overTcp(async (client, socket) => {
    socket.resetAndDestroy();
    const error: NodeJS.ErrnoException | undefined = await client.waitForClose();
    assert.equal(error?.code, 'ECONNRESET');
  }));

test('TK-02 over TCP: while the client pauses, the buffers fill up', () =>
  overTcp(async (client, socket) => {
    client.pause();
    const chunk = Buffer.alloc(1 << 20);
    const chunks = 32; // more than the kernel takes for one connection
    let sent = 0;
    for (let i = 0; i < chunks; i++) socket.write(chunk, () => sent++);
    socket.end();
    await eventLoopTurns(200);
    assert.ok(sent < chunks);
    assert.equal(client.received.length, 0);
    client.resume();
    assert.equal((await client.receivedUntilEnd({ deadlineMs: 60_000 })).length, chunks * chunk.length);
    assert.equal(sent, chunks);
  }));

test('TK-01 connect to a closed port fails with the cause', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await waitForEvent(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await waitForEvent(server, 'close');
  await assert.rejects(RawClient.connect({ port }), { name: 'WaitError', message: /ECONNREFUSED/ });
});
