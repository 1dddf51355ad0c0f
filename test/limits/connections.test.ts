import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloseCause, MemoryBudget, type ServerOptions } from '../../src/index.ts';
import { ENTRY_BYTES } from '../../src/protocol/limits.ts';
import {
  binary,
  continuation,
  type DecodedFrame,
  eventLoopTurns,
  ping,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { live, nextText, type Peer } from '../server/live.ts';

type Pass = (ms: number) => Promise<void>;

/** Limits of a connection: how a test reaches each, the code that the peer gets, and the reason of the close. */
const LIMITS: readonly {
  readonly limit: string;
  readonly rows: string;
  readonly options: ServerOptions;
  readonly reach: (peer: Peer, pass: Pass) => Promise<void> | void;
  /** Code of the Close that the peer reads; `undefined` if it reads none. */
  readonly code: number | undefined;
  readonly cause: CloseCause;
  readonly error: string;
}[] = [
  {
    limit: 'maxMessageBytes, one frame',
    rows: 'FR-05 FP-08 SE-15',
    options: { maxMessageBytes: 1_000 },
    reach: ({ raw }) => raw.send(text('x'.repeat(1_001))),
    code: 1009,
    cause: 'message-too-big',
    error: 'ERR_MESSAGE_TOO_BIG',
  },
  {
    limit: 'maxMessageBytes, the sum of fragments',
    rows: 'FR-05 FP-08 SE-15',
    options: { maxMessageBytes: 1_000 },
    reach: ({ raw }) =>
      raw.send(
        Buffer.concat([
          binary('x'.repeat(600), { fin: false }),
          continuation('x'.repeat(400), { fin: false }),
          continuation('x', { fin: false }),
        ]),
      ),
    code: 1009,
    cause: 'message-too-big',
    error: 'ERR_MESSAGE_TOO_BIG',
  },
  {
    limit: 'maxFrameBytes, in a message that would fit',
    rows: 'FP-07 FP-08',
    options: { maxMessageBytes: 10_000, maxFrameBytes: 100 },
    reach: ({ raw }) => raw.send(text('x'.repeat(101))),
    code: 1009,
    cause: 'message-too-big',
    error: 'ERR_FRAME_TOO_BIG',
  },
  {
    limit: 'maxFragments, empty ones',
    rows: 'FR-06 SE-14',
    options: {},
    reach: ({ raw }) => {
      raw.send(text('', { fin: false }));
      raw.send(Buffer.concat(Array.from({ length: 16_384 }, () => continuation('', { fin: false }))));
    },
    code: 1008,
    cause: 'too-many-fragments',
    error: 'ERR_TOO_MANY_FRAGMENTS',
  },
  {
    limit: 'messageTimeoutMs, a message',
    rows: 'FR-07 TO-01 SE-14',
    options: { heartbeat: false, idleTimeoutMs: false },
    reach: async ({ raw }, pass) => {
      raw.send(text('a', { fin: false }));
      for (let i = 0; i < 31; i++) {
        raw.send(continuation('b', { fin: false }));
        await pass(1_000);
      }
    },
    code: 1008,
    cause: 'message-timeout',
    error: 'ERR_MESSAGE_TIMEOUT',
  },
  {
    limit: 'messageTimeoutMs, half a header',
    rows: 'FR-07 TO-01',
    options: { heartbeat: false, idleTimeoutMs: false },
    reach: async ({ raw }, pass) => {
      raw.send(Buffer.of(0x81));
      await pass(30_100);
    },
    code: 1008,
    cause: 'message-timeout',
    error: 'ERR_MESSAGE_TIMEOUT',
  },
  {
    limit: 'idleTimeoutMs',
    rows: 'HB-09 TO-01',
    options: { heartbeat: false },
    reach: (_, pass) => pass(60_100),
    code: 1001,
    cause: 'idle-timeout',
    error: 'ERR_IDLE_TIMEOUT',
  },
  {
    limit: 'pongTimeoutMs, maxMissedPongs times',
    rows: 'HB-02 HB-04 TO-01',
    options: {},
    reach: (_, pass) => pass(50_100),
    code: 1001,
    cause: 'ping-timeout',
    error: 'ERR_PING_TIMEOUT',
  },
  {
    limit: 'writeTimeoutMs',
    rows: 'BP-07 TO-01',
    options: {},
    reach: async ({ raw, connection }, pass) => {
      raw.pause();
      connection.send(Buffer.alloc(500_000));
      await pass(10_100);
    },
    code: undefined,
    cause: 'write-timeout',
    error: 'ERR_WRITE_TIMEOUT',
  },
  {
    limit: 'closeTimeoutMs',
    rows: 'CL-06 TO-01',
    options: {},
    reach: async ({ connection }, pass) => {
      connection.close(1000);
      await pass(5_100);
    },
    code: 1000,
    cause: 'close-timeout',
    error: 'ERR_CLOSE_TIMEOUT',
  },
  {
    limit: 'rateLimit.burstMessages',
    rows: 'RL-02 RL-03',
    options: { rateLimit: { messagesPerSecond: 5, burstMessages: 10 } },
    reach: ({ raw }) => raw.send(Buffer.concat(Array.from({ length: 11 }, () => text('x')))),
    code: 1008,
    cause: 'rate-limit',
    error: 'ERR_RATE',
  },
  {
    limit: 'rateLimit.burstMessages, pings',
    rows: 'CT-07 RL-02 SE-19',
    options: { rateLimit: { messagesPerSecond: 5, burstMessages: 10, closeCode: 4008 } },
    reach: ({ raw }) => raw.send(Buffer.concat(Array.from({ length: 11 }, () => ping('x')))),
    code: 4008,
    cause: 'rate-limit',
    error: 'ERR_RATE',
  },
  {
    limit: 'rateLimit.burstBytes',
    rows: 'RL-02 RL-03',
    options: { rateLimit: { bytesPerSecond: 1_000, burstBytes: 2_000 } },
    reach: async ({ raw, connection }) => {
      raw.send(text('x'.repeat(1_900)));
      await waitUntil(() => connection.messagesReceived === 1);
      raw.send(text('y'.repeat(100)));
    },
    code: 1008,
    cause: 'rate-limit',
    error: 'ERR_RATE',
  },
  {
    limit: "maxBufferedBytes, onOverflow 'close'",
    rows: 'BP-04 BP-05 SE-25',
    options: { maxBufferedBytes: 100_000, highWaterMarkBytes: 50_000 },
    reach: ({ raw, connection }) => {
      raw.pause();
      for (let i = 0; i < 15; i++) connection.send(Buffer.alloc(10_000));
      raw.resume();
    },
    code: 1013,
    cause: 'slow-consumer',
    error: 'ERR_SLOW_CONSUMER',
  },
  {
    limit: 'expiresAt',
    rows: 'AU-05',
    options: {},
    reach: async ({ connection }, pass) => {
      connection.expiresAt = connection.connectedAt.getTime() + 5_000;
      await pass(5_100);
    },
    code: 1008,
    cause: 'expired',
    error: 'ERR_EXPIRED',
  },
];

async function nextClose({ raw }: Peer): Promise<number | undefined> {
  for (;;) {
    const frame: DecodedFrame | undefined = await raw.nextFrame().catch(() => undefined);
    if (frame === undefined) return undefined;
    if (frame.opcode === 8) return frame.payload.readUInt16BE();
  }
}

for (const { limit, rows, options, reach, code, cause, error } of LIMITS) {
  test(`${rows}: ${limit}: ${code ?? 'no Close'}, cause ${cause}; another client is unaffected, and all memory is freed after`, async (t) => {
    const memoryBudget = new MemoryBudget({ maxBytes: 50_000_000 });
    const { server, clock, join, pass, closes } = live(t, { memoryBudget, ...options });
    server.on('message', (connection, message) => {
      if (message === 'are you well?') connection.send('very');
    });
    const [peer, bystander] = [await join(), await join()];
    // The other client behaves well: it answers pings and sends a message now and then.
    let heard = '';
    bystander.connection.on('message', (message) => void (heard += String(message)));
    const passTogether: Pass = async (ms) => {
      for (let left = ms; left > 0; left -= 1_000) {
        await pass(Math.min(left, 1_000), 100);
        bystander.raw.send(text('.'));
      }
    };
    peer.connection.subscribe('topic');
    await reach(peer, passTogether);
    assert.equal(await nextClose(peer), code);
    peer.raw[Symbol.dispose]();
    const info = await peer.connection.closed;
    assert.deepEqual([info.cause, info.error?.code, info.wasClean], [cause, error, false]);
    assert.equal(closes.length, 1);
    assert.equal(server.topics.size, 0);
    assert.deepEqual([...server.connections], [bystander.connection]);
    bystander.raw.send(text('are you well?'));
    await waitUntil(() => heard.endsWith('well?'));
    let answer = await nextText(bystander.raw);
    while (answer !== 'very') answer = await nextText(bystander.raw);
    const { closes: counted } = server.stats();
    assert.equal(counted.byCause[cause], 1);
    bystander.raw[Symbol.dispose]();
    await waitUntil(() => server.connections.size === 0);
    await eventLoopTurns(3);
    await pass(1_000);
    assert.deepEqual([memoryBudget.usedBytes, server.stats().bytes.buffered, clock.pendingTimers], [0, 0, 0]);
  });
}

for (const [limit, options, send] of [
  ['maxMessageBytes', { maxMessageBytes: 1_000 }, [text('x'.repeat(1_000))]],
  [
    'maxMessageBytes in fragments',
    { maxMessageBytes: 1_000 },
    [text('x'.repeat(999), { fin: false }), continuation('x')],
  ],
  ['maxFrameBytes', { maxFrameBytes: 1_000 }, [text('x'.repeat(1_000))]],
  [
    'maxFragments',
    { maxFragments: 3 },
    [text('x'.repeat(998), { fin: false }), continuation('x', { fin: false }), continuation('x')],
  ],
  [
    'rateLimit',
    { rateLimit: { messagesPerSecond: 1, burstMessages: 1, bytesPerSecond: 1_008, burstBytes: 1_008 } },
    [text('x'.repeat(1_000))],
  ],
] as const) {
  test(`FR-05 SE-15: exactly ${limit} is accepted`, async (t) => {
    const { server, join } = live(t, options);
    const got: number[] = [];
    server.on('message', (_, message) => void got.push(message.length));
    const { raw, connection } = await join();
    raw.send(Buffer.concat(send));
    await waitUntil(() => got.length === 1);
    assert.deepEqual(got, [1_000]);
    assert.equal(connection.state, 'open');
  });
}

for (const onOverflow of ['drop-newest', 'drop-oldest'] as const) {
  test(`BP-04 BP-06 SE-25: '${onOverflow}': at most the limit and one message are queued`, async (t) => {
    const limit = 100_000;
    const memoryBudget = new MemoryBudget({ maxBytes: 10_000_000 });
    const { join, server } = live(t, {
      maxBufferedBytes: limit,
      highWaterMarkBytes: 20_000,
      onOverflow,
      memoryBudget,
    });
    const { raw, connection, wire } = await join();
    raw.pause();
    let dropped = 0;
    connection.on('dropped', ({ policy }) => void (dropped += policy === onOverflow ? 1 : 0));
    for (let i = 0; i < 2_000; i++) {
      connection.send(Buffer.alloc(1 + ((i * 7_919) % 5_000), i));
      assert.ok(connection.bufferedBytes <= limit + 5_010 + ENTRY_BYTES, `${connection.bufferedBytes}`);
      // BP-06: the socket holds no more than the high-water mark, besides its own buffer and one message.
      assert.ok(wire.server.writableLength <= 20_000 + 5_010, `${wire.server.writableLength}`);
      if (i % 50 === 0) await eventLoopTurns(2);
    }
    assert.ok(dropped > 1_000);
    assert.deepEqual(
      [connection.state, connection.droppedMessages, server.stats().messages.dropped],
      ['open', dropped, dropped],
    );
    raw.resume();
    await connection.drained();
    await waitUntil(() => connection.bufferedBytes === 0);
    assert.equal(memoryBudget.usedBytes, 0);
  });
}

test('TP-01: maxTopicsPerConnection and maxTopics: subscribe returns false, and closing frees the names', async (t) => {
  const { server, join } = live(t, { maxTopicsPerConnection: 2, maxTopics: 3 });
  const [one, two] = [await join(), await join()];
  assert.deepEqual(
    ['a', 'b', 'c', 'a'].map((topic) => one.connection.subscribe(topic)),
    [true, true, false, false],
  );
  assert.deepEqual(
    ['c', 'd', 'a'].map((topic) => two.connection.subscribe(topic)),
    [true, false, true],
  );
  one.raw[Symbol.dispose]();
  await one.connection.closed;
  assert.deepEqual([...server.topics], ['a', 'c']);
  two.connection.unsubscribe('c');
  assert.equal(two.connection.subscribe('d'), true);
});
