import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Connection, DroppedMessage, SendOptions, ServerOptions } from '../../src/index.ts';
import { close, eventLoopTurns, pair, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, nextText } from '../server/live.ts';

const CONFLATE = { onOverflow: 'conflate' } as const;
/** Fills the buffers between a connection and a peer that does not read: what follows is queued. */
const FILL = 'x'.repeat(100_000);

/** A connection whose peer does not read, with everything that follows still queued. */
async function blocked(t: Parameters<typeof live>[0], options: ServerOptions = {}) {
  const { server, join } = live(t, { ...CONFLATE, ...options });
  const { raw, connection } = await join();
  raw.pause();
  connection.send(FILL);
  await eventLoopTurns(3);
  const dropped: DroppedMessage[] = [];
  connection.on('dropped', (info) => void dropped.push(info));
  /** The texts that the peer reads until `last`, without the filling. */
  const read = async (last: string): Promise<string[]> => {
    raw.resume();
    const texts: string[] = [];
    while (texts.at(-1) !== last) texts.push(await nextText(raw));
    return texts.filter((text) => text !== FILL);
  };
  return { server, connection, raw, dropped, read };
}

test('BP-15: a queued message is replaced in its place by the next one with the same key', async (t) => {
  const { server, connection, dropped, read } = await blocked(t);
  const before = connection.bufferedBytes;
  connection.send('ACME 1', { key: 'ACME' });
  connection.send('an order');
  connection.send('BOLT 1', { key: 'BOLT' });
  connection.send(Buffer.from('ACME 22'), { key: 'ACME', binary: false });
  assert.equal(connection.bufferedBytes - before, 7 + 4 + 8 + 6 + 4 + 3 * 128);
  assert.deepEqual(dropped, [{ bytes: 6, policy: 'conflate' }]);
  assert.equal(connection.droppedMessages, 1);
  assert.equal(server.stats().messages.dropped, 1);
  assert.match(server.metrics(), /^hawser_dropped_messages_total\{policy="conflate"\} 1$/m);
  connection.send('end');
  assert.deepEqual(await read('end'), ['ACME 22', 'an order', 'BOLT 1', 'end']);
  assert.equal(connection.bufferedBytes, 0);
  for (const last of ['ACME 3', 'ACME 4']) connection.send(last, { key: 'ACME' });
  assert.deepEqual(await read('ACME 4'), ['ACME 3', 'ACME 4'], 'nothing is queued, so nothing is replaced');
});

test('BP-15: publish and broadcast replace the queued message of each recipient', async (t) => {
  const { server, connection, dropped, read } = await blocked(t);
  connection.subscribe('quotes');
  server.publish('quotes', 'ACME 1', { key: 'ACME' });
  server.broadcast('ACME 2', { key: 'ACME' });
  server.publish('quotes', 'BOLT 1', { key: 'BOLT' });
  connection.send('ACME 3', { key: 'ACME' });
  server.broadcast(Buffer.from('ACME 4'), { key: 'ACME', binary: false });
  assert.deepEqual(
    dropped.map(({ bytes }) => bytes),
    [8, 8, 6],
    'prepared messages have a header',
  );
  connection.send('end');
  assert.deepEqual(await read('end'), ['ACME 4', 'BOLT 1', 'end']);
});

test('BP-04 BP-15: a full queue takes a message that replaces another one, and otherwise closes with 1013', async (t) => {
  const { connection, raw, dropped } = await blocked(t, {
    highWaterMarkBytes: 110_000,
    maxBufferedBytes: 120_000,
  });
  for (let i = 0; connection.bufferedBytes < 120_000; i++)
    connection.send('x'.repeat(1_000), { key: `${i}` });
  for (const [key, size] of [
    ['0', 900],
    ['1', 1_000],
  ] as const)
    assert.equal(connection.send('y'.repeat(size), { key }), false);
  assert.deepEqual([connection.state, dropped.length], ['open', 2]);
  const droppedBefore = connection.droppedMessages;
  connection.send('x'.repeat(1_000), { key: 'new' });
  assert.equal(connection.state, 'closing');
  assert.ok(connection.droppedMessages > droppedBefore + 10, 'all messages that were not begun');
  assert.equal(dropped.at(-1)!.policy, 'close');
  raw.resume();
  assert.equal((await nextText(raw)).length, FILL.length);
  assert.equal(await closeCode(raw), 1013);
});

test('BP-15: a longer message that replaces a short one in a full queue must fit', async (t) => {
  const { connection } = await blocked(t, { highWaterMarkBytes: 110_000, maxBufferedBytes: 120_000 });
  connection.send('short', { key: 'a' });
  while (connection.bufferedBytes < 120_000) connection.send('x'.repeat(1_000));
  connection.send('x'.repeat(2_000), { key: 'a' });
  assert.equal(connection.state, 'closing');
});

test('BP-15: close sends the queued messages first, and terminate drops and counts them', async (t) => {
  const polite = await blocked(t);
  polite.connection.send('ACME 1', { key: 'ACME' });
  polite.connection.send('ACME 2', { key: 'ACME' });
  polite.connection.close(4_000);
  assert.deepEqual(await polite.read('ACME 2'), ['ACME 2']);
  assert.equal(await closeCode(polite.raw), 4_000);
  const cut = await blocked(t);
  cut.connection.send('ACME 1', { key: 'ACME' });
  cut.connection.send('BOLT 1', { key: 'BOLT' });
  cut.connection.terminate();
  assert.equal(cut.connection.droppedMessages, 2);
  assert.equal(cut.connection.bufferedBytes, 0);
});

test('BP-15: the Close of the peer is answered after the queued messages', async (t) => {
  const { connection, raw, read } = await blocked(t);
  connection.send('ACME 1', { key: 'ACME' });
  raw.send(close(1000));
  await waitUntil(() => connection.state !== 'open');
  assert.deepEqual(await read('ACME 1'), ['ACME 1']);
  assert.equal(await closeCode(raw), 1000);
});

test('BP-15 FB-12: fragments that have begun are never replaced; messages queued after them are', async (t) => {
  const { connection, read } = await blocked(t);
  connection.send('before 1', { key: 'a' });
  let release = (): void => {};
  const more = new Promise<void>((resolve) => {
    release = resolve;
  });
  const streamed = connection.sendStream(
    (async function* () {
      yield 'one ';
      await more;
      yield 'stream';
    })(),
  );
  await eventLoopTurns(2);
  connection.send('after 1', { key: 'b' });
  connection.send('after 2', { key: 'b' });
  release();
  const texts = await read('after 2');
  assert.equal(await streamed, 10);
  assert.deepEqual(texts, ['before 1', 'one ', 'stream', '', 'after 2']);
});

for (const [what, options] of [
  ['no key with another policy', { onOverflow: 'close' }],
  ['no key by default', {}],
] as const) {
  test(`BP-15 GN-05: there is ${what}`, async (t) => {
    const { server, join } = live(t, options);
    const { connection } = await join();
    const says = {
      code: 'ERR_OPTION',
      message: /key is "a"; .*left out with onOverflow: 'close'.*'conflate'/,
    };
    assert.throws(() => connection.send('x', { key: 'a' }), says);
    assert.throws(() => connection.sendJson(1, { key: 'a' }), says);
    assert.throws(() => server.publish('topic', 'x', { key: 'a' }), says);
    assert.throws(() => connection.publish('topic', 'x', { key: 'a' }), says);
    assert.throws(() => server.broadcast('x', { key: 'a' }), says);
  });
}

for (const key of ['', 'x'.repeat(257), 5, null, {}]) {
  test(`BP-15 GN-05: ${JSON.stringify(key).slice(0, 20)} is no key`, async (t) => {
    const { server, join } = live(t, CONFLATE);
    const { connection } = await join();
    const options = { key } as unknown as SendOptions & { key: string };
    const says = { code: 'ERR_OPTION', message: /key is .*; it must be a string of 1 to 256 characters/ };
    assert.throws(() => connection.send('x', options), says);
    assert.throws(() => server.publish('topic', 'x', options), says);
    assert.throws(() => server.broadcast('x', options), says);
  });
}

test('BP-15: a key of a topic with history is refused, since its subscribers get every message', async (t) => {
  const { server } = live(t, { ...CONFLATE, history: { match: 'room', maxMessages: 5 } });
  assert.throws(() => server.publish('room', 'x', { key: 'a' }), /key is "a"; .*history/);
  server.publish('other', 'x', { key: 'a' });
});

test('BP-15: the memory of a thousand keys is counted, and freed when they are sent', async (t) => {
  const { connection, read } = await blocked(t);
  const before = connection.bufferedBytes;
  for (let round = 0; round < 10; round++)
    for (let i = 0; i < 1_000; i++) connection.send(`${round}`, { key: `key ${String(i).padStart(4, '0')}` });
  assert.equal(connection.bufferedBytes - before, 1_000 * (1 + 8 + 128));
  connection.send('end');
  assert.equal((await read('end')).length, 1_001);
  assert.equal(connection.bufferedBytes, 0);
});

/** A step of a publisher: a message with or without a key, or a moment in which the peer reads or does not. */
const STEP = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
      bytes: fc.constantFrom(1, 3_000, 20_000, 40_000),
      isBroadcast: fc.boolean(),
      isLastOfTurn: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom('pause', 'resume') },
);

for (const [what, deflate] of [
  ['', false],
  [', compressed with context takeover', { contextTakeover: true, thresholdBytes: 0 }],
  [
    ', compressed on the thread pool',
    { contextTakeover: true, thresholdBytes: 0, asyncThresholdBytes: 30_000 },
  ],
] as const) {
  test(`BP-15 property: the newest message of each key arrives, in order within the key${what}`, async () => {
    let replaced = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
        const limits = { maxBufferedBytes: 2 ** 28, highWaterMarkBytes: 20_000, perMessageDeflate: deflate };
        await using both = await pair({
          server: { ...CONFLATE, ...limits, heartbeat: false },
          client: { perMessageDeflate: deflate, receiveAheadBytes: 1, heartbeat: false },
        });
        const { server, client, webSocketServer } = both;
        const received: string[] = [];
        client.on('message', (message) => void received.push(String(message)));
        const sent: string[] = [];
        client.pause();
        for (const step of steps) {
          if (step === 'pause') client.pause();
          else if (step === 'resume') client.resume();
          else {
            const text = `${sent.length} ${step.key ?? ''} ${randomBytes(step.bytes).toString('base64')}`;
            const options = step.key === undefined ? {} : { key: step.key };
            if (step.isBroadcast) webSocketServer.broadcast(text, options);
            else server.send(text, options);
            sent.push(text);
            if (step.isLastOfTurn) await eventLoopTurns(3);
          }
        }
        client.resume();
        server.send('end');
        await waitUntil(() => received.at(-1) === 'end');
        received.pop();
        check(sent, received, server);
        replaced += server.droppedMessages;
      }),
      { numRuns: 60 },
    );
    assert.ok(replaced > 0, `${replaced} messages were replaced`);
  });
}

/** Compares what arrived with a plain model of what was sent. */
function check(sent: readonly string[], received: readonly string[], { droppedMessages }: Connection): void {
  const keyOf = (text: string): string => text.split(' ')[1]!;
  const numberOf = (text: string): number => Number.parseInt(text, 10);
  assert.equal(sent.length - received.length, droppedMessages);
  for (const text of received) assert.equal(text, sent[numberOf(text)]);
  for (const key of ['', 'a', 'b', 'c']) {
    const these = received.filter((text) => keyOf(text) === key).map(numberOf);
    const all = sent.filter((text) => keyOf(text) === key).map(numberOf);
    assert.deepEqual(
      these,
      [...new Set(these)].sort((a, b) => a - b),
      `the order of ${key}`,
    );
    assert.equal(these.at(-1), all.at(-1), `the newest of ${key}`);
    if (key === '') assert.deepEqual(these, all);
  }
}

test('BP-15 CF-03: what is queued when the policy changes at run time still arrives', async (t) => {
  const { server, connection, read } = await blocked(t);
  connection.send('ACME 1', { key: 'ACME' });
  server.configure({ onOverflow: 'drop-newest' });
  connection.send('end');
  assert.deepEqual(await read('end'), ['ACME 1', 'end']);
  assert.equal(connection.bufferedBytes, 0);
});
