import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';
import type { Message } from '../../src/index.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { NO_ZLIB_STEPS, withoutZlibSteps } from '../zlib.ts';
import { close, eventLoopTurns, frame, ping, text as plain, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, type Peer } from '../server/live.ts';
import { DEFLATE_ROWS } from '../vectors/deflate.ts';
import { DEFAULT_KEY } from '../../src/testing/frames.ts';

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const NO_HEARTBEAT = { heartbeat: false, idleTimeoutMs: false } as const;

const deflated = (text: string | Buffer, options = {}): Buffer =>
  deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
const compressed = (text: string | Buffer, opcode = 1): Buffer =>
  frame({ opcode, rsv1: true, payload: deflated(text) });
/** The payload in frames of at most `bytes`. */
const fragments = (payload: Buffer, bytes: number): Buffer[] => {
  const frames: Buffer[] = [];
  for (let at = 0; at < payload.length; at += bytes) {
    const fin = at + bytes >= payload.length;
    const piece = payload.subarray(at, at + bytes);
    frames.push(frame({ opcode: at === 0 ? 1 : 0, rsv1: at === 0, fin, payload: piece }));
  }
  return frames;
};

/** Compresses messages one after another, with context takeover. */
function deflaterWithTakeover(t: TestContext): (text: string) => Promise<Buffer> {
  const stream = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  t.after(() => void stream.destroy());
  return async (text) => {
    // zlib does not produce a second empty block.
    if (text === '') return Buffer.of(0);
    chunks.length = 0;
    await new Promise<void>((resolve) => stream.write(text, () => resolve()));
    return Buffer.concat(chunks).subarray(0, -4);
  };
}

const large = (bytes: number, seed = 1): string => {
  let text = '';
  for (let n = seed; text.length < bytes; n = (n * 48_271) % 2_147_483_647) text += `${n.toString(36)} `;
  return text.slice(0, bytes);
};

const zlibJobs = defaultEngine.zlib.jobs;

/** Enough of a message to distinguish it from others. */
const shortened = (message: Message): string => `${message.length}: ${message.slice(0, 20).toString()}`;
const messagesOf = ({ connection }: Peer): Message[] => {
  const messages: Message[] = [];
  connection.on('message', (message) => void messages.push(message));
  return messages;
};

async function noJobs(): Promise<void> {
  await waitUntil(() => zlibJobs.waiting === 0 && zlibJobs.running === 0);
}

/** Inflating on the event loop, on the thread pool with Node internals, and with streams only. */
const WAYS = [
  { way: 'on the event loop', drives: undefined, asyncThresholdBytes: 2 ** 30 },
  { way: 'on the thread pool', drives: undefined, asyncThresholdBytes: 1 },
  { way: 'half and half', drives: undefined, asyncThresholdBytes: 70_000 },
  { way: 'without internals of Node', drives: false, asyncThresholdBytes: 131_072 },
] as const;
for (const { way, drives, asyncThresholdBytes } of WAYS) {
  for (const contextTakeover of drives === false || NO_ZLIB_STEPS !== false ? [false] : [false, true]) {
    const title = `${way}, ${contextTakeover ? 'with' : 'without'} takeover`;
    const options = { ...NO_HEARTBEAT, perMessageDeflate: { contextTakeover, asyncThresholdBytes } };

    test(`PD-04 PD-09 ${title}: compressed and uncompressed messages arrive in order, and pings overtake them`, async (t) => {
      if (drives === false) withoutZlibSteps(t);
      const { join } = live(t, options);
      const peer = await join(OFFER);
      const messages = messagesOf(peer);
      const compress = contextTakeover ? deflaterWithTakeover(t) : async (text: string) => deflated(text);
      const sent = [
        large(500),
        'x'.repeat(200_000),
        large(300_000),
        '',
        large(500),
        'plain',
        large(100_000, 2),
      ];
      const wire: Buffer[] = [];
      for (const text of sent) {
        if (text === 'plain') wire.push(plain(text));
        else wire.push(...fragments(await compress(text), 20_000));
        wire.push(ping(String(wire.length)));
      }
      const pings = wire.filter((bytes) => (bytes[0]! & 0x0f) === 9).length;
      wire.push(close(1000, 'done'));
      // In one write, so that the peer needs few reads.
      peer.raw.send(Buffer.concat(wire));
      for (let i = 0; i < pings; i++) assert.equal((await peer.raw.nextFrame()).opcode, 10);
      assert.equal(await closeCode(peer.raw), 1000);
      peer.raw.end();
      await peer.connection.closed;
      assert.deepEqual(messages.map(shortened), sent.map(shortened));
      await noJobs();
    });

    for (const row of DEFLATE_ROWS) {
      if (row.contextTakeover !== undefined && row.contextTakeover !== contextTakeover) continue;
      test(`TS-04 ${title}: ${row.rule}`, async (t) => {
        if (drives === false) withoutZlibSteps(t);
        const { join } = live(t, { ...options, ...row.limits });
        const peer = await join(OFFER);
        const messages = messagesOf(peer);
        let failure = '';
        peer.connection.on('error', ({ code }) => void (failure = `failure ${code}`));
        peer.raw.send(Buffer.concat([...row.wire(DEFAULT_KEY), close(1000)]));
        let last = await peer.raw.nextFrame();
        while (last.opcode !== 8) last = await peer.raw.nextFrame();
        peer.raw.end();
        await peer.connection.closed;
        const seen = messages.map((message) =>
          typeof message === 'string'
            ? `text ${JSON.stringify(message)}`
            : `binary ${message.toString('hex')}`,
        );
        if (failure !== '') seen.push(failure);
        assert.deepEqual(
          seen,
          row.lines.filter((each) => !each.startsWith('>') && !each.startsWith('ping')),
        );
        assert.equal(
          last.payload.readUInt16BE(),
          row.lines.includes('> close 1007') ? 1007 : last.payload.readUInt16BE(),
        );
        await noJobs();
      });
    }

    test(`SE-20 PD-05 ${title}: bombs of 1,000 : 1 and 100,000 : 1 stop at the limit, with little more memory`, async (t) => {
      if (drives === false) withoutZlibSteps(t);
      const { join } = live(t, { ...options, maxMessageBytes: 300_000 });
      const packed = deflated(Buffer.alloc(100_000_000));
      for (const bomb of [deflated(Buffer.alloc(10_000_000)), packed.subarray(0, 64_000)]) {
        const peer = await join(OFFER);
        const messages = messagesOf(peer);
        const before = process.memoryUsage().arrayBuffers;
        peer.raw.send(frame({ opcode: 2, rsv1: true, payload: bomb }));
        assert.equal(await closeCode(peer.raw), 1009);
        const held = process.memoryUsage().arrayBuffers - before;
        assert.ok(held < 2_000_000, `${held} bytes more, garbage included`);
        assert.deepEqual(messages, []);
        peer.raw.end();
        assert.equal((await peer.connection.closed).error?.code, 'ERR_MESSAGE_TOO_BIG');
        await noJobs();
      }
      const after = await join(OFFER);
      const messages = messagesOf(after);
      after.raw.send(compressed('nothing stale'));
      await waitUntil(() => messages.length === 1);
      assert.deepEqual(messages, ['nothing stale']);
    });
  }
}

test('UT-03 PD-09 text inflated on the thread pool fails at its first bad byte, in an unfinished message', async (t) => {
  const { join } = live(t, { ...NO_HEARTBEAT, perMessageDeflate: { asyncThresholdBytes: 1 } });
  const { raw, connection } = await join(OFFER);
  const payload = deflated(Buffer.from(`${large(100_000)}\xff`, 'latin1'));
  raw.send(frame({ opcode: 1, rsv1: true, fin: false, payload }));
  assert.equal(await closeCode(raw), 1007);
  raw.end();
  assert.equal((await connection.closed).error?.code, 'ERR_UTF8');
  await noJobs();
});

test('PD-09 ST-04 after EOF pending inflations are delivered; after a reset they are dropped', async (t) => {
  const { join } = live(t, { ...NO_HEARTBEAT, perMessageDeflate: { asyncThresholdBytes: 1 } });
  const text = large(300_000);
  const orderly = await join(OFFER);
  const heard = messagesOf(orderly);
  orderly.raw.send(Buffer.concat([compressed(text), compressed('and this'), close(1000)]));
  orderly.raw.end();
  assert.equal((await orderly.connection.closed).wasClean, true);
  assert.deepEqual(heard.map(shortened), [text, 'and this'].map(shortened));

  const abrupt = await join(OFFER);
  const nothing = messagesOf(abrupt);
  abrupt.raw.send(compressed(text));
  await waitUntil(() => zlibJobs.running === 1);
  abrupt.raw.reset();
  assert.equal((await abrupt.connection.closed).code, 1006);
  assert.deepEqual(nothing, []);
  await noJobs();

  const terminated = await join(OFFER);
  const none = messagesOf(terminated);
  terminated.raw.send(compressed(text));
  await waitUntil(() => zlibJobs.running === 1);
  terminated.connection.terminate();
  await noJobs();
  assert.deepEqual(none, []);
});

test('PD-09 SE-24 queued inflations are cancelled when their connection ends', async (t) => {
  const { join, closes } = live(t, { ...NO_HEARTBEAT, perMessageDeflate: { asyncThresholdBytes: 1 } });
  const wire = compressed(large(400_000));
  const peers: Peer[] = [];
  for (let i = 0; i < 20; i++) peers.push(await join(OFFER));
  for (const { raw } of peers) raw.send(wire);
  await waitUntil(() => zlibJobs.waiting > 3);
  for (const { connection } of peers) connection.terminate();
  assert.equal(zlibJobs.waiting, 0);
  await waitUntil(() => closes.length === 20);
  await noJobs();
});

test('BP-08 PD-09 bytes being inflated and the context of an unfinished message count in the memory budget', async (t) => {
  const { server, join } = live(t, { ...NO_HEARTBEAT, perMessageDeflate: true });
  const { raw, connection } = await join(OFFER);
  const budget = defaultEngine.memoryBudget;
  const messages: Message[] = [];
  connection.on('message', (message) => void messages.push(message));
  const before = budget.usedBytes;
  raw.send(frame({ opcode: 1, rsv1: true, fin: false, payload: deflated('begun') }));
  await waitUntil(() => budget.usedBytes > before);
  assert.ok(budget.usedBytes - before >= 40_000);
  raw.send(frame({ opcode: 0, payload: Buffer.alloc(0) }));
  await eventLoopTurns(5);
  assert.deepEqual(messages, ['begun']);
  connection.terminate();
  assert.equal(budget.usedBytes, before);
  assert.equal(server.connections.size, 0);
});
