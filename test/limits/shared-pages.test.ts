import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type ClientConnection, connect } from '../../src/client/index.ts';
import type { Connection, Message, ServerOptions } from '../../src/index.ts';
import { PAGE_BYTES } from '../../src/protocol/message-pages.ts';
import { binary, type RawClient, selfSigned, waitUntil } from '../../src/testing/index.ts';
import { collectGarbage, NO_COLLECTOR } from '../garbage.ts';
import { http2Site, open, WEBS } from '../server/opening/http2-site.ts';
import { listening, live } from '../server/live.ts';

const PEERS = 6;
const BURSTS = 40;
/** Sizes on both sides of those that lie in pages; the sum of a burst is about three pages. */
const SIZES = [65, 4, 128, 200, 64, 1_000, 127, 3_000, 4_096, 4_097, 70, 12_000, 512, 126, 2_048, 1_024];

/** Each byte names the peer in its upper half, and in its lower half one digit of the number of the message. */
function payload(peer: number, sequence: number): Buffer {
  const bytes = Buffer.allocUnsafe(SIZES[sequence % SIZES.length]!);
  for (let i = 0; i < bytes.length; i++) bytes[i] = ((peer + 1) << 4) | ((sequence >>> (4 * (i & 3))) & 15);
  return bytes;
}

/** What one end has received of one peer: some messages are kept, as an application may. */
class Keeper {
  received = 0;
  readonly #kept: { readonly sequence: number; readonly message: Buffer }[] = [];
  readonly #peer: number;

  constructor(peer: number) {
    this.#peer = peer;
  }

  take(message: Message): void {
    const sequence = this.received++;
    assert.ok(
      payload(this.#peer, sequence).equals(message as Buffer),
      `message ${sequence} of ${this.#peer}`,
    );
    // One of each burst, of another size each time.
    if (sequence % 16 === ((sequence / 16) | 0) % 16)
      this.#kept.push({ sequence, message: message as Buffer });
  }

  check(): void {
    assert.equal(this.#kept.length, BURSTS);
    for (const { sequence, message } of this.#kept) {
      assert.ok(payload(this.#peer, sequence).equals(message), `kept message ${sequence} of ${this.#peer}`);
      const memory = new Uint8Array(message.buffer);
      assert.ok(memory.length <= Math.max(PAGE_BYTES, message.length));
      // Whatever else lies in the page came from the same peer.
      for (const byte of memory) assert.ok(byte === 0 || byte >>> 4 === this.#peer + 1);
    }
  }
}

/** Where the server gets the number of a peer from: its first message. */
function keepAll(): {
  readonly keepers: Keeper[];
  readonly listener: (from: object, message: Message) => void;
} {
  const keepers: Keeper[] = [];
  const known = new Map<object, Keeper>();
  const listener = (from: object, message: Message): void => {
    let keeper = known.get(from);
    if (keeper === undefined) {
      keeper = new Keeper(((message as Buffer)[0]! >>> 4) - 1);
      known.set(from, keeper);
      keepers.push(keeper);
    }
    keeper.take(message);
  };
  return { keepers, listener };
}

const burstOf = (peer: number, burst: number): Buffer[] =>
  Array.from({ length: 16 }, (_, i) => payload(peer, burst * 16 + i));

const soil = (): void => {
  // Memory that was freed comes back with other content.
  for (const bytes of [128, 1_024, 4_096, PAGE_BYTES]) Buffer.allocUnsafeSlow(bytes).fill(0xff);
  if (NO_COLLECTOR === false) collectGarbage();
};

const certificate = selfSigned(['localhost'], Date.now());
const SERVERS: readonly (readonly [string, ServerOptions])[] = [
  ['TCP', { transport: 'auto' }],
  ['TCP over streams', { transport: 'stream' }],
  ['TLS', { transport: 'auto', tls: certificate }],
  ['TLS over streams', { transport: 'stream', tls: certificate }],
  [
    'TCP with a permessage-deflate that compresses nothing',
    { perMessageDeflate: { thresholdBytes: 1_000_000 } },
  ],
];

for (const [where, options] of SERVERS) {
  test(`TO-05 ${where}: kept messages do not change, and their pages hold bytes of one peer`, async (t) => {
    const { server, port } = await listening(t, options);
    const { keepers, listener } = keepAll();
    server.on('message', (connection, message) => {
      listener(connection, message);
      connection.send(message);
    });
    const clients = await Promise.all(
      Array.from({ length: PEERS }, () =>
        connect(`${options.tls === undefined ? 'ws' : 'wss'}://localhost:${port}/`, {
          transport: options.transport ?? 'auto',
          perMessageDeflate: options.perMessageDeflate !== undefined,
          ...(options.tls === undefined ? {} : { tls: { ca: certificate.cert } }),
        }),
      ),
    );
    const back = await Promise.all(clients.map((client, peer) => exchange(client, peer)));
    await waitUntil(() => keepers.length === PEERS);
    soil();
    for (const keeper of [...keepers, ...back]) keeper.check();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });
}

/** Sends all bursts of one peer, each when the one before has come back. */
async function exchange(client: ClientConnection, peer: number): Promise<Keeper> {
  const keeper = new Keeper(peer);
  client.on('message', (message) => keeper.take(message));
  for (let burst = 0; burst < BURSTS; burst++) {
    for (const message of burstOf(peer, burst)) client.send(message);
    await waitUntil(() => keeper.received === (burst + 1) * 16);
    if (burst % 10 === 9) soil();
  }
  return keeper;
}

/** Sends all bursts of all peers, whose frames are cut anywhere, until the server has them. */
async function sendBursts(raws: readonly RawClient[], keepers: readonly Keeper[]): Promise<void> {
  for (let burst = 0; burst < BURSTS; burst++) {
    for (const [peer, raw] of raws.entries()) {
      const wire = Buffer.concat(burstOf(peer, burst).map((bytes) => binary(bytes)));
      const cut = (burst * 997) % wire.length;
      raw.send(wire.subarray(0, cut));
      raw.send(wire.subarray(cut));
    }
    await waitUntil(
      () => keepers.reduce((sum, { received }) => sum + received, 0) === (burst + 1) * 16 * PEERS,
    );
    if (burst % 10 === 9) soil();
  }
}

test('TO-05 in memory: kept messages do not change, and their pages hold bytes of one peer', async (t) => {
  const { server, join } = live(t);
  const { keepers, listener } = keepAll();
  server.on('message', listener);
  const raws: RawClient[] = [];
  for (let i = 0; i < PEERS; i++) raws.push((await join()).raw);
  await sendBursts(raws, keepers);
  for (const keeper of keepers) keeper.check();
});

test('TO-05 HTTP/2: kept messages do not change, and their pages hold bytes of one peer', async (t) => {
  const { server, session } = await http2Site(t, WEBS['TLS with HTTP/1.1']!());
  const { keepers, listener } = keepAll();
  server.on('message', listener);
  const raws: RawClient[] = [];
  const http2 = await session();
  for (let i = 0; i < PEERS; i++) raws.push((await open(http2)).raw);
  await sendBursts(raws, keepers);
  for (const keeper of keepers) keeper.check();
});

/** Gets one burst of one peer, in as many reads as it takes. */
async function oneBurst(t: TestContext): Promise<Buffer[]> {
  const { join } = live(t);
  const { raw, connection } = await join();
  const got: Buffer[] = [];
  connection.on('message', (message) => void got.push(message as Buffer));
  raw.send(Buffer.concat(burstOf(3, 0).map((bytes) => binary(bytes))));
  await waitUntil(() => got.length === 16);
  return got;
}

const assertWhole = (messages: readonly Uint8Array[]): void => {
  for (const [sequence, message] of messages.entries())
    assert.ok(payload(3, sequence).equals(message), `message ${sequence}`);
};

test('TO-05: transferring the memory of a message to another thread does not take other messages away', async (t) => {
  const got = await oneBurst(t);
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  for (const [at, message] of got.entries()) {
    // Newer runtimes refuse to transfer a page; older ones copy it instead.
    if (message.byteOffset === 0) continue;
    try {
      port1.postMessage(message, [message.buffer as ArrayBuffer]);
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError');
      continue;
    }
    const [arrived] = (await once(port2, 'message')) as [Uint8Array];
    assert.ok(payload(3, at).equals(arrived));
  }
  assertWhole(got);
});

test('TO-05: a worker gets exactly the message that it was sent, and the sender keeps it', async (t) => {
  const got = await oneBurst(t);
  const worker = new Worker(
    "require('node:worker_threads').parentPort.on('message', (message) => require('node:worker_threads').parentPort.postMessage(message))",
    { eval: true },
  );
  t.after(() => worker.terminate());
  for (const [at, message] of got.entries()) {
    worker.postMessage(message, []);
    const [back] = (await once(worker, 'message')) as [Uint8Array];
    assert.ok(payload(3, at).equals(back));
    // A copy can be transferred.
    const copy = new Uint8Array(message);
    worker.postMessage(copy, [copy.buffer]);
    const [moved] = (await once(worker, 'message')) as [Uint8Array];
    assert.ok(payload(3, at).equals(moved));
    assert.equal(copy.length, 0);
  }
  assertWhole(got);
});

test('TO-05: a message that is written to while others of its page are on their way changes no other message', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const got: Buffer[] = [];
  connection.on('message', (message) => {
    const bytes = message as Buffer;
    got.push(Buffer.from(new Uint8Array(bytes)));
    // As a program does that takes the whole memory for its message.
    if (bytes.byteOffset > 0) new Uint8Array(bytes.buffer).fill(0xff);
  });
  raw.send(Buffer.concat(burstOf(3, 0).map((bytes) => binary(bytes))));
  await waitUntil(() => got.length === 16);
  assertWhole(got);
});

test('TO-05: a message that is sent on later, from its page, arrives unchanged', async (t) => {
  const { server, port } = await listening(t);
  const client = await connect(`ws://localhost:${port}/`);
  const held: [Connection, Message][] = [];
  server.on('message', (connection, message) => void held.push([connection, message]));
  for (let burst = 0; burst < 4; burst++) for (const bytes of burstOf(3, burst)) client.send(bytes);
  await waitUntil(() => held.length === 64);
  const back: Buffer[] = [];
  client.on('message', (message) => void back.push(message as Buffer));
  soil();
  for (const [connection, message] of held) connection.send(message);
  await waitUntil(() => back.length === 64);
  assertWhole(back);
  await client[Symbol.asyncDispose]();
});
