import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, type Outcome, type Stage } from '../../fuzz/drive.ts';
import { expected } from '../../fuzz/model.ts';
import { byteByByte, everyCut, randomCuts } from '../../src/testing/cuts.ts';
import { DEFAULT_KEY } from '../../src/testing/frames.ts';
import { CLOSING } from '../vectors/closing.ts';
import { EXAMPLES } from '../vectors/examples.ts';
import { HEADERS } from '../vectors/headers.ts';
import { MESSAGES } from '../vectors/messages.ts';
import { LIMITS, type Row } from '../vectors/row.ts';
import { TEXT } from '../vectors/text.ts';

/** Longer input is cut only near its ends and at random places: the rest is all the same payload. */
const EVERY_CUT_UP_TO_BYTES = 400;
const EDGE_BYTES = 20;

/** Runs the input whole, byte by byte, and cut in two at every position; all must agree. */
function everyCutting(stage: Stage, wire: Buffer): Outcome {
  const whole = drive(stage, [wire]);
  assert.deepEqual(drive(stage, byteByByte(wire)), whole, 'byte by byte');
  assert.deepEqual(drive({ ...stage, interrupted: true }, [wire]), whole, 'interrupted');
  assert.deepEqual(drive({ ...stage, asBytes: true }, [wire]), whole, 'texts as bytes');
  assert.deepEqual(
    drive({ ...stage, asBytes: true }, byteByByte(wire)),
    whole,
    'texts as bytes, byte by byte',
  );
  if (wire.length <= EVERY_CUT_UP_TO_BYTES) {
    let at = 0;
    for (const pieces of everyCut(wire)) assert.deepEqual(drive(stage, pieces), whole, `cut at ${++at}`);
    return whole;
  }
  for (let at = 1; at <= EDGE_BYTES; at++) {
    for (const cut of [at, wire.length - at]) {
      assert.deepEqual(drive(stage, [wire.subarray(0, cut), wire.subarray(cut)]), whole, `cut at ${cut}`);
    }
  }
  for (const pieces of randomCuts(wire, wire.length, 10)) assert.deepEqual(drive(stage, pieces), whole);
  return whole;
}

/** Runs every prefix of the input: each fact must be known as soon as its bytes have arrived. */
function everyBeginning(stage: Stage, wire: Buffer): void {
  for (let end = 0; end <= Math.min(wire.length, EVERY_CUT_UP_TO_BYTES); end++) {
    const beginning = wire.subarray(0, end);
    assert.deepEqual(drive(stage, [beginning]), expected(stage, beginning), `the first ${end} bytes`);
  }
}

for (const { rule, role, wire, lines } of EXAMPLES) {
  test(`example: ${rule}`, () => {
    const stage: Stage = { role, limits: LIMITS };
    assert.deepEqual(everyCutting(stage, wire).lines, lines);
    everyBeginning(stage, wire);
  });
}

function provingByte(row: Row, frames: readonly Buffer[]): number | undefined {
  const last = frames.at(-1)!;
  const short = last[1]! & 0x7f;
  const headerBytes = (short === 127 ? 10 : short === 126 ? 4 : 2) + (last[1]! >= 0x80 ? 4 : 0);
  const before = frames.slice(0, -1).reduce((sum, { length }) => sum + length, 0);
  if (row.provedBy === undefined) return undefined;
  return before + ('header' in row.provedBy ? row.provedBy.header : headerBytes + row.provedBy.payload);
}

for (const row of [...HEADERS, ...MESSAGES, ...TEXT, ...CLOSING]) {
  for (const role of ['server', 'client'] as const) {
    test(`${role}: ${row.rule}`, () => {
      const stage: Stage = {
        role,
        limits: { ...LIMITS, ...row.limits },
        closeFirst: row.closeFirst ?? false,
      };
      const frames = row.wire(role === 'server' ? DEFAULT_KEY : false);
      const wire = Buffer.concat(frames);
      assert.deepEqual(everyCutting(stage, wire).lines, row.lines);
      everyBeginning(stage, wire);
      const proof = provingByte(row, frames);
      if (proof === undefined) return;
      const failure = row.lines.at(-1)!;
      assert.ok(!drive(stage, [wire.subarray(0, proof - 1)]).lines.includes(failure), 'too early');
      assert.ok(drive(stage, [wire.subarray(0, proof)]).lines.includes(failure), 'too late');
    });
  }
}
