import assert from 'node:assert/strict';
import type { ProtocolLimits } from '../src/protocol/limits.ts';
import { type FrameFields, frame } from '../src/testing/frames.ts';
import { drive, type Stage } from './drive.ts';
import { expected } from './model.ts';
import { type Prng, prng } from './prng.ts';
import { nearlyText } from './utf8.ts';

const LIMITS: readonly ProtocolLimits[] = [
  { maxMessageBytes: 64, maxFrameBytes: 64, maxFragments: 4, maxPendingPongs: 16 },
  { maxMessageBytes: 1_000, maxFrameBytes: 300, maxFragments: 16, maxPendingPongs: 16 },
  { maxMessageBytes: 70_000, maxFrameBytes: 70_000, maxFragments: 16_384, maxPendingPongs: 16 },
];

/**
 * Feeds frames to a connection: mostly valid ones, some slightly broken, some noise; in both roles, before and after Hawser's own
 * Close. Invariants, besides those of `drive`:
 * - Facts, sent frames and the error equal those of an independent model, and are the same for every cut.
 * - Only typed errors are thrown.
 * - Exactly the payload of the unfinished message is buffered.
 * @throws Error that names seed and iteration, with the bytes in hex.
 */
export function fuzzFrames(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const stage: Stage = {
      role: random.pick(['server', 'client'] as const),
      limits: random.pick(LIMITS),
      closeFirst: random.bool(0.1),
    };
    const wire = conversation(random, stage);
    try {
      const right = expected(stage, wire);
      assert.deepEqual(drive(stage, [wire]), right, 'whole');
      assert.deepEqual(drive(stage, random.cut(wire, 1 + random.int(6))), right, 'cut');
      if (wire.length < 400 && random.bool(0.2)) {
        const single = Array.from(wire, (byte) => Buffer.of(byte));
        assert.deepEqual(drive(stage, single), right, 'byte by byte');
      }
    } catch (error) {
      const where = `seed ${seed}, iteration ${iteration}, ${JSON.stringify(stage)}`;
      throw new Error(`${where}: ${wire.toString('hex')}`, { cause: error });
    }
  }
}

function conversation(random: Prng, stage: Stage): Buffer {
  const faultRatio = random.pick([0, 0, 0.05, 0.3]);
  const parts: Buffer[] = [];
  for (let count = 1 + random.int(6); count > 0; count--)
    parts.push(...messageFrames(random, stage, faultRatio));
  let wire = Buffer.concat(parts);
  if (random.bool(0.1)) {
    for (let flips = 1 + random.int(3); flips > 0 && wire.length > 0; flips--) {
      wire[random.int(Math.min(wire.length, 40))]! ^= 1 << random.int(8);
    }
  }
  if (random.bool(0.3)) wire = wire.subarray(0, random.int(wire.length + 1));
  return random.bool(0.02) ? random.bytes(random.int(60)) : wire;
}

/** One message in one or more frames, with control frames between them. */
function messageFrames(random: Prng, stage: Stage, faultRatio: number): Buffer[] {
  const text = random.bool();
  const size = payloadSize(random, stage.limits);
  const payload = text ? nearlyText(random, size, faultRatio / 2) : random.bytes(size);
  const pieces = random.cut(
    payload,
    random.pick([0, 0, 1, 2, random.int(stage.limits.maxFragments > 16 ? 40 : 20)]),
  );
  const frames: Buffer[] = [];
  for (const [i, piece] of pieces.entries()) {
    while (random.bool(0.15)) frames.push(controlFrame(random, stage, faultRatio));
    const opcode = i > 0 ? 0 : text ? 1 : 2;
    frames.push(build(random, stage, faultRatio, { opcode, fin: i === pieces.length - 1, payload: piece }));
  }
  return frames;
}

function payloadSize(random: Prng, { maxMessageBytes }: ProtocolLimits): number {
  const edge = random.pick([0, 1, 125, 126, 127, maxMessageBytes, maxMessageBytes + 1]);
  const long = random.bool(0.01) ? random.pick([65_535, 65_536]) : edge;
  const size = random.bool(0.2) ? long : random.int(random.pick([8, 40, 200]));
  // Sizes far over the limit test nothing new; the largest sizes are rare because they are slow.
  return size > 1_001 && !random.bool(0.05) ? 300 : Math.min(size, 70_001);
}

function controlFrame(random: Prng, stage: Stage, faultRatio: number): Buffer {
  const opcode = random.pick([8, 9, 9, 9, 10, 10]);
  const payload = opcode === 8 ? closeBody(random) : random.bytes(random.pick([0, 1, 4, 124, 125]));
  return build(random, stage, faultRatio, { opcode, payload });
}

function closeBody(random: Prng): Buffer {
  if (random.bool(0.3)) return random.bytes(random.int(4));
  const code = random.pick([999, 1000, 1001, 1004, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000]);
  return Buffer.concat([Buffer.of(code >> 8, code & 0xff), nearlyText(random, random.int(60), 0.3)]);
}

/** A frame that has one fault with the given probability. */
function build(random: Prng, stage: Stage, faultRatio: number, fields: FrameFields): Buffer {
  const mask = stage.role === 'server' ? random.bytes(4) : false;
  if (!random.bool(faultRatio)) return frame({ ...fields, mask });
  const faults: Partial<FrameFields>[] = [
    { rsv1: true },
    { rsv2: true },
    { rsv3: true },
    { opcode: random.int(16) },
    { fin: random.bool() },
    { mask: mask === false ? random.bytes(4) : false },
    { lengthForm: 64 },
    {
      lengthForm: 64,
      announcedLength: random.pick([65_535n, 65_536n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n]),
    },
    { lengthForm: 16, announcedLength: random.int(300) },
    { payload: random.bytes(126) },
  ];
  return frame({ ...fields, mask, ...random.pick(faults) });
}
