import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, type Stage } from '../../fuzz/drive.ts';
import { expected } from '../../fuzz/model.ts';
import { PeerError } from '../../src/protocol/errors.ts';
import { FrameHeader } from '../../src/protocol/frame-header.ts';
import { readKey } from '../../src/protocol/mask.ts';
import { byteByByte, everyCut } from '../../src/testing/cuts.ts';
import { binary, continuation, DEFAULT_KEY, frame, hex, ping, text } from '../../src/testing/frames.ts';
import { LIMITS } from '../vectors/row.ts';

/** Length bytes and a key for any first two bytes, then some payload. */
const FOLLOWING = hex('00 00 00 00 00 01 00 05 37 fa 21 3d 48 65 6c 6c 6f');

for (const role of ['server', 'client'] as const) {
  const mask = role === 'server' ? DEFAULT_KEY : false;
  for (const [where, before] of [
    ['between messages', Buffer.alloc(0)],
    ['inside a text message', text('é', { mask, fin: false })],
  ] as const) {
    test(`SE-12 FP-03: every pair of first bytes, read by a ${role} ${where}, at every cut, agrees with the model`, () => {
      const stage: Stage = { role, limits: LIMITS };
      for (let first = 0; first < 256; first++) {
        for (let second = 0; second < 256; second++) {
          const wire = Buffer.concat([before, Buffer.of(first, second), FOLLOWING]);
          const right = expected(stage, wire);
          assert.deepEqual(drive(stage, [wire]), right);
          const headerEnd = before.length + 2;
          const decided = expected(stage, wire.subarray(0, headerEnd)).lines.some((line) =>
            line.startsWith('f'),
          );
          // If the two bytes prove the fault, later cuts show nothing new.
          const shown = decided ? wire.subarray(0, headerEnd) : wire;
          assert.deepEqual(drive(stage, byteByByte(shown)), right);
          if (!decided) for (const pieces of everyCut(wire)) assert.deepEqual(drive(stage, pieces), right);
        }
      }
    });
  }
}

test('FP-02: the fields of a header are read at any offset', () => {
  const header = new FrameHeader('server', LIMITS);
  const wire = Buffer.concat([
    Buffer.from('before'),
    frame({ opcode: 1, fin: false, payload: 'x'.repeat(300), mask: hex('01 02 03 84') }),
  ]);
  assert.equal(header.read(wire, 6, wire.length), 8);
  assert.equal(header.fin, false);
  assert.equal(header.opcode, 1);
  assert.equal(header.payloadBytes, 300);
  assert.equal(header.masked, true);
  assert.equal(header.key, readKey(hex('01 02 03 84'), 0));
  assert.equal(header.messageOpcode, 1);
  assert.equal(header.messageBytes, 300);
});

test('FP-01: an incomplete header changes nothing, however often it is read', () => {
  const header = new FrameHeader('client', LIMITS);
  const wire = frame({ opcode: 2, payload: Buffer.alloc(70_000), mask: false });
  for (let end = 0; end < 10; end++) assert.equal(header.read(wire, 0, end), 0);
  assert.equal(header.payloadBytes, 0);
  assert.equal(header.messageBytes, 0);
  assert.equal(header.read(wire, 0, 10), 10);
  assert.equal(header.payloadBytes, 70_000);
});

test('FR-04 FR-05: the size of a message is summed over its fragments, without control frames', () => {
  const header = new FrameHeader('server', LIMITS);
  const read = (wire: Buffer): number => header.read(wire, 0, wire.length);
  read(binary('abc', { fin: false }));
  read(ping('12345'));
  assert.equal(header.opcode, 9);
  assert.deepEqual([header.messageOpcode, header.messageBytes], [2, 3]);
  read(continuation('de'));
  assert.deepEqual([header.messageOpcode, header.messageBytes, header.fin], [2, 5, true]);
  header.endMessage();
  assert.throws(() => read(continuation('f')), { code: 'ERR_CONTINUATION' });
  read(text('next'));
  assert.deepEqual([header.messageOpcode, header.messageBytes], [0, 4]);
});

test('ER-01 FR-05: errors contain the actual values, the rule and its section', () => {
  const rows: readonly (readonly [Buffer, string])[] = [
    [
      binary('x'.repeat(11)),
      'a message is larger than the limit: 11 bytes, the limit is 10 (RFC 6455 §10.4)',
    ],
    [binary('x'.repeat(7)), 'a frame is larger than the limit: 7 bytes, the limit is 6 (RFC 6455 §10.4)'],
    [
      text('', { rsv1: true }),
      'a reserved bit is set, but no negotiated extension uses it: first byte 0xc1 (RFC 6455 §5.2)',
    ],
    [frame({ opcode: 12 }), 'the opcode is reserved: 0x0c (RFC 6455 §5.2)'],
    [text('x', { lengthForm: 16 }), 'a length is not in its shortest form: 1 in 2 bytes (RFC 6455 §5.2)'],
    [
      text('x', { lengthForm: 64 }),
      'a length is not in its shortest form: at most 65535 in 8 bytes (RFC 6455 §5.2)',
    ],
  ];
  for (const [wire, message] of rows) {
    const header = new FrameHeader('server', { ...LIMITS, maxMessageBytes: 10, maxFrameBytes: 6 });
    assert.throws(
      () => header.read(wire, 0, wire.length),
      (error) => error instanceof PeerError && error.message === message,
      message,
    );
  }
});
