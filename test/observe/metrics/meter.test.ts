import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from '../../../src/observe/metrics/histogram.ts';
import { Meter } from '../../../src/observe/metrics/meter.ts';
import { bucketsOf } from '../../../src/observe/metrics/metric-table.ts';
import { seededRandom, VirtualClock } from '../../../src/testing/index.ts';

const meterOneIn = (oneIn: number) => {
  const clock = new VirtualClock();
  return { clock, meter: new Meter(clock, seededRandom(1), oneIn) };
};

test('MT-01 a histogram counts a value in the first bucket whose bound it does not exceed', () => {
  const histogram = new Histogram([1, 2.5]);
  for (const value of [0, 1, 1.1, 2.5, 2.6, -3]) histogram.add(value);
  assert.deepEqual(histogram.read(), {
    count: 6,
    sum: 1 + 1.1 + 2.5 + 2.6,
    buckets: [
      { upTo: 1, count: 3 },
      { upTo: 2.5, count: 5 },
    ],
  });
});

test('MT-01 sizes fall into the buckets of the table, at each bound and for any size', () => {
  const bounds = bucketsOf('message_bytes');
  const sizes = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 29 }),
    fc.constantFrom(...bounds).chain((bound) => fc.constantFrom(bound - 1, bound, bound + 1)),
  );
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 20 }), (given) => {
      const { meter } = meterOneIn(1);
      for (const bytes of given) meter.received(bytes, false);
      const { received } = meter.read().bytes;
      assert.equal(received.count, given.length);
      assert.equal(
        received.sum,
        given.reduce((sum, bytes) => sum + bytes, 0),
      );
      assert.deepEqual(
        received.buckets,
        bounds.map((upTo) => ({ upTo, count: given.filter((bytes) => bytes <= upTo).length })),
      );
    }),
  );
});

test('MT-01 counts and sums are exact whenever they are read, in both directions and for both kinds', () => {
  const { meter } = meterOneIn(1);
  const binary = { received: 0, sent: 0 };
  const bytes = { received: 0, sent: 0 };
  const readAfter = new Set([1, 2, 1_022, 1_023, 1_024, 1_025, 2_048, 2_049, 3_500]);
  for (let at = 1; at <= 3_500; at++) {
    const isText = at % 3 !== 0;
    const direction = at % 7 < 5 ? 'received' : 'sent';
    const isBroadcast = at % 49 === 6;
    if (isBroadcast) meter.broadcast(at, isText, 1, 0);
    else meter[direction](at, isText);
    if (!isText) binary[direction]++;
    bytes[direction] += at;
    if (!readAfter.has(at)) continue;
    const read = meter.read();
    const { received, sent } = read.byKind;
    assert.equal(received.text + received.binary + sent.text + sent.binary, at);
    assert.deepEqual([received.binary, sent.binary], [binary.received, binary.sent]);
    assert.deepEqual([read.bytes.received.sum, read.bytes.sent.sum], [bytes.received, bytes.sent]);
    assert.equal(read.bytes.received.count + read.bytes.sent.count, at);
  }
});

test('MT-01 a broadcast counts once per recipient, and once with its number of recipients', () => {
  const { meter, clock } = meterOneIn(1);
  const startedMs = meter.now();
  clock.advance(3);
  meter.broadcast(100, true, 3, startedMs);
  meter.broadcast(100, true, 0, meter.now());
  meter.sent(65, false);
  const { byKind, bytes, broadcastRecipients, broadcastSeconds } = meter.read();
  assert.deepEqual(byKind.sent, { text: 3, binary: 1 });
  assert.deepEqual([bytes.sent.count, bytes.sent.sum], [4, 365]);
  assert.deepEqual([broadcastRecipients.count, broadcastRecipients.sum], [2, 3]);
  assert.deepEqual([broadcastSeconds.count, broadcastSeconds.sum], [2, 0.003]);
});

test('MT-01 handlers are measured in a random sample of the given density, the first message included', () => {
  for (const oneIn of [1, 16]) {
    const { meter, clock } = meterOneIn(oneIn);
    const distances: number[] = [];
    let last = -1;
    for (let at = 0; at < 16_000; at++) {
      if (!meter.isNext()) continue;
      const startedMs = meter.now();
      clock.advance(1);
      meter.handled(startedMs);
      distances.push(at - last);
      last = at;
    }
    const { handlerSeconds } = meter.read();
    assert.equal(handlerSeconds.count, distances.length);
    assert.ok(Math.abs(handlerSeconds.sum - distances.length / 1_000) < 1e-6);
    assert.equal(distances[0], 1);
    assert.ok(Math.max(...distances) <= 2 * oneIn - 1);
    assert.ok(
      Math.abs(distances.length - 16_000 / oneIn) <= 1_600 / oneIn,
      `${distances.length} of 1 in ${oneIn}`,
    );
  }
});
