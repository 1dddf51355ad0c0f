import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type MessageStream, messageStreams } from '../../src/index.ts';
import { binary, close, continuation, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { errorOf, nextOf, readAll } from './read-messages.ts';

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
