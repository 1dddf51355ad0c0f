import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, type Stage } from '../../../fuzz/drive.ts';
import { ENTRY_BYTES } from '../../../src/protocol/limits.ts';
import { FACT } from '../../../src/protocol/index.ts';
import { byteByByte, everyCut, randomCuts } from '../../../src/testing/cuts.ts';
import { DEFAULT_KEY, frame, hex } from '../../../src/testing/frames.ts';
import { coreWith, inflatingWith, SILENT } from '../cores.ts';
import { DEFLATE_ROWS } from '../../vectors/deflate.ts';
import { NO_ZLIB_STEPS } from '../../zlib.ts';
import { fails, LIMITS } from '../../vectors/row.ts';

const EVERY_CUT_UP_TO_BYTES = 200;

for (const row of DEFLATE_ROWS) {
  const ways = row.contextTakeover === undefined ? [false, true] : [row.contextTakeover];
  for (const role of ['server', 'client'] as const) {
    for (const contextTakeover of ways) {
      test(`TS-04 ${role}, ${contextTakeover ? 'with' : 'without'} takeover: ${row.rule}`, {
        skip: NO_ZLIB_STEPS,
      }, () => {
        const stage: Stage = {
          role,
          limits: { ...LIMITS, ...row.limits },
          deflate: { contextTakeover, windowBits: 15 },
        };
        const wire = Buffer.concat(row.wire(role === 'server' ? DEFAULT_KEY : false));
        assert.deepEqual(drive(stage, [wire]).lines, row.lines, 'whole');
        assert.deepEqual(drive(stage, byteByByte(wire)).lines, row.lines, 'byte by byte');
        const cuttings = wire.length <= EVERY_CUT_UP_TO_BYTES ? everyCut(wire) : randomCuts(wire, 1, 10);
        let cutting = 0;
        for (const pieces of cuttings) {
          assert.deepEqual(drive(stage, pieces).lines, row.lines, `cutting ${cutting++}`);
        }
      });
    }
  }
}

test('SE-21 PD-04 without a negotiated extension, RSV1 is a violation', () => {
  for (const role of ['server', 'client'] as const) {
    const mask = role === 'server' ? DEFAULT_KEY : false;
    const wire = frame({ opcode: 1, rsv1: true, payload: hex('f2 48 cd c9 c9 07 00'), mask });
    assert.deepEqual(drive({ role, limits: LIMITS }, [wire]).lines, fails('ERR_RSV'));
  }
});

test('PD-05 a compressed message cannot refer to a message of another connection', {
  skip: NO_ZLIB_STEPS,
}, () => {
  const stage: Stage = {
    role: 'client',
    limits: LIMITS,
    deflate: { contextTakeover: false, windowBits: 15 },
  };
  const hello = frame({ opcode: 1, rsv1: true, payload: hex('f2 48 cd c9 c9 07 00'), mask: false });
  const again = frame({ opcode: 1, rsv1: true, payload: hex('f2 00 11 00 00'), mask: false });
  for (let times = 0; times < 3; times++) {
    assert.deepEqual(drive(stage, [hello]).lines, ['text "Hello"']);
    assert.deepEqual(drive(stage, [again]).lines, fails('ERR_INFLATE'));
  }
});

test('BP-08 SE-24: an unfinished compressed message, a pending inflation and its queued input count as entries', () => {
  let isAtOnce = true;
  const deflate = inflatingWith(() => ({
    heldBytes: 0,
    write: (into, bytes, start, end, last) => {
      if (isAtOnce) into.decoded(bytes, start, end, last);
      return isAtOnce;
    },
    close: () => undefined,
  }));
  const core = coreWith({ role: 'client', sink: SILENT, ...deflate });
  const counted: number[] = [];
  for (const rsv1 of [true, false, false]) {
    core.receive(
      frame({ opcode: rsv1 ? 2 : 0, rsv1, fin: false, payload: Buffer.alloc(1_000), mask: false }),
    );
    while (core.next() !== FACT.NONE);
    counted.push(core.countedBytes - core.heldBytes);
    isAtOnce = false;
  }
  assert.deepEqual(
    counted,
    [1, 2, 3].map((entries) => entries * ENTRY_BYTES),
  );
  assert.equal(core.heldBytes, 2_000, 'inflated bytes, and the queued input');
  core.transportEnded();
  assert.deepEqual([core.countedBytes, core.heldBytes], [0, 0]);
});
