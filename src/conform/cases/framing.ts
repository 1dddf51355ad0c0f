import type { FrameCase } from '../case.ts';
import {
  binary,
  fails,
  failsCut,
  fine,
  fineCut,
  frames,
  gotBinary,
  gotPong,
  gotText,
  hex,
  more,
  OPEN,
  ping,
  text,
} from '../build.ts';

const BITS = [
  ['1', { rsv1: true }],
  ['2', { rsv2: true }],
  ['3', { rsv3: true }],
  ['12', { rsv1: true, rsv2: true }],
  ['13', { rsv1: true, rsv3: true }],
  ['23', { rsv2: true, rsv3: true }],
  ['123', { rsv1: true, rsv2: true, rsv3: true }],
] as const;
const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];

/** Cases about reserved bits and opcodes, message types and order: §5.2. */
export const framingCases = (): readonly FrameCase[] => [
  frames(
    'framing.text',
    '§5.6',
    'The peer returns a text message',
    fineCut([text('Hello')], [gotText('Hello')]),
  ),
  frames('framing.binary', '§5.6', 'The peer returns a binary message unchanged', [
    fineCut([binary(hex('00ff7f80fe'))], [gotBinary(hex('00ff7f80fe'))]),
    fine([binary(hex('c3'))], [gotBinary(hex('c3'))], { label: 'bytes that are not UTF-8' }),
  ]),
  frames('framing.order', '§5.4', 'The peer returns several messages in one packet in order', [
    fineCut(
      [text('a'), binary('b'), text('c'), binary(''), text('')],
      [gotText('a'), gotBinary('b'), gotText('c'), gotBinary(''), gotText('')],
    ),
  ]),
  frames('framing.many', '§5.4', 'The peer returns a hundred messages in one packet in order', [
    fine(
      Array.from({ length: 100 }, (_, i) => text(`message ${i}`)),
      Array.from({ length: 100 }, (_, i) => gotText(`message ${i}`)),
    ),
  ]),
  ...BITS.map(([name, bits]) =>
    frames(
      `framing.rsv.${name}`,
      '§5.2',
      `A reserved bit without a negotiated meaning fails the connection: ${Object.keys(bits).join(', ')}`,
      [
        failsCut([text('fine'), text('reserved', bits)], [1002], [gotText('fine')]),
        fails([binary('', bits)], [1002], [], { label: 'empty binary' }),
        fails([ping('reserved', bits)], [1002], [], { label: 'ping' }),
        fails([{ opcode: 8, payload: hex('03e8'), ...bits }], [1002], [], { label: 'Close' }),
        fails([text('a', OPEN), more('b', bits)], [1002], [], { label: 'continuation' }),
      ],
    ),
  ),
  frames('framing.rsv.early', '§5.2', 'A reserved bit fails the connection before the payload arrives', [
    fails([text('x'.repeat(100), { rsv2: true })], [1002], [], { heldBytes: 90 }),
  ]),
  ...RESERVED.map((opcode) =>
    frames(`framing.opcode.${opcode}`, '§5.2', `The reserved opcode ${opcode} fails the connection`, [
      failsCut([text('fine'), { opcode, payload: 'reserved' }], [1002], [gotText('fine')]),
      fails([{ opcode }], [1002], [], { label: 'empty' }),
      fails([text('a', OPEN), { opcode, payload: 'b' }, more('c')], [1002], [], { label: 'in a message' }),
    ]),
  ),
  frames(
    'framing.opcode.early',
    '§5.2',
    'A reserved opcode fails the connection before the payload arrives',
    [fails([{ opcode: 3, payload: 'x'.repeat(100) }], [1002], [], { heldBytes: 90 })],
  ),
  frames(
    'framing.after-failure',
    '§7.1.7',
    'The peer processes no frame after a violation, not even a ping',
    [
      fails(
        [text('a'), { opcode: 3 }, text('b'), ping('c'), { opcode: 8, payload: hex('03e8') }],
        [1002],
        [gotText('a')],
      ),
      fails([ping('a'), { opcode: 11, payload: 'x' }, ping('b')], [1002], [gotPong('a')], {
        label: 'after a ping',
      }),
    ],
  ),
];
