import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { defaultEngine } from '../../src/engine/engine.ts';
import { connect, type Connection, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, selfSigned, waitUntil } from '../../src/testing/index.ts';

const KEYS = selfSigned(['127.0.0.1']);
const SIZES = [16_384, 20_000, 1_100, 65_530, 300, 9_000, 70_000];
const UNITS = ['a', 'é', '世', '🌍'];
/** Broadcasts of one turn: alone, few enough to be joined, and more than a pool lends. */
const BURSTS = [1, 1, 2, 3, 8, 11];

/** Every message differs from all others in each of its bytes, or nearly. */
function messageOf(number: number): Buffer | string {
  const bytes = SIZES[number % SIZES.length]!;
  if (number % 3 === 2) {
    const unit = UNITS[number % UNITS.length]!;
    const head = `${number} `;
    return head + unit.repeat(Math.floor((bytes - head.length) / Buffer.byteLength(unit)));
  }
  const message = Buffer.alloc(bytes, number % 251);
  for (let at = 0; at + 4 <= bytes; at += 64) message.writeUInt32LE(number * 31 + at, at);
  return message;
}

type Way = 'over TCP' | 'over TLS' | 'attached to an HTTP server' | 'over streams' | 'compressed for some';

interface Client {
  readonly near: Connection;
  readonly far: Connection;
  readonly got: (Buffer | string)[];
}
interface Room {
  readonly server: WebSocketServer;
  readonly open: (index: number) => Promise<Client>;
}

async function roomOf(t: TestContext, way: Way): Promise<Room> {
  const secure = way === 'over TLS';
  const options: ServerOptions = {
    heartbeat: false,
    maxBufferedBytes: 67_108_864,
    ...(secure ? { tls: KEYS } : {}),
    ...(way === 'over streams' ? { transport: 'stream' } : {}),
    ...(way === 'compressed for some' ? { perMessageDeflate: true } : {}),
  };
  const server = new WebSocketServer(options);
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  let port: number;
  if (way === 'attached to an HTTP server') {
    const http = createServer();
    t.after(() => http.close());
    server.attach(http);
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    ({ port } = http.address() as AddressInfo);
  } else ({ port } = await server.listen(0, '127.0.0.1'));
  const open = async (index: number): Promise<Client> => {
    const arrived = new Promise<Connection>((resolve) => void server.once('connection', resolve));
    const near = await connect(`${secure ? 'wss' : 'ws'}://127.0.0.1:${port}`, {
      receiveAheadBytes: 1,
      perMessageDeflate: index % 2 === 1,
      ...(secure ? { tls: { ca: KEYS.cert } } : {}),
    });
    t.after(() => near.terminate());
    const got: (Buffer | string)[] = [];
    near.on('message', (message) => void got.push(message));
    const far = await arrived;
    far.subscribe('all');
    return { near, far, got };
  };
  return { server, open };
}

for (const way of [
  'over TCP',
  'over TLS',
  'attached to an HTTP server',
  'over streams',
  'compressed for some',
] as const) {
  test(`FB-10 BC-07 ${way}: every recipient gets the bytes of each broadcast, also if it is slow or others leave`, async (t) => {
    const { server, open } = await roomOf(t, way);
    const clients: Client[] = [];
    for (let index = 0; index < 7; index++) clients.push(await open(index));
    const slow = clients.slice(0, 3);
    for (const { near } of slow) near.pause();
    let sent = 0;
    const scratch = Buffer.alloc(70_000);
    const send = (): void => {
      const message = messageOf(sent);
      let payload: Buffer | string = message;
      if (typeof message !== 'string') {
        payload = scratch.subarray(0, message.length);
        message.copy(scratch);
      }
      if (sent++ % 2 === 0) server.broadcast(payload);
      else server.publish('all', payload);
      // The payload belongs to the application again.
      scratch.fill(0xee);
    };
    const burst = async (number: number): Promise<void> => {
      for (let left = BURSTS[number % BURSTS.length]!; left > 0; left--) send();
      await eventLoopTurns(1 + (number % 3));
    };
    let number = 0;
    // Client 1 may have compressed messages, which the kernel takes for long.
    const blocked = [slow[0]!.far, slow[2]!.far];
    while (blocked.some(({ bufferedBytes }) => bufferedBytes === 0)) {
      await burst(number++);
      assert.ok(sent < 2_000);
    }
    for (let more = 0; more < 24; more++) await burst(number++);
    await waitUntil(() => !defaultEngine.framePool.isLent, {
      description: 'frames of blocked clients are left to the garbage collector after the turn',
    });
    // A slow one and a fast one leave between acceptance and write.
    send();
    for (const index of [4, 1]) clients.splice(index, 1)[0]!.far.terminate();
    send();
    await burst(number++);
    for (const { near } of slow) near.resume();
    for (let more = 0; more < 24; more++) await burst(number++);
    await waitUntil(() => clients.every(({ got }) => got.length === sent));
    for (const [index, { got }] of clients.entries())
      for (const [at, message] of got.entries()) {
        const expected = messageOf(at);
        const isSame =
          typeof expected === 'string' ? message === expected : expected.equals(message as Buffer);
        assert.ok(isSame, `client ${index}, message ${at}`);
      }
  });
}

for (const way of ['over TCP', 'over TLS', 'attached to an HTTP server', 'over streams'] as const) {
  test(`FB-10 ${way}: a frame whose write is not finished stays unchanged while others are broadcast`, async (t) => {
    const { server, open } = await roomOf(t, way);
    const [slow, fast] = [await open(0), await open(2)];
    slow.near.pause();
    const frameOf = (number: number): Buffer => Buffer.alloc(60_000, number % 251);
    let sent = 0;
    // One frame a turn, so that the write that blocks has exactly this frame.
    const send = async (): Promise<void> => {
      server.broadcast(frameOf(sent++));
      await waitUntil(() => fast.got.length === sent);
    };
    while (slow.far.bufferedBytes === 0) await send();
    for (let more = 0; more < 20; more++) await send();
    slow.near.resume();
    await waitUntil(() => slow.got.length === sent);
    for (const { got } of [slow, fast])
      for (const [at, message] of got.entries()) assert.ok(frameOf(at).equals(message as Buffer), `${at}`);
  });
}

for (const way of ['over TCP', 'over TLS', 'attached to an HTTP server'] as const) {
  test(`FB-10 ${way}: broadcasts that the kernel takes at once share their memory`, async (t) => {
    const { server, open } = await roomOf(t, way);
    const clients = [await open(0), await open(0), await open(0)];
    const bytes = 20_000;
    const allocations = t.mock.method(Buffer, 'allocUnsafeSlow');
    for (let number = 1; number <= 20; number++) {
      server.broadcast(Buffer.alloc(bytes, number));
      await waitUntil(() => clients.every(({ got }) => got.length === number));
    }
    const frames = allocations.mock.calls.filter(({ arguments: [size] }) => size === bytes + 4);
    assert.ok(frames.length <= 2, `${frames.length} frames`);
    for (const { got } of clients)
      for (const [at, message] of got.entries())
        assert.ok(Buffer.alloc(bytes, at + 1).equals(message as Buffer));
  });
}
