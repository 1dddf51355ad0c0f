import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import {
  binary,
  close,
  continuation,
  frame,
  ping,
  readFrames,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { type Door, hawser, listening, logEvents, real, skip } from './both.ts';

const REQUEST =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n';

/** Sends bytes to a server; resolves with what its connection emitted, and the Close that it answered. */
async function fate(
  t: TestContext,
  door: Door,
  bytes: Buffer,
  options: object = {},
  hears = true,
): Promise<{ log: unknown[][]; answers: unknown[] }> {
  const { server, url } = await listening(door, { perMessageDeflate: true, closeTimeout: 1_000, ...options });
  const log: unknown[][] = [];
  let isClosed = false;
  server.on('connection', (socket) => {
    logEvents(socket, log, hears ? undefined : ['message', 'close']);
    socket.on('close', () => (isClosed = true));
  });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  socket.on('error', () => {});
  const received: Buffer[] = [];
  socket.on('data', (data) => received.push(data));
  socket.write(Buffer.concat([Buffer.from(REQUEST), bytes]));
  await waitUntil(() => isClosed && socket.destroyed);
  const all = Buffer.concat(received);
  const frames = all.subarray(all.indexOf('\r\n\r\n') + 4);
  return {
    log,
    answers: readFrames(frames).map(({ opcode, payload }) => [opcode, payload.toString('latin1')]),
  };
}

const raw = (...bytes: number[]): Buffer => Buffer.from(bytes);
const FAULTS: readonly { what: string; bytes: Buffer; options?: object }[] = [
  { what: 'RSV1 on a control frame', bytes: raw(0xc9, 0x80, 0, 0, 0, 0) },
  {
    what: 'RSV1 on a continuation',
    bytes: Buffer.concat([text('a', { fin: false }), raw(0xc0, 0x80, 0, 0, 0, 0)]),
  },
  { what: 'RSV2', bytes: raw(0xa1, 0x80, 0, 0, 0, 0) },
  { what: 'RSV3', bytes: raw(0x91, 0x80, 0, 0, 0, 0) },
  { what: 'opcode 3', bytes: raw(0x83, 0x80, 0, 0, 0, 0) },
  { what: 'opcode 11', bytes: raw(0x8b, 0x80, 0, 0, 0, 0) },
  { what: 'a continuation of nothing', bytes: continuation('a') },
  { what: 'text within text', bytes: Buffer.concat([text('a', { fin: false }), text('b')]) },
  { what: 'binary within text', bytes: Buffer.concat([text('a', { fin: false }), binary('b')]) },
  { what: 'a fragmented ping', bytes: ping('a', { fin: false }) },
  { what: 'a long ping', bytes: raw(0x89, 0xfe, 0, 126, 0, 0, 0, 0) },
  { what: 'a frame without mask', bytes: raw(0x81, 0x01, 0x61) },
  { what: 'a Close of one byte', bytes: frame({ opcode: 8, payload: Buffer.of(3) }) },
  { what: 'a Close with code 1005', bytes: close(1005) },
  { what: 'a Close with code 999', bytes: close(999) },
  {
    what: 'a Close with a reason that is not UTF-8',
    bytes: frame({ opcode: 8, payload: Buffer.of(3, 0xe8, 0xff) }),
  },
  { what: 'a length with its top bit set', bytes: raw(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
  { what: 'text that is not UTF-8', bytes: text(Buffer.of(0xff)) },
  { what: 'a message that is too long', bytes: binary(Buffer.alloc(20)), options: { maxPayload: 10 } },
  {
    what: 'fragments that are too long together',
    bytes: Buffer.concat([binary(Buffer.alloc(6), { fin: false }), continuation(Buffer.alloc(6))]),
    options: { maxPayload: 10 },
  },
  {
    what: 'data that cannot be inflated',
    bytes: frame({ opcode: 1, rsv1: true, payload: Buffer.of(0xff, 0xff, 0xff) }),
  },
  { what: 'a Close', bytes: close(4000, 'reason') },
  { what: 'a Close without a code', bytes: frame({ opcode: 8, payload: Buffer.alloc(0) }) },
];

for (const { what, bytes, options } of FAULTS) {
  test(`CD-01: after ${what} the server emits and answers what ws does`, { skip }, async (t) => {
    const expected = await fate(t, real, bytes, options);
    const actual = await fate(t, hawser, bytes, options);
    if (what.includes('inflated')) {
      // The message of zlib differs.
      for (const { log } of [expected, actual])
        log[0]![2] = String(log[0]![2]).replace(/Z_DATA_ERROR: .*/, 'Z_DATA_ERROR');
    }
    assert.deepEqual(actual, expected);
  });

  test(`GN-07 CD-01: ${what} ends only its connection, without an error listener`, async (t) => {
    const { log } = await fate(t, hawser, bytes, options, false);
    assert.equal(log.at(-1)![0], 'close');
  });
}

test('CD-01: a length that is not in its shortest form is refused', async (t) => {
  const { log, answers } = await fate(t, hawser, raw(0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0x61));
  assert.match(String(log[0]![2]), /^RangeError WS_ERR_INVALID_LENGTH: /);
  assert.deepEqual(answers, [[8, '\x03\xea']]);
});

test('CD-01: with throwUnheard an error without a listener is thrown where nothing catches it', async (t) => {
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const { log } = await fate(t, hawser, raw(0x83, 0x80, 0, 0, 0, 0), { throwUnheard: true }, false);
  assert.deepEqual(
    thrown.map((error) => (error as { code: string }).code),
    ['WS_ERR_INVALID_OPCODE'],
  );
  assert.equal(log.at(-1)![0], 'close');
});

test('GN-16 CD-01: a listener that throws is uncaught, and its connection and others go on', async (t) => {
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      socket.send(data);
      throw new Error('of the application');
    });
  });
  const client = new hawser(url);
  const seen: unknown[] = [];
  client.on('message', (data) => seen.push((data as Buffer).toString()));
  await once(client, 'open');
  client.send('one');
  client.send('two');
  await waitUntil(() => seen.length === 2);
  client.terminate();
  assert.deepEqual(
    thrown.map((error) => (error as Error).message),
    ['of the application', 'of the application'],
  );
});
