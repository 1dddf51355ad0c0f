import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';
import { connect as connectClient } from '../../src/client/index.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type CloseInfo, type Connection, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import {
  eventLoopTurns,
  leakCheck,
  RawClient,
  type RawUpgradeOptions,
  waitUntil,
} from '../../src/testing/index.ts';
import { nextText } from './live.ts';

const CERTIFIED = selfSigned(['localhost', '127.0.0.1'], Date.now());
const LARGE = 100_000;
/** More than a kernel takes of a peer that does not read. */
const HUGE = 20_000_000;

/** What the server's connections lie on, and whether payloads are copied there. */
interface Way {
  readonly name: string;
  readonly secure: boolean;
  readonly transport: NonNullable<ServerOptions['transport']>;
  readonly copied: boolean;
}
const WAYS: readonly Way[] = [
  { name: 'TCP by its handle', secure: false, transport: 'auto', copied: false },
  { name: 'TLS', secure: true, transport: 'auto', copied: false },
  { name: 'TCP by streams', secure: false, transport: 'stream', copied: true },
  { name: 'TLS by streams', secure: true, transport: 'stream', copied: true },
];

interface Joined {
  readonly client: RawClient;
  readonly connection: Connection;
}

/** A server on a free port; everything is gone when the test is over, and no error was emitted. */
async function serving(t: TestContext, { secure, transport }: Way, options: ServerOptions = {}) {
  const leaks = leakCheck();
  const log: string[] = [];
  const say = (...args: unknown[]): void => void log.push(JSON.stringify(args));
  const server = new WebSocketServer({
    transport,
    ...(secure ? { tls: CERTIFIED } : {}),
    maxBufferedBytes: 100_000_000,
    idleTimeoutMs: false,
    logger: { debug: say, info: say, warn: say, error: say },
    ...options,
  });
  const closes = new Map<Connection, CloseInfo>();
  const errors: Error[] = [];
  server.on('close', (connection, info) => void closes.set(connection, info));
  server.on('error', (error) => void errors.push(error));
  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as { readonly port: number };
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
    assert.deepEqual(errors, []);
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  const join = async (upgrade: RawUpgradeOptions = {}): Promise<Joined> => {
    const raw = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    raw.on('error', () => undefined);
    const client = RawClient.over(
      secure ? connectTls({ socket: raw, ca: CERTIFIED.cert, servername: 'localhost' }) : raw,
    );
    clients.push(client);
    const known = new Set(server.connections);
    assert.equal((await client.upgrade(upgrade)).status, 101);
    return { client, connection: [...server.connections].find((one) => !known.has(one))! };
  };
  return { server, port, join, closes, log };
}

/** Transfers the memory away, as `postMessage` does. @returns What has it now. */
const detach = (buffer: ArrayBuffer): ArrayBuffer => structuredClone(buffer, { transfer: [buffer] });

const filled = (bytes: number): ArrayBuffer => new Uint8Array(bytes).fill(7).buffer;

/** Node's types have no `WebAssembly`. */
const { Memory } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: new (pages: {
    readonly initial: number;
  }) => {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  };
};

const WAYS_TO_DETACH: readonly (readonly [string, () => readonly [ArrayBuffer, () => unknown]])[] = [
  [
    'is transferred',
    () => {
      const buffer = filled(LARGE);
      return [buffer, () => detach(buffer)];
    },
  ],
  [
    'lies in WebAssembly memory that grows',
    () => {
      const memory = new Memory({ initial: 2 });
      return [memory.buffer, () => memory.grow(1)];
    },
  ],
];

for (const way of WAYS) {
  for (const [what, make] of WAYS_TO_DETACH) {
    test(`SE-22 GN-07: ${way.name}: a payload that ${what} right after send ${way.copied ? 'was copied before' : 'ends that connection alone'}`, async (t) => {
      const { join, closes, log } = await serving(t, way);
      const peers = [await join(), await join(), await join()];
      const [bad] = peers.splice(1, 1) as [Joined];
      const [buffer, detachIt] = make();
      const bytes = buffer.byteLength;
      // All of it in one turn of the event loop, the bad payload between the others.
      peers[0]!.connection.send('one');
      bad.connection.send('accepted before');
      bad.connection.send(buffer);
      peers[1]!.connection.send('two');
      detachIt();
      assert.equal(await nextText(peers[0]!.client), 'one');
      assert.equal(await nextText(peers[1]!.client), 'two');
      assert.equal(await nextText(bad.client), 'accepted before');
      const frame = await bad.client.nextFrame();
      if (way.copied) {
        assert.deepEqual([frame.opcode, frame.payload.length], [2, bytes]);
        return;
      }
      assert.deepEqual([frame.opcode, frame.payload.readUInt16BE()], [8, 1011]);
      bad.client[Symbol.dispose]();
      const info = await bad.connection.closed;
      assert.deepEqual(
        [info.cause, info.sentCode, info.error?.code, bad.connection.droppedMessages],
        ['payload-detached', 1011, 'ERR_PAYLOAD_DETACHED', 1],
      );
      assert.match(info.error!.message, /detached or resized between send and write/);
      await waitUntil(() => log.some((line) => line.includes('ERR_PAYLOAD_DETACHED')));
      assert.equal(closes.size, 1);
      for (const { connection } of peers) assert.equal(connection.state, 'open');
    });
  }

  test(`SE-22 GN-07: ${way.name}: a payload that is transferred after a part was sent ${way.copied ? 'was copied before' : 'ends that connection alone'}`, async (t) => {
    const { join } = await serving(t, way);
    const [bad, other] = [await join(), await join()];
    bad.client.pause();
    const buffer = filled(HUGE);
    bad.connection.send(buffer);
    await waitUntil(() => bad.connection.bufferedBytes > 0 && bad.connection.bytesSent > 0);
    await eventLoopTurns(10);
    const kept = detach(buffer);
    other.connection.send('fine');
    assert.equal(await nextText(other.client), 'fine');
    bad.client.resume();
    if (way.copied) {
      const { payload } = await bad.client.nextFrame();
      assert.ok(payload.length === HUGE && payload.every((byte) => byte === 7));
    } else {
      const { cause, code, error, sentCode } = await bad.connection.closed;
      assert.deepEqual(
        [cause, code, error?.code, sentCode],
        ['payload-detached', 1006, 'ERR_PAYLOAD_DETACHED', undefined],
      );
      await bad.client.waitForClose();
    }
    assert.equal(kept.byteLength, HUGE);
    assert.equal(other.connection.state, 'open');
  });

  test(`SE-22: ${way.name}: payloads that are compressed, broadcast or sent as a ping may be detached after the call`, async (t) => {
    const asyncThresholdBytes = 50_000;
    const { server, join } = await serving(t, way, { perMessageDeflate: { asyncThresholdBytes } });
    const { client, connection } = await join({
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    });
    const sizes = [20_000, LARGE, 30_000, LARGE];
    for (const size of sizes) {
      // Over the threshold on the thread pool, and what follows is queued.
      const buffer = filled(size);
      connection.send(buffer);
      detach(buffer);
    }
    const plain = filled(LARGE);
    connection.send(plain, { compress: false });
    detach(plain);
    const shared = filled(LARGE);
    server.broadcast(shared);
    detach(shared);
    const payload = filled(4);
    connection.ping(payload);
    detach(payload);
    const received: number[] = [];
    let pinged = 0;
    while (received.length < sizes.length + 2) {
      const frame = await client.nextFrame();
      if (frame.opcode === 9) {
        assert.deepEqual([...frame.payload], [7, 7, 7, 7]);
        pinged++;
        continue;
      }
      const message = frame.rsv1
        ? inflateRawSync(frame.payload, { finishFlush: constants.Z_SYNC_FLUSH })
        : frame.payload;
      assert.ok(message.every((byte) => byte === 7));
      received.push(message.length);
    }
    assert.deepEqual([received, pinged], [[...sizes, LARGE, LARGE], 1]);
  });
}

test('SE-22: a client masks a copy, so its payload may be detached after send', async (t) => {
  const { server, port } = await serving(t, WAYS[0]!);
  const got: number[] = [];
  server.on('message', (_, message) => void got.push(message.length));
  const client = await connectClient(`ws://127.0.0.1:${port}`);
  const buffer = filled(LARGE);
  client.send(buffer);
  detach(buffer);
  client.close();
  await client.closed;
  assert.deepEqual(got, [LARGE]);
});

test('SE-22 GN-07: a response body that is detached before it is written causes 500', async (t) => {
  const failures: unknown[] = [];
  const gone = filled(10);
  detach(gone);
  const body = Object.defineProperty(new Response('x'), 'arrayBuffer', { value: async () => gone });
  const { server, port } = await serving(t, WAYS[0]!, { request: () => body });
  server.removeAllListeners('error');
  server.on('error', (error) => void failures.push(error));
  using client = await RawClient.connect({ port });
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal((await client.nextHead()).status, 500);
  assert.equal(failures.length, 1);
});
