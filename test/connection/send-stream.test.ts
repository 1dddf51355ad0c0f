import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ReadableStream } from 'node:stream/web';
import { test } from 'node:test';
import { connect, type Connection, type Payload, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, pair, ping, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { live, nextText } from '../server/live.ts';

/** A source whose chunks the test provides one by one. */
class Tap implements AsyncIterable<Payload> {
  wasReturned = false;
  #give: ((result: IteratorResult<Payload, undefined>) => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;

  async give(...chunks: Payload[]): Promise<void> {
    for (const value of chunks) (await this.#asked())({ done: false, value });
    await this.#asked();
  }

  async end(): Promise<void> {
    (await this.#asked())({ done: true, value: undefined });
  }

  async fail(error: unknown): Promise<void> {
    await this.#asked();
    this.#fail!(error);
  }

  async #asked(): Promise<(result: IteratorResult<Payload, undefined>) => void> {
    await waitUntil(() => this.#give !== undefined);
    const give = this.#give!;
    return (result) => {
      this.#give = undefined;
      give(result);
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<Payload, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#give = resolve;
          this.#fail = reject;
        }),
      return: async () => {
        this.wasReturned = true;
        return { done: true, value: undefined };
      },
    };
  }
}

test('FB-12 §5.4: a stream is one message in fragments; messages after it wait in order, pings and pongs do not', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const tap = new Tap();
  const sent = connection.sendStream(tap);
  await eventLoopTurns(2);
  connection.send('before the first chunk');
  assert.equal(await nextText(raw), 'before the first chunk');
  await tap.give('one ', 'two');
  connection.subscribe('news');
  connection.send('behind 1');
  connection.send(Buffer.from('behind 2'), { binary: false });
  server.broadcast('behind 3');
  server.publish('news', 'behind 4');
  connection.sendJson(5);
  connection.ping('here');
  raw.send(ping('answer me'));
  const frames = [];
  for (let i = 0; i < 4; i++) frames.push(await raw.nextFrame());
  assert.deepEqual(
    frames.map(({ opcode, fin, payload }) => [opcode, fin, payload.toString()]),
    [
      [1, false, 'one '],
      [0, false, 'two'],
      [9, true, 'here'],
      [10, true, 'answer me'],
    ],
  );
  await tap.end();
  assert.equal(await sent, 7);
  const end = await raw.nextFrame();
  assert.deepEqual([end.opcode, end.fin, end.payload.length], [0, true, 0]);
  for (const message of ['behind 1', 'behind 2', 'behind 3', 'behind 4', '5'])
    assert.equal(await nextText(raw), message);
  assert.equal(connection.messagesSent, 7);
  assert.equal(connection.bufferedBytes, 0);
});

test('FB-12: sources of every kind, in both roles and with permessage-deflate, arrive as one message', async () => {
  const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, i) => i % 251));
  const word = 'añ\u{1f600}z'.repeat(1_000);
  const utf8 = Buffer.from(word);
  const cut = <T extends string | Buffer>(whole: T, size: number): T[] =>
    Array.from(
      { length: Math.ceil(whole.length / size) },
      (_, i) => whole.slice(i * size, (i + 1) * size) as T,
    );
  async function* slowly(chunks: readonly Payload[]): AsyncGenerator<Payload> {
    for (const [i, chunk] of chunks.entries()) {
      if (i % 50 === 0) await eventLoopTurns(1);
      yield chunk;
    }
  }
  const rows: readonly (readonly [
    source: () => AsyncIterable<Payload> | Iterable<Payload>,
    options: { binary?: boolean } | undefined,
    message: string | Buffer,
  ])[] = [
    [() => cut(bytes, 1_000), undefined, bytes],
    [() => [bytes], undefined, bytes],
    [() => slowly(cut(bytes, 7_777)), undefined, bytes],
    [() => ReadableStream.from(cut(bytes, 25_000)) as AsyncIterable<Payload>, undefined, bytes],
    [() => cut(word, 7), undefined, word],
    [() => cut(utf8, 7), { binary: false }, word],
    [() => cut(word, 101), { binary: true }, utf8],
    [() => ['text ', Buffer.from('and bytes')], undefined, 'text and bytes'],
    [() => ['lone \ud800'], undefined, 'lone \ufffd'],
    [() => [], undefined, Buffer.alloc(0)],
    [() => [], { binary: false }, ''],
    [() => ['', ''], undefined, ''],
  ];
  for (const perMessageDeflate of [false, true] as const) {
    await using joined = await pair({
      server: { perMessageDeflate, maxFragments: 50_000 },
      client: { perMessageDeflate, maxFragments: 50_000 },
    });
    for (const [from, to] of [
      [joined.server, joined.client],
      [joined.client, joined.server],
    ] as const) {
      const received: unknown[] = [];
      to.on('message', (message) => void received.push(message));
      for (const [source, options] of rows) {
        await from.sendStream(source(), options);
        // The compression context is intact after uncompressed fragments.
        from.send('next '.repeat(500));
      }
      await waitUntil(() => received.length === 2 * rows.length);
      assert.deepEqual(
        received,
        rows.flatMap(([, , message]) => [message, 'next '.repeat(500)]),
      );
    }
  }
});

test('FB-12 BP-06: a stream waits while the peer does not read, and then goes on although messages are queued after it', async () => {
  const limits = { highWaterMarkBytes: 50_000, maxBufferedBytes: 200_000 };
  await using joined = await pair({ client: limits, server: { maxMessageBytes: 5_000_000 } });
  const { client, server } = joined;
  joined.wire.toServer.stall();
  let taken = 0;
  let mostBuffered = 0;
  const sent = client.sendStream(
    (function* () {
      for (; taken < 400; taken++) {
        mostBuffered = Math.max(mostBuffered, client.bufferedBytes);
        yield Buffer.alloc(10_000, 1);
      }
    })(),
  );
  await eventLoopTurns(40);
  const stopped = taken;
  await eventLoopTurns(40);
  assert.equal(taken, stopped);
  assert.ok(mostBuffered > 0 && mostBuffered <= 50_000, `${mostBuffered}`);
  assert.ok(taken < 100, `${taken}`);
  for (let i = 0; i < 9; i++) client.send(Buffer.alloc(10_000, 2));
  const received: [number, number | undefined][] = [];
  server.on('message', (message) => void received.push([message.length, (message as Buffer)[0]]));
  joined.wire.toServer.unstall();
  assert.equal(await sent, 4_000_000);
  await waitUntil(() => received.length === 10);
  assert.deepEqual(received, [[4_000_000, 1], ...Array.from({ length: 9 }, () => [10_000, 2])]);
});

test('FB-12 BP-05: messages queued after a stream count in the buffer, and the overflow policies apply to them', async () => {
  for (const onOverflow of ['close', 'drop-newest', 'drop-oldest'] as const) {
    await using joined = await pair({
      server: { onOverflow, highWaterMarkBytes: 5_000, maxBufferedBytes: 10_000 },
    });
    const { server, client } = joined;
    const tap = new Tap();
    const sent = server.sendStream(tap);
    await tap.give('first');
    const received: string[] = [];
    client.on('message', (message) => void received.push(String(message).slice(0, 7)));
    for (let i = 0; i < 12; i++) server.send(`${i} `.padEnd(1_000));
    if (onOverflow === 'close') {
      await assert.rejects(sent, { code: 'ERR_CLOSED' });
      assert.equal((await client.closed).code, 1013);
      assert.ok(tap.wasReturned);
      continue;
    }
    assert.ok(server.bufferedBytes >= 9_000 && server.bufferedBytes < 12_000, `${server.bufferedBytes}`);
    await tap.end();
    await sent;
    await waitUntil(() => received.length === 13 - server.droppedMessages);
    assert.ok(server.droppedMessages > 1);
    assert.equal(received[0], 'first');
    assert.equal(received[1]!.trim(), onOverflow === 'drop-newest' ? '0' : `${server.droppedMessages}`);
  }
});

test('FB-12: streams are sent one after another, also if one is aborted while it waits', async () => {
  await using joined = await pair();
  const { server, client } = joined;
  const received: unknown[] = [];
  client.on('message', (message) => void received.push(message));
  const first = new Tap();
  const abort = new AbortController();
  const one = server.sendStream(first);
  await first.give('1');
  const two = server.sendStream(new Tap(), { signal: abort.signal });
  const three = server.sendStream(['3']);
  server.send('behind 1');
  abort.abort(new Error('enough'));
  await assert.rejects(two, /enough/);
  await eventLoopTurns(5);
  await first.end();
  assert.deepEqual(await Promise.all([one, three]), [1, 1]);
  server.send('last');
  await waitUntil(() => received.length === 4);
  assert.deepEqual(received, ['1', 'behind 1', '3', 'last']);
});

test('FB-12: an abort before the first chunk drops the stream, and a later abort closes the connection with 1011', async () => {
  const error = new Error('disk gone');
  const rows: readonly ((tap: Tap, abort: AbortController) => Promise<unknown>)[] = [
    (tap) => tap.fail(error),
    async (_, abort) => abort.abort(error),
  ];
  for (const stop of rows)
    for (const begins of [false, true]) {
      await using joined = await pair();
      const { server, client } = joined;
      const received: unknown[] = [];
      client.on('message', (message) => void received.push(message));
      const tap = new Tap();
      const abort = new AbortController();
      const failed = assert.rejects(server.sendStream(tap, { signal: abort.signal }), error);
      if (begins) {
        await tap.give('part');
        server.send('behind');
      } else await eventLoopTurns(3);
      await stop(tap, abort);
      await failed;
      if (begins) {
        const info = await client.closed;
        assert.deepEqual([info.code, info.reason], [1011, 'a message was not completed']);
        assert.equal(server.droppedMessages, 1);
        assert.deepEqual(received, []);
      } else {
        server.send('goes on');
        await waitUntil(() => received.length === 1);
        assert.equal(server.state, 'open');
      }
      assert.ok(tap.wasReturned);
    }
});

test('FB-12: the end of the connection rejects a stream and all queued streams with ERR_CLOSED, whichever side ends it', async () => {
  const rows: readonly ((server: Connection, client: Connection) => void)[] = [
    (server) => server.close(4_000, 'over'),
    (_, client) => client.close(4_000, 'over'),
    (server) => server.terminate(),
    (_, client) => client.terminate(),
  ];
  for (const end of rows) {
    await using joined = await pair();
    const { server, client } = joined;
    const tap = new Tap();
    const streams = [server.sendStream(tap), server.sendStream(['x'])];
    await tap.give('part');
    server.send('behind');
    end(server, client);
    for (const stream of streams)
      await assert.rejects(stream, { code: 'ERR_CLOSED', message: /streamed message/ });
    await Promise.all([server.closed, client.closed]);
    assert.equal(server.droppedMessages, 1);
    assert.ok(tap.wasReturned);
    await assert.rejects(server.sendStream(['late']), { code: 'ERR_CLOSED' });
  }
});

test('FB-12 §8.1: chunks that together are not UTF-8, and chunks that are no payload, fail the stream', async () => {
  const rows: readonly (readonly [
    chunks: readonly unknown[],
    binary: boolean | undefined,
    message: RegExp,
  ])[] = [
    [[Buffer.from([0xff])], false, /not UTF-8/],
    [[Buffer.from([0xc3]), Buffer.from([0x28])], false, /not UTF-8/],
    [['ok', Buffer.from([0xc3])], undefined, /not UTF-8/],
    [['ok', 5], undefined, /payload must be a string/],
  ];
  for (const [chunks, binary, message] of rows) {
    await using joined = await pair();
    const options = binary === undefined ? {} : { binary };
    await assert.rejects(joined.server.sendStream(chunks as Payload[], options), {
      code: 'ERR_ARGUMENT',
      message,
    });
  }
});

test('FB-12: a stream rejects with its first error, even if return() of the source throws another one', async () => {
  await using joined = await pair();
  function* source(): Generator<Payload> {
    try {
      yield 5 as never;
    } finally {
      assert.fail('thrown by return()');
    }
  }
  await assert.rejects(joined.server.sendStream(source()), { code: 'ERR_ARGUMENT', message: /payload must/ });
});

test('FB-12 GN-05: wrong arguments of sendStream throw at once, and name the fix', async () => {
  await using joined = await pair();
  const call = joined.server.sendStream.bind(joined.server) as (...args: unknown[]) => unknown;
  for (const wrong of [undefined, null, 'text', Buffer.alloc(1), new ArrayBuffer(1), {}, 5])
    assert.throws(() => call(wrong), {
      code: 'ERR_ARGUMENT',
      message: /send\(\) takes one string or Buffer/,
    });
  assert.throws(() => call([], { compress: true }), { code: 'ERR_OPTION' });
  assert.throws(() => call([], { signal: 1 }), { code: 'ERR_OPTION' });
  assert.throws(() => call([], {}, () => undefined), { code: 'ERR_ARGUMENT', message: /callback/ });
});

test('FB-12: 20 MB stream over sockets in both directions at one time', async (t) => {
  const limits = { maxMessageBytes: 30_000_000, maxFragments: 100_000 };
  const server = new WebSocketServer(limits);
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  const connected = waitForEvent(server, 'connection');
  const client = await connect(`ws://127.0.0.1:${port}/`, limits);
  const [peer] = (await connected) as [Connection];
  const chunks = function* (): Generator<Buffer> {
    for (let i = 0; i < 2_000; i++) yield Buffer.alloc(10_000, i);
  };
  const next = (from: Connection): Promise<unknown[]> =>
    new Promise((resolve) => from.on('message', (...received) => resolve(received)));
  const [left, right] = [next(client), next(peer)];
  assert.deepEqual(
    await Promise.all([client.sendStream(chunks()), peer.sendStream(chunks())]),
    [20_000_000, 20_000_000],
  );
  for (const [message] of [await left, await right]) {
    assert.ok(Buffer.isBuffer(message) && message.length === 20_000_000);
    for (let i = 0; i < 2_000; i++) assert.equal(message[i * 10_000], i % 256);
  }
  client.close();
});
