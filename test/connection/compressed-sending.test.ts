import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createInflateRaw, inflateRawSync } from 'node:zlib';
import { defaultEngine } from '../../src/engine/engine.ts';
import { NO_ZLIB_STEPS, withoutZlibSteps } from '../zlib.ts';
import { binary, close, type DecodedFrame, seededRandom, waitUntil } from '../../src/testing/index.ts';
import { live, type Peer } from '../server/live.ts';

const zlibJobs = defaultEngine.zlib.jobs;

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const LINE = '{"id":1,"name":"a name that is repeated","tags":["x","y","z"]} ';
const TAIL = Buffer.from('0000ffff', 'hex');
const NO_HEARTBEAT = { heartbeat: false, idleTimeoutMs: false } as const;

/** Inflates a message without context. */
const inflated = (payload: Buffer): string =>
  inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH }).toString();

/** A frame as text; `z` marks a compressed one. */
const shown = ({ rsv1, payload }: DecodedFrame): string =>
  rsv1 ? `z ${inflated(payload)}` : payload.toString();

/** Inflates messages one after another, with context takeover. */
function inflaterWithTakeover(): (payload: Buffer) => Promise<string> {
  const stream = createInflateRaw();
  return async (payload) => {
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', take);
    await new Promise<void>((resolve) => stream.write(Buffer.concat([payload, TAIL]), () => resolve()));
    stream.off('data', take);
    return Buffer.concat(chunks).toString();
  };
}

async function noJobs(): Promise<void> {
  await waitUntil(() => zlibJobs.waiting === 0 && zlibJobs.running === 0);
}

/** A large text that zlib needs some time for. */
const large = (bytes: number, seed = 1): string => {
  let text = '';
  for (let n = seed; text.length < bytes; n = (n * 48_271) % 2_147_483_647) text += `${n.toString(36)} `;
  return text.slice(0, bytes);
};

test('PD-06 messages are compressed from the threshold in bytes on, unless `compress` says otherwise', async (t) => {
  const { join } = live(t, { perMessageDeflate: { thresholdBytes: 100 } });
  const { raw, connection } = await join(OFFER);
  assert.equal(
    connection.extensions,
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  );
  const sends: [string | Buffer, { compress?: boolean; binary?: boolean } | undefined, string][] = [
    ['a'.repeat(99), undefined, 'a'.repeat(99)],
    ['a'.repeat(100), undefined, `z ${'a'.repeat(100)}`],
    ['é'.repeat(50), undefined, `z ${'é'.repeat(50)}`],
    ['é'.repeat(49), undefined, 'é'.repeat(49)],
    ['a'.repeat(30), { compress: true }, `z ${'a'.repeat(30)}`],
    ['a'.repeat(100), { compress: false }, 'a'.repeat(100)],
    [Buffer.alloc(99, 'b'), {}, 'b'.repeat(99)],
    [Buffer.alloc(100, 'b'), undefined, `z ${'b'.repeat(100)}`],
    [Buffer.alloc(100, 'b'), { binary: false }, `z ${'b'.repeat(100)}`],
    ['c'.repeat(100), { binary: true }, `z ${'c'.repeat(100)}`],
  ];
  for (const [payload, options] of sends) assert.equal(connection.send(payload, options), true);
  for (const [payload, options, seen] of sends) {
    const frame = await raw.nextFrame();
    assert.equal(shown(frame), seen);
    const isText = options?.binary === undefined ? typeof payload === 'string' : !options.binary;
    assert.equal(frame.opcode, isText ? 1 : 2);
  }
});

test('PD-06 without takeover, a message that does not get smaller is sent uncompressed', async (t) => {
  const { join } = live(t, { perMessageDeflate: true });
  const { raw, connection } = await join(OFFER);
  connection.send('abc', { compress: true });
  const random = seededRandom(1);
  const noise = Buffer.from(Array.from({ length: 40_000 }, () => random.fraction() * 256));
  connection.send(noise, { compress: true });
  const first = await raw.nextFrame();
  assert.equal(first.rsv1, false);
  assert.equal(first.payload.toString(), 'abc');
  const second = await raw.nextFrame();
  assert.equal(second.rsv1, false);
  assert.ok(second.payload.equals(noise));
});

for (const asyncThresholdBytes of [100, 100_000]) {
  test(`SE-22 PD-09 echoed bytes with a false length property are compressed at their real length, above or below ${asyncThresholdBytes} bytes`, async (t) => {
    const { join } = live(t, { perMessageDeflate: { thresholdBytes: 0, asyncThresholdBytes } });
    const { raw, connection } = await join(OFFER);
    let honestLooks = 0;
    connection.on('message', (message) => {
      let looks = 0;
      const length = 1_000;
      const get = (): number => (looks++ < honestLooks ? length : 1_000_000);
      connection.send(Object.defineProperty(message as Buffer, 'length', { get }));
    });
    for (; honestLooks < 8; honestLooks++) {
      raw.send(binary(Buffer.alloc(1_000, 'x')));
      assert.equal(shown(await raw.nextFrame()), `z ${'x'.repeat(1_000)}`);
    }
  });
}

test('PD-06 without a negotiated extension nothing is compressed, even with `compress: true`', async (t) => {
  const { join } = live(t, { perMessageDeflate: true });
  const { raw, connection } = await join();
  assert.equal(connection.extensions, '');
  connection.send('a'.repeat(2_000), { compress: true });
  assert.equal((await raw.nextFrame()).rsv1, false);
});

for (const windowBits of [9, 10, 12, 15]) {
  test(`PD-07 with takeover, messages refer to earlier messages within 2^${windowBits} bytes`, {
    skip: NO_ZLIB_STEPS,
  }, async (t) => {
    const { join } = live(t, { perMessageDeflate: { contextTakeover: true, thresholdBytes: 0 } });
    const { raw, connection } = await join({
      'Sec-WebSocket-Extensions': `permessage-deflate; server_max_window_bits=${windowBits}`,
    });
    const inflate = createInflateRaw({ windowBits });
    const take: Buffer[] = [];
    inflate.on('data', (chunk: Buffer) => void take.push(chunk));
    t.after(() => void inflate.destroy());
    const sizes: number[] = [];
    for (const text of [LINE, LINE, large(30_000), LINE, '', LINE]) {
      connection.send(text);
      const { payload, rsv1 } = await raw.nextFrame();
      assert.equal(rsv1, true);
      sizes.push(payload.length);
      take.length = 0;
      await new Promise<void>((resolve) => inflate.write(Buffer.concat([payload, TAIL]), () => resolve()));
      assert.equal(Buffer.concat(take).toString(), text);
    }
    assert.ok(sizes[1]! < sizes[0]! / 4, 'the second time it is a reference');
  });
}

test('PD-07 PD-08 with takeover, the message after a shared one refers to no earlier message', async (t) => {
  const { server, join } = live(t, { perMessageDeflate: { contextTakeover: true, thresholdBytes: 0 } });
  const { raw, connection } = await join(OFFER);
  const inflate = inflaterWithTakeover();
  const bystander = await join();
  const next = async (): Promise<string> => {
    const { payload, rsv1 } = await raw.nextFrame();
    return rsv1 ? inflate(payload) : payload.toString();
  };
  for (let round = 0; round < 3; round++) {
    connection.send(LINE);
    connection.send(`${LINE}${round}`);
    server.broadcast(`shared ${round} ${LINE}`);
    connection.send(LINE);
    server.broadcast('not compressed', { compress: false });
    connection.send(LINE);
    for (const text of [LINE, `${LINE}${round}`, `shared ${round} ${LINE}`, LINE, 'not compressed', LINE])
      assert.equal(await next(), text);
    for (const text of [`shared ${round} ${LINE}`, 'not compressed'])
      assert.equal((await bystander.raw.nextFrame()).payload.toString(), text);
  }
});

test('BC-05 PD-08 TP-04 a broadcast is compressed once per window size, and all recipients share its bytes', async (t) => {
  const { server, join } = live(t, { perMessageDeflate: true });
  const small = { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=10' };
  const peers: Peer[] = [];
  for (const headers of [OFFER, OFFER, small, small, {}]) peers.push(await join(headers));
  for (const { connection } of peers) connection.subscribe('news');
  const text = LINE.repeat(40);
  for (const send of [
    () => server.broadcast(text),
    () => server.publish('news', text),
    () => peers[0]!.connection.publish('news', text),
  ]) {
    send();
    const skipsFirst = send.toString().includes('peers[0]');
    const frames = await Promise.all(peers.slice(skipsFirst ? 1 : 0).map(({ raw }) => raw.nextFrame()));
    for (const frame of frames.slice(0, -1)) assert.equal(shown(frame), `z ${text}`);
    assert.equal(shown(frames.at(-1)!), text);
  }
  server.publish('news', text, { compress: false });
  for (const { raw } of peers) assert.equal(shown(await raw.nextFrame()), text);
  server.publish('news', 'short', { compress: true });
  for (const { raw } of peers) assert.equal(shown(await raw.nextFrame()), 'short', 'it does not get smaller');
});

test('FB-03 the caller may change a small message after send, and compression never changes it', async (t) => {
  const { join } = live(t, { perMessageDeflate: { thresholdBytes: 1 } });
  const { raw, connection } = await join(OFFER);
  const payload = Buffer.alloc(1_000, 'a');
  connection.send(payload);
  assert.equal(payload.toString(), 'a'.repeat(1_000));
  payload.fill('b');
  connection.send(payload);
  assert.equal(shown(await raw.nextFrame()), `z ${'a'.repeat(1_000)}`);
  assert.equal(shown(await raw.nextFrame()), `z ${'b'.repeat(1_000)}`);
});

for (const contextTakeover of [false, true]) {
  const title = contextTakeover ? 'with takeover' : 'without takeover';
  const ASYNC = { perMessageDeflate: { contextTakeover, thresholdBytes: 100, asyncThresholdBytes: 1_000 } };

  test(`PD-09 ${title}: messages after a large one wait for its compression, pings do not`, async (t) => {
    const { server, join } = live(t, { ...ASYNC, ...NO_HEARTBEAT });
    const { raw, connection } = await join(OFFER);
    const inflate = inflaterWithTakeover();
    const big = [large(300_000, 3), large(200_000, 5)];
    const sent = [
      'first',
      LINE.repeat(3),
      big[0]!,
      'behind',
      LINE.repeat(4),
      big[1]!,
      'shared',
      LINE.repeat(50),
    ];
    for (const text of sent.slice(0, 6)) connection.send(text);
    server.broadcast('shared');
    server.broadcast(LINE.repeat(50));
    connection.ping('ping');
    connection.close(1000, 'done');
    connection.send('too late');
    assert.ok(connection.bufferedBytes > 500_000, 'messages queued for zlib count');
    const received: string[] = [];
    for (;;) {
      const { opcode, rsv1, payload } = await raw.nextFrame();
      if (opcode === 8) break;
      if (opcode === 9) received.push(`ping ${payload.toString()}`);
      else
        received.push(
          rsv1 ? (contextTakeover ? await inflate(payload) : inflated(payload)) : payload.toString(),
        );
    }
    assert.ok(received.indexOf('ping ping') <= 2, 'it overtook the queued messages');
    assert.deepEqual(
      received.filter((text) => text !== 'ping ping'),
      sent,
    );
    raw.send(close(1000));
    raw.end();
    assert.deepEqual(await connection.closed.then(({ code, wasClean }) => ({ code, wasClean })), {
      code: 1000,
      wasClean: true,
    });
    await noJobs();
  });

  test(`PD-09 ${title}: Closes of both sides may cross during a compression`, async (t) => {
    const { join } = live(t, { ...ASYNC, ...NO_HEARTBEAT });
    const { raw, connection } = await join(OFFER);
    connection.send(large(400_000));
    connection.close(1001);
    raw.send(close(1000));
    assert.equal((await raw.nextFrame()).opcode, 1, 'what was accepted goes out');
    const last = await raw.nextFrame();
    assert.deepEqual([last.opcode, last.payload.readUInt16BE()], [8, 1001]);
    raw.end();
    assert.equal((await connection.closed).wasClean, true);
  });

  test(`PD-09 SE-24 ${title}: a closed connection has no queued job, and the result of its running job is dropped`, async (t) => {
    const { join, closes } = live(t, { ...ASYNC, ...NO_HEARTBEAT });
    const peers: Peer[] = [];
    for (let i = 0; i < 30; i++) peers.push(await join(OFFER));
    for (const { connection } of peers) for (let i = 0; i < 3; i++) connection.send(large(200_000, i + 1));
    assert.equal(zlibJobs.running, 4);
    assert.equal(zlibJobs.waiting, 26);
    peers.forEach(({ connection, raw }, i) => {
      if (i % 3 === 0) connection.terminate();
      else if (i % 3 === 1) raw[Symbol.dispose]();
      else {
        raw.send(close(1000));
        raw.end();
      }
    });
    await waitUntil(() => closes.length === 30);
    assert.equal(zlibJobs.waiting, 0);
    await noJobs();
    for (const { connection } of peers) assert.equal(connection.bufferedBytes, 0);
  });

  test(`PD-09 BP-04 ${title}: messages queued for zlib count for the overflow policy and drained()`, async (t) => {
    const { join } = live(t, {
      ...ASYNC,
      ...NO_HEARTBEAT,
      highWaterMarkBytes: 50_000,
      maxBufferedBytes: 250_000,
    });
    const { raw, connection } = await join(OFFER);
    assert.equal(connection.send(large(200_000, 7)), false, 'accepted, and over the mark');
    let drained = false;
    const waiting = connection.drained().then(() => (drained = true));
    assert.equal(connection.send(large(100_000, 8)), false);
    assert.equal(drained, false);
    assert.equal((await raw.nextFrame()).rsv1, true);
    assert.equal((await raw.nextFrame()).rsv1, true);
    await waiting;
    connection.send(large(200_000, 7));
    connection.send(large(100_000, 7));
    assert.equal(connection.state, 'open');
    connection.send('one too many');
    assert.equal(connection.state, 'closing');
    assert.equal(connection.droppedMessages, 3);
    assert.equal(zlibJobs.waiting, 0);
    const { opcode, payload } = await raw.nextFrame();
    assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1013]);
    raw[Symbol.dispose]();
    await connection.closed;
    await noJobs();
  });
}

test('PD-09 BP-05 drop-oldest also drops messages queued for zlib, and the others arrive in order', async (t) => {
  const { join } = live(t, {
    ...NO_HEARTBEAT,
    perMessageDeflate: { thresholdBytes: 100, asyncThresholdBytes: 1_000 },
    highWaterMarkBytes: 1_000,
    maxBufferedBytes: 250_000,
    onOverflow: 'drop-oldest',
  });
  const { raw, connection } = await join(OFFER);
  const dropped: number[] = [];
  connection.on('dropped', ({ bytes }) => void dropped.push(bytes));
  for (const [i, size] of [200_000, 100_000, 60_000, 70_000].entries()) connection.send(large(size, i + 1));
  assert.deepEqual(dropped, [200_000]);
  assert.equal(shown(await raw.nextFrame()), `z ${large(100_000, 2)}`);
  assert.equal(shown(await raw.nextFrame()), `z ${large(60_000, 3)}`);
  assert.equal(shown(await raw.nextFrame()), `z ${large(70_000, 4)}`);
  assert.equal(connection.state, 'open');
  await noJobs();
});

test('PD-08 PD-09 a large broadcast is one job for all recipients, and does not wait for recipients that disconnect', async (t) => {
  const { server, join } = live(t, {
    ...NO_HEARTBEAT,
    perMessageDeflate: { thresholdBytes: 100, asyncThresholdBytes: 1_000 },
  });
  const peers: Peer[] = [];
  for (let i = 0; i < 10; i++) peers.push(await join(OFFER));
  const text = large(300_000, 11);
  server.broadcast(text);
  server.broadcast('behind');
  assert.equal(zlibJobs.running + zlibJobs.waiting, 1);
  for (const { connection } of peers.splice(0, 4)) connection.terminate();
  for (const { raw } of peers) {
    assert.equal(shown(await raw.nextFrame()), `z ${text}`);
    assert.equal(shown(await raw.nextFrame()), 'behind');
  }
  server.broadcast(large(300_000, 12));
  server.broadcast(large(300_000, 13));
  for (const { connection } of peers) connection.terminate();
  assert.equal(zlibJobs.waiting, 0);
  await noJobs();
});

test('PD-07 without Node internals there is no takeover, and messages are still sent', async (t) => {
  withoutZlibSteps(t);
  const { server, join } = live(t, {
    ...NO_HEARTBEAT,
    perMessageDeflate: { contextTakeover: true, thresholdBytes: 10, asyncThresholdBytes: 100_000 },
  });
  const { raw, connection } = await join(OFFER);
  assert.equal(
    connection.extensions,
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  );
  const sent = [LINE.repeat(3), large(150_000), LINE.repeat(3), LINE.repeat(4)];
  for (const text of sent.slice(0, 3)) connection.send(text);
  server.broadcast(sent[3]!);
  for (const text of sent) assert.equal(shown(await raw.nextFrame()), `z ${text}`);
  await noJobs();
});

/** Checks the helper above: it inflates references to earlier messages, which a fresh inflater cannot. */
test('TS-04 the test inflater keeps its context', async () => {
  const inflate = inflaterWithTakeover();
  assert.equal(await inflate(Buffer.from('f248cdc9c90700', 'hex')), 'Hello');
  assert.equal(await inflate(Buffer.from('f200110000', 'hex')), 'Hello');
});
