import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type TestContext, test } from 'node:test';
import {
  type Channel,
  type Channels,
  CHANNELS_PROTOCOL,
  type ChannelsOptions,
  type ConnectOptions,
  channels,
  ReconnectingClient,
  type ServerOptions,
  WebSocketServer,
} from '../../src/index.ts';
import { eventLoopTurns, pair, seededRandom, waitForEvent, waitUntil } from '../../src/testing/index.ts';

const PROTOCOLS = { protocols: [CHANNELS_PROTOCOL] };

interface Stage {
  readonly joined: Awaited<ReturnType<typeof pair>>;
  readonly client: Channels;
  readonly server: Channels;
}

/** Two connections with channels. Nothing is left open. */
async function stage(
  t: TestContext,
  options: {
    server?: ChannelsOptions;
    client?: ChannelsOptions;
    pair?: { client?: ConnectOptions; server?: ServerOptions };
  } = {},
): Promise<Stage> {
  const joined = await pair({
    server: { ...PROTOCOLS, ...options.pair?.server },
    client: { ...PROTOCOLS, ...options.pair?.client },
  });
  t.after(() => joined[Symbol.asyncDispose]());
  return {
    joined,
    client: channels(joined.client, options.client),
    server: channels(joined.server, options.server),
  };
}

/** Opens a channel and returns its two ends. */
async function openPair(from: Channels, to: Channels, name = 'a'): Promise<[Channel, Channel]> {
  const [opened, [accepted]] = await Promise.all([from.open(name), waitForEvent<[Channel]>(to, 'channel')]);
  return [opened, accepted];
}

/** Answers every channel with its own messages. */
const echo = (side: Channels): void => {
  side.on('channel', (channel) => {
    channel.on('message', (message) => void channel.send(message));
  });
};

test('MX-01: both sides open channels; text and binary messages arrive whole, in order, with name and metadata', async (t) => {
  const { client, server } = await stage(t);
  echo(client);
  echo(server);
  let metadata: unknown;
  server.on('channel', (channel) => (metadata = channel.metadata));
  for (const side of [client, server]) {
    const channel = await side.open('files/ü', { metadata: { size: 3 } });
    const messages = [
      'text ü',
      Buffer.from([1, 2, 3]),
      '',
      Buffer.alloc(0),
      'x'.repeat(300_000),
      Buffer.alloc(70_000, 5),
    ];
    for (const message of messages) channel.send(message);
    const received: unknown[] = [];
    for await (const message of channel) if (received.push(message) === messages.length) break;
    assert.deepEqual(received, messages);
    assert.equal(channel.name, 'files/ü');
    assert.equal(channel.id % 2, side === client ? 1 : 0);
    channel.close(4_000, 'done');
    channel.resume();
    assert.deepEqual(await channel.closed, { code: 4_000, reason: '', initiator: 'local' });
  }
  assert.deepEqual(metadata, { size: 3 });
  await waitUntil(() => client.size === 0 && server.size === 0);
});

test('MX-01: a close comes after the messages before it, and both ends learn code and reason', async (t) => {
  const { client, server } = await stage(t);
  const [left, right] = await openPair(client, server);
  const received: unknown[] = [];
  right.on('message', (message) => void received.push(message));
  for (let i = 0; i < 50; i++) left.send('y'.repeat(5_000));
  left.close(1_000, 'enough');
  assert.equal(left.send('late'), false);
  assert.deepEqual(await right.closed, { code: 1_000, reason: 'enough', initiator: 'remote' });
  assert.deepEqual(await left.closed, { code: 1_000, reason: '', initiator: 'local' });
  assert.equal(received.length, 50);
  assert.equal(left.droppedMessages, 1);
  await assert.rejects(left.drained(), { code: 'ERR_CLOSED' });
});

test('MX-01: a channel that does not deliver stops its own sender only, at the credit that it gave', async (t) => {
  const { client, server } = await stage(t, { server: { windowBytes: 20_000 } });
  const [slow, slowEnd] = await openPair(client, server, 'slow');
  const [fast, fastEnd] = await openPair(client, server, 'fast');
  slowEnd.pause();
  let fastBytes = 0;
  fastEnd.on('message', (message) => (fastBytes += message.length));
  for (let i = 0; i < 100; i++) {
    slow.send(Buffer.alloc(1_000, i));
    fast.send(Buffer.alloc(1_000, i));
    await eventLoopTurns(2);
  }
  await waitUntil(() => fastBytes === 100_000);
  // A window of 20,000 bytes holds 18 messages of 1,000 bytes and 64 for each frame, and a part of another.
  assert.ok(slow.bufferedBytes > 100_000 - 20_000, `${slow.bufferedBytes}`);
  assert.equal(slow.send('x'), false);
  const drained = slow.drained();
  let read = 0;
  slowEnd.resume();
  for await (const message of slowEnd) {
    assert.deepEqual(message, read < 100 ? Buffer.alloc(1_000, read) : 'x');
    if (++read === 101) break;
  }
  await drained;
});

test('MX-01: channels with data take turns, so that a large message does not delay small ones', async (t) => {
  const { joined, client, server } = await stage(t, {
    server: { windowBytes: 10_000_000 },
    pair: { client: { highWaterMarkBytes: 20_000 } },
  });
  const [large, largeEnd] = await openPair(client, server, 'large');
  const [small, smallEnd] = await openPair(client, server, 'small');
  const order: string[] = [];
  largeEnd.on('message', () => void order.push('large'));
  smallEnd.on('message', (message) => void order.push(String(message)));
  large.send(Buffer.alloc(900_000));
  for (let i = 0; i < 5; i++) small.send(`${i}`);
  await waitUntil(() => order.length === 6, { deadlineMs: 60_000 });
  assert.deepEqual(order, ['0', '1', '2', '3', '4', 'large']);
  assert.ok(joined.client.bufferedBytes < 60_000);
});

test('MX-01: messages larger than the window get through, in turn, and memory for them has a limit', async (t) => {
  const { client, server } = await stage(t, { server: { windowBytes: 4_096, maxLargeMessages: 1 } });
  const received: number[] = [];
  server.on('channel', (channel) => channel.on('message', (message) => void received.push(message.length)));
  const many = await Promise.all(['a', 'b', 'c', 'd'].map((name) => client.open(name)));
  for (const channel of many) {
    channel.send(Buffer.alloc(100_000));
    channel.send('small');
  }
  await waitUntil(() => received.length === 8);
  assert.deepEqual(new Set(received), new Set([100_000, 5]));
});

test('MX-01: a message over maxMessageBytes closes its channel with 1009; the connection and other channels go on', async (t) => {
  const { joined, client, server } = await stage(t, { server: { maxMessageBytes: 50_000 } });
  echo(server);
  const other = await client.open('other');
  const channel = await client.open('big');
  channel.send(Buffer.alloc(50_000));
  channel.send(Buffer.alloc(50_001));
  const received: number[] = [];
  channel.on('message', (message) => void received.push(message.length));
  const info = await channel.closed;
  assert.deepEqual([info.code, info.initiator], [1009, 'remote']);
  other.send('still here');
  assert.deepEqual((await waitForEvent(other, 'message'))[0], 'still here');
  assert.equal(joined.client.state, 'open');
});

test('MX-01: a sender over maxBufferedBytes closes its channel with 1013, a failing listener with 1011', async (t) => {
  const { joined, client, server } = await stage(t, { client: { maxBufferedBytes: 100_000 } });
  const failures: unknown[] = [];
  joined.webSocketServer.on('error', (error) => void failures.push(error));
  const [left, right] = await openPair(client, server);
  right.pause();
  for (let i = 0; i < 30; i++) left.send(Buffer.alloc(10_000));
  assert.equal(left.state, 'closing');
  await joined.pass(30_000, 1_000);
  assert.equal((await right.closed).code, 1013);
  assert.ok(right.droppedMessages > 0);
  assert.ok(left.droppedMessages > 0);
  const [one, two] = await openPair(client, server);
  two.on('message', () => {
    throw new Error('mine');
  });
  one.send('x');
  assert.equal((await one.closed).code, 1011);
  assert.equal(joined.client.state, 'open');
  assert.equal(failures.length, 1);
});

test('MX-01: open() rejects: refused, no listener, too many channels, aborted, connection over', async (t) => {
  const { joined, client, server } = await stage(t, { server: { maxChannels: 2 } });
  await assert.rejects(client.open('none'), {
    code: 'ERR_CHANNEL_REFUSED',
    message: /"none".*1008 "channels are not accepted"/,
  });
  server.on('channel', (channel) => {
    if (channel.name === 'no') channel.close(4_003, 'not for you');
    else channel.send('welcome');
  });
  await assert.rejects(client.open('no'), { code: 'ERR_CHANNEL_REFUSED', message: /4003 "not for you"/ });
  const first = await client.open('1');
  assert.deepEqual((await waitForEvent(first, 'message'))[0], 'welcome');
  await client.open('2');
  await assert.rejects(client.open('3'), {
    code: 'ERR_CHANNEL_REFUSED',
    message: /1013 "too many channels"/,
  });
  first.close();
  await first.closed;
  await waitUntil(() => server.size === 1);
  const abort = new AbortController();
  const aborted = client.open('4', { signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  await waitUntil(() => client.size === 1 && server.size === 1);
  await assert.rejects(client.open('5', { signal: abort.signal }), /enough/);
  const pending = assert.rejects(client.open('6'), {
    code: 'ERR_CLOSED',
    message: /connection closed with 1006/,
  });
  joined.client.terminate();
  await pending;
  await assert.rejects(client.open('7'), { code: 'ERR_CLOSED' });
});

test('MX-01: when the connection ends, its channels end with its code after their last message', async (t) => {
  const { joined, client, server } = await stage(t);
  const [left, right] = await openPair(client, server);
  const received: unknown[] = [];
  left.send('one');
  left.send('two');
  joined.client.close(4_001, 'bye');
  await joined.server.closed;
  assert.equal(right.closeInfo, undefined);
  for await (const message of right) received.push(message);
  assert.deepEqual(received, ['one', 'two']);
  assert.deepEqual(await right.closed, { code: 4_001, reason: 'bye', initiator: 'connection' });
  assert.equal((await left.closed).initiator, 'connection');
  assert.equal(server.size + client.size, 0);
});

test('MX-01: a close whose messages get no credit is sent after closeTimeoutMs', async (t) => {
  const { joined, client, server } = await stage(t);
  const [left, right] = await openPair(client, server);
  right.pause();
  for (let i = 0; i < 20; i++) left.send(Buffer.alloc(10_000));
  left.close();
  await joined.pass(1_000);
  assert.equal(right.state, 'open');
  await joined.pass(30_000, 1_000);
  assert.equal((await left.closed).code, 1000);
  assert.ok(left.droppedMessages > 0);
  await joined.pass(30_000, 1_000);
  assert.equal((await right.closed).code, 1000);
});

test('MX-01: random sends, pauses and closes on ten channels, over cut bytes, deliver every stream in order', async (t) => {
  for (const seed of [1, 2, 3]) {
    const random = seededRandom(seed);
    const { joined, client, server } = await stage(t, {
      server: { windowBytes: 5_000, maxLargeMessages: 2 },
      client: { windowBytes: 3_000 },
      pair: {
        client: { highWaterMarkBytes: 10_000, perMessageDeflate: true },
        server: { perMessageDeflate: true },
      },
    });
    joined.wire.toServer.cutInto(1_000 + seed);
    joined.wire.toClient.cutInto(700 + seed);
    const received = new Map<string, number[]>();
    for (const side of [client, server])
      side.on('channel', async (channel) => {
        const sizes: number[] = [];
        received.set(channel.name, sizes);
        for await (const message of channel) {
          sizes.push(message.length);
          if (random.fraction() < 0.1) await eventLoopTurns(1);
        }
      });
    const sent = new Map<string, number[]>();
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const channel = await (i % 2 === 0 ? client : server).open(`${i}`);
        const sizes: number[] = [];
        sent.set(`${i}`, sizes);
        for (let n = 0; n < 30; n++) {
          const size = Math.floor(random.fraction() ** 4 * 40_000);
          sizes.push(size);
          if (!channel.send(n % 2 === 0 ? Buffer.alloc(size) : 'z'.repeat(size))) await channel.drained();
          if (random.fraction() < 0.2) await eventLoopTurns(1);
        }
        channel.close();
        await channel.closed;
      }),
    );
    await waitUntil(() => client.size + server.size === 0);
    assert.deepEqual(Object.fromEntries(received), Object.fromEntries(sent));
  }
});

test('MX-01 RC-01: channels over each connection of a reconnecting client; its own listeners get no frames', async (t) => {
  const server = new WebSocketServer(PROTOCOLS);
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  server.on('message', () => assert.fail('a frame reached a listener of the server'));
  server.on('connection', (connection) => echo(channels(connection)));
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, {
    ...PROTOCOLS,
    baseDelayMs: 1,
    maxDelayMs: 1,
  });
  client.on('message', () => assert.fail('a frame reached a listener of the client'));
  const answers: unknown[] = [];
  client.on('open', async (connection) => {
    const channel = await channels(connection).open('a');
    channel.send(`hello ${answers.length}`);
    answers.push((await waitForEvent(channel, 'message'))[0]);
    if (answers.length < 3) for (const one of server.connections) one.terminate();
    else client.close();
  });
  await client.closed;
  assert.deepEqual(answers, ['hello 0', 'hello 1', 'hello 2']);
});

test('MX-01 GN-05: wrong calls are refused and name the fix', async (t) => {
  const { joined, client, server } = await stage(t);
  await using plain = await pair();
  const any = channels as (...args: unknown[]) => unknown;
  assert.throws(() => any({}), { code: 'ERR_ARGUMENT' });
  assert.throws(() => any(plain.client), {
    code: 'ERR_STATE',
    message: /set protocols: \['hawser\.channels\.v1'\]/,
  });
  assert.throws(() => any(joined.client), {
    code: 'ERR_STATE',
    message: /take the messages of this connection already/,
  });
  assert.throws(() => any(joined.client, { windowbytes: 1 }), { code: 'ERR_OPTION', message: /windowBytes/ });
  assert.throws(() => any(joined.client, { windowBytes: 1 }), { code: 'ERR_OPTION' });
  assert.throws(() => any(joined.client, { highWaterMarkBytes: 10, maxBufferedBytes: 9 }), {
    code: 'ERR_OPTION',
  });
  await using narrow = await pair({ server: PROTOCOLS, client: { ...PROTOCOLS, maxMessageBytes: 16_000 } });
  assert.throws(() => channels(narrow.client), { code: 'ERR_STATE', message: /16448/ });
  const open = client.open.bind(client) as (...args: unknown[]) => unknown;
  for (const name of [undefined, '', 'x'.repeat(257), 5])
    assert.throws(() => open(name), { code: 'ERR_ARGUMENT' });
  assert.throws(() => open('a', { metadata: 'x'.repeat(5_000) }), {
    code: 'ERR_OPTION',
    message: /5002 bytes/,
  });
  assert.throws(() => open('a', { metadata: 1n }), {
    code: 'ERR_ARGUMENT',
    message: /^channels\.open: metadata/,
  });
  assert.throws(() => open('a', { meta: 1 }), { code: 'ERR_OPTION' });
  assert.throws(() => open('a', {}, 1), { code: 'ERR_ARGUMENT' });
  const [channel] = await openPair(client, server);
  const call = channel as unknown as Record<string, (...args: unknown[]) => unknown>;
  assert.throws(() => call['send']!(5), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['send']!('x', { compress: true }), { code: 'ERR_OPTION' });
  assert.throws(() => call['send']!('x', {}, 1), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['close']!(1005), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['close']!(1000, 'x'.repeat(124)), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['pause']!(1), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['resume']!(1), { code: 'ERR_ARGUMENT' });
  assert.throws(() => call['drained']!({ signal: 1 }), { code: 'ERR_OPTION', message: /channel\.drained/ });
});
