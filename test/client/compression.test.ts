import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflateRaw } from 'node:zlib';
import type { Message } from '../../src/index.ts';
import { frame, pair, seededRandom, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { withoutZlibSteps } from '../zlib.ts';
import { accepting, atEnd, failure, scriptedServer } from './live.ts';
import { connect } from './dialling.ts';

const BITS = [9, 11, 15];
const NO_HEARTBEAT = { heartbeat: false, idleTimeoutMs: false } as const;

/** Messages of many sizes: repetitive text, other text, random bytes, and empty ones. */
function* messages(seed: number): Generator<string | Buffer> {
  const random = seededRandom(seed);
  const words = Array.from({ length: 50 }, () => Math.floor(random.fraction() * 1e9).toString(36));
  const word = (): string => words[Math.floor(random.fraction() * words.length)]!;
  for (const size of [0, 1, 50, 126, 1_500, 40_000, 70_000, 200_000, 10]) {
    let text = '';
    while (text.length < size) text += `${word()} é `;
    yield text;
    yield Buffer.from(text);
    yield Buffer.from(Array.from({ length: size }, () => random.fraction() * 256));
  }
}

for (const contextTakeover of [false, true]) {
  for (const windowBits of BITS) {
    for (const asyncThresholdBytes of [1_000, 10_000_000]) {
      const title = `${contextTakeover ? 'with' : 'without'} takeover, window 2^${windowBits}, ${asyncThresholdBytes === 1_000 ? 'on the thread pool' : 'on the event loop'}`;
      test(`PD-04 PD-07 PD-10 client and server, ${title}: both ends receive the messages of the other`, async () => {
        const perMessageDeflate = { contextTakeover, thresholdBytes: 0, asyncThresholdBytes };
        await using joined = await pair({
          server: { ...NO_HEARTBEAT, perMessageDeflate },
          client: {
            ...NO_HEARTBEAT,
            perMessageDeflate: {
              ...perMessageDeflate,
              serverMaxWindowBits: windowBits,
              clientMaxWindowBits: windowBits,
            },
          },
        });
        const { server, client, wire } = joined;
        assert.equal(client.extensions, server.extensions);
        assert.equal(client.extensions.includes(`server_max_window_bits=${windowBits}`), windowBits < 15);
        wire.toServer.cutInto(1_000);
        const sides = [
          [server, client],
          [client, server],
        ] as const;
        for (const [from, to] of sides) {
          const sent = [...messages(windowBits)];
          const received: Message[] = [];
          to.on('message', (message) => void received.push(message));
          for (const message of sent) {
            from.send(message);
            if (from.bufferedBytes > 100_000) await from.drained();
          }
          await waitUntil(() => received.length === sent.length);
          for (const [i, message] of sent.entries()) {
            assert.equal(typeof received[i], typeof message, `message ${i}`);
            assert.ok(Buffer.from(received[i]!).equals(Buffer.from(message)), `message ${i}`);
          }
        }
        // Random bytes do not shrink. The text does; it is sent once as text and once as bytes.
        const plainBytes = Buffer.concat(
          [...messages(windowBits)].map((message) => Buffer.from(message)),
        ).length;
        const randomBytes = [...messages(windowBits)].reduce(
          (sum, message, i) => sum + (i % 3 === 2 ? message.length : 0),
          0,
        );
        const most = randomBytes + (plainBytes - randomBytes) * 0.8;
        for (const [side, bytes] of [
          ['client', client.bytesReceived],
          ['server', server.bytesReceived],
        ] as const)
          assert.ok(
            bytes < most && bytes > randomBytes,
            `the ${side} received ${bytes} bytes of ${plainBytes}`,
          );
      });
    }
  }
}

test('PD-10 by default a client offers no extension', async (t) => {
  const { url, requests } = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  (await connect(url)).terminate();
  assert.ok(!requests[0]!.toLowerCase().includes('extensions'));
  const connection = await connect(url, { perMessageDeflate: true });
  assert.match(
    requests[1]!,
    /\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits\r\n/,
  );
  assert.equal(connection.extensions, '', 'the server may decline');
  connection.terminate();
});

test('PD-10 RFC 7692 §7.1.1.1: the client inflates messages of a server that ignores server_no_context_takeover', async (t) => {
  const { url, sockets } = await scriptedServer(t, (socket, request) =>
    socket.write(accepting(request, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')),
  );
  const connection = await connect(url, { perMessageDeflate: true });
  atEnd(t, () => connection.terminate());
  const deflater = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH });
  atEnd(t, () => deflater.close());
  const received = connection[Symbol.asyncIterator]();
  const sizes: number[] = [];
  for (let i = 0; i < 3; i++) {
    const said = `${'what the context knows after the first message, '.repeat(3)}${i}`;
    deflater.write(said);
    const [bytes] = await waitForEvent<[Buffer]>(deflater, 'data');
    sizes.push(bytes.length);
    sockets[0]!.write(frame({ opcode: 1, rsv1: true, mask: false, payload: bytes.subarray(0, -4) }));
    assert.equal((await received.next()).value, said);
  }
  assert.ok(sizes[1]! < sizes[0]! / 2, 'the second message refers to the first');
});

test('PD-10 RFC 7692 §7.1: a client that cannot keep a context fails the handshake if the server keeps its own', async (t) => {
  withoutZlibSteps(t);
  const { url } = await scriptedServer(t, (socket, request) =>
    socket.write(accepting(request, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')),
  );
  const { code, message } = await failure(url, { perMessageDeflate: true });
  assert.equal(code, 'ERR_RESPONSE');
  assert.match(message, /server_no_context_takeover is missing, and this runtime cannot keep a context/);
});

const WRONG = [
  'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  'permessage-deflate; server_no_context_takeover; client_max_window_bits',
  'permessage-deflate; server_no_context_takeover; server_max_window_bits=16',
  'permessage-deflate; server_no_context_takeover; foo',
  'permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover',
  'x-webkit-deflate-frame',
  'permessage-deflate;',
];
for (const answer of WRONG) {
  test(`PD-10 SE-04 the handshake fails if the server answers ${answer}`, async (t) => {
    const { url } = await scriptedServer(t, (socket, request) =>
      socket.write(accepting(request, `Sec-WebSocket-Extensions: ${answer}\r\n`)),
    );
    const { code, phase } = await failure(url, { perMessageDeflate: true });
    assert.deepEqual({ code, phase }, { code: 'ERR_RESPONSE', phase: 'response' });
  });
}

test('PD-10 the handshake fails if the server selects permessage-deflate that was not offered', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) =>
    socket.write(accepting(request, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')),
  );
  assert.equal((await failure(url)).code, 'ERR_RESPONSE');
});

test('PD-02 a client that is limited to a window of 2^8 bytes sends uncompressed messages', async (t) => {
  const { url, sockets } = await scriptedServer(t, (socket, request) => {
    const extensions =
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8';
    socket.write(accepting(request, `Sec-WebSocket-Extensions: ${extensions}\r\n`));
  });
  const connection = await connect(url, { perMessageDeflate: true });
  const bytes = new Promise<Buffer>((resolve) => sockets[0]!.once('data', resolve));
  connection.send('a'.repeat(100), { compress: true });
  assert.equal((await bytes)[0], 0x81, 'no RSV1');
  connection.terminate();
});
