import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { deflateOf, drive, ON_THE_STACK, sentBytes } from '../../../fuzz/drive.ts';
import { OPCODE, type Role, RSV1, RSV2, RSV3 } from '../../../src/protocol/constants.ts';
import type { Extension } from '../../../src/protocol/extensions/extension.ts';
import { PreparedMessage, ProtocolConnection } from '../../../src/protocol/index.ts';
import { byteByByte, everyCut } from '../../../src/testing/cuts.ts';
import { DEFAULT_KEY, frame, type FrameFields } from '../../../src/testing/frames.ts';
import { readFrames } from '../../../src/testing/index.ts';
import { fails, LIMITS } from '../../vectors/row.ts';
import { NO_ZLIB_STEPS } from '../../zlib.ts';
import { coreWith } from '../cores.ts';
import { Scrambling, scrambled } from './scrambling.ts';

const ROLES = ['server', 'client'] as const;
const TEXT = 'Grüße, 世界! '.repeat(4);
const BYTES = Buffer.from([0, 1, 2, 0x55, 0xaa, 0xff]);

const deflated = (bytes: Uint8Array): Buffer =>
  deflateRawSync(bytes, { level: 3, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

const deflate = (role: Role, contextTakeover = false): Extension =>
  deflateOf(role, { contextTakeover, windowBits: 15 });

/** Names of what is negotiated, the extensions for a role, and the payload that they make of bytes. */
const LISTS: Readonly<
  Record<
    string,
    {
      readonly extensions: (role: Role, takeover?: boolean) => readonly Extension[];
      readonly encoded: (bytes: Buffer) => Buffer;
      readonly bits: number;
    }
  >
> = {
  scrambling: { extensions: () => [new Scrambling()], encoded: scrambled, bits: RSV2 },
  'scrambling, permessage-deflate': {
    extensions: (role, takeover) => [new Scrambling(), deflate(role, takeover)],
    encoded: (bytes) => deflated(scrambled(bytes)),
    bits: RSV1 | RSV2,
  },
  'permessage-deflate, scrambling': {
    extensions: (role, takeover) => [deflate(role, takeover), new Scrambling()],
    encoded: (bytes) => scrambled(deflated(bytes)),
    bits: RSV1 | RSV2,
  },
  'scrambling with RSV3, permessage-deflate, scrambling with RSV2': {
    extensions: (role, takeover) => [
      new Scrambling({ reservedBit: RSV3 }),
      deflate(role, takeover),
      new Scrambling(),
    ],
    encoded: (bytes) => scrambled(deflated(scrambled(bytes))),
    bits: RSV1 | RSV2 | RSV3,
  },
};

const bitsOf = (first: number): Pick<FrameFields, 'rsv1' | 'rsv2' | 'rsv3'> => ({
  rsv1: (first & RSV1) !== 0,
  rsv2: (first & RSV2) !== 0,
  rsv3: (first & RSV3) !== 0,
});

const coreOf = (role: Role, extensions: readonly Extension[]): ProtocolConnection =>
  coreWith({ role, extensions, owner: ON_THE_STACK });

const other = (role: Role): Role => (role === 'server' ? 'client' : 'server');

for (const [list, { extensions, encoded, bits }] of Object.entries(LISTS)) {
  for (const role of ROLES) {
    const mask = role === 'server' ? false : DEFAULT_KEY;

    test(`PD-12 §9.1: ${list}: a ${role} encodes in this order and marks the first frame`, {
      skip: NO_ZLIB_STEPS,
    }, () => {
      const core = coreOf(role, extensions(role));
      core.text(TEXT, true);
      core.binary(BYTES, false);
      core.ping(Buffer.from('ping'));
      core.fragment(Buffer.from('in two '), true, false);
      core.fragment(Buffer.from('fragments'), true, true);
      const large = Buffer.alloc(40_000, TEXT);
      core.binary(large);
      core.close(1000, '');
      assert.deepEqual(
        readFrames(sentBytes(core)).map(({ opcode, fin, rsv1, rsv2, rsv3, payload }) => [
          (fin ? 0x80 : 0) | (rsv1 ? RSV1 : 0) | (rsv2 ? RSV2 : 0) | (rsv3 ? RSV3 : 0) | opcode,
          payload,
        ]),
        [
          [0x81 | bits, encoded(Buffer.from(TEXT))],
          [0x82, BYTES],
          [0x89, Buffer.from('ping')],
          [0x01, Buffer.from('in two ')],
          [0x80, Buffer.from('fragments')],
          [0x82 | bits, encoded(large)],
          [0x88, Buffer.from([0x03, 0xe8])],
        ],
      );
    });

    test(`PD-12 §9.1: ${list}: what a ${role} sends is decoded in reverse order, at every cut and in fragments`, {
      skip: NO_ZLIB_STEPS,
    }, () => {
      for (const takeover of [false, true]) {
        const sender = coreOf(role, extensions(role, takeover));
        sender.text(TEXT, true);
        sender.text('plain', false);
        sender.binary(BYTES, true);
        sender.text('', true);
        sender.text(TEXT, true);
        const lines = [TEXT, 'plain', undefined, '', TEXT].map((each) =>
          each === undefined ? `binary ${BYTES.toString('hex')}` : `text ${JSON.stringify(each)}`,
        );
        const wire = sentBytes(sender);
        const frames = readFrames(wire);
        const inFragments = Buffer.concat(
          frames.flatMap(({ opcode, rsv1, rsv2, rsv3, payload }) => [
            frame({ opcode, rsv1, rsv2, rsv3, fin: false, payload: payload.subarray(0, 1), mask }),
            frame({ opcode: 0, fin: false, mask }),
            frame({ opcode: 0, fin: true, payload: payload.subarray(1), mask }),
          ]),
        );
        for (const input of [wire, inFragments]) {
          const outcome = (pieces: Iterable<Uint8Array>, asBytes = false) =>
            drive(
              { role: other(role), limits: LIMITS, extensions: extensions(other(role), takeover), asBytes },
              pieces,
            );
          assert.deepEqual(outcome([input]), { lines, unfinished: false, heldBytes: 0 }, 'whole');
          assert.deepEqual(outcome([input], true).lines, lines, 'text as bytes');
          assert.deepEqual(outcome(byteByByte(input)).lines, lines, 'byte by byte');
          for (const pieces of everyCut(input)) assert.deepEqual(outcome(pieces).lines, lines);
        }
      }
    });
  }
}

test('PD-12: a message may have the marks of some of the extensions only', { skip: NO_ZLIB_STEPS }, () => {
  const { extensions } = LISTS['scrambling, permessage-deflate']!;
  const payload = Buffer.from('Hello');
  const wire = Buffer.concat([
    frame({ opcode: 1, ...bitsOf(RSV1), payload: deflated(payload) }),
    frame({ opcode: 1, ...bitsOf(RSV2), payload: scrambled(payload) }),
    frame({ opcode: 1, payload }),
    frame({ opcode: 1, ...bitsOf(RSV1 | RSV2), payload: deflated(scrambled(payload)) }),
  ]);
  const outcome = drive({ role: 'server', limits: LIMITS, extensions: extensions('server') }, [wire]);
  assert.deepEqual(
    outcome.lines,
    Array.from({ length: 4 }, () => 'text "Hello"'),
  );
});

for (const [what, fields] of [
  ['a bit that no extension owns', { opcode: 1, rsv3: true }],
  ['an owned bit and one that no extension owns', { opcode: 1, rsv2: true, rsv3: true }],
  ['an owned bit on a control frame', { opcode: 9, rsv2: true }],
  ['an owned bit on a continuation', { opcode: 0, rsv2: true }],
] as const) {
  test(`PD-12 §5.2 §9.1: ${what} fails with 1002`, () => {
    const stage = { role: 'server', limits: LIMITS, extensions: [new Scrambling()] } as const;
    const first = frame({ opcode: 2, rsv2: true, fin: false, payload: 'a' });
    const wire = Buffer.concat([...(fields.opcode === 0 ? [first] : []), frame(fields)]);
    assert.deepEqual(drive(stage, [wire]).lines, fails('ERR_RSV'));
    for (const pieces of everyCut(wire)) assert.deepEqual(drive(stage, pieces).lines, fails('ERR_RSV'));
  });
}

test('PD-12 §9.1: extensions are refused without an owner, without exactly one bit, or with the bit of another', () => {
  const refused = (extensions: readonly Extension[], message: RegExp, owner = true): void => {
    assert.throws(
      () => new ProtocolConnection('server', { extensions, owner: owner ? ON_THE_STACK : undefined }),
      { code: 'ERR_ARGUMENT', message },
    );
  };
  refused([new Scrambling()], /extensions need owner/, false);
  for (const reservedBit of [0, RSV1 | RSV2, 0x80, -1, Number.NaN, undefined as unknown as number])
    refused(
      [Object.assign(new Scrambling(), { reservedBit })],
      /extensions\[0\]\.reservedBit is .+; it must be RSV1, RSV2 or RSV3/,
    );
  for (const [reservedBit, name] of [
    [RSV1, 'RSV1'],
    [RSV2, 'RSV2'],
    [RSV3, 'RSV3'],
  ] as const)
    refused(
      [new Scrambling({ reservedBit }), new Scrambling({ reservedBit })],
      new RegExp(`extensions\\[1\\] and an extension before it own ${name}`),
    );
  refused([deflate('server'), new Scrambling({ reservedBit: RSV1 })], /own RSV1/);
  assert.ok(new ProtocolConnection('server', { extensions: [] }));
});

test('PD-12 BC-05: a message for many connections passes the encoders of each', {
  skip: NO_ZLIB_STEPS,
}, () => {
  const { extensions, encoded, bits } = LISTS['permessage-deflate, scrambling']!;
  const core = coreOf('server', extensions('server'));
  core.outbox.prepared(new PreparedMessage(TEXT, { compress: true }));
  core.outbox.prepared(new PreparedMessage(BYTES, { compress: false }));
  core.outbox.prepared(new PreparedMessage(BYTES));
  const [first, second, third] = readFrames(sentBytes(core));
  assert.deepEqual(
    [first!.opcode | (first!.rsv1 ? RSV1 : 0) | (first!.rsv2 ? RSV2 : 0)],
    [OPCODE.TEXT | bits],
  );
  assert.deepEqual(first!.payload, encoded(Buffer.from(TEXT)));
  assert.deepEqual([second!.opcode, second!.rsv2, second!.payload], [OPCODE.BINARY, false, BYTES]);
  const small = [third!.opcode, third!.rsv1, third!.rsv2, third!.payload];
  assert.deepEqual(small, [OPCODE.BINARY, false, true, scrambled(BYTES)], 'below the threshold of deflate');
});
