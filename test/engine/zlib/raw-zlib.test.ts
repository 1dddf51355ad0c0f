import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { InflateJob } from '../../../src/engine/zlib/inflate-job.ts';
import { RawZlib, stepsWork } from '../../../src/engine/zlib/raw-zlib.ts';
import { NodeZlib } from '../../../src/engine/zlib/zlib.ts';
import { NO_ZLIB_STEPS, withoutZlibSteps } from '../../zlib.ts';

const PARAMETERS = { windowBits: 15, level: 3, memLevel: 8 };
const SYNC = constants.Z_SYNC_FLUSH;
const text = (bytes: number): Buffer => Buffer.alloc(bytes, '{"id":17,"name":"somebody"},');
/** The result of the public one-shot call. */
const oneShot = (input: Buffer, parameters = PARAMETERS): Buffer =>
  deflateRawSync(input, { ...parameters, finishFlush: SYNC }).subarray(0, -4);

test('PD-07 on this Node zlib can be driven', () => {
  assert.equal(stepsWork(), true);
  assert.equal(new NodeZlib().drivesZlib, true);
});

test('PD-07 a reused compressor produces the same bytes as a fresh one each time', () => {
  for (const windowBits of [9, 12, 15]) {
    for (const [level, memLevel] of [
      [1, 1],
      [3, 8],
      [9, 9],
    ] as const) {
      const parameters = { windowBits, level, memLevel };
      const zlib = new NodeZlib();
      const deflater = zlib.compressor(parameters, false);
      assert.equal(zlib.compressor({ ...parameters }, false), deflater, 'one for equal parameters');
      assert.notEqual(new NodeZlib().compressor(parameters, false), deflater);
      for (const size of [1, 100, 5_000, 131_072, 400_000])
        assert.ok(
          Buffer.from(deflater.compress(text(size))).equals(oneShot(text(size), parameters)),
          `${size}`,
        );
      deflater.close();
    }
  }
});

test('PD-07 without Node internals, the public interface produces the same bytes', (t) => {
  const zlib = new NodeZlib();
  withoutZlibSteps(t, zlib);
  const deflater = zlib.compressor(PARAMETERS, false);
  for (const size of [1, 5_000, 400_000])
    assert.ok(Buffer.from(deflater.compress(text(size))).equals(oneShot(text(size))));
});

test('PD-07 with takeover, the same message again is a reference, until the context is reset', {
  skip: NO_ZLIB_STEPS,
}, () => {
  const deflater = new NodeZlib().compressor(PARAMETERS, true);
  const first = deflater.compress(text(1_000)).length;
  const second = deflater.compress(text(1_000)).length;
  assert.ok(second < first);
  deflater.forget();
  assert.equal(deflater.compress(text(1_000)).length, first);
  deflater.close();
  assert.equal(deflater.compress(text(1_000)).length, first, 'closed, it begins anew');
  deflater.close();
});

test('PD-05 invalid input is reported without a throw or an event, and a reset context works like a new one', {
  skip: NO_ZLIB_STEPS,
}, () => {
  const zlib = RawZlib.inflate(15);
  const output = Buffer.alloc(100);
  const step = (input: Buffer): number => {
    zlib.step(SYNC, input, 0, input.length, output, 0, output.length);
    return output.length - zlib.outputLeft;
  };
  for (let times = 0; times < 3; times++) {
    step(Buffer.of(0x07));
    assert.equal(zlib.failure, 'Z_DATA_ERROR');
    zlib.reset();
    assert.equal(zlib.failure, undefined);
    assert.equal(step(Buffer.from('f248cdc9c90700', 'hex')), 5);
    assert.equal(output.toString('latin1', 0, 5), 'Hello');
    zlib.reset();
  }
  zlib.close();
});

/** A stream, the buffer that zlib writes into, and the buffer at the time when the stream was handed out. */
interface Watched {
  readonly stream: Writable;
  readonly buffer: () => unknown;
  readonly was: unknown;
}

/** Records streams that are handed out from now on. */
function watchStreams(t: TestContext): Watched[] {
  const seen: Watched[] = [];
  const asStream = Reflect.get(RawZlib.prototype, 'asStream') as (this: RawZlib) => Writable;
  t.mock.method(RawZlib.prototype, 'asStream', function (this: RawZlib) {
    const stream = asStream.call(this);
    const buffer = (): unknown => (stream as unknown as { readonly _outBuffer: unknown })._outBuffer;
    seen.push({ stream, buffer, was: buffer() });
    return stream;
  });
  return seen;
}

const LARGE = Buffer.alloc(4_000_000, 'hawser, and again ');

test('PD-09 a running compression keeps its output memory alive after its connection has ended', async (t) => {
  const seen = watchStreams(t);
  const deflater = new NodeZlib().compressor({ windowBits: 15, level: 9, memLevel: 8 }, true);
  const done = new Promise<Error | undefined>((resolve) => {
    deflater.compressLater(LARGE, (_, error) => resolve(error));
  });
  deflater.close();
  assert.ok((await done) instanceof Error);
  const [{ buffer, was }] = seen as [Watched];
  assert.equal(buffer(), was);
});

test('PD-09 a running inflation keeps its output memory alive after it was cancelled', async (t) => {
  const seen = watchStreams(t);
  const packed = deflateRawSync(LARGE, { finishFlush: constants.Z_SYNC_FLUSH });
  const sink = { decoded: () => assert.fail('it was cancelled') };
  const open = (): RawZlib => RawZlib.inflate(15);
  const { jobs } = new NodeZlib();
  const job = new InflateJob(jobs, open(), packed, true, sink, open, () => assert.fail('it was cancelled'));
  jobs.add(job);
  const [{ stream, buffer, was }] = seen as [Watched];
  job.cancel();
  assert.equal(buffer(), was);
  await once(stream, 'close');
  assert.equal(buffer(), was);
  assert.equal(jobs.running, 0);
});
