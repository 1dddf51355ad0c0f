import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { connect, WebSocketServer } from '../../src/index.ts';
import { driverOf } from '../../src/connection/connection.ts';
import { capture, type Capture } from '../../src/observe/index.ts';
import {
  binary,
  continuation,
  pair,
  RawClient,
  selfSigned,
  text,
  waitForEvent,
  waitUntil,
} from '../../src/testing/index.ts';
import { live } from '../server/live.ts';
import { recorded } from './recorded.ts';

/** A stream that takes nothing until it is released. */
function stuckStream(): {
  readonly stream: Writable;
  readonly written: Buffer[];
  readonly release: () => void;
} {
  const written: Buffer[] = [];
  let pending: (() => void) | undefined;
  let isFree = false;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(Buffer.from(chunk));
      if (isFree) done();
      else pending = done;
    },
  });
  const release = (): void => {
    isFree = true;
    pending?.();
  };
  return { stream, written, release };
}

test('LG-04: a capture in jsonl has a line for the connection, each frame, its end and the capture', async () => {
  const joined = await pair();
  joined.server.on('message', () => undefined);
  const { running, lines } = recorded(joined.server);
  const answered = waitForEvent(joined.client, 'message');
  joined.client.send('Hello');
  joined.server.send(Buffer.of(1, 2, 3));
  await answered;
  await joined.pass(50);
  joined.client.close(1000, 'bye');
  await joined.server.closed;
  const result = await running.ended;
  assert.deepEqual(
    { ...result, bytes: 0 },
    { reason: 'closed', connections: 1, records: 4, droppedRecords: 0, bytes: 0 },
  );
  const { id } = joined.server;
  const [begin, ...rest] = lines();
  assert.deepEqual(begin, {
    capture: 1,
    id,
    protocol: '',
    extensions: '',
    role: 'server',
    openedAt: joined.server.connectedAt.toISOString(),
  });
  const frame = { id, fin: true, rsv: 0 };
  assert.deepEqual(
    rest.map(({ t, ...fields }) => (assert.ok(t === undefined || typeof t === 'number'), fields)),
    [
      { ...frame, dir: 'out', opcode: 2, masked: false, length: 3, payload: 'AQID' },
      { ...frame, dir: 'in', opcode: 1, masked: true, length: 5, payload: 'SGVsbG8=' },
      { ...frame, dir: 'in', opcode: 8, masked: true, length: 5, payload: 'A+hieWU=' },
      { ...frame, dir: 'out', opcode: 8, masked: false, length: 2, payload: 'A+g=' },
      {
        id,
        close: {
          code: 1000,
          reason: 'bye',
          wasClean: true,
          initiator: 'remote',
          sentCode: 1000,
          cause: 'peer-close',
        },
      },
      { end: 'closed', records: 4, droppedRecords: 0 },
    ],
  );
  await joined[Symbol.asyncDispose]();
});

test('LG-04: payloads are recorded only as far as payloadBytes says, and not at all by default', async () => {
  for (const [payloadBytes, payload] of [
    [undefined, undefined],
    [0, undefined],
    [2, 'SGU='],
  ] as const) {
    await using joined = await pair();
    const { lines } = recorded(joined.client, { payloadBytes });
    joined.client.send('Hello');
    await waitForEvent(joined.server, 'message');
    const frame = lines()[1]!;
    assert.equal(frame['length'], 5);
    assert.equal(frame['payload'], payload);
  }
});

test('LG-04: a violation of the peer gets a line with code and section', async (t) => {
  const { join } = live(t);
  const peer = await join();
  const { running, lines } = recorded(peer.connection);
  peer.connection.on('message', () => undefined);
  peer.raw.send(Buffer.concat([text('ok'), text('Hello', { rsv1: true })]));
  peer.raw.end();
  await peer.connection.closed;
  await running.ended;
  const violation = lines().find((line) => 'violation' in line)?.['violation'] as Record<string, unknown>;
  assert.deepEqual([violation['code'], violation['section']], ['ERR_RSV', '§5.2']);
  const close = lines().find((line) => 'close' in line)?.['close'] as Record<string, unknown>;
  assert.equal(close['error'], 'ERR_RSV');
});

test('LG-04: a violation in a header whose payload never arrives is recorded with the header', async (t) => {
  const { join } = live(t);
  const peer = await join();
  const { running, lines } = recorded(peer.connection);
  peer.raw.send(Buffer.of(0x83));
  peer.raw.end();
  await peer.connection.closed;
  await running.ended;
  const begun = lines().find((line) => 'unfinished' in line)!;
  assert.deepEqual(begun['unfinished'], { bytes: 1, header: '83' });
  assert.ok(
    lines().some((line) => (line['violation'] as { code?: string } | undefined)?.code === 'ERR_OPCODE'),
  );
});

test('LG-04: a predicate captures connections that are open and those that open later, on both sides', async () => {
  await using server = new WebSocketServer();
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const url = `ws://127.0.0.1:${port}/`;
  const early = await connect(url);
  const { running, lines } = recorded(({ remotePort }) => remotePort === port || remotePort > 0);
  const late = await connect(url);
  for (const client of [early, late]) {
    client.send('x');
    await once(client, 'message');
  }
  const result = await running.stop();
  assert.equal(result.connections, 4);
  const roles = lines()
    .filter((line) => 'capture' in line)
    .map(({ role }) => role);
  assert.equal(roles.filter((role) => role === 'client').length, 2);
  assert.equal(roles.filter((role) => role === 'server').length, 2);
  assert.equal(lines().filter(({ opcode }) => opcode === 1).length, 8);
  early.terminate();
  late.terminate();
});

test('LG-04: a capture of a connection over TLS has the plaintext', async () => {
  const { cert, key } = selfSigned(['localhost', '127.0.0.1']);
  await using server = new WebSocketServer({ tls: { cert, key } });
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const client = await connect(`wss://127.0.0.1:${port}/`, { tls: { ca: cert } });
  const { running, lines } = recorded(client);
  client.send('secret');
  await once(client, 'message');
  await running.stop();
  const payloads = lines().flatMap(({ payload }) =>
    typeof payload === 'string' ? [Buffer.from(payload, 'base64').toString()] : [],
  );
  assert.deepEqual(payloads, ['secret', 'secret']);
  client.terminate();
});

test('LG-04: a capture that begins inside frames begins with the next whole frame of each direction', async (t) => {
  const { join } = live(t);
  const peer = await join();
  peer.connection.on('message', () => undefined);
  const first = binary(Buffer.alloc(100, 'a'));
  peer.raw.send(first.subarray(0, 50));
  await waitUntil(() => peer.connection.bytesReceived === 50);
  const { lines } = recorded(peer.connection);
  peer.raw.send(Buffer.concat([first.subarray(50), text('next', { fin: false }).subarray(0, 3)]));
  await waitUntil(() => peer.connection.bytesReceived === first.length + 3);
  const second = recorded(peer.connection);
  peer.raw.send(Buffer.concat([text('next', { fin: false }).subarray(3), continuation('!')]));
  await waitUntil(() => lines().length === 3);
  assert.deepEqual(
    [lines(), second.lines()].map((all) =>
      all.slice(1).map(({ payload }) => Buffer.from(String(payload), 'base64').toString()),
    ),
    [
      ['next', '!'],
      ['next', '!'],
    ],
  );
  assert.deepEqual(lines()[0]!['before'], { in: 50, out: 0 });
});

test('LG-04: at maxBytes the capture ends with a last line, and the connection goes on', async () => {
  await using joined = await pair();
  const { running, lines } = recorded(joined.client, { maxBytes: 500 });
  const received: unknown[] = [];
  joined.server.on('message', (message) => void received.push(message));
  for (let i = 0; i < 20; i++) joined.client.send(`message ${i}`);
  await waitUntil(() => received.length === 20);
  const { reason, bytes } = await running.ended;
  assert.equal(reason, 'limit');
  assert.ok(bytes <= 500 + 100, String(bytes));
  assert.equal(lines().at(-1)!['end'], 'limit');
});

test('LG-04: a signal ends a capture, and an aborted one begins none', async () => {
  await using joined = await pair();
  const abort = new AbortController();
  const { running, lines } = recorded(joined.client, { signal: abort.signal });
  assert.ok(running.active);
  abort.abort();
  assert.equal((await running.ended).reason, 'aborted');
  const none = recorded(joined.client, { signal: abort.signal });
  assert.equal((await none.running.ended).reason, 'aborted');
  assert.deepEqual(none.lines(), [{ end: 'aborted', records: 0, droppedRecords: 0 }]);
  joined.client.send('not recorded');
  await waitForEvent(joined.server, 'message');
  assert.equal(lines().length, 2);
});

test('LG-04: a slow sink loses records, which are counted, and never delays the connection', async () => {
  await using joined = await pair({
    server: { highWaterMarkBytes: 1_048_576, maxBufferedBytes: 16_777_216 },
  });
  const { stream, written, release } = stuckStream();
  const running = capture(joined.client, stream, { payloadBytes: Number.POSITIVE_INFINITY });
  const message = Buffer.alloc(600_000);
  let received = 0;
  joined.client.on('message', () => void received++);
  for (let i = 0; i < 10; i++) {
    joined.server.send(message);
    await waitUntil(() => received === i + 1);
  }
  assert.ok(stream.writableLength < 6_000_000, String(stream.writableLength));
  release();
  await waitUntil(() => stream.writableLength === 0);
  joined.server.send('after');
  await waitUntil(() => received === 11);
  const { records, droppedRecords } = await running.stop();
  assert.ok(droppedRecords > 0);
  assert.equal(records + droppedRecords, 11);
  const lines = Buffer.concat(written)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    lines.reduce((sum, { dropped = 0 }) => sum + Number(dropped), 0),
    droppedRecords,
  );
  assert.deepEqual(lines.at(-1), { end: 'stopped', records, droppedRecords });
});

test('LG-04 GN-16: a sink that throws, fails or is cut off ends the capture and not the connection', async () => {
  const broken = (begin: (sink: Writable) => void): Writable => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    setImmediate(() => begin(stream));
    return stream;
  };
  const sinks: readonly (() => Writable | (() => void))[] = [
    () => () => {
      throw new Error('disk full');
    },
    () => new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) }),
    () => broken((stream) => stream.destroy()),
    () => broken((stream) => stream.destroy(new Error('cut off'))),
    () => broken((stream) => stream.end()),
  ];
  for (const sink of sinks) {
    await using joined = await pair();
    const running: Capture = capture(joined.client, sink());
    await new Promise(setImmediate);
    for (let i = 0; i < 3; i++) {
      joined.client.send('x');
      assert.equal((await waitForEvent(joined.server, 'message'))[0], 'x');
    }
    const { reason, error } = await running.ended;
    assert.equal(reason, 'sink-failed');
    assert.match(error!.message, /disk full|cut off|by other code/);
    assert.equal(joined.client.state, 'open');
  }
});

test('LG-04: a stream is ended with its capture, except with endSink: false', async () => {
  for (const endSink of [true, false]) {
    await using joined = await pair();
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    await capture(joined.client, stream, { endSink }).stop();
    assert.equal(stream.writableEnded, endSink);
    assert.equal(stream.listenerCount('close'), 0);
    stream.destroy();
  }
});

test('LG-04: a predicate that throws or answers with a promise ends the capture', async () => {
  await using joined = await pair();
  for (const predicate of [
    () => {
      throw new Error('no data');
    },
    async () => Promise.resolve(true),
  ]) {
    const { reason, error } = await recorded(predicate as unknown as () => boolean).running.ended;
    assert.equal(reason, 'failed');
    assert.match(error!.message, /no data|promise/);
  }
  assert.equal(joined.server.state, 'open');
});

test('PF-14 LG-04: a captured connection does not change others, and none keeps a trace of a capture', async () => {
  const wires: Buffer[] = [];
  for (const isCaptured of [false, true]) {
    await using server = new WebSocketServer();
    server.on('message', (connection, message) => void connection.send(message));
    const { port } = await server.listen(0, '127.0.0.1');
    const upgraded = once(server, 'connection');
    const raw = await RawClient.connect({ port });
    await raw.upgrade();
    const [other] = (await upgraded) as [Parameters<typeof driverOf>[0]];
    const client = await connect(`ws://127.0.0.1:${port}/`);
    const running = isCaptured ? recorded((connection) => connection !== other).running : undefined;
    for (let i = 0; i < 50; i++) {
      client.send(`of the captured ${i}`);
      raw.send(text(`of the other ${i}`));
      await once(client, 'message');
    }
    const { link } = driverOf(other);
    assert.deepEqual(
      [link, link.transport].map((object) =>
        Object.getOwnPropertyNames(object).filter((name) => ['received', 'write'].includes(name)),
      ),
      [[], []],
    );
    await running?.stop();
    for (const connection of server.connections)
      assert.ok(
        !Object.hasOwn(driverOf(connection).link, 'received') &&
          !Object.hasOwn(driverOf(connection).link.transport, 'write'),
      );
    await waitUntil(() => other.messagesReceived === 50);
    raw.end();
    wires.push(await raw.receivedUntilEnd());
    client.terminate();
  }
  assert.deepEqual(wires[0], wires[1]);
  assert.ok(wires[0]!.length > 50 * 10);
});
