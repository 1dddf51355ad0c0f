import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { constants, inflateRawSync } from 'node:zlib';
import { defaultEngine } from '../../src/engine/engine.ts';
import { type DecodedFrame, readFrames, waitUntil } from '../../src/testing/index.ts';
import { NO_ZLIB_STEPS, withoutZlibSteps } from '../zlib.ts';
import { type Client, type Door, hawser, listening, real, skip } from './both.ts';

const TAIL = Buffer.from('0000ffff', 'hex');
/** Both at the level of zlib, so that their bytes can be compared. */
const DEFLATE = { threshold: 100, zlibDeflateOptions: { level: 6, memLevel: 8 } };
const WORDS = Array.from({ length: 3_000 }, (_, i) => `${(i * 7_919) % 613} `).join('');
const [A, B, C] = [WORDS.slice(0, 500), WORDS.slice(200, 900), WORDS.slice(100, 400)];
const LARGE = WORDS.repeat(20);

/** Frames that a server of this implementation sends to a plain socket, which has offered `extension`. */
async function framesFrom(
  t: TestContext,
  door: Door,
  extension: string,
  count: number,
  script: (peer: Client) => void,
): Promise<readonly DecodedFrame[]> {
  const { server, url } = await listening(door, { perMessageDeflate: DEFLATE });
  const joined = once(server, 'connection') as Promise<[Client]>;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  const chunks: Buffer[] = [];
  socket.write(
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: ${extension}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 101 [^]*Sec-WebSocket-Extensions: permessage-deflate/);
  socket.on('data', (data) => chunks.push(data));
  const [peer] = await joined;
  script(peer);
  await waitUntil(() => readFrames(Buffer.concat(chunks)).length === count);
  return readFrames(Buffer.concat(chunks));
}

const shape = ({ opcode, fin, rsv1, payload }: DecodedFrame) => [opcode, fin, rsv1, payload.toString('hex')];

/** What an endpoint without memory of earlier messages makes of the fragments of one message. */
const inflated = (frames: readonly DecodedFrame[]): string =>
  inflateRawSync(Buffer.concat([...frames.map(({ payload }) => payload), TAIL]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).toString();

const TAKEOVER = 'permessage-deflate';
const NO_TAKEOVER = 'permessage-deflate; server_no_context_takeover';

const SCRIPTS = [
  {
    what: 'a message in fragments, with a ping in between, then a whole one',
    count: 5,
    script: (peer: Client): void => {
      peer.send(A, { fin: false, compress: true });
      peer.ping('p');
      peer.send(Buffer.from(B), { fin: false });
      peer.send(C, { fin: true });
      peer.send(A);
    },
  },
  {
    what: 'two messages in fragments, one of bytes',
    count: 4,
    script: (peer: Client): void => {
      peer.send(A, { fin: false });
      peer.send(B);
      peer.send(Buffer.from(A), { fin: false });
      peer.send(Buffer.from(B), { fin: true });
    },
  },
  {
    what: 'a message whose first fragment is not compressed',
    count: 3,
    script: (peer: Client): void => {
      peer.send(A, { fin: false, compress: false });
      peer.send(B, { fin: true, compress: true });
      peer.send(C);
    },
  },
  {
    what: 'a message whose first fragment is below the threshold',
    count: 2,
    script: (peer: Client): void => {
      peer.send('short ', { fin: false });
      peer.send(B, { fin: true });
    },
  },
  {
    what: 'fragments that are compressed on the thread pool, and others after them',
    count: 4,
    script: (peer: Client): void => {
      peer.send(LARGE, { fin: false });
      peer.send(A, { fin: false });
      peer.send(LARGE, { fin: true });
      peer.send(B);
    },
  },
] as const;

for (const extension of [TAKEOVER, NO_TAKEOVER]) {
  for (const { what, count, script } of SCRIPTS) {
    test(`CD-01: ${what}: the frames are those of ws, byte for byte, with ${extension}`, {
      skip: skip || NO_ZLIB_STEPS,
    }, async (t) => {
      const expected = await framesFrom(t, real, extension, count, script);
      const actual = await framesFrom(t, hawser, extension, count, script);
      assert.deepEqual(actual.map(shape), expected.map(shape));
    });
  }

  test(`RFC 7692 §7.2.1: only the first of several fragments has RSV1, and they are one DEFLATE stream, with ${extension}`, async (t) => {
    const [first, second, third] = await framesFrom(t, hawser, extension, 3, (peer) => {
      peer.send(A, { fin: false, compress: true });
      peer.send(B, { fin: false });
      peer.send(C, { fin: true });
    });
    assert.deepEqual(
      [first, second, third].map((frame) => [frame!.opcode, frame!.fin, frame!.rsv1]),
      [
        [1, false, true],
        [0, false, false],
        [0, true, false],
      ],
    );
    assert.equal(inflated([first!, second!, third!]), A + B + C);
    assert.deepEqual(first!.payload.subarray(-4), TAIL);
    assert.notDeepEqual(third!.payload.subarray(-4), TAIL);
  });

  test(`RFC 7692 §7.2.3.6: empty fragments leave the message readable, with ${extension}`, async (t) => {
    const frames = await framesFrom(t, hawser, extension, 5, (peer) => {
      peer.send(A, { fin: false });
      peer.send('', { fin: false });
      peer.send('', { fin: true });
      peer.send(Buffer.from(B), { fin: false });
      peer.send(Buffer.alloc(0), { fin: true });
    });
    assert.equal(inflated(frames.slice(0, 3)), A);
    if (extension === NO_TAKEOVER) assert.equal(inflated(frames.slice(3)), B);
  });
}

for (const extension of [TAKEOVER, NO_TAKEOVER])
  test(`PD-09: a connection ends while a fragment is compressed on the thread pool, with ${extension}`, async (t) => {
    const { jobs } = defaultEngine.zlib;
    const outcomes: unknown[] = [];
    let closed: Promise<unknown> | undefined;
    await framesFrom(t, hawser, extension, 0, (peer) => {
      closed = once(peer, 'close');
      peer.send(A, { fin: false });
      for (const fin of [false, true])
        peer.send(LARGE, { fin }, (error) => outcomes.push(error?.message ?? 'sent'));
      assert.ok(jobs.running > 0);
      peer.terminate();
    });
    await closed;
    await waitUntil(() => jobs.running === 0 && outcomes.length === 2);
    assert.deepEqual(outcomes, Array(2).fill('The socket was closed before the data was sent'));
  });

test('PD-09: fragments are compressed on a runtime that cannot run zlib synchronously', async (t) => {
  withoutZlibSteps(t);
  const frames = await framesFrom(t, hawser, NO_TAKEOVER, 3, (peer) => {
    peer.send(A, { fin: false });
    peer.send(LARGE, { fin: false });
    peer.send(B, { fin: true });
  });
  assert.equal(frames[0]!.rsv1, true);
  assert.equal(inflated(frames), A + LARGE + B);
});

test('PD-09: a message of another connection between two fragments leaves their stream intact', async (t) => {
  let other: Client | undefined;
  await framesFrom(t, hawser, NO_TAKEOVER, 1, (peer) => {
    other = peer;
    peer.send(A);
  });
  const frames = await framesFrom(t, hawser, NO_TAKEOVER, 2, (peer) => {
    peer.send(A, { fin: false });
    other!.send(LARGE.slice(0, 5_000));
    peer.send(B, { fin: true });
  });
  assert.equal(inflated(frames), A + B);
});
