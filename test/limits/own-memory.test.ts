import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { ConnectError, connect, type Connection, WebSocketServer } from '../../src/index.ts';
import { binary, continuation, ping, pong, RawClient, waitUntil } from '../../src/testing/index.ts';
import { listening, live } from '../server/live.ts';

/** Whether the bytes are all of their ArrayBuffer: they share memory neither with Node's pool nor with freed buffers. */
function assertOwn(bytes: Uint8Array, length: number, what: string): void {
  assert.equal(bytes.length, length, what);
  assert.equal(bytes.buffer.byteLength, length, `${what}: ${bytes.buffer.byteLength} bytes of memory`);
}

const SIZES = [0, 1, 40, 41, 125];

test('servers and clients get pings and pongs in memory that nothing else uses', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const server = new WebSocketServer();
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  const client = await connect(`ws://127.0.0.1:${port}`);
  const [far] = [...server.connections] as [Connection];
  const got: [string, Buffer][] = [];
  for (const [who, one] of [
    ['server', connection],
    ['client', client],
  ] as const) {
    one.on('ping', (payload) => void got.push([`${who} ping`, payload]));
    one.on('pong', (payload) => void got.push([`${who} pong`, payload]));
  }
  for (const size of SIZES) {
    raw.send(ping(Buffer.alloc(size, 1)));
    raw.send(pong(Buffer.alloc(size, 2)));
    far.ping(Buffer.alloc(size, 3));
    client.ping(Buffer.alloc(size, 4));
    await waitUntil(() => got.length === 4);
    for (const [what, payload] of got.splice(0)) assertOwn(payload, size, what);
  }
  client.close();
  await client.closed;
});

test('binary messages, whole or in fragments, have memory that nothing else uses', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const got: Buffer[] = [];
  connection.on('message', (message) => void got.push(message as Buffer));
  for (const size of [...SIZES, 126, 4_000, 70_000]) {
    raw.send(binary(Buffer.alloc(size, 1)));
    raw.send(binary(Buffer.alloc(size, 2), { fin: false }));
    raw.send(continuation(Buffer.alloc(size, 3)));
    await waitUntil(() => got.length === 2);
    const [whole, joined] = got.splice(0) as [Buffer, Buffer];
    if (size <= 64 || size > 4_096) assertOwn(whole, size, 'whole');
    else {
      assert.equal(whole.length, size);
      // It came alone, so its page has 8 bytes before it, and what it needs to end at a multiple of 8.
      assert.equal(whole.buffer.byteLength, 8 + ((size + 7) & ~7));
    }
    // An unknown number of fragments is collected in a growing buffer that belongs to the message, at most twice its
    // length.
    assert.equal(joined.length, 2 * size);
    assert.ok(joined.buffer.byteLength <= Math.max(4 * size, 256), String(joined.buffer.byteLength));
  }
});

test('bodies of plain requests have memory that nothing else uses', async (t) => {
  const bodies: Buffer[] = [];
  const { port } = await listening(t, {
    request: ({ body }) => {
      bodies.push(body);
      return new Response('ok');
    },
  });
  for (const size of [...SIZES, 4_000, 65_536]) {
    const client = await RawClient.connect({ port });
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    for (let left = size; left > 0; left -= 30_000) client.send(Buffer.alloc(Math.min(left, 30_000), 1));
    assert.equal((await client.nextHead()).status, 200);
    client[Symbol.dispose]();
    assertOwn(bodies.pop()!, size, 'body');
  }
});

for (const framing of ['a length', 'chunks', 'the end of the connection'] as const) {
  test(`the body of a refusal (framed by ${framing}) has memory that nothing else uses`, async (t) => {
    const wanted = [...SIZES, 3_000];
    const sizes = wanted.values();
    const stub = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        const size = sizes.next().value!;
        const body = 'x'.repeat(size);
        const head = 'HTTP/1.1 403 x\r\n';
        if (framing === 'a length') socket.end(`${head}Content-Length: ${size}\r\n\r\n${body}`);
        else if (framing === 'the end of the connection') socket.end(`${head}\r\n${body}`);
        else {
          const chunk = size === 0 ? '' : `${size.toString(16)}\r\n${body}\r\n`;
          socket.end(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`);
        }
      });
    });
    await new Promise<void>((resolve) => stub.listen(0, '127.0.0.1', resolve));
    t.after(() => stub.close());
    const url = `ws://127.0.0.1:${(stub.address() as AddressInfo).port}`;
    for (const size of wanted) {
      const error = await connect(url).catch((reason: unknown) => reason);
      assert.ok(error instanceof ConnectError);
      assertOwn(error.body, size, framing);
    }
  });
}
