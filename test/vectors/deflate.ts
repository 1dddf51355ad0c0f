import { constants, deflateRawSync } from 'node:zlib';
import type { ProtocolLimits } from '../../src/protocol/limits.ts';
import { frame, hex } from '../../src/testing/frames.ts';
import { fails, type Mask } from './row.ts';

/** One or more compressed messages, and the expected result. */
export interface DeflateRow {
  readonly rule: string;
  readonly wire: (mask: Mask) => readonly Buffer[];
  readonly lines: readonly string[];
  /** Whether the peer's messages may refer to earlier ones. Default: both are tried. */
  readonly contextTakeover?: boolean;
  readonly limits?: Partial<ProtocolLimits>;
}

/** A whole message as zlib compresses it, without the tail (RFC 7692 §7.2.1). */
export const deflated = (
  text: string | Buffer,
  options: { level?: number; strategy?: number } = {},
): Buffer => deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);

const text = (payload: Buffer, mask: Mask, more: object = {}): Buffer =>
  frame({ opcode: 1, rsv1: true, payload, mask, ...more });
const binary = (payload: Buffer, mask: Mask): Buffer => frame({ opcode: 2, rsv1: true, payload, mask });

const HELLO = hex('f2 48 cd c9 c9 07 00');
/** Compressed text whose size shows only when it is inflated. */
const zeros = (bytes: number): Buffer => deflated(Buffer.alloc(bytes, 0x30));
const inPieces = (payload: Buffer, mask: Mask, bytes: number): Buffer[] => {
  const frames: Buffer[] = [];
  for (let at = 0; at < payload.length; at += bytes) {
    const piece = payload.subarray(at, at + bytes);
    const fin = at + bytes >= payload.length;
    frames.push(frame({ opcode: at === 0 ? 1 : 0, rsv1: at === 0, fin, payload: piece, mask }));
  }
  return frames;
};

const HELLO_LINE = 'text "Hello"';
const message = (rule: string, payload: string, lines: readonly string[]): DeflateRow => ({
  rule,
  wire: (mask) => [text(hex(payload), mask)],
  lines,
});

export const DEFLATE_ROWS: readonly DeflateRow[] = [
  message('RFC 7692 §7.2.3.1 Hello in one compressed block', 'f2 48 cd c9 c9 07 00', [HELLO_LINE]),
  {
    rule: 'RFC 7692 §7.2.3.1 Hello in two frames',
    wire: (mask) => [
      text(hex('f2 48 cd'), mask, { fin: false }),
      frame({ opcode: 0, payload: hex('c9 c9 07 00'), mask }),
    ],
    lines: [HELLO_LINE],
  },
  {
    rule: 'RFC 7692 §7.2.3.2 Hello twice, the second with takeover of the window',
    wire: (mask) => [text(HELLO, mask), text(hex('f2 00 11 00 00'), mask)],
    contextTakeover: true,
    lines: [HELLO_LINE, HELLO_LINE],
  },
  {
    rule: 'RFC 7692 §7.2.3.2 PD-05 the same without takeover refers to a missing window',
    wire: (mask) => [text(HELLO, mask), text(hex('f2 00 11 00 00'), mask)],
    contextTakeover: false,
    lines: [HELLO_LINE, ...fails('ERR_INFLATE')],
  },
  {
    rule: 'RFC 7692 §7.2.3.2 the window skips uncompressed messages',
    wire: (mask) => [
      text(HELLO, mask),
      frame({ opcode: 1, payload: 'World', mask }),
      text(hex('f2 00 11 00 00'), mask),
    ],
    contextTakeover: true,
    lines: [HELLO_LINE, 'text "World"', HELLO_LINE],
  },
  message('RFC 7692 §7.2.3.3 Hello in a stored block', '00 05 00 fa ff 48 65 6c 6c 6f 00', [HELLO_LINE]),
  message('RFC 7692 §7.2.3.4 Hello in a block with BFINAL', 'f3 48 cd c9 c9 07 00 00', [HELLO_LINE]),
  {
    rule: 'RFC 7692 §7.2.3.4 another message after a final block',
    wire: (mask) => [text(hex('f3 48 cd c9 c9 07 00 00'), mask), text(HELLO, mask)],
    lines: [HELLO_LINE, HELLO_LINE],
  },
  message('RFC 7692 §7.2.3.5 Hello in two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', [HELLO_LINE]),
  {
    rule: 'PD-04 several final blocks in one message',
    wire: (mask) => [text(Buffer.concat([deflateRawSync('Hel'), deflateRawSync('lo'), hex('00')]), mask)],
    lines: [HELLO_LINE],
  },
  message('RFC 7692 §7.2.3.6 an empty message', '00', ['text ""']),
  message('SE-21 an empty message as a fixed block', '02 00', ['text ""']),
  message('SE-21 an empty message as a final block', '03 00 00', ['text ""']),
  message('PD-04 many empty blocks', '00 00 00 ff ff 00 00 00 ff ff 00', ['text ""']),
  {
    rule: 'PD-04 empty fragments before, between and after',
    wire: (mask) => [
      text(Buffer.alloc(0), mask, { fin: false }),
      frame({ opcode: 0, fin: false, payload: HELLO.subarray(0, 3), mask }),
      frame({ opcode: 0, fin: false, mask }),
      frame({ opcode: 0, fin: false, payload: HELLO.subarray(3), mask }),
      frame({ opcode: 0, mask }),
    ],
    lines: [HELLO_LINE],
  },
  {
    rule: 'PD-04 a ping between two fragments',
    wire: (mask) => [
      text(HELLO.subarray(0, 4), mask, { fin: false }),
      frame({ opcode: 9, payload: 'x', mask }),
      frame({ opcode: 0, payload: HELLO.subarray(4), mask }),
    ],
    lines: ['> pong 78', 'ping 78', HELLO_LINE],
  },
  {
    rule: 'PD-04 binary, stored and not',
    wire: (mask) => [
      binary(deflated(Buffer.from([1, 2, 3]), { level: 0 }), mask),
      binary(deflated(Buffer.alloc(20, 9)), mask),
    ],
    lines: ['binary 010203', `binary ${'09'.repeat(20)}`],
  },
  {
    rule: 'PD-04 several pieces of inflated output, from fragments of 7 bytes',
    wire: (mask) => inPieces(zeros(200_000), mask, 7),
    lines: [`text "${'0'.repeat(200_000)}"`],
  },
  {
    rule: 'PD-04 text that is not ASCII',
    wire: (mask) => [text(deflated('κόσμε 😀 '.repeat(40)), mask)],
    lines: [`text ${JSON.stringify('κόσμε 😀 '.repeat(40))}`],
  },
  message('SE-21 a block of the invalid type', '07 00', fails('ERR_INFLATE')),
  message(
    'SE-21 a stored block whose lengths disagree',
    '00 05 00 fa fe 48 65 6c 6c 6f 00',
    fails('ERR_INFLATE'),
  ),
  message('SE-21 garbage after a whole message', 'f2 48 cd c9 c9 07 00 ff ff ff', fails('ERR_INFLATE')),
  message('SE-21 garbage after a final block', 'f3 48 cd c9 c9 07 00 ff ff', fails('ERR_INFLATE')),
  message('SE-21 an empty payload without any block', '', fails('ERR_INFLATE')),
  message('PD-05 the data ends inside a block of codes', 'f2 48 cd c9', fails('ERR_INFLATE')),
  message('PD-05 the data ends inside a stored block', '00 05 00 fa ff 48 65 6c', fails('ERR_INFLATE')),
  {
    rule: 'PD-05 the data ends inside a stored block, which consumes the tail',
    wire: (mask) => [binary(hex('00 0a 00 f5 ff 48 65 6c 6c 6f'), mask)],
    lines: fails('ERR_INFLATE'),
  },
  {
    // No sender produces this, but RFC 7692 §7.2.2 appends the tail to all input.
    rule: 'RFC 7692 §7.2.2 a stored block that the tail completes',
    wire: (mask) => [binary(hex('00 09 00 f6 ff 48 65 6c 6c 6f'), mask)],
    lines: ['binary 48656c6c6f0000ffff'],
  },
  message('PD-05 the data ends after the header of a stored block', '00 05 00 fa ff', fails('ERR_INFLATE')),
  message('PD-05 the data ends inside the tables of a block', '05 e0 81 08 00', fails('ERR_INFLATE')),
  message(
    'PD-05 a final block without an empty block after it',
    'f3 48 cd c9 c9 07 00',
    fails('ERR_INFLATE'),
  ),
  message('PD-05 a reference to before the start of the data', '4a 04 12 00', fails('ERR_INFLATE')),
  {
    rule: 'UT-03 SE-18 the text fails at its first bad byte, inside an unfinished fragment',
    wire: (mask) => [text(deflated(Buffer.from('good\xff', 'latin1')).subarray(0, -1), mask, { fin: false })],
    lines: fails('ERR_UTF8'),
  },
  {
    rule: 'UT-03 SE-18 a surrogate in a compressed text',
    wire: (mask) => [text(deflated(Buffer.from('eda080', 'hex')), mask)],
    lines: fails('ERR_UTF8'),
  },
  {
    rule: 'UT-03 SE-18 a compressed text that ends inside a code point',
    wire: (mask) => [text(deflated(Buffer.from('f09f98', 'hex')), mask)],
    lines: fails('ERR_UTF8'),
  },
  {
    rule: 'SE-18 a code point over two blocks and two fragments',
    wire: (mask) => {
      const first = deflateRawSync(Buffer.from('f09f', 'hex'), { finishFlush: constants.Z_SYNC_FLUSH });
      return [
        text(first, mask, { fin: false }),
        frame({ opcode: 0, payload: deflated(Buffer.from('9880', 'hex')), mask }),
      ];
    },
    lines: ['text "😀"'],
  },
  {
    rule: 'SE-21 RSV1 on a continuation',
    wire: (mask) => [
      text(HELLO.subarray(0, 2), mask, { fin: false }),
      frame({ opcode: 0, rsv1: true, payload: HELLO.subarray(2), mask }),
    ],
    lines: fails('ERR_RSV'),
  },
  {
    rule: 'SE-21 RSV1 on a continuation of a message that is not compressed',
    wire: (mask) => [
      frame({ opcode: 1, fin: false, payload: 'a', mask }),
      frame({ opcode: 0, rsv1: true, payload: 'b', mask }),
    ],
    lines: fails('ERR_RSV'),
  },
  ...[8, 9, 10].map((opcode) => ({
    rule: `SE-21 RSV1 on control frame ${opcode}`,
    wire: (mask: Mask) => [frame({ opcode, rsv1: true, mask })],
    lines: fails('ERR_RSV'),
  })),
  ...[{ rsv2: true }, { rsv3: true }].map((bits) => ({
    rule: `SE-21 RSV1 together with ${Object.keys(bits)[0]}`,
    wire: (mask: Mask) => [text(HELLO, mask, bits)],
    lines: fails('ERR_RSV'),
  })),
  {
    rule: 'PD-05 FP-08 the inflated size is exactly the limit',
    wire: (mask) => [text(zeros(1_000), mask)],
    limits: { maxMessageBytes: 1_000, maxFrameBytes: 1_000 },
    lines: [`text "${'0'.repeat(1_000)}"`],
  },
  {
    rule: 'PD-05 FP-08 the inflated size is one byte over the limit',
    wire: (mask) => [text(zeros(1_001), mask)],
    limits: { maxMessageBytes: 1_000, maxFrameBytes: 1_000 },
    lines: fails('ERR_MESSAGE_TOO_BIG'),
  },
  {
    rule: 'FP-08 a compressed message may have 9/8 of the limit plus 64 bytes on the wire',
    wire: (mask) => [
      text(Buffer.concat([Buffer.from('000000ffff'.repeat(33), 'hex'), HELLO, Buffer.alloc(0)]), mask),
    ],
    limits: { maxMessageBytes: 100, maxFrameBytes: 100 },
    lines: [HELLO_LINE],
  },
  {
    rule: 'FP-08 a compressed message with one byte more fails at its header',
    wire: (mask) => [text(Buffer.alloc(177), mask)],
    limits: { maxMessageBytes: 100, maxFrameBytes: 100 },
    lines: fails('ERR_MESSAGE_TOO_BIG'),
  },
  {
    rule: 'FP-08 the sum of compressed fragments counts',
    wire: (mask) => [
      text(Buffer.from('000000ffff'.repeat(30), 'hex'), mask, { fin: false }),
      frame({ opcode: 0, payload: Buffer.alloc(27), mask }),
    ],
    limits: { maxMessageBytes: 100, maxFrameBytes: 100 },
    lines: fails('ERR_MESSAGE_TOO_BIG'),
  },
  {
    rule: 'FP-08 an uncompressed message has no such allowance, even with the extension',
    wire: (mask) => [frame({ opcode: 2, payload: Buffer.alloc(101), mask })],
    limits: { maxMessageBytes: 100, maxFrameBytes: 100 },
    lines: fails('ERR_MESSAGE_TOO_BIG'),
  },
  {
    rule: 'SE-20 1,000 : 1',
    wire: (mask) => [text(zeros(3_000_000), mask)],
    lines: fails('ERR_MESSAGE_TOO_BIG'),
  },
];
