import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  connect,
  type Connection,
  messageStreams,
  ReconnectingClient,
  toDuplex,
  WebSocketServer,
} from '../../src/index.ts';
import { binary, continuation, pair, ping, selfSigned, text, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { nextOf, readAll } from './read-messages.ts';

test('FR-10: messages of every size arrive as streams, in order, on server and client, with and without compression', async () => {
  for (const perMessageDeflate of [false, true]) {
    await using joined = await pair({ server: { perMessageDeflate }, client: { perMessageDeflate } });
    const sizes = [0, 1, 100, 65_535, 65_536, 300_000];
    for (const [from, to] of [
      [joined.client, joined.server],
      [joined.server, joined.client],
    ] as const) {
      const loop = messageStreams(to);
      const sending = (async () => {
        for (const size of sizes) {
          from.send(Buffer.alloc(size, size));
          await from.drained();
          from.send('ä'.repeat(size));
          await from.drained();
          await from.sendStream([Buffer.alloc(size, 7), Buffer.alloc(size, 8)], { binary: true });
        }
      })();
      for (const size of sizes) {
        const bytes = await nextOf(loop);
        assert.equal(bytes.isText, false);
        assert.deepEqual(await readAll(bytes), Buffer.alloc(size, size));
        const words = await nextOf(loop);
        assert.equal(words.isText, true);
        assert.equal((await readAll(words)).toString(), 'ä'.repeat(size));
        const parts = await readAll(await nextOf(loop));
        assert.deepEqual(parts, Buffer.concat([Buffer.alloc(size, 7), Buffer.alloc(size, 8)]));
      }
      await sending;
      assert.equal(to.messagesReceived, sizes.length * 3);
      assert.equal(to.droppedMessages, 0);
    }
  }
});

test('FR-10: chunks arrive before the message is complete, cut anywhere, between pings', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(text('añ', { fin: false }).subarray(0, 8));
  const stream = await nextOf(loop);
  const chunks = stream[Symbol.asyncIterator]();
  assert.deepEqual(await chunks.next(), { done: false, value: Buffer.from('añ').subarray(0, 2) });
  assert.deepEqual([stream.isText, stream.isComplete, stream.bytesReceived], [true, false, 2]);
  const waiting = chunks.next();
  raw.send(Buffer.concat([text('añ', { fin: false }).subarray(8), ping('p')]));
  assert.deepEqual(await waiting, { done: false, value: Buffer.from('añ').subarray(2) });
  assert.equal((await raw.nextFrame()).opcode, 10);
  const both = [chunks.next(), chunks.next(), chunks.next()];
  raw.send(
    Buffer.concat([continuation('x', { fin: false }), continuation('', { fin: false }), continuation('y')]),
  );
  assert.deepEqual(await Promise.all(both), [
    { done: false, value: Buffer.from('x') },
    { done: false, value: Buffer.from('y') },
    { done: true, value: undefined },
  ]);
  assert.deepEqual([stream.isComplete, stream.bytesReceived], [true, 5]);
  assert.deepEqual(await chunks.next(), { done: true, value: undefined });
});

test('FR-10: messages that arrived before the call are part of the loop; other consumers are refused', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const others: unknown[] = [];
  raw.send(Buffer.concat([text('early ä'), binary('bytes')]));
  await waitUntil(() => connection.messagesReceived === 2);
  const loop = messageStreams(connection);
  server.on('message', (_, message) => void others.push(message));
  const first = await nextOf(loop);
  assert.equal(first.isText, true);
  assert.equal((await readAll(first)).toString(), 'early ä');
  assert.equal((await readAll(await nextOf(loop))).toString(), 'bytes');
  raw.send(text('later'));
  const later = await nextOf(loop);
  const chunks = later[Symbol.asyncIterator]();
  assert.throws(() => later[Symbol.asyncIterator](), { code: 'ERR_STATE' });
  assert.equal((await chunks.next()).value?.toString(), 'later');
  assert.deepEqual(others, []);
  const state = { code: 'ERR_STATE', message: /messageStreams/ };
  assert.throws(() => messageStreams(connection), state);
  assert.throws(() => connection[Symbol.asyncIterator](), state);
  assert.throws(() => toDuplex(connection), state);

  const consumers: readonly ((taken: Connection) => unknown)[] = [
    (taken) => taken.on('message', () => {}),
    (taken) => taken[Symbol.asyncIterator](),
    (taken) => toDuplex(taken).on('error', () => {}),
  ];
  for (const consume of consumers) {
    const { connection: taken } = await join();
    consume(taken);
    assert.throws(() => messageStreams(taken), state);
  }
});

test('FR-10: wrong arguments are refused, a listener beside the loop is a warning, and a closed connection has no messages', async () => {
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_: object, line: string) => void warnings.push(line),
    error() {},
  };
  await using joined = await pair({ server: { logger } });
  const { server, client } = joined;
  assert.throws(() => messageStreams({} as never), { code: 'ERR_ARGUMENT' });
  assert.throws(() => (messageStreams as (...all: unknown[]) => unknown)(server, {}), {
    code: 'ERR_ARGUMENT',
  });
  const loop = messageStreams(server);
  server.on('message', () => assert.fail('never called'));
  assert.match(warnings.join(), /messageStreams\(\) takes the messages/);
  client.send('whole');
  const stream = await nextOf(loop);
  assert.throws(() => (stream.cancel as (surplus: unknown) => void)(1), { code: 'ERR_ARGUMENT' });
  client.close();
  await client.closed;
  assert.deepEqual(await messageStreams(client).next(), { done: true, value: undefined });
});

test('FR-10 TO-05: chunks of messages that arrived before the call have memory of their own', async (t) => {
  const { join } = live(t, { textAs: 'buffer' });
  for (const frame of [
    text('the first of a slab'),
    binary(Buffer.alloc(100, 'a')),
    binary(Buffer.alloc(9_000)),
  ]) {
    const { raw, connection } = await join();
    raw.send(Buffer.concat([frame, binary(Buffer.alloc(100, 'b'))]));
    await waitUntil(() => connection.messagesReceived === 2);
    const loop = messageStreams(connection);
    for (let i = 0; i < 2; i++)
      for await (const chunk of await nextOf(loop)) assert.equal(chunk.buffer.byteLength, chunk.length);
  }
});

test('FR-10: several connections stream in one turn over TCP and TLS, and a reconnecting client streams each connection', async () => {
  const { key, cert } = selfSigned(['127.0.0.1'], Date.now());
  for (const tls of [undefined, { key, cert }]) {
    const server = new WebSocketServer(tls === undefined ? {} : { tls });
    server.on('connection', async (connection) => {
      for await (const message of messageStreams(connection))
        await connection.sendStream(message, { binary: !message.isText });
    });
    const { port } = await server.listen(0, '127.0.0.1');
    const url = `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`;
    const options = tls === undefined ? {} : { tls: { ca: cert } };
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect(url, options)));
    await Promise.all(
      clients.map(async (client, i) => {
        const payload = Buffer.alloc(700_000 + i, i);
        client.send(payload);
        client.send('small');
        const loop = messageStreams(client);
        assert.deepEqual(await readAll(await nextOf(loop)), payload);
        assert.equal((await readAll(await nextOf(loop))).toString(), 'small');
        client.close();
        await client.closed;
      }),
    );
    const lasting = new ReconnectingClient(url, options);
    const connection = await new Promise<Connection>((resolve) => lasting.on('open', resolve));
    const loop = messageStreams(connection);
    lasting.on('message', () => assert.fail('the loop takes the messages'));
    lasting.send('over a reconnecting client');
    assert.equal((await readAll(await nextOf(loop))).toString(), 'over a reconnecting client');
    lasting.close();
    await server.shutdown();
  }
});
