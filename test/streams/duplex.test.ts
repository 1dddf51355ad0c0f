import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type Duplex, Readable, Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { type Connection, toDuplex, WebSocketServer, connect } from '../../src/index.ts';
import { eventLoopTurns, pair, waitForEvent } from '../../src/testing/index.ts';

/** Waits for the error of a stream, which must not end in any other way. */
const failureOf = async (stream: Duplex): Promise<unknown> => {
  try {
    await finished(stream);
  } catch (error) {
    return error;
  }
  return assert.fail('the stream ended without an error');
};

test('BP-16: pipeline() through a connection delivers every byte in order, and 1000 ends both sides', async () => {
  await using joined = await pair();
  const server = toDuplex(joined.server);
  const echoed = pipeline(
    server,
    new Transform({ transform: (chunk, _, done) => done(null, chunk) }),
    server,
  );
  const client = toDuplex(joined.client, { closeOnEnd: false });
  const parts = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 37, i));
  const total = Buffer.concat(parts);
  const received: Buffer[] = [];
  let bytes = 0;
  const answers = pipeline(
    client,
    new Writable({
      write(chunk: Buffer, _, done) {
        received.push(chunk);
        bytes += chunk.length;
        if (bytes === total.length) joined.server.close();
        done();
      },
    }),
  );
  await pipeline(Readable.from(parts), client, { end: false });
  await answers;
  assert.deepEqual(Buffer.concat(received), total);
  await joined.client.closed;
  assert.equal(joined.client.closeInfo?.code, 1000);
  await echoed.catch(() => undefined);
});

test('BP-16: object mode gives one chunk a message, and a byte stream joins text and bytes', async () => {
  for (const objectMode of [true, false]) {
    await using joined = await pair();
    const stream = toDuplex(joined.client, { objectMode });
    const { server } = joined;
    for (const message of ['text ü', Buffer.from([1, 2]), '', Buffer.alloc(0), 'end']) server.send(message);
    server.close();
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    if (objectMode) assert.deepEqual(chunks, ['text ü', Buffer.from([1, 2]), '', Buffer.alloc(0), 'end']);
    else {
      assert.ok(chunks.every((chunk) => Buffer.isBuffer(chunk) && chunk.length > 0));
      assert.equal(
        Buffer.concat(chunks as Buffer[]).toString('latin1'),
        Buffer.from('text ü\x01\x02end').toString('latin1'),
      );
    }
  }
});

test('BP-16: written chunks are messages: strings in object mode are text, bytes follow the option `binary`', async () => {
  const rows = [
    [{ objectMode: true }, 'ab', ['ab', true]],
    [{ objectMode: true }, Buffer.from('ab'), [Buffer.from('ab'), false]],
    [{}, 'ab', [Buffer.from('ab'), false]],
    [{ binary: false }, 'ab', ['ab', true]],
    [{ binary: false, compress: false }, Buffer.from('ab'), ['ab', true]],
  ] as const;
  for (const [options, chunk, expected] of rows) {
    await using joined = await pair();
    const message = waitForEvent(joined.server, 'message');
    const stream = toDuplex(joined.client, options);
    stream.write(chunk);
    assert.deepEqual(await message, expected);
    stream.destroy();
  }
});

test('BP-16: a reader that stops stops the peer, and loses nothing', async () => {
  await using joined = await pair({ server: { highWaterMarkBytes: 65_536 } });
  const { server, client } = joined;
  const stream = toDuplex(client, { objectMode: true });
  const total = 300;
  let sent = 0;
  const writing = (async () => {
    for (; sent < total; sent++) if (!server.send(Buffer.alloc(16_384, sent))) await server.drained();
    server.close();
  })();
  await eventLoopTurns(50);
  const stopped = sent;
  await eventLoopTurns(50);
  assert.equal(sent, stopped);
  assert.ok(stopped < total / 2, `${stopped}`);
  let read = 0;
  for await (const chunk of stream) assert.deepEqual(chunk, Buffer.alloc(16_384, read++));
  await writing;
  assert.equal(read, total);
});

test('BP-16: writing waits while the peer does not read, also behind other messages, and never overflows', async () => {
  const limits = { highWaterMarkBytes: 20_000, maxBufferedBytes: 60_000 };
  await using joined = await pair({ client: limits });
  const { server, client } = joined;
  server.pause();
  const stream = toDuplex(client);
  let accepted = 0;
  let most = 0;
  const writing = (async () => {
    for (let i = 0; i < 400; i++) {
      // Messages beside the stream fill the buffer between its chunks.
      if (i % 8 === 0 && client.bufferedBytes <= 20_000) client.send(Buffer.alloc(5_000));
      await new Promise<void>((resolve, reject) =>
        stream.write(Buffer.alloc(4_000, 1), (error) => (error ? reject(error) : resolve())),
      );
      accepted++;
      most = Math.max(most, client.bufferedBytes);
    }
    stream.end();
  })();
  await eventLoopTurns(60);
  assert.ok(accepted < 200, `${accepted}`);
  let bytes = 0;
  server.on('message', (message) => {
    if (message[0] === 1) bytes += message.length;
  });
  server.resume();
  await writing;
  await finished(stream.resume());
  assert.equal(bytes, 400 * 4_000);
  assert.ok(most < 60_000, `${most}`);
  assert.equal(client.droppedMessages, 0);
});

test('BP-16: every end but 1000 and a Close without a code destroys the stream with ERR_CLOSED', async () => {
  const ends: readonly (readonly [end: (peer: Connection) => void, message: RegExp | undefined])[] = [
    [(peer) => peer.close(), undefined],
    [(peer) => peer.close(1005), undefined],
    [(peer) => peer.close(1001, 'moved'), /closed with 1001 "moved" \(peer-close\)/],
    [(peer) => peer.close(1011), /closed with 1011 \(peer-close\)/],
    [(peer) => peer.close(4000, 'full'), /closed with 4000 "full"/],
    [(peer) => peer.terminate(), /closed with 1006 \(transport/],
  ];
  for (const [end, message] of ends) {
    for (const reads of [true, false]) {
      await using joined = await pair();
      const stream = toDuplex(joined.client);
      joined.server.send('abc');
      if (reads) stream.resume();
      else stream.read();
      await eventLoopTurns(10);
      end(joined.server);
      if (message === undefined) {
        await finished(stream.resume());
        assert.equal(stream.errored, null);
      } else {
        const error = await failureOf(stream);
        assert.ok(error instanceof Error && 'code' in error);
        assert.equal(error.code, 'ERR_CLOSED');
        assert.match(error.message, message);
      }
    }
  }
});

test('BP-16: end() closes with 1000 and finishes after the answer; a lost peer makes it fail', async () => {
  await using joined = await pair();
  const stream = toDuplex(joined.client);
  const messages: unknown[] = [];
  joined.server.on('message', (message) => void messages.push(String(message)));
  stream.end('last');
  await finished(stream.resume());
  assert.deepEqual(messages, ['last']);
  const info = await joined.server.closed;
  assert.deepEqual([info.code, info.wasClean], [1000, true]);

  await using broken = await pair();
  const other = toDuplex(broken.client);
  broken.wire.toServer.lose();
  other.end('lost');
  const failed = failureOf(other.resume());
  await broken.pass(60_000, 1_000);
  assert.match(String(await failed), /ERR_CLOSED|closed with 1006/);
});

test('BP-16: destroy() in the middle closes with 1001, destroy(error) and a broken pipeline with 1011', async () => {
  const rows: readonly (readonly [code: number, stop: (stream: Duplex) => Promise<unknown>])[] = [
    [1001, async (stream) => stream.destroy()],
    [1011, async (stream) => stream.destroy(new Error('mine'))],
    [
      1001,
      async (stream) => {
        for await (const chunk of stream) if (chunk) break;
      },
    ],
    [
      1011,
      (stream) =>
        assert.rejects(
          pipeline(stream, new Writable({ write: (_chunk, _, done) => done(new Error('disk is full')) })),
          /disk is full/,
        ),
    ],
  ];
  for (const [code, stop] of rows) {
    await using joined = await pair();
    const stream = toDuplex(joined.client);
    stream.on('error', () => undefined);
    joined.server.send('first');
    joined.server.send('second');
    await eventLoopTurns(10);
    const closed = new Promise((resolve) => stream.on('close', resolve));
    await stop(stream);
    await closed;
    assert.equal(joined.client.state, 'closed');
    assert.equal((await joined.server.closed).code, code);
  }
});

test('BP-16: a chunk that cannot be sent destroys the stream: no payload, no UTF-8, or the connection has ended', async () => {
  await using joined = await pair();
  const first = toDuplex(joined.client, { objectMode: true });
  first.write({ not: 'a payload' });
  assert.match(String(await failureOf(first)), /payload must be a string/);
  await using second = await pair();
  const text = toDuplex(second.client, { binary: false });
  text.write(Buffer.from([0xff]));
  assert.match(String(await failureOf(text)), /not UTF-8/);
  await using third = await pair();
  const late = toDuplex(third.client);
  third.client.close(1000);
  late.write('x');
  assert.match(String(await failureOf(late)), /closing/);
});

test('BP-16: messages that the stream did not read before the close timeout are an error, not a short stream', async () => {
  await using joined = await pair();
  const stream = toDuplex(joined.client, { objectMode: true });
  for (let i = 0; i < 50; i++) joined.server.send(`${i}`);
  joined.server.close();
  await eventLoopTurns(20);
  const failed = failureOf(stream);
  await joined.pass(60_000, 1_000);
  assert.match(String(await failed), /\d+ received messages were dropped/);
});

test('BP-16: 100 MB pass through two slow ends while a bounded number of bytes is buffered', async () => {
  const server = new WebSocketServer();
  const { port } = await server.listen(0, '127.0.0.1');
  const connected = waitForEvent(server, 'connection');
  const client = await connect(`ws://127.0.0.1:${port}/`);
  const [peer] = (await connected) as [Connection];
  const chunk = Buffer.alloc(100_000, 7);
  const reader = toDuplex(peer, { closeOnEnd: false });
  const writer = toDuplex(client);
  let most = 0;
  let read = 0;
  const reading = (async () => {
    for await (const bytes of reader as AsyncIterable<Buffer>) {
      read += bytes.length;
      const held = client.bufferedBytes + writer.writableLength + reader.readableLength + peer.bufferedBytes;
      most = Math.max(most, held);
      if (read % 1_000_000 === 0) await eventLoopTurns(1);
    }
  })();
  await pipeline(
    (function* () {
      for (let i = 0; i < 1_000; i++) yield chunk;
    })(),
    writer,
  ).catch((error: unknown) => assert.equal((error as { code?: string }).code, undefined, String(error)));
  await reading;
  assert.equal(read, 100_000_000);
  assert.ok(most < 2_000_000, `${most}`);
  await server.shutdown();
});

test('BP-16 GN-05: wrong arguments and a second consumer are refused', async () => {
  await using joined = await pair();
  const any = toDuplex as (...args: unknown[]) => Duplex;
  for (const wrong of [undefined, null, {}, joined.webSocketServer, 'x'])
    assert.throws(() => any(wrong), { code: 'ERR_ARGUMENT', message: /^toDuplex: connection is/ });
  assert.throws(() => any(joined.client, { objectmode: true }), {
    code: 'ERR_OPTION',
    message: /objectMode/,
  });
  assert.throws(() => any(joined.client, { closeOnEnd: 1 }), { code: 'ERR_OPTION' });
  assert.throws(() => any(joined.client, {}, 1), { code: 'ERR_ARGUMENT' });
  const first = toDuplex(joined.client).on('error', () => undefined);
  assert.throws(() => toDuplex(joined.client), { code: 'ERR_STATE', message: /iterated already/ });
  first.destroy();
});
