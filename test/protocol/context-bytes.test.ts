import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultEngine } from '../../src/engine/engine.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../src/options/resolve-options.ts';
import { FACT, ProtocolConnection } from '../../src/protocol/connection.ts';
import { RSV2 } from '../../src/protocol/constants.ts';
import { agreement } from '../../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../../src/protocol/deflate/per-message-deflate.ts';
import { type Extension, PLAN } from '../../src/protocol/extensions/extension.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { Outbox } from '../../src/protocol/outgoing/outbox.ts';
import { hex, text } from '../../src/testing/index.ts';

const owner = { send() {}, readMore() {}, failed: (error: unknown) => assert.fail(String(error)) };
const takeover = { contextTakeover: true, windowBits: 15 };
const settings = { ...DEFAULT_DEFLATE_SETTINGS, thresholdBytes: 0 };
const COUNTS = { sentRaw: 0, sentCompressed: 0, receivedRaw: 0, receivedCompressed: 0 };

/** An extension that changes nothing, and does not tell its memory. */
const plain: Extension = {
  reservedBit: RSV2,
  encoder: () => ({ plan: () => PLAN.SKIP, encode: () => undefined, reset() {}, close() {} }),
  decoder: () => ({
    heldBytes: 0,
    write(sink, bytes, start, end, last) {
      sink.decoded(bytes, start, end, last);
      return true;
    },
    close() {},
  }),
};

function exchanged(extensions: readonly Extension[], received: Buffer): ProtocolConnection {
  const core = new ProtocolConnection('server', { extensions, owner });
  assert.equal(core.contextBytes, 0);
  core.receive(Buffer.from(received));
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), 'Hello');
  core.text('to the client');
  return core;
}

test('LG-07 PD-01: contexts that are kept between messages are counted, and released at the end', () => {
  const compressed = text(hex('f2 48 cd c9 c9 07 00'), { rsv1: true });
  const deflate = (counts?: typeof COUNTS): Extension =>
    new PerMessageDeflate('server', agreement(takeover, takeover), settings, defaultEngine.zlib, counts);
  for (const extensions of [[deflate()], [deflate({ ...COUNTS })], [deflate(), plain]]) {
    const core = exchanged(extensions, compressed);
    assert.ok(core.contextBytes > 200_000 && core.contextBytes < 400_000, String(core.contextBytes));
    core.transportEnded();
    assert.ok(core.contextBytes < 300_000);
  }
});

test('LG-07 PD-07: nothing is counted for contexts that connections share, nor for an extension that does not tell', () => {
  const shared = { contextTakeover: false, windowBits: 15 };
  const tooSmall = { contextTakeover: true, windowBits: 8 };
  const compressed = text(hex('f2 48 cd c9 c9 07 00'), { rsv1: true });
  for (const server of [shared, tooSmall]) {
    const deflate = new PerMessageDeflate('server', agreement(server, shared), settings, defaultEngine.zlib);
    assert.equal(exchanged([deflate], compressed).contextBytes, 0);
  }
  assert.equal(exchanged([plain], text('Hello', { rsv2: true })).contextBytes, 0);
  assert.equal(exchanged([], text('Hello')).contextBytes, 0);
});

test('LG-04 FB-08: an outbox tells how much of a frame is still to be taken', () => {
  const wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
  const outbox = new Outbox(wire, { maxPendingPongs: 1, highWaterMarkBytes: 100 }, new ProtocolMemory());
  outbox.data(2, Buffer.alloc(50_000));
  assert.equal(outbox.begunBytes, 0);
  const taken = outbox.take().reduce((bytes, chunk) => bytes + chunk.length, 0);
  assert.equal(outbox.begunBytes, 50_004 - taken);
  while (outbox.take().length > 0);
  assert.equal(outbox.begunBytes, 0);
});

test('LG-07 PD-07: without context takeover, a message in fragments has a context until its last fragment', () => {
  const shared = { contextTakeover: false, windowBits: 15 };
  const encoder = new PerMessageDeflate(
    'server',
    agreement(shared, shared),
    settings,
    defaultEngine.zlib,
  ).encoder();
  assert.equal(encoder.contextBytes, 0);
  encoder.encodeFragment!(Buffer.from('Hel'), false);
  assert.ok(encoder.contextBytes > 200_000, String(encoder.contextBytes));
  encoder.encodeFragment!(Buffer.from('lo'), true);
  assert.equal(encoder.contextBytes, 0);
});
