import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameParser, PIECE } from '../../src/protocol/frame-parser.ts';
import { byteByByte } from '../../src/testing/cuts.ts';
import { binary, continuation, ping, text } from '../../src/testing/frames.ts';
import { LIMITS } from '../vectors/row.ts';

/** The next piece with its payload. */
function next(parser: FrameParser): readonly [number, string] {
  const piece = parser.next();
  return [piece, piece === PIECE.NONE ? '' : parser.bytes.toString('latin1', parser.start, parser.end)];
}

test('FP-01: several frames in one chunk are returned one at a time, in place', () => {
  const parser = new FrameParser('server', LIMITS);
  const chunk = Buffer.concat([text('one'), ping(''), binary('three')]);
  parser.receive(chunk);
  assert.deepEqual(next(parser), [PIECE.WHOLE, 'one']);
  assert.equal(parser.bytes, chunk);
  assert.deepEqual(next(parser), [PIECE.WHOLE, '']);
  assert.equal(parser.header.opcode, 9);
  assert.deepEqual(next(parser), [PIECE.WHOLE, 'three']);
  assert.equal(parser.unreadBytes, 0);
  assert.deepEqual(next(parser), [PIECE.NONE, '']);
});

test('FP-01: a payload cut by reads is returned in parts as they arrive', () => {
  const parser = new FrameParser('server', LIMITS);
  const wire = text('Hello');
  parser.receive(Buffer.from(wire.subarray(0, 8)));
  assert.deepEqual(next(parser), [PIECE.PART, 'He']);
  assert.deepEqual(next(parser), [PIECE.NONE, '']);
  parser.receive(Buffer.from(wire.subarray(8, 9)));
  assert.deepEqual(next(parser), [PIECE.PART, 'l']);
  assert.deepEqual(next(parser), [PIECE.NONE, '']);
  parser.receive(Buffer.from(wire.subarray(9)));
  assert.deepEqual(next(parser), [PIECE.LAST, 'lo']);
  assert.deepEqual(next(parser), [PIECE.NONE, '']);
});

test('FP-01: a payload that starts with the next chunk is returned whole', () => {
  const parser = new FrameParser('server', LIMITS);
  const wire = text('Hello');
  parser.receive(Buffer.from(wire.subarray(0, 6)));
  assert.deepEqual(next(parser), [PIECE.NONE, '']);
  parser.receive(Buffer.from(wire.subarray(6)));
  assert.deepEqual(next(parser), [PIECE.WHOLE, 'Hello']);
});

test('FP-12: while more bytes are needed, no chunk is referenced', () => {
  const wire = Buffer.concat([text('κόσμε'), binary(Buffer.alloc(200)), ping('x')]);
  const parser = new FrameParser('server', LIMITS);
  for (const chunk of byteByByte(wire)) {
    parser.receive(chunk);
    while (parser.next() !== PIECE.NONE) assert.equal(parser.bytes, chunk);
    assert.equal(parser.bytes.length, 0);
    assert.equal(parser.unreadBytes, 0);
  }
  assert.ok(parser.idle);
});

test('FR-07: the parser is idle only between messages', () => {
  const parser = new FrameParser('server', LIMITS);
  const idleAfter = (chunk: Buffer): boolean => {
    parser.receive(chunk);
    while (parser.next() !== PIECE.NONE);
    return parser.idle;
  };
  const whole = text('Hello');
  assert.ok(parser.idle);
  assert.equal(idleAfter(Buffer.from(whole.subarray(0, 1))), false, 'inside a header');
  assert.equal(idleAfter(Buffer.from(whole.subarray(1, 6))), false, 'before a payload');
  assert.equal(idleAfter(Buffer.from(whole.subarray(6, 9))), false, 'inside a payload');
  assert.equal(idleAfter(Buffer.from(whole.subarray(9))), true, 'after a frame');
  assert.equal(idleAfter(text('begun', { fin: false })), false, 'between fragments');
  parser.discard();
  assert.ok(parser.idle);
  parser.receive(text('unread'));
  assert.equal(parser.idle, false, 'with bytes unread');
});

test('FP-14: discard drops a chunk, a header and a payload', () => {
  for (const cut of [1, 4, 8]) {
    const parser = new FrameParser('server', LIMITS);
    parser.receive(Buffer.from(binary('Hello').subarray(0, cut)));
    while (parser.next() !== PIECE.NONE);
    parser.receive(binary('more'));
    parser.discard();
    assert.ok(parser.idle);
    assert.equal(parser.bytes.length, 0);
    parser.receive(text('new'));
    assert.deepEqual(next(parser), [PIECE.WHOLE, 'new']);
  }
});

test('UT-02: the parser tells whether text is ASCII, masked or unmasked', () => {
  for (const [role, mask] of [
    ['server', undefined],
    ['client', false],
  ] as const) {
    const parser = new FrameParser(role, LIMITS);
    const extras = mask === undefined ? {} : { mask };
    for (const [content, ascii] of [
      ['', true],
      ['plain', true],
      ['x'.repeat(100), true],
      [`${'x'.repeat(99)}é`, false],
    ] as const) {
      parser.receive(text(content, extras));
      assert.equal(parser.next(), PIECE.WHOLE);
      assert.equal(parser.nonAscii === 0, ascii, content);
    }
  }
});

test('FP-01 LG-04: a second parser can begin where another one stands, at every cut', () => {
  const wire = Buffer.concat([
    text('one'),
    text('two ', { fin: false }),
    ping('p'),
    continuation(Buffer.alloc(200)),
  ]);
  const boundaries = [0, 9, 19, 26, 26 + 208];
  for (let at = 0; at <= wire.length; at++) {
    const parser = new FrameParser('server', LIMITS);
    parser.receive(Buffer.from(wire.subarray(0, at)));
    while (parser.next() !== PIECE.NONE);
    const { payloadBytes, unparsed, messageOpcode, reservedBits } = parser.position;
    const next = boundaries.find((boundary) => boundary >= at - unparsed.length);
    assert.equal(at - unparsed.length + payloadBytes, next, `cut at ${at}`);
    assert.deepEqual(unparsed, wire.subarray(at - unparsed.length, at));
    assert.equal(messageOpcode, at - unparsed.length > 9 ? 1 : 0);
    assert.equal(reservedBits, 0);
  }
});
