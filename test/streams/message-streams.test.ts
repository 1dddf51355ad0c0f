import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  connect,
  type Connection,
  type MessageStream,
  messageStreams,
  MemoryBudget,
  ReconnectingClient,
  toDuplex,
  WebSocketServer,
} from '../../src/index.ts';
import {
  binary,
  close,
  continuation,
  eventLoopTurns,
  pair,
  ping,
  selfSigned,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

const readAll = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** The next message of a loop, which must not end. */
const nextOf = async (loop: AsyncIterableIterator<MessageStream>): Promise<MessageStream> => {
  const { done, value } = await loop.next();
  assert.ok(done !== true);
  return value;
};

const errorOf = async (stream: AsyncIterable<Buffer>): Promise<Error & { code?: string }> => {
  try {
    await readAll(stream);
  } catch (error) {
    return error as Error;
  }
  return assert.fail('the message ended as if it were complete');
};

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

test('FR-10 BP-10: an unread message stops the peer after the read-ahead, and loses nothing when it is read', async () => {
  await using joined = await pair({
    server: { maxMessageBytes: 20_000_000, receiveAheadBytes: 65_536 },
    client: { highWaterMarkBytes: 65_536 },
  });
  const { client, server } = joined;
  const loop = messageStreams(server);
  let produced = 0;
  function* source(): Generator<Buffer> {
    for (; produced < 1_000; produced++) yield Buffer.alloc(10_000, produced);
  }
  const sending = client.sendStream(source());
  const stream = await nextOf(loop);
  await eventLoopTurns(100);
  const stopped = produced;
  await eventLoopTurns(100);
  assert.equal(produced, stopped);
  assert.ok(stopped < 500, `${stopped}`);
  assert.ok(stream.bytesReceived <= 65_536 + 65_536, `${stream.bytesReceived}`);
  let at = 0;
  for await (const chunk of stream) {
    for (const byte of chunk) if (byte !== (Math.floor(at++ / 10_000) & 255)) assert.fail(`byte ${at}`);
    assert.ok(stream.bytesReceived - at <= 131_072, `${stream.bytesReceived - at}`);
  }
  assert.equal(at, 10_000_000);
  assert.equal(await sending, 10_000_000);
});

test('FR-10: messages that were not requested, and empty ones, are bounded by the read-ahead too', async (t) => {
  const { server, join } = live(t, { receiveAheadBytes: 2_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(Buffer.concat(Array.from({ length: 100 }, () => binary(''))));
  await eventLoopTurns(5);
  assert.ok(connection.messagesReceived <= 17, `${connection.messagesReceived}`);
  assert.ok(server.stats().bytes.buffered >= 2_000, `${server.stats().bytes.buffered}`);
  for (let i = 0; i < 100; i++) assert.deepEqual(await readAll(await nextOf(loop)), Buffer.alloc(0));
  assert.equal(server.stats().bytes.buffered, 0);
});

test('FR-10: leaving a message drops and counts its rest; the next message arrives', async (t) => {
  const { server, join } = live(t);
  const ways: readonly ((stream: MessageStream) => Promise<void> | void)[] = [
    (stream) => stream.cancel(),
    async (stream) => {
      for await (const chunk of stream) if (chunk.length > 0) break;
    },
    (stream) => void Readable.from(stream).destroy(),
  ];
  for (const leave of ways) {
    const { raw, connection } = await join();
    const loop = messageStreams(connection);
    raw.send(
      Buffer.concat([binary('begun', { fin: false }), continuation(Buffer.alloc(500_000), { fin: false })]),
    );
    const stream = await nextOf(loop);
    await leave(stream);
    raw.send(Buffer.concat([continuation(Buffer.alloc(500_000)), text('next')]));
    assert.equal((await readAll(await nextOf(loop))).toString(), 'next');
    assert.equal(connection.droppedMessages, 1);
    assert.equal(stream.isComplete, true);
    stream.cancel();
    assert.equal(connection.droppedMessages, 1);
    assert.equal(server.stats().bytes.buffered, 0);
  }
});

test('FR-10: leaving a message ends the reads that wait', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(binary('a', { fin: false }));
  const stream = await nextOf(loop);
  const chunks = stream[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).done, false);
  const waiting = chunks.next();
  stream.cancel();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual(await chunks.next(), { done: true, value: undefined });
});

test('FR-10: a message that the connection does not complete fails after its last chunk, and never looks complete', async (t) => {
  type End = (peer: Awaited<ReturnType<ReturnType<typeof live>['join']>>) => void;
  const rows: readonly (readonly [end: End, code: string, message: RegExp])[] = [
    [({ raw }) => raw.send(close(1000)), 'ERR_CLOSED', /before the message was complete/],
    [({ raw }) => raw.send(close(4000, 'bye')), 'ERR_CLOSED', /before the message was complete/],
    [({ wire }) => wire.reset(), 'ERR_CLOSED', /closed with 1006 \(transport-error\)/],
    [({ raw }) => raw.end(), 'ERR_CLOSED', /closed with 1006/],
    [({ connection }) => connection.terminate(), 'ERR_CLOSED', /1006 \(terminated\)/],
    [({ connection }) => connection.close(), 'ERR_CLOSED', /is closing/],
    [({ raw }) => raw.send(continuation(Buffer.of(0xff))), 'ERR_UTF8', /byte 5 of 6/],
    [({ raw }) => raw.send(text('inside')), 'ERR_INTERLEAVED', /./],
    [({ raw }) => raw.send(continuation(Buffer.alloc(2_000_000))), 'ERR_MESSAGE_TOO_BIG', /./],
  ];
  for (const waits of [false, true]) {
    for (const [end, code, message] of rows) {
      const { join } = live(t);
      const peer = await join();
      const loop = messageStreams(peer.connection);
      peer.raw.send(text('begun', { fin: false }));
      const stream = await nextOf(loop);
      const failed = waits ? errorOf(stream) : undefined;
      await eventLoopTurns(3);
      end(peer);
      await eventLoopTurns(5);
      const error = await (failed ?? errorOf(stream));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(stream.isComplete, false);
      assert.equal(stream.bytesReceived, 5);
      peer.connection.terminate();
      assert.deepEqual(await loop.next(), { done: true, value: undefined });
    }
  }
});

test('FR-10: complete messages can be read after the connection has ended, in order', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(
    Buffer.concat([
      text('one'),
      text('two', { fin: false }),
      continuation('!'),
      text('cut', { fin: false }),
      close(1000),
    ]),
  );
  await waitUntil(() => connection.state === 'closing');
  raw.end();
  await connection.closed;
  assert.equal((await readAll(await nextOf(loop))).toString(), 'one');
  assert.equal((await readAll(await nextOf(loop))).toString(), 'two!');
  assert.equal((await errorOf(await nextOf(loop))).code, 'ERR_CLOSED');
  assert.deepEqual(await loop.next(), { done: true, value: undefined });
});

test('FR-10 FR-07: messageTimeoutMs counts only the time in which the application reads', async (t) => {
  const { join, pass } = live(t, { messageTimeoutMs: 1_000, receiveAheadBytes: 1_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(binary(Buffer.alloc(2_000), { fin: false }));
  const stream = await nextOf(loop);
  await pass(5_000);
  assert.equal(connection.state, 'open');
  const failed = errorOf(stream);
  await pass(500);
  assert.equal(connection.state, 'open');
  await pass(600);
  assert.equal((await failed).code, 'ERR_MESSAGE_TIMEOUT');
});

test('FR-10 SE-15: a peer that sends one message for ever is held to its limits, read or not', async (t) => {
  const { join } = live(t, { maxMessageBytes: 1_000_000, maxFragments: 50 });
  const rows: readonly (readonly [bytes: number, code: string])[] = [
    [100_000, 'ERR_MESSAGE_TOO_BIG'],
    [0, 'ERR_TOO_MANY_FRAGMENTS'],
  ];
  for (const [bytes, code] of rows) {
    const { raw, connection } = await join();
    const loop = messageStreams(connection);
    raw.send(binary('x', { fin: false }));
    const failed = errorOf(await nextOf(loop));
    for (let i = 0; i < 60 && connection.state === 'open'; i++) {
      raw.send(continuation(Buffer.alloc(bytes), { fin: false }));
      await eventLoopTurns(2);
    }
    assert.equal((await failed).code, code);
    assert.equal(connection.messagesReceived, 0);
  }
});

test('FR-10 RL-01: a rate limit counts a message once, and its bytes as they arrive', async (t) => {
  const rows = [
    { action: 'throttle', bytesPerSecond: 10_000 },
    { action: 'close', bytesPerSecond: 10_000 },
    { action: 'close', messagesPerSecond: 1 },
  ] as const;
  for (const rateLimit of rows) {
    const { join, pass } = live(t, { rateLimit, heartbeat: false, idleTimeoutMs: false });
    const { raw, connection } = await join();
    const loop = messageStreams(connection);
    raw.send(binary('first', { fin: false }));
    const reading = readAll(await nextOf(loop)).then(
      (bytes) => bytes.length,
      (error: { code: string }) => error.code,
    );
    for (let i = 0; i < 100; i++) {
      raw.send(continuation(Buffer.alloc(1_000), { fin: false }));
      await eventLoopTurns(1);
    }
    raw.send(continuation(''));
    await pass(20_000);
    const limited = 'bytesPerSecond' in rateLimit && rateLimit.action === 'close';
    assert.equal(await reading, limited ? 'ERR_RATE' : 100_005);
  }
});

test('FR-10 BP-08: unread chunks count in the memory budget; a connection that is shed fails its messages', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 150_000 });
  const { join, server, errors } = live(t, { memoryBudget, receiveAheadBytes: 1_000_000 });
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(Buffer.concat([binary(Buffer.alloc(50_000)), binary(Buffer.alloc(90_000), { fin: false })]));
  const [whole, begun] = [await nextOf(loop), await nextOf(loop)];
  await waitUntil(() => server.stats().bytes.buffered > 140_000);
  raw.send(continuation(Buffer.alloc(20_000), { fin: false }));
  await waitUntil(() => connection.state !== 'open');
  for (const stream of [whole, begun]) assert.equal((await errorOf(stream)).code, 'ERR_MEMORY_CAP');
  assert.ok(connection.droppedMessages >= 2);
  assert.deepEqual(
    errors.splice(0).map((error) => (error as { code?: string }).code),
    ['ERR_MEMORY_CAP'],
  );
  // Only the Close is left.
  assert.ok(server.stats().bytes.buffered < 1_000, `${server.stats().bytes.buffered}`);
});

test('FR-10: leaving the loop drops what was not taken and all later messages; a message in hand can be read on', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(text('one', { fin: false }));
  const stream = await nextOf(loop);
  await loop.return!();
  raw.send(Buffer.concat([continuation('!'), text('two'), text('three', { fin: false }), continuation('!')]));
  assert.equal((await readAll(stream)).toString(), 'one!');
  await eventLoopTurns(3);
  assert.equal(connection.droppedMessages, 2);
  assert.deepEqual(await loop.next(), { done: true, value: undefined });

  const other = await join();
  const unread = messageStreams(other.connection);
  other.raw.send(Buffer.concat([text('a'), text('b', { fin: false })]));
  await eventLoopTurns(3);
  await unread.return!();
  assert.equal(other.connection.droppedMessages, 2);
});

test('FR-10 BP-11: pause() stops the loop before the next message, resume() goes on', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const loop = messageStreams(connection);
  raw.send(text('one', { fin: false }));
  const first = await nextOf(loop);
  connection.pause();
  raw.send(Buffer.concat([continuation('!'), text('two')]));
  assert.equal((await readAll(first)).toString(), 'one!');
  let next: MessageStream | undefined;
  const waiting = nextOf(loop).then((stream) => (next = stream));
  await eventLoopTurns(5);
  assert.equal(next, undefined);
  connection.resume();
  assert.equal((await readAll(await waiting)).toString(), 'two');
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
