import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import {
  type CloseInfo,
  type Connection,
  MemoryBudget,
  type ServerOptions,
  WebSocketServer,
} from '../../../src/index.ts';
import {
  binary,
  close,
  eventLoopTurns,
  leakCheck,
  ping,
  RawClient,
  type RawUpgradeOptions,
  seededRandom,
  text,
  waitForEvent,
  waitUntil,
} from '../../../src/testing/index.ts';
import { defaultEngine } from '../../../src/engine/engine.ts';
import { SocketChecks } from '../../../src/sockets/handle-check.ts';
import { closeCode, nextText } from '../live.ts';

const DEFLATED: RawUpgradeOptions = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } };
/** A message has no final block (RFC 7692 §7.2.2). */
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };
const CERTIFIED = selfSigned(['localhost', '127.0.0.1'], Date.now());

/** How connections come to a server over sockets that Node made. */
interface Way {
  readonly name: string;
  readonly secure: boolean;
  readonly attached: boolean;
  readonly transport: NonNullable<ServerOptions['transport']>;
}
const WAYS: readonly Way[] = (['auto', 'stream'] as const).flatMap((transport) => [
  { name: `TLS, ${transport}`, secure: true, attached: false, transport },
  { name: `attached to http, ${transport}`, secure: false, attached: true, transport },
  { name: `attached to https, ${transport}`, secure: true, attached: true, transport },
]);

/** A client, what lies below its TLS, and the server's side of it. */
interface Joined {
  readonly client: RawClient;
  readonly raw: Socket;
  readonly connection: Connection;
}

/** A server whose connections come that way; everything it held is given back when the test is over. */
async function serving(t: TestContext, way: Way, options: ServerOptions = {}) {
  const leaks = leakCheck();
  const memoryBudget = new MemoryBudget();
  const { secure, attached, transport } = way;
  const server = new WebSocketServer({
    memoryBudget,
    transport,
    ...(secure && !attached ? { tls: CERTIFIED } : {}),
    ...options,
  });
  const closes: CloseInfo[] = [];
  const errors: Error[] = [];
  server.on('close', (_, info) => void closes.push(info));
  server.on('error', (error) => void errors.push(error));
  const http = !attached ? undefined : secure ? createHttpsServer(CERTIFIED) : createServer();
  if (transport === 'auto') assert.ok(await defaultEngine.part(SocketChecks).checkSockets(secure));
  if (http === undefined) await server.listen(0, '127.0.0.1');
  else {
    server.attach(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  }
  const { port } = (http ?? server).address() as AddressInfo;
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
    http?.closeAllConnections();
    http?.close();
    await waitUntil(() => memoryBudget.usedBytes === 0);
    const { connections, handshakes, bytes } = server.stats();
    assert.deepEqual(
      [connections.now, connections.closing, handshakes.pending, bytes.buffered, memoryBudget.usedBytes],
      [0, 0, 0, 0, 0],
    );
    assert.deepEqual(errors, []);
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  const join = async (upgrade: RawUpgradeOptions = {}): Promise<Joined> => {
    const raw = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    raw.on('error', () => undefined);
    const stream = secure ? connectTls({ socket: raw, ca: CERTIFIED.cert, servername: 'localhost' }) : raw;
    const client = RawClient.over(stream);
    clients.push(client);
    const known = new Set(server.connections);
    assert.equal((await client.upgrade(upgrade)).status, 101);
    const connection = [...server.connections].find((one) => !known.has(one));
    return { client, raw, connection: connection! };
  };
  return { server, join, closes, memoryBudget };
}

for (const way of WAYS) {
  test(`${way.name}: TL-01: messages of all sizes are echoed in order, split anywhere`, async (t) => {
    const { server, join } = await serving(t, way, { maxMessageBytes: 2_000_000 });
    server.on('message', (connection, message) => void connection.send(message));
    const { client } = await join();
    const random = seededRandom(3);
    const sizes = [0, 1, 125, 126, 16_375, 16_376, 16_377, 16_384, 16_392, 32_768, 65_536, 70_000, 1_000_000];
    const sent = sizes.map((size) => Buffer.from(random.bytes(size)));
    const bytes = Buffer.concat(sent.map((payload) => binary(payload)));
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random.fraction() ** 3 * 200_000);
      client.send(bytes.subarray(at, at + length));
      at += length;
      if (random.fraction() < 0.3) await eventLoopTurns(2);
    }
    for (const payload of sent) {
      const frame = await client.nextFrame();
      assert.deepEqual([frame.opcode, frame.payload.equals(payload)], [2, true], `${payload.length} bytes`);
    }
  });

  test(`${way.name}: BP-01 BP-02: a slow consumer causes back-pressure, gets everything once it reads, and no byte stays counted`, async (t) => {
    const { join, memoryBudget } = await serving(t, way, {
      maxBufferedBytes: 50_000_000,
      idleTimeoutMs: false,
    });
    const { client, connection } = await join();
    client.pause();
    let sent = 0;
    // More than the kernel takes of one who does not read.
    for (let refused = 0; refused < 20; sent++) {
      if (!connection.send(Buffer.alloc(100_000, sent))) refused++;
      await eventLoopTurns(2);
    }
    assert.ok(connection.bufferedBytes > 262_144);
    assert.ok(memoryBudget.usedBytes >= connection.bufferedBytes);
    let drained = false;
    void connection.drained().then(() => {
      drained = true;
    });
    await eventLoopTurns(10);
    assert.equal(drained, false);
    client.resume();
    for (let i = 0; i < sent; i++) {
      const { payload } = await client.nextFrame();
      assert.ok(payload.length === 100_000 && payload.every((byte) => byte === (i & 0xff)), `message ${i}`);
    }
    await waitUntil(() => drained && connection.bufferedBytes === 0 && memoryBudget.usedBytes === 0);
  });

  test(`${way.name}: BP-05: over the limit a slow consumer is closed with 1013, and its memory is released`, async (t) => {
    const { join, closes } = await serving(t, way, {
      maxBufferedBytes: 1_000_000,
      writeTimeoutMs: 500,
      closeTimeoutMs: 500,
      idleTimeoutMs: false,
    });
    const { client, connection } = await join();
    client.pause();
    while (connection.state === 'open') {
      connection.send(Buffer.alloc(100_000));
      await eventLoopTurns(1);
    }
    await waitUntil(() => closes.length === 1);
    assert.deepEqual([closes[0]!.cause, closes[0]!.sentCode], ['slow-consumer', 1013]);
  });

  test(`${way.name}: a peer that reads nothing is closed by the write timeout`, async (t) => {
    const { join, closes } = await serving(t, way, {
      maxBufferedBytes: 50_000_000,
      writeTimeoutMs: 300,
      idleTimeoutMs: false,
    });
    const { client, connection } = await join();
    client.pause();
    while (connection.send(Buffer.alloc(100_000))) await eventLoopTurns(2);
    await waitUntil(() => closes.length === 1);
    assert.deepEqual([closes[0]!.cause, closes[0]!.wasClean], ['write-timeout', false]);
    await waitUntil(() => connection.bufferedBytes === 0);
  });

  test(`${way.name}: pause stops reading and causes back-pressure at the peer; after resume every message arrives`, async (t) => {
    const { server, join } = await serving(t, way, { idleTimeoutMs: false });
    const got: string[] = [];
    server.on('message', (_, message) => void got.push(message.toString()));
    const { client, connection } = await join();
    connection.pause();
    const filler = 'x'.repeat(50_000);
    let sent = 0;
    for (let stalled = 0; stalled < 20; sent++) {
      client.send(text(`${sent} ${filler}`));
      await eventLoopTurns(2);
      stalled = client.stream.writableLength > 0 ? stalled + 1 : 0;
      assert.ok(sent < 2_000, 'nothing holds the peer back');
    }
    assert.deepEqual(got, []);
    connection.resume();
    await waitUntil(() => got.length === sent);
    assert.ok(got.every((message, i) => message === `${i} ${filler}`));
  });

  test(`${way.name}: pings that arrive while the peer does not read are answered within bounds`, async (t) => {
    const { join } = await serving(t, way, { maxPendingPongs: 4, idleTimeoutMs: false });
    const { client } = await join();
    client.send(Buffer.concat(Array.from({ length: 40 }, (_, i) => ping(`${i}`))));
    for (let i = 0; i < 40; i++) {
      const { opcode, payload } = await client.nextFrame();
      assert.deepEqual([opcode, payload.toString()], [10, `${i}`]);
    }
  });

  test(`${way.name}: the closing handshake, started by the peer or by the server`, async (t) => {
    const { join, closes } = await serving(t, way);
    const first = await join();
    first.client.send(close(4001, 'bye'));
    assert.equal(await closeCode(first.client), 4001);
    await waitForEnd(first.client);
    await waitUntil(() => closes.length === 1);
    const second = await join();
    second.connection.send('last words');
    second.connection.close(4002);
    assert.equal(await nextText(second.client), 'last words');
    assert.equal(await closeCode(second.client), 4002);
    second.client.send(close(4002));
    await waitForEnd(second.client);
    await waitUntil(() => closes.length === 2);
    assert.deepEqual(
      closes.map(({ code, wasClean, cause }) => [code, wasClean, cause]),
      [
        [4001, true, 'peer-close'],
        [4002, true, 'local-close'],
      ],
    );
  });

  for (const [what, last, sentCode] of [
    ['its Close', close(4001), 4001],
    ['a protocol fault', Buffer.of(0xff, 0x80, 0, 0, 0, 0), 1002],
  ] as const) {
    for (const perMessageDeflate of [false, true]) {
      test(`${way.name}: CL-04 §5.5.1: answers accepted before ${what}${perMessageDeflate ? ', compressed off the event loop,' : ''} are sent before the server's Close`, async (t) => {
        const { server, join, closes } = await serving(t, way, {
          perMessageDeflate,
          maxBufferedBytes: 50_000_000,
        });
        const answers = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(140_000));
        server.on('message', (connection) => {
          for (const answer of answers) connection.send(answer);
        });
        const { client } = await join(perMessageDeflate ? DEFLATED : {});
        client.send(Buffer.concat([text('go'), last]));
        client.end();
        const got: string[] = [];
        for (let frame = await client.nextFrame(); frame.opcode !== 8; frame = await client.nextFrame()) {
          got.push((frame.rsv1 ? inflateRawSync(frame.payload, SYNC) : frame.payload).toString());
        }
        assert.deepEqual(
          got.map((message) => [message[0], message.length]),
          answers.map((message) => [message[0], message.length]),
        );
        await waitUntil(() => closes.length === 1);
        assert.equal(closes[0]!.sentCode, sentCode);
      });
    }
  }

  test(`${way.name}: §5.5.3: a pong is never sent after that of a newer ping`, async (t) => {
    const { server, join } = await serving(t, way);
    server.on('message', (connection, message) => void connection.send(message));
    const { client } = await join();
    const sizes = [300_000, 16_384, 300_000, 10];
    const frames = sizes.flatMap((size, i) => [binary(Buffer.alloc(size)), ping(`${i}`)]);
    client.send(Buffer.concat([...frames, close(1000)]));
    const pongs: string[] = [];
    const got: number[] = [];
    for (let frame = await client.nextFrame(); frame.opcode !== 8; frame = await client.nextFrame()) {
      if (frame.opcode === 10) pongs.push(frame.payload.toString());
      else got.push(frame.payload.length);
    }
    assert.deepEqual([pongs, got], [['0', '1', '2', '3'], sizes]);
  });

  const ENDINGS: readonly (readonly [what: string, end: (joined: Joined) => void, cause: string])[] = [
    ['ends its half without Close', ({ client }) => client.end(), 'transport-end'],
    ['resets', ({ raw }) => raw.resetAndDestroy(), 'transport-error'],
    ...(way.secure
      ? [['ends TCP without close_notify', ({ raw }: Joined) => raw.destroy(), 'transport-end'] as const]
      : []),
    [
      'sends invalid bytes',
      ({ raw, client }) => {
        // A TLS record that fails authentication.
        if (way.secure) raw.write(Buffer.of(0x17, 3, 3, 0, 32, ...Buffer.alloc(32)));
        else client.send(Buffer.alloc(100, 0xff));
      },
      way.secure ? 'transport-error' : 'protocol-error',
    ],
  ];
  for (const [what, end, cause] of ENDINGS) {
    for (const waiting of [false, true]) {
      test(`${way.name}: a peer that ${what}${waiting ? ' while bytes wait for it' : ''}: everything is given back`, async (t) => {
        const { join, closes } = await serving(t, way, {
          maxBufferedBytes: 50_000_000,
          closeTimeoutMs: 300,
          writeTimeoutMs: 300,
          idleTimeoutMs: false,
        });
        const joined = await join();
        if (waiting) {
          joined.client.pause();
          while (joined.connection.send(Buffer.alloc(100_000))) await eventLoopTurns(2);
        }
        end(joined);
        await waitUntil(() => closes.length === 1);
        if (!waiting) assert.equal(closes[0]!.cause, cause);
        await waitUntil(() => joined.connection.bufferedBytes === 0);
      });
    }
  }
}

async function waitForEnd(client: RawClient): Promise<void> {
  if (!client.stream.readableEnded) await waitForEvent(client.stream, 'end');
  client.end();
}

for (const transport of ['auto', 'stream'] as const) {
  test(`TLS 1.2, ${transport}: a client may renegotiate between messages`, async (t) => {
    const way = { name: '', secure: true, attached: false, transport };
    const { server, join } = await serving(t, way, { tls: { ...CERTIFIED, maxVersion: 'TLSv1.2' } });
    server.on('message', (connection, message) => void connection.send(message));
    const { client } = await join();
    const stream = client.stream as TLSSocket;
    assert.equal(stream.getProtocol(), 'TLSv1.2');
    for (let i = 0; i < 3; i++) {
      const message = `${i} ${'x'.repeat(40_000)}`;
      client.send(text(message));
      assert.equal(await nextText(client), message);
      if (i < 2)
        await new Promise<void>(
          (resolve) => void stream.renegotiate({ rejectUnauthorized: false }, () => resolve()),
        );
    }
  });
}
