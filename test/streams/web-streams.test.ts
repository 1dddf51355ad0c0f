import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ReadableStream, TransformStream, WritableStream } from 'node:stream/web';
import { test } from 'node:test';
import { type Connection, toWebStreams } from '../../src/index.ts';
import { eventLoopTurns, pair } from '../../src/testing/index.ts';

test('BP-16: pipeThrough and pipeTo carry messages, and 1000 ends the readable', async () => {
  await using joined = await pair();
  const { readable, writable } = toWebStreams(joined.server);
  const echoing = readable
    .pipeThrough(
      new TransformStream<string | Buffer, string>({
        transform: (message, controller) => controller.enqueue(String(message).toUpperCase()),
      }),
    )
    .pipeTo(writable);
  const client = toWebStreams(joined.client, { closeOnEnd: false });
  const writer = client.writable.getWriter();
  for (const message of ['one', Buffer.from('two'), '']) await writer.write(message);
  const reader = client.readable.getReader();
  const answers = [];
  while (answers.length < 3) answers.push((await reader.read()).value);
  assert.deepEqual(answers, ['ONE', 'TWO', '']);
  joined.client.close();
  assert.deepEqual(await reader.read(), { done: true, value: undefined });
  await assert.rejects(writer.closed, { code: 'ERR_CLOSED' });
  await echoing.catch(() => undefined);
});

test('BP-16: writer.close() closes with 1000 after all chunks', async () => {
  await using joined = await pair();
  const received: unknown[] = [];
  joined.server.on('message', (message) => void received.push(message));
  const { writable } = toWebStreams(joined.client);
  await ReadableStream.from(['a', 'b', 'c']).pipeTo(writable);
  const info = await joined.server.closed;
  assert.deepEqual(received, ['a', 'b', 'c']);
  assert.deepEqual([info.code, info.wasClean], [1000, true]);
});

test('BP-16: pipeTo fails with ERR_CLOSED if the peer answers or closes with another code than 1000', async () => {
  for (const isFirst of [true, false])
    for (const code of [1000, 1001, 1008, 1011, 4000]) {
      await using joined = await pair();
      const { writable } = toWebStreams(joined.client);
      // The Close of the peer crosses the one of the client, or comes before it.
      const close = (): void => joined.server.close(code, 'quota');
      if (isFirst) joined.server.on('message', close);
      else joined.client.on('stateChange', (state) => state === 'closing' && close());
      const piping = ReadableStream.from(['a', 'b', 'c']).pipeTo(writable);
      if (code === 1000) await piping;
      else
        await assert.rejects(
          piping,
          { code: 'ERR_CLOSED', message: new RegExp(`${code} "quota"`) },
          `${code} ${isFirst}`,
        );
    }
});

test('BP-16: nothing is read before a reader asks, and writer.ready waits for a slow peer', async () => {
  await using joined = await pair({ client: { highWaterMarkBytes: 20_000 } });
  const { writable } = toWebStreams(joined.client);
  const { readable } = toWebStreams(joined.server);
  let written = 0;
  const writing = (async () => {
    const writer = writable.getWriter();
    for (; written < 500; written++) {
      await writer.ready;
      void writer.write(Buffer.alloc(4_000, written));
    }
    await writer.close();
  })();
  await eventLoopTurns(60);
  assert.ok(written < 250, `${written}`);
  assert.ok(joined.client.bufferedBytes < 30_000);
  let read = 0;
  for await (const message of readable) assert.deepEqual(message, Buffer.alloc(4_000, read++));
  await writing;
  assert.equal(read, 500);
});

test('BP-16: an end other than 1000 fails the readable and the writable with ERR_CLOSED', async () => {
  for (const end of [
    (peer: Connection) => peer.close(4001, 'over'),
    (peer: Connection) => peer.terminate(),
  ]) {
    await using joined = await pair();
    const { readable, writable } = toWebStreams(joined.client);
    const writer = writable.getWriter();
    end(joined.server);
    await assert.rejects(readable.getReader().read(), { code: 'ERR_CLOSED', message: /4001 "over"|1006/ });
    await assert.rejects(writer.closed, { code: 'ERR_CLOSED' });
    await assert.rejects(writer.write('x'), { code: 'ERR_CLOSED' });
  }
});

test('BP-16: cancel() and abort() close with 1001, with a reason 1011', async () => {
  const rows: readonly (readonly [
    code: number,
    stop: (streams: ReturnType<typeof toWebStreams>) => Promise<unknown>,
  ])[] = [
    [1001, ({ readable }) => readable.cancel()],
    [1011, ({ readable }) => readable.cancel(new Error('x'))],
    [1001, ({ writable }) => writable.abort()],
    [1011, ({ writable }) => writable.abort(new Error('x'))],
    [
      1011,
      ({ readable }) =>
        assert.rejects(
          readable.pipeTo(
            new WritableStream({
              write() {
                throw new Error('full');
              },
            }),
          ),
          /full/,
        ),
    ],
  ];
  for (const [code, stop] of rows) {
    await using joined = await pair();
    joined.server.send('unread');
    await stop(toWebStreams(joined.client));
    assert.equal((await joined.server.closed).code, code);
    await joined.client.closed;
  }
});

test('BP-16 GN-05: toWebStreams refuses wrong arguments', async () => {
  await using joined = await pair();
  const any = toWebStreams as (...args: unknown[]) => unknown;
  assert.throws(() => any({}), { code: 'ERR_ARGUMENT', message: /^toWebStreams: connection is/ });
  assert.throws(() => any(joined.client, { objectMode: true }), { code: 'ERR_OPTION' });
  assert.throws(() => any(joined.client, undefined, 1), { code: 'ERR_ARGUMENT' });
});
